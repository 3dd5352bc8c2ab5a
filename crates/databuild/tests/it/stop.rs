//! How a build ends when somebody stops it: in order, with the code of the signal, and nothing left.

use crate::env::TestEnv;
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus, Stdio};

/// One partition whose job says through a pipe that it runs, and then runs for a minute.
const PROJECT: &str = r#"
[jobs.slow]
out = "slow/n={n}"
run = "echo reading orders; echo go > ready.fifo; exec sleep 60"
[keys]
n = ["1", "2"]
"#;

/// A build whose job runs.
struct Running {
    env: TestEnv,
    build: Child,
}

impl Running {
    fn start() -> Self {
        let env = TestEnv::new();
        env.write("databuild.toml", PROJECT);
        assert!(env.sh("mkfifo ready.fifo").status.success());
        let mut command = env.databuild();
        command.args(["build", "--progress", "lines", "slow/n=1"]).stderr(Stdio::piped());
        let build = command.spawn().expect("a build");
        // Opening waits for the job to open the other end.
        let word = std::fs::read_to_string(env.work().join("ready.fifo")).expect("a word");
        assert_eq!(word, "go\n");
        Running { env, build }
    }

    fn send(&self, signal: &str) {
        let line = format!("kill -{signal} {}", self.build.id());
        assert!(self.env.sh(&line).status.success());
    }

    fn end(self) -> (TestEnv, ExitStatus, String) {
        let output = self.build.wait_with_output().expect("an end");
        (self.env, output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[track_caller]
fn check_stopped(signal: &str, code: i32) {
    let running = Running::start();
    running.send(signal);
    let (env, status, stderr) = running.end();
    assert_eq!(status.code(), Some(code), "{stderr}");
    assert!(stderr.contains("– build 1 stopped after"), "{stderr}");
    let runs = env.sh("databuild runs show 1.1 -o json");
    let text = String::from_utf8_lossy(&runs.stdout).into_owned();
    assert!(text.contains(r#""state":"cancelled""#), "{text}");
    let logs = env.sh("databuild logs 1.1 --kind event -o raw; databuild logs 1.1 -o json");
    let text = String::from_utf8_lossy(&logs.stdout).into_owned();
    assert!(text.contains(r#""event_type":"run_end""#), "{text}");
}

#[test]
fn ctrl_c_stops_in_order_with_130() {
    check_stopped("INT", 130);
}

#[test]
fn sigterm_stops_in_order_with_143() {
    check_stopped("TERM", 143);
}

#[test]
fn sigusr1_shows_what_runs_and_what_it_said_last() {
    let mut running = Running::start();
    let mut stderr = BufReader::new(running.build.stderr.take().expect("a pipe"));
    let mut line = String::new();
    // What a job prints is stored within a second: until then it said nothing yet.
    for _ in 0..100 {
        running.send("USR1");
        while !line.starts_with("    said last: ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).expect("text"), 0, "it ended");
        }
        if line != "    said last: nothing yet\n" {
            break;
        }
        line.clear();
    }
    assert_eq!(line, "    said last: reading orders\n");
    running.send("INT");
    let (_env, status, _) = running.end();
    assert_eq!(status.code(), Some(130));
}

#[test]
fn runs_cancel_stops_a_build_of_another_process() {
    let running = Running::start();
    let asked = running.env.sh("databuild runs cancel 1");
    assert_eq!(String::from_utf8_lossy(&asked.stderr), "build 1 was asked to stop in order\n");
    let (_env, status, stderr) = running.end();
    assert_eq!(status.code(), Some(130), "{stderr}");
}

#[test]
fn who_may_not_wait_is_told_that_it_is_busy_with_75() {
    let running = Running::start();
    let second = running.env.sh("databuild build --no-wait --progress lines slow/n=1");
    let stderr = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(75), "{stderr}");
    assert!(stderr.contains("waits for build 1"), "{stderr}");
    running.send("INT");
    let (_env, status, _) = running.end();
    assert_eq!(status.code(), Some(130));
}

#[test]
fn follow_of_a_running_build_ends_with_it() {
    let running = Running::start();
    let mut follow = running.env.databuild();
    follow.args(["logs", "-f", "1", "-o", "json"]).stdout(Stdio::piped());
    let follow = follow.spawn().expect("a follower");
    running.send("INT");
    let (env, _, _) = running.end();
    let followed = follow.wait_with_output().expect("an end");
    let read = env.sh("databuild logs 1 -o json");
    assert_eq!(
        String::from_utf8_lossy(&followed.stdout),
        String::from_utf8_lossy(&read.stdout),
        "each entry once"
    );
}
