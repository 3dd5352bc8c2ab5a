//! A wrapper is killed at any moment, and another one goes on: nothing is lost, nothing comes twice.

use crate::output::left_out;
use crate::relay::{Relay, raw};
use databuild_model::entry::{Content, Stream};
use databuild_model::spool::Phase;
use serde_json::json;

/// What `seq 1 n` prints.
fn numbers(n: u32) -> String {
    (1..=n).map(|it| format!("{it}\n")).collect()
}

/// A job of 6,000 lines and an exit code, whose wrappers are killed when they have told of every
/// `step` lines.
#[track_caller]
fn check(step: u64, more: serde_json::Value) {
    let mut relay = Relay::new("seq 1 6000; echo last >&2; exit 3", more);
    let mut kills = 0;
    let said = loop {
        let mut leg = relay.start(kills != 0);
        let until = (kills + 1) * step;
        let mut lines = relay.resume().next_sequence;
        let told = relay.store(&mut leg, |entry| {
            lines += u64::from(matches!(entry.content, Content::Log(_)));
            until <= lines
        });
        if !told {
            break relay.end(leg);
        }
        relay.kill(leg);
        kills += 1;
    };
    assert!(1 < kills);
    assert_eq!((said.code, said.end("cause")), (Some(3), "exit"));
    assert_eq!(said.event("run_end").exit_code, Some(3));
    let restarts: u64 = said.end("wrapper_restarts").parse().unwrap();
    assert!(0 < restarts && restarts <= kills);
    assert_eq!(said.end("complete"), "true");
    assert_eq!(raw(&said, Stream::Stdout), numbers(6_000));
    // All of it is still in the spool, so lines and hash are known as if nothing had been.
    assert_eq!((said.end("stdout_lines"), said.end("stderr_lines")), ("6000", "1"));
    assert_eq!(said.end("stdout_blake3").len(), 64);
    assert_eq!(raw(&said, Stream::Stderr), "last\n");
}

#[test]
fn killed_at_many_places_nothing_is_lost() {
    check(500, json!({}));
    check(2_001, json!({}));
    check(2_001, json!({"capture": "file"}));
}

/// The places in the life of a wrapper at which it is killed, by the entry that was just told.
#[test]
fn killed_at_every_entry_a_short_run_is_whole() {
    let mut places = 0;
    for place in 1.. {
        let mut relay = Relay::new("echo a; echo b >&2; exit 3", json!({}));
        let mut leg = relay.start(false);
        if !relay.store(&mut leg, |entry| entry.sequence_number == place) {
            break;
        }
        relay.kill(leg);
        let said = relay.finish();
        let seen = (raw(&said, Stream::Stdout), raw(&said, Stream::Stderr));
        assert_eq!(seen, ("a\n".to_owned(), "b\n".to_owned()), "killed at {place}");
        assert_eq!((said.code, said.end("complete")), (Some(3), "true"), "killed at {place}");
        places += 1;
    }
    assert_eq!(places, 10);
}

#[test]
fn the_job_lives_on_and_is_told_to_stop_by_the_next() {
    let script = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let mut relay = Relay::new(script, json!({}));
    let ready = |entry: &databuild_model::entry::JobLogEntry| matches!(&entry.content, Content::Log(log) if log.message == "ready");
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, ready));
    relay.kill(leg);
    let mut leg = relay.start(true);
    let restarted = |entry: &databuild_model::entry::JobLogEntry| matches!(&entry.content, Content::JobEvent(event) if event.event_type == "wrapper_restarted");
    assert!(relay.store(&mut leg, restarted));
    let wrapper = rustix::process::Pid::from_child(&leg.child);
    rustix::process::kill_process(wrapper, rustix::process::Signal::TERM).unwrap();
    let said = relay.end(leg);
    assert_eq!(said.event("wrapper_restarted").metadata.get("job"), Some("running"));
    assert_eq!(said.end("cause"), "cancelled");
    assert!(said.messages().contains(&"tidy"));
}

#[test]
fn a_timeout_counts_from_the_launch() {
    let mut relay = Relay::new("echo ready; exec sleep 1000", json!({"timeout_ms": 300}));
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, |entry| matches!(entry.content, Content::Log(_))));
    relay.kill(leg);
    let said = relay.finish();
    assert_eq!((said.code, said.end("cause")), (Some(124), "timeout"));
}

#[test]
fn a_job_that_was_just_being_started_is_found() {
    let mut relay = Relay::new("echo ready; exec sleep 0.3", json!({}));
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, |entry| matches!(entry.content, Content::Log(_))));
    relay.kill(leg);
    // As if the wrapper had been killed between its fork and its next word, and nothing was stored.
    relay.entries.clear();
    relay.forge_state(|state| {
        state.phase = Phase::Launching;
        state.job = None;
    });
    let said = relay.finish();
    assert_eq!(said.event("wrapper_restarted").metadata.get("job"), Some("running"));
    assert_eq!((said.code, said.messages()), (Some(0), vec!["ready"]));
}

