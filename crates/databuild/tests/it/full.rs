//! A disk of logs that is full: the run waits, and everybody can see for what and for how long.

use crate::env::TestEnv;
use crate::rest::rig::Service;
use serde_json::Value;
use std::time::Duration;

/// The ways into a mount name space: as anybody, and as root where that is forbidden; and the way in
/// after somebody.
const WAYS: [(&str, &str); 2] = [("-Urm", "-U -m --preserve-credentials"), ("-m", "-m")];

/// Prints three megabytes of lines.
const PROJECT: &str = r#"
[jobs.loud]
out = "loud"
run = "head -c 3000000 /dev/zero | tr '\\0' x | fold -w 99; echo; echo made > {out}"
"#;

/// A service whose logs are on a disk of two megabytes.
struct Small {
    env: TestEnv,
    service: Service,
    enter: &'static str,
}

impl Small {
    /// `None` where no file system may be mounted.
    fn start() -> Option<Small> {
        let env = TestEnv::new();
        env.write("databuild.toml", PROJECT);
        env.write(".databuild/logs/none", "");
        let mount = "mount -t tmpfs -o size=2m none .databuild/logs";
        let may = |way: &str| env.sh(&format!("unshare {way} {mount}")).status.success();
        let (way, enter) = WAYS.into_iter().find(|(way, _)| may(way))?;
        let serve = "exec databuild serve --listen 127.0.0.1:0";
        let line = format!("exec unshare {way} sh -c '{mount} && {serve}'");
        let service = Service::of(env.shell(&line));
        Some(Small { env, service, enter })
    }

    /// What a line of shell says where the disk is.
    fn said(&self, line: &str) -> String {
        let (enter, service) = (self.enter, self.service.id());
        let work = self.env.work();
        let line =
            format!("nsenter -t {service} {enter} sh -c 'cd {} && {line}' 2>&1", work.display());
        let output = self.env.sh(&line);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}: {said}");
        said
    }

    fn run(&self) -> Value {
        self.service.client.get("/api/v1/jobs/1.1").json()
    }

    #[track_caller]
    fn wait_for(&self, what: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..3_000 {
            let run = self.run();
            if what(&run) {
                return run;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        panic!("it never came: {}", self.run());
    }
}

#[test]
fn a_run_that_waits_for_space_says_so_and_since_when() {
    let Some(small) = Small::start() else { return };
    let begun = small.service.client.post("/api/v1/builds", r#"{"want":["loud"]}"#);
    assert_eq!(begun.status, 202, "{}", begun.text());
    let run = small.wait_for(|run| run["spool"]["blocked"]["by"] == "no_space");
    let since = run["spool"]["blocked"]["since"].as_str().expect("a time").to_owned();
    assert!(since.ends_with('Z'), "{since}");
    let listed = small.said("databuild runs");
    let note = "run 1.1 of loud waits for space on the disk of the logs, for ";
    assert!(listed.contains(note) && listed.contains("nothing is lost"), "{listed}");
    let shown = small.said("databuild runs show 1.1");
    assert!(shown.contains("blocked  it waits for space on the disk of the logs, for "), "{shown}");
    let rows: Value =
        serde_json::from_str(&small.said("databuild -q runs --job loud -o json")).expect("JSON");
    assert_eq!(rows[0]["blocked"]["by"], "no_space", "{rows}");
    assert_eq!(rows[0]["blocked"]["since"], since, "it has waited all the time");
    small.said("mount -o remount,size=64m none .databuild/logs");
    let run = small.wait_for(|run| run["state"] == "completed");
    assert_eq!(run["spool"], Value::Null, "{run}");
    let verified = small.said("databuild logs verify 1.1");
    assert!(verified.starts_with("run 1.1  loud  complete"), "{verified}");
}

#[test]
fn a_run_that_has_no_space_to_begin_waits_for_it() {
    let Some(small) = Small::start() else { return };
    small.said("dd if=/dev/zero of=.databuild/logs/filler bs=4k status=none || true");
    let begun = small.service.client.post("/api/v1/builds", r#"{"want":["loud"]}"#);
    assert_eq!(begun.status, 202, "{}", begun.text());
    let run = small.wait_for(|run| run["state"].is_string());
    assert_ne!(run["state"], "failed", "{run}");
    small.said("mount -o remount,size=64m none .databuild/logs");
    small.wait_for(|run| run["state"] == "completed");
    let verified = small.said("databuild logs verify 1.1");
    assert!(verified.starts_with("run 1.1  loud  complete"), "{verified}");
}
