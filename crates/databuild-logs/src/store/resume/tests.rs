//! Stored entries in, the point to go on from out.

use super::Fold;
use crate::testing::run_id;
use expect_test::{Expect, expect};

#[track_caller]
fn check(contents: &[&str], expect: Expect) {
    let mut fold = Fold::new(run_id("r"));
    for (number, content) in contents.iter().enumerate() {
        let sequence = number + 1;
        let line = format!(
            "{{\"timestamp\":\"2025-01-27T10:30:46Z\",\"job_id\":\"r\",\"outputs\":[],\
             \"sequence_number\":{sequence},\"content\":{content}}}"
        );
        fold.line(line.as_bytes());
    }
    expect.assert_eq(&format!("{}\n", serde_json::to_string(&fold.finish()).unwrap()));
}

#[test]
fn nothing_stored_begins_at_the_beginning() {
    check(
        &[],
        expect![[r#"
            {"version":1,"next_sequence":1,"stdout_consumed":0,"stderr_consumed":0,"stdout_fragments":0,"stderr_fragments":0,"manifest":false}
        "#]],
    );
}

#[test]
fn ranges_events_and_measurements_tell_where_to_go_on() {
    check(
        &[
            r#"{"job_event":{"event_type":"job_config_started","metadata":{}}}"#,
            r#"{"job_event":{"event_type":"task_launched","metadata":{}}}"#,
            r#"{"log":{"level":"INFO","message":"a \"stream\":\"stderr\"","fields":{},"stream":"stdout","offset":0,"bytes":3}}"#,
            r#"{"log":{"level":"INFO","message":"b","fields":{},"stream":"stderr","offset":0,"bytes":2}}"#,
            r#"{"log":{"level":"INFO","message":"c","fields":{"fragment":"1"},"stream":"stdout","offset":3,"bytes":262144}}"#,
            r#"{"metric":{"name":"memory_peak","value":1,"labels":{},"unit":"bytes"}}"#,
        ],
        expect![[r#"
            {"version":1,"next_sequence":7,"stdout_consumed":262147,"stderr_consumed":2,"stdout_fragments":1,"stderr_fragments":0,"events":["job_config_started","task_launched"],"measurements":["memory_peak"],"manifest":false}
        "#]],
    );
}
