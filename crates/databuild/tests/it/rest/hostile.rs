//! Names that want out of the logs folder, through every door that takes a run id.
//!
//! 5,000 names go through each: over HTTP, by the command line and by the wrapper's environment, where each
//! costs a process. `DATABUILD_TEST_SEED` chooses other names.

use super::rig::Service;
use super::store::{Dice, LiveRun};
use crate::env::TestEnv;
use databuild_model::ids::JobRunId;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

const NAMES: usize = 5_000;
const CANARY: &str = "canary-7f3a19";
const RUN: &str = "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";

/// A world with one run, and files beside and above the logs folder that nobody may read by a run id.
fn world() -> TestEnv {
    let env = TestEnv::new();
    let mut run = LiveRun::begin(&env, RUN);
    run.chatter(5, &mut Dice::new(1));
    run.end(0);
    let secret = format!("{{\"secret\":\"{CANARY}\"}}\n");
    for folder in ["", ".databuild", ".databuild/logs", ".databuild/logs/.journal", "deep/er"] {
        env.write(format!("{folder}/out.jsonl").trim_start_matches('/'), &secret);
    }
    std::fs::write(env.root().join("out.jsonl"), &secret).expect("written");
    env
}

fn name(dice: &mut Dice, root: &Path) -> Vec<u8> {
    const STEPS: [&[u8]; 16] = [
        b"../",
        b"..\\",
        b"/",
        b"./",
        b"%2e%2e%2f",
        b"%252e%252e%252f",
        b"..%2f",
        b"..%5c",
        b"%2e%2e/",
        b"\xc0\xae\xc0\xae/",
        b"..\xc0\xaf",
        b"\xe2\x80\xae",
        b"\0",
        b"%00",
        b"\xef\xbc\x8e\xef\xbc\x8e\xef\xbc\x8f",
        b"....//",
    ];
    const ENDS: [&[u8]; 14] = [
        b"out",
        b"out.jsonl",
        b"",
        b".",
        b"..",
        b".journal",
        b"etc/passwd",
        b"CON",
        b"out\0.jsonl",
        b"0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
        b"2025-01-27",
        b"*",
        b"-rf",
        b"\xf0\x9d\x84\x9e",
    ];
    let mut name = Vec::new();
    match dice.below(8) {
        0 => name.extend_from_slice(root.as_os_str().as_bytes()),
        1 => name.extend_from_slice(b"2025-01-27/"),
        2 => {
            name.extend((0..dice.below(40)).map(|_| u8::try_from(dice.below(256)).expect("a byte")))
        }
        _ => {}
    }
    for _ in 0..dice.below(9) {
        name.extend_from_slice(dice.one(&STEPS));
    }
    name.extend_from_slice(dice.one(&ENDS));
    if dice.below(50) == 0 {
        name.resize(4096, b'a');
    }
    name
}

/// The name as it stands in a request line: as it is, or encoded once or twice.
fn encoded(name: &[u8], dice: &mut Dice) -> Vec<u8> {
    let once = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()
    };
    match dice.below(4) {
        // A request line ends at these; a request of another kind is not what is looked for here.
        0 => name.iter().copied().filter(|byte| !b" \r\n".contains(byte)).collect(),
        1 => once(&once(name)),
        _ => once(name),
    }
}

/// Every file and folder of the world with its bytes, but for the log of builds, which any question
/// may open.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"bel.sqlite")) {
                continue;
            }
            if path.is_dir() {
                folders.push(path.clone());
                found.insert(path, Vec::new());
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                found.insert(path, bytes);
            }
        }
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "a person repeats a test by this")]
fn seed() -> u64 {
    let chosen = std::env::var("DATABUILD_TEST_SEED").ok();
    chosen.and_then(|text| text.parse().ok()).unwrap_or(20_250_127)
}

fn is_valid(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| JobRunId::parse(name).is_ok())
}

