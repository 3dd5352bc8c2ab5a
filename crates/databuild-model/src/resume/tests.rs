//! Where stored entries end, on tiny runs.

use super::ResumeFold;
use crate::limits::FRAGMENT_BYTES_MAX;
use crate::scan::Scanner;
use expect_test::{Expect, expect};
use serde_json::json;

fn entry(sequence: u64, content: &serde_json::Value) -> String {
    let head =
        r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":"#;
    format!("{head}{sequence},\"content\":{content}}}")
}

fn log(stream: &str, offset: u64, bytes: usize, fields: &[(&str, &str)]) -> serde_json::Value {
    let fields: serde_json::Map<String, serde_json::Value> =
        fields.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"log": {"level": "INFO", "message": "m", "fields": fields, "stream": stream, "offset": offset, "bytes": bytes}})
}

fn event(name: &str, metadata: &serde_json::Value) -> serde_json::Value {
    json!({"job_event": {"event_type": name, "metadata": metadata}})
}

/// Numbers the entries from 1, feeds them in both ways, and compares the answer as JSON.
#[track_caller]
fn check(contents: &[serde_json::Value], expect: Expect) {
    let (mut fast, mut slow, mut scanner) = (ResumeFold::new(), ResumeFold::new(), Scanner::new());
    for (content, sequence) in contents.iter().zip(1..) {
        let line = entry(sequence, content);
        let scan = scanner.scan(line.as_bytes()).expect("a valid line");
        for _twice in 0..2 {
            fast.line(&scan, line.as_bytes());
        }
        slow.entry(&crate::json::read_entry(line.as_bytes()).unwrap().0);
    }
    assert_eq!(fast, slow);
    expect.assert_eq(&serde_json::to_string(fast.resume()).unwrap());
}

#[test]
fn a_run_of_which_nothing_is_stored_begins() {
    check(
        &[],
        expect![[
            r#"{"version":1,"next_sequence":1,"stdout_consumed":0,"stderr_consumed":0,"stdout_fragments":0,"stderr_fragments":0,"manifest":false}"#
        ]],
    );
}

#[test]
fn each_stream_goes_on_where_its_entries_end() {
    check(
        &[
            event("job_config_started", &json!({})),
            event("task_launched", &json!({})),
            log("stdout", 0, 3, &[]),
            log("stderr", 0, 7, &[("fragment", "4")]),
            json!({"metric": {"name": "rows", "value": 1, "labels": {}, "unit": "", "stream": "stdout", "offset": 3, "bytes": 40}}),
            event("heartbeat", &json!({})),
            json!({"job_event": {"event_type": "mine", "metadata": {}, "stream": "stdout", "offset": 43, "bytes": 7}}),
        ],
        expect![[
            r#"{"version":1,"next_sequence":8,"stdout_consumed":50,"stderr_consumed":7,"stdout_fragments":0,"stderr_fragments":0,"events":["job_config_started","task_launched"],"manifest":false}"#
        ]],
    );
}

#[test]
fn an_open_line_goes_on_with_its_next_fragment() {
    let piece = |offset, number| log("stdout", offset, FRAGMENT_BYTES_MAX, &[("fragment", number)]);
    let end = |offset| {
        log("stdout", offset, FRAGMENT_BYTES_MAX, &[("fragment", "3"), ("fragment_last", "true")])
    };
    check(
        &[piece(0, "1"), piece(1, "2")],
        expect![[
            r#"{"version":1,"next_sequence":3,"stdout_consumed":262145,"stderr_consumed":0,"stdout_fragments":2,"stderr_fragments":0,"manifest":false}"#
        ]],
    );
    check(
        &[piece(0, "1"), piece(1, "2"), end(2)],
        expect![[
            r#"{"version":1,"next_sequence":4,"stdout_consumed":262146,"stderr_consumed":0,"stdout_fragments":0,"stderr_fragments":0,"manifest":false}"#
        ]],
    );
}

#[test]
fn what_a_gap_names_is_not_waited_for() {
    let gap = json!({"stream": "stderr", "from": "5", "to": "15", "reason": "x"});
    check(
        &[log("stderr", 0, 5, &[]), event("gap", &gap)],
        expect![[
            r#"{"version":1,"next_sequence":3,"stdout_consumed":0,"stderr_consumed":15,"stdout_fragments":0,"stderr_fragments":0,"manifest":false}"#
        ]],
    );
    check(
        &[event("gap", &json!({"stream": "stdout", "from": "5"}))],
        expect![[
            r#"{"version":1,"next_sequence":2,"stdout_consumed":0,"stderr_consumed":0,"stdout_fragments":0,"stderr_fragments":0,"manifest":false}"#
        ]],
    );
}

#[test]
fn the_last_words_are_said_once() {
    let metric =
        json!({"metric": {"name": "job_runtime_seconds", "value": 1, "labels": {}, "unit": "s"}});
    let manifest = json!({"manifest": {"outputs": [], "inputs": [], "start_time": 0, "end_time": 0, "metadata": {}}});
    check(
        &[event("task_completed", &json!({})), metric, manifest],
        expect![[
            r#"{"version":1,"next_sequence":4,"stdout_consumed":0,"stderr_consumed":0,"stdout_fragments":0,"stderr_fragments":0,"events":["task_completed"],"measurements":["job_runtime_seconds"],"manifest":true}"#
        ]],
    );
    let mut fold = ResumeFold::new();
    let line = entry(9, &event("run_end", &json!({})));
    fold.entry(&crate::json::read_entry(line.as_bytes()).unwrap().0);
    assert!(fold.is_over());
    assert_eq!(fold.resume().next_sequence, 10);
}