#[test]
fn a_job_that_was_over_before_anybody_knew_it_keeps_its_exit_code_and_runs_once() {
    for capture in ["spool", "file"] {
        let mut relay = Relay::new("exit 7", json!({"capture": capture}));
        let mut leg = relay.start(false);
        let launched = |entry: &databuild_model::entry::JobLogEntry| entry.sequence_number == 2;
        assert!(relay.store(&mut leg, launched));
        let state = relay.state();
        relay.kill(leg);
        // The wrapper may have reaped it, or not: only then can anybody know how it ended.
        relay.entries.clear();
        let reaped = !relay.state_of_launched_is_zombie();
        relay.forge_state(|now| {
            (now.phase, now.job, now.exit_code) = (Phase::Launching, None, None);
            now.launched_at_ns = state.launched_at_ns;
        });
        let said = relay.finish();
        assert_eq!(said.code, Some(if reaped { 125 } else { 7 }));
        assert_eq!(
            said.event("wrapper_restarted").metadata.get("job"),
            Some(if reaped { "ended" } else { "running" })
        );
    }
}

#[test]
fn a_job_that_was_never_started_is_started() {
    let mut relay = Relay::new("echo ready", json!({}));
    let state = json!({"version": 1, "phase": "launching", "wrapper": ""});
    std::fs::write(relay.spool("state.json"), state.to_string()).unwrap();
    let said = relay.finish();
    assert_eq!(said.event("wrapper_restarted").metadata.get("job"), Some("not_launched"));
    assert_eq!((said.code, said.messages()), (Some(0), vec!["ready"]));
}

#[test]
fn when_nobody_is_left_who_knows_the_run_says_so() {
    let mut relay = Relay::new("echo ready; exec sleep 1000", json!({}));
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, |entry| matches!(entry.content, Content::Log(_))));
    relay.kill(leg);
    let identity = relay.state().job.unwrap();
    let pid = identity.rsplit('/').nth(1).unwrap().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let options = rustix::process::WaitOptions::empty();
    rustix::process::waitpid(Some(pid), options).unwrap();
    relay.let_go();
    let said = relay.finish();
    assert_eq!((said.code, said.end("cause")), (Some(125), "wrapper_lost"));
    assert_eq!((said.end("complete"), said.messages()), ("false", vec!["ready"]));
    assert_eq!(said.event("gap").metadata.get("from"), Some("6"));
}

#[test]
fn a_job_keeps_its_pipes_itself_when_nobody_else_is_left_to() {
    // The last line is larger than a pipe: the job waits until somebody takes something out of it.
    let script =
        "echo ready; GATE; seq 1 1000; GATE; head -c 3000000 /dev/zero | tr '\\0' x; exit 3";
    let mut relay = Relay::new(script, json!({}));
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, |entry| matches!(entry.content, Content::Log(_))));
    relay.let_go();
    relay.kill(leg);
    relay.open_gate();
    // It comes here only if what it wrote before did not kill it.
    relay.open_gate();
    let said = relay.finish();
    assert_eq!((said.code, said.end("cause"), said.end("complete")), (Some(3), "exit", "true"));
    let expected = format!("ready\n{}{}", numbers(1_000), "x".repeat(3_000_000));
    assert_eq!(said.end("stdout_bytes"), expected.len().to_string());
    assert_eq!(said.end("stdout_blake3"), blake3::hash(expected.as_bytes()).to_hex().as_str());
}

#[test]
fn a_job_that_shall_not_outlive_us_is_told_when_nobody_is_left() {
    let script = "echo ready; GATE; exec seq 1 1000";
    let mut relay = Relay::new(script, json!({"on_parent_death": "stop"}));
    let mut leg = relay.start(false);
    assert!(relay.store(&mut leg, |entry| matches!(entry.content, Content::Log(_))));
    relay.let_go();
    relay.kill(leg);
    relay.open_gate();
    assert!(relay.state_of_launched_is_zombie());
    let said = relay.finish();
    assert_eq!((said.end("cause"), said.end("complete")), ("signal", "false"));
    assert_eq!(said.messages(), ["ready"]);
}

#[test]
fn what_is_left_out_is_counted_once_whoever_counts() {
    let script = "seq 1 2000; GATE; seq 2001 4000; echo last";
    let mut relay = Relay::new(script, json!({"sample_lines_per_second": 100}));
    let mut leg = relay.start(false);
    let is_gap = |entry: &databuild_model::entry::JobLogEntry| matches!(&entry.content, Content::JobEvent(event) if event.event_type == "gap");
    assert!(relay.store(&mut leg, is_gap));
    relay.kill(leg);
    relay.open_gate();
    let said = relay.finish();
    let (lines, bytes) = left_out(&said);
    assert_eq!(lines + said.logs().len() as u64, 4_001);
    assert_eq!(said.end("lines_left_out"), lines.to_string());
    assert_eq!(said.end("bytes_left_out"), bytes.to_string());
}
