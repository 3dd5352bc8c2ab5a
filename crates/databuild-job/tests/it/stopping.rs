//! Signals, in order and at once, and a reader who goes away.

use crate::wrapped::{command, in_each_capture, sh, start};
use rustix::process::Signal;
use std::io::Read;

in_each_capture! {
    a_signal_reaches_the_whole_group_and_the_job_may_tidy_up
    a_job_that_will_not_go_is_killed_after_the_grace_time
    the_second_signal_kills_at_once
    a_stopped_job_can_be_stopped_for_good
    an_ignored_hangup_stays_ignored
}

fn a_signal_reaches_the_whole_group_and_the_job_may_tidy_up() {
    for (signal, name, code) in
        [(Signal::TERM, "TERM", 143), (Signal::INT, "INT", 130), (Signal::HUP, "HUP", 129)]
    {
        let script = format!("trap 'echo tidy; exit 0' {name}; sleep 1000 & echo ready; wait");
        let mut running = start(command(), &sh(&script, ""));
        running.wait_for("ready");
        running.signal(signal);
        let said = running.end();
        assert_eq!((said.code, said.end("cause")), (Some(code), "cancelled"), "{name}");
        assert_eq!(said.messages().last(), Some(&"tidy"));
        assert_eq!(said.event("task_cancelled").exit_code, Some(0));
    }
}

fn a_job_that_will_not_go_is_killed_after_the_grace_time() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
    let mut running = start(command(), &sh(script, r#","grace_ms":100"#));
    running.wait_for("ready");
    running.signal(Signal::TERM);
    let said = running.end();
    assert_eq!((said.code, said.end("cause"), said.end("signal")), (Some(137), "cancelled", "9"));
}

fn the_second_signal_kills_at_once() {
    let script = "trap 'echo deaf' TERM; echo ready; while :; do sleep 0.01; done";
    let mut running = start(command(), &sh(script, r#","grace_ms":1000000"#));
    running.wait_for("ready");
    running.signal(Signal::TERM);
    running.wait_for("deaf");
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, Some(137));
}

fn a_stopped_job_can_be_stopped_for_good() {
    let mut running = start(command(), &sh("echo ready; kill -STOP $$; exec sleep 1000", ""));
    running.wait_for("ready");
    running.signal(Signal::TERM);
    assert_eq!(running.end().code, Some(143));
}

fn an_ignored_hangup_stays_ignored() {
    let script = "echo ready; kill -HUP $PPID; kill -HUP $$; echo alive";
    let mut outer = command();
    let program = outer.get_program().to_owned();
    outer = {
        #[expect(clippy::disallowed_methods, reason = "a shell that ignores a signal")]
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$0\""]).arg(program);
        shell.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        shell.stderr(std::process::Stdio::piped());
        shell
    };
    let said = start(outer, &sh(script, "")).end();
    assert_eq!((said.code, said.messages()), (Some(0), vec!["ready", "alive"]));
}

#[test]
fn without_a_reader_the_job_is_stopped_and_the_wrapper_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("tidy");
    let script = format!(
        "trap 'echo told > {}; exit 0' TERM; echo ready; while :; do echo more; done",
        mark.display()
    );
    let mut running = start(command(), &sh(&script, ""));
    running.wait_for("ready");
    let mut child = running.hang_up();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(125));
    assert!(stderr.contains("nobody reads the entries of run "), "{stderr}");
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "told\n");
}