/// The names that cost a process, each short and whole enough to be an argument or a variable.
fn for_processes(root: &Path) -> Vec<Vec<u8>> {
    let mut dice = Dice::new(seed());
    let names = (0..NAMES).map(|_| name(&mut dice, root));
    names.map(|name| name.into_iter().filter(|byte| *byte != 0).collect()).collect()
}

#[test]
fn over_http_none_gets_out_and_none_is_our_fault() {
    let env = world();
    let service = Service::start(&env, &[]);
    // The totals of what is there are kept by themselves, soon after the start.
    while !service.client.get("/metrics").text().contains("cursor_age_seconds") {}
    let before = snapshot(env.root());
    let mut dice = Dice::new(seed());
    println!("seed {}", seed());
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for at in 0..NAMES {
        let name = name(&mut dice, env.root());
        let (method, after) = dice.one(&[
            ("GET", "/logs"),
            ("GET", ""),
            ("GET", "/metrics"),
            ("GET", "/logs/lines"),
            ("POST", "/cancel"),
        ]);
        let mut request = format!("{method} /api/v1/jobs/").into_bytes();
        request.extend(encoded(&name, &mut dice));
        write!(
            request,
            "{after} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n",
            service.client.address.port()
        )
        .expect("written");
        let answer = service.client.raw(&request);
        let told = String::from_utf8_lossy(&request).into_owned();
        let Some(answer) = answer else { panic!("seed {} #{at}: no answer to {told:?}", seed()) };
        assert!(answer.status < 500, "seed {} #{at}: {told:?}: {answer:?}", seed());
        assert!(!answer.text().contains(CANARY), "seed {} #{at}: {told:?}: {answer:?}", seed());
        *counts.entry(answer.status).or_default() += 1;
    }
    println!("{counts:?}");
    assert_eq!(service.client.get("/readyz").status, 200, "still there");
    assert_eq!(snapshot(env.root()), before, "nothing was made, changed or taken away");
    let (_status, said) = service.stop(rustix::process::Signal::TERM);
    assert!(!said.contains("bug"), "{said}");
}

#[test]
fn on_the_command_line_none_gets_out() {
    let env = world();
    let before = snapshot(env.root());
    for (at, name) in for_processes(env.root()).into_iter().enumerate() {
        let mut command = env.databuild();
        command.args(["--quiet", "-o", "jsonl", "logs", "--"]).arg(OsStr::from_bytes(&name));
        let output = command.output().expect("the program");
        check(&output, at, &name, &[0, 2, 4]);
    }
    assert_eq!(snapshot(env.root()), before, "nothing was made, changed or taken away");
}

#[test]
fn in_the_wrappers_environment_none_gets_out() {
    let env = world();
    let before = snapshot(env.root());
    for (at, name) in for_processes(env.root()).into_iter().enumerate() {
        let mut command = env.databuild();
        command.arg("wrap").env("DATABUILD_JOB_RUN_ID", OsStr::from_bytes(&name));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the wrapper");
        let config = br#"{"outputs":["clean/date=2025-01-27"],"args":["true"]}"#;
        // One that refuses its environment need not read its configuration.
        child.stdin.take().expect("a pipe").write_all(config).ok();
        let output = child.wait_with_output().expect("ended");
        // Not UTF-8 is refused as a wrong command line, before there is a wrapper.
        check(&output, at, &name, &[0, 2, 125]);
        if output.status.success() {
            let taken = name.is_empty() || is_valid(&name);
            assert!(taken, "seed {} #{at}: {:?}", seed(), String::from_utf8_lossy(&name));
        }
        for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let entry: serde_json::Value = serde_json::from_slice(line).expect("an entry");
            let id = entry["job_id"].as_str().expect("an id");
            assert!(JobRunId::parse(id).is_ok(), "seed {} #{at}: {id:?}", seed());
        }
    }
    assert_eq!(snapshot(env.root()), before, "nothing was made, changed or taken away");
}

#[track_caller]
fn check(output: &Output, at: usize, name: &[u8], codes: &[i32]) {
    let told = format!("seed {} #{at}: {:?}: {output:?}", seed(), String::from_utf8_lossy(name));
    assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{told}");
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains(CANARY), "{told}");
}
