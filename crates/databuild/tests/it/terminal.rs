//! `databuild run` in a terminal: the job has it while it runs, and a Ctrl-C there is a wish to stop.

use crate::env::TestEnv;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Runs a line of shell in a terminal of its own; what is written to its stdin is typed there.
#[expect(clippy::disallowed_methods, reason = "a terminal is a process of its own")]
fn in_terminal(env: &TestEnv, line: &str) -> Child {
    let like = env.databuild();
    let mut command = Command::new("script");
    command.args(["-qec", line, "/dev/null"]).current_dir(env.work()).env_clear();
    for (name, value) in like.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("script of util-linux")
}

fn type_in(child: &mut Child, keys: &[u8]) {
    let stdin = child.stdin.as_mut().expect("a keyboard");
    stdin.write_all(keys).expect("typed");
    stdin.flush().expect("typed");
}

#[track_caller]
fn wait_for(env: &TestEnv, name: &str) {
    for _ in 0..6_000 {
        if env.work().join(name).exists() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("{name} did not come");
}

fn ended(child: Child) -> (Option<i32>, String) {
    let Output { status, stdout, .. } = child.wait_with_output().expect("an end");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned())
}

#[test]
fn a_job_reads_the_terminal_and_gives_it_back() {
    let env = TestEnv::new();
    let job = "touch asked; read -r word; echo \"heard $word\"";
    // The shell around it reads the terminal afterwards, from the foreground again.
    let line = format!(
        "databuild run -- sh -c '{job}'; echo \"code $?\"; touch second; read -r more; echo \"then $more\""
    );
    let mut child = in_terminal(&env, &line);
    wait_for(&env, "asked");
    type_in(&mut child, b"hello\n");
    wait_for(&env, "second");
    type_in(&mut child, b"goodbye\n");
    let (code, said) = ended(child);
    assert_eq!(code, Some(0), "{said}");
    for text in ["heard hello", "code 0", "then goodbye"] {
        assert!(said.contains(text), "no {text:?} in {said}");
    }
}

#[test]
fn a_ctrl_c_in_the_jobs_terminal_cancels_it() {
    let env = TestEnv::new();
    let mut child = in_terminal(&env, "databuild run -- sh -c 'touch asked; sleep 60'");
    wait_for(&env, "asked");
    type_in(&mut child, b"\x03");
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    let runs = env.sh("databuild runs -o json");
    let runs = String::from_utf8_lossy(&runs.stdout).into_owned();
    assert!(runs.contains("\"cancelled\""), "{runs}");
    let logs = env.sh("databuild logs @latest -o jsonl --kind event");
    let logs = String::from_utf8_lossy(&logs.stdout).into_owned();
    assert!(logs.contains("\"cause\":\"cancelled\""), "{logs}");
}

#[test]
fn a_ctrl_z_does_not_lock_the_terminal() {
    let env = TestEnv::new();
    let mut child =
        in_terminal(&env, "databuild run -- sh -c 'touch asked; read -r x; echo got $x'");
    wait_for(&env, "asked");
    type_in(&mut child, b"\x1a");
    type_in(&mut child, b"on\n");
    let (code, said) = ended(child);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("got on"), "{said}");
}

#[test]
fn a_command_that_is_not_there_leaves_the_terminal_alone() {
    let env = TestEnv::new();
    let line = "databuild run -- no-such-command; echo \"code $?\"; touch second; read -r more; echo \"then $more\"";
    let mut child = in_terminal(&env, line);
    wait_for(&env, "second");
    type_in(&mut child, b"goodbye\n");
    let (_, said) = ended(child);
    assert!(said.contains("code 127") && said.contains("then goodbye"), "{said}");
}
