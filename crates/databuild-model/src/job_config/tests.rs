//! Golden tests of `docs/formats/job-config.md`.

use super::JobConfig;
use expect_test::{Expect, expect};

/// Reads `json` and compares what is written back.
fn check(json: &str, written: Expect) {
    let config: JobConfig = serde_json::from_str(json).unwrap();
    written.assert_eq(&serde_json::to_string(&config).unwrap());
}

#[test]
fn a_whole_configuration_is_written_as_it_was_read() {
    let whole = r#"{"outputs":[{"path":"clean/date=2025-01-26"}],"inputs":[{"dep_type_name":"materialize","partition_ref":{"path":"raw/date=2025-01-26"}}],"args":["sh","-c","true"],"env":{"A":"1"},"cwd":"jobs","job_run_id":"r1","job_label":"clean","job_type":"batch","build_id":"b1","attempt":2,"timeout_ms":60000,"grace_ms":10000,"drain_ms":5000,"heartbeat_interval_ms":30000}"#;
    let config: JobConfig = serde_json::from_str(whole).unwrap();
    assert_eq!(serde_json::to_string(&config).unwrap(), whole);
}

#[test]
fn every_key_may_be_missing_and_newer_keys_are_passed_over() {
    check("{}", expect![[r#"{"outputs":[],"args":[]}"#]]);
    check(r#"{"args":["a"],"from_tomorrow":{}}"#, expect![[r#"{"outputs":[],"args":["a"]}"#]]);
}

#[test]
fn a_partition_is_read_in_all_its_spellings() {
    check(
        r#"{"outputs":["a",{"str":"b"},{"path":"c"}]}"#,
        expect![[r#"{"outputs":[{"path":"a"},{"path":"b"},{"path":"c"}],"args":[]}"#]],
    );
}
