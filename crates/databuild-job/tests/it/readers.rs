//! Whoever reads what the wrapper tells goes away, or takes its time.

use crate::relay::{Leg, Relay, raw};
use databuild_model::entry::{Content, JobLogEntry, Stream};
use databuild_model::spool::Phase;
use serde_json::json;
use std::path::Path;

fn is_log(entry: &JobLogEntry) -> bool {
    matches!(entry.content, Content::Log(_))
}

/// A run of `script`, in which `GATE` waits for us, up to its first line.
fn begun(script: &str, more: serde_json::Value) -> (Relay, Leg) {
    let mut relay = Relay::new(script, more);
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, is_log));
    (relay, leg)
}

#[test]
fn a_new_reader_gets_what_was_not_stored() {
    for capture in ["spool", "file"] {
        let (mut relay, leg) =
            begun("echo ready; seq 1 300; GATE; seq 301 500; exit 4", json!({"capture": capture}));
        let mut child = leg.hang_up();
        let leg = relay.resume_on_fifo(&child);
        relay.open_gate();
        let mut said = relay.end(leg);
        said.code = child.wait().unwrap().code();
        let numbers: String = (1..=500).map(|it| format!("{it}\n")).collect();
        assert_eq!(raw(&said, Stream::Stdout), format!("ready\n{numbers}"));
        assert_eq!((said.code, said.end("complete")), (Some(4), "true"));
        assert_eq!(said.event("capture_resumed").metadata.get("stdout_from"), Some("6"));
    }
}

#[test]
fn without_a_reader_the_job_goes_on_and_its_end_is_kept() {
    let (mut relay, leg) = begun("echo ready; GATE; seq 1 1000; exit 4", json!({}));
    let mut child = leg.hang_up();
    relay.open_gate();
    assert_eq!(child.wait().unwrap().code(), Some(125));
    let state = relay.state();
    assert_eq!((state.phase, state.exit_code, state.stopped_for), (Phase::Ended, Some(4), None));
    // Everything that was in the pipes is in files: nobody need hold them any more.
    relay.let_go();
    let said = relay.finish();
    assert_eq!((said.code, said.end("cause"), said.logs().len()), (Some(4), "exit", 1001));
    assert_eq!(said.event("wrapper_restarted").metadata.get("job"), Some("ended"));
}

#[test]
fn without_a_reader_the_job_is_stopped_in_order_if_that_was_wanted() {
    let script = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let mut relay = Relay::new(script, json!({"on_parent_death": "stop"}));
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, is_log));
    assert_eq!(leg.hang_up().wait().unwrap().code(), Some(125));
    let state = relay.state();
    let stopped = state.stopped_for.as_deref();
    assert_eq!((state.phase, state.exit_code, stopped), (Phase::Ended, Some(0), Some("cancelled")));
    let said = relay.finish();
    assert_eq!(said.end("cause"), "cancelled");
    assert!(said.messages().contains(&"tidy"));
}

#[test]
fn who_started_it_is_known_by_name_and_its_end_is_seen() {
    // The reader lives, but the process that is named as the executor does not.
    let mut relay = Relay::new("echo ready; exec sleep 1000", json!({"on_parent_death": "stop"}));
    #[expect(clippy::disallowed_methods, reason = "a process that is not there any more")]
    let mut executor = std::process::Command::new("cat");
    let mut executor = executor.stdin(std::process::Stdio::piped()).spawn().unwrap();
    relay.name_executor(executor.id());
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, is_log));
    drop(executor.stdin.take());
    executor.wait().unwrap();
    assert_eq!(leg.child.wait().unwrap().code(), Some(125));
    assert_eq!(relay.state().signal, Some(15));
}

#[test]
fn at_its_bound_the_spool_holds_the_job_until_entries_are_stored() {
    const BOUND: u64 = 4 << 20;
    let script = "yes $(printf %08191d 7) | head -n 2048";
    let mut relay = Relay::new(script, json!({"spool_bytes_max": BOUND}));
    let mut leg = relay.start(false);
    let held = |relay: &Relay| -> u64 {
        let size = |name| std::fs::metadata(relay.spool(name)).map_or(0, |it| it.len());
        relay.segments().iter().map(|name| size(name)).sum()
    };
    // As much as fits is told, and then no more: the next that is heard is a heartbeat.
    let mut logs = 0;
    assert!(relay.store(&mut leg, |entry| {
        logs += u64::from(is_log(entry));
        logs == BOUND / 8192 - 1
    }));
    relay.wait_until(|relay| relay.state().blocked.as_deref() == Some("spool_full"));
    assert_eq!(held(&relay), BOUND);
    loop {
        relay.mark();
        let mut count = 0;
        if !relay.store(&mut leg, |_| {
            count += 1;
            count == 16
        }) {
            break;
        }
        assert!(held(&relay) <= BOUND);
    }
    let said = relay.end(leg);
    assert_eq!((said.code, said.end("stdout_bytes")), (Some(0), "16777216"));
    assert_eq!(raw(&said, Stream::Stdout).len(), 16 << 20);
    assert_eq!(relay.state().blocked, None);
}

#[test]
fn nobody_else_may_look_into_the_spool() {
    use std::os::unix::fs::PermissionsExt;
    for capture in ["spool", "file"] {
        let mut relay = Relay::new("umask 0; echo a; echo b >&2", json!({"capture": capture}));
        std::fs::remove_dir_all(relay.spool("")).unwrap();
        let leg = relay.start(false);
        relay.end(leg);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&relay.spool("")), 0o700);
        for entry in std::fs::read_dir(relay.spool("")).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_job_that_makes_its_own_file_shorter_is_not_believed_to_be_whole() {
    let script = "seq 1 100; GATE; : > /dev/stdout; GATE";
    let mut relay = Relay::new(script, json!({"capture": "file"}));
    let mut leg = relay.start(false);
    let mut lines = 0;
    assert!(relay.store(&mut leg, |entry| {
        lines += u64::from(is_log(entry));
        lines == 99
    }));
    relay.open_gate();
    let is_gap = |entry: &JobLogEntry| matches!(&entry.content, Content::JobEvent(event) if event.event_type == "gap");
    assert!(relay.store(&mut leg, is_gap));
    relay.open_gate();
    let said = relay.end(leg);
    assert_eq!((said.code, said.end("complete")), (Some(0), "false"));
}
