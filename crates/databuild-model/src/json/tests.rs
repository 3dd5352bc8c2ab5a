//! Goldens of `docs/formats/entry.md`, leniency and round trips of the JSON form.

use super::{read_entry, write_entry};
use crate::entry::{
    Content, Fields, JobLogEntry, LogMessage, MetricPoint, Stream, Unknown, WrapperJobEvent,
};
use crate::ids::{AppName, BuildId, JobLabel, JobRunId, PartitionRef};
use crate::level::Level;
use crate::manifest::{PartitionManifest, Task};
use crate::origin::Origin;
use crate::time::Timestamp;
use proptest::prelude::*;

const GOLDENS: &str = include_str!("goldens.jsonl");

fn line(entry: &JobLogEntry) -> String {
    let mut out = Vec::new();
    write_entry(entry, &mut out);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(input: &str, expect: &str, problems: &[&str]) {
    let (entry, found) = read_entry(input.as_bytes()).unwrap();
    assert_eq!(line(&entry), expect);
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), problems);
}

#[test]
fn the_golden_lines_come_back_byte_for_byte() {
    assert_eq!(GOLDENS.lines().count(), 10);
    for golden in GOLDENS.lines() {
        check(golden, golden, &[]);
    }
}

#[test]
fn the_flat_form_with_other_spellings_is_understood() {
    check(
        r#"{"log":{"message":"hi","level":"warning","fields":{"n":1.50,"deep":{"a":[1]}}},"sequence_number":"18446744073709551615","job_run_id":"r","outputs":["a",{"str":"b"},{"path":"c"}],"timestamp":"2025-01-27T11:30:46.5+01:00"}"#,
        r#"{"timestamp":"2025-01-27T10:30:46.500000000Z","job_id":"r","outputs":[{"path":"a"},{"path":"b"},{"path":"c"}],"sequence_number":18446744073709551615,"content":{"log":{"level":"WARN","message":"hi","fields":{"n":"1.50","deep":"{\"a\":[1]}"}}}}"#,
        &[],
    );
}

#[test]
fn keys_of_a_newer_version_stay() {
    let newer = r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":1,"content":{"job_event":{"event_type":"x","metadata":{},"job_label":"j","zone":{"a": 1}}},"job_label":"j","z":[1, 2]}"#;
    check(newer, newer, &[]);
}

#[test]
fn what_is_overlooked_is_said() {
    check(
        r#"{"timestamp":"noon","job_id":"r","content":{"log":{"level":"loud","message":7},"other":1}}"#,
        r#"{"timestamp":"1970-01-01T00:00:00Z","job_id":"r","outputs":[],"sequence_number":0,"content":{"log":{"level":"INFO","message":"7","fields":{}}}}"#,
        &[
            "timestamp: not an RFC 3339 time such as 2025-01-27T10:30:45Z",
            "content: has the unknown kind `other`",
            "timestamp: is missing or not a time; 1970 stands for it",
            "sequence_number: is missing; 0 stands for it",
            "level: `loud` is no level; INFO stands for it",
        ],
    );
}

#[test]
fn what_is_no_entry_is_an_error() {
    let refusal = |text: &str| read_entry(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(refusal("plain text"), "the line is not a JSON object");
    assert_eq!(refusal("[1]"), "the line is not a JSON object");
    assert_eq!(refusal("{}"), "an entry needs `job_id`");
    assert_eq!(refusal(r#"{"job_id":"r"}"#), "an entry needs `content`");
    assert_eq!(refusal(r#"{"job_id":"../r"}"#), "`job_id` is not a job run id");
    let deep = format!(
        r#"{{"job_id":"r","content":{{"manifest":{}{}}}}}"#,
        r#"{"inputs":["#.repeat(70),
        "]}".repeat(70)
    );
    assert_eq!(refusal(&deep), "manifests are nested deeper than 64");
}

#[test]
fn values_that_json_numbers_cannot_say_are_texts() {
    for (value, expect) in [
        (1000.0, "1000"),
        (-0.5, "-0.5"),
        (1e300, "1e+300"),
        (-0.0, "-0.0"),
        (f64::NAN, "\"NaN\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
    ] {
        let content = Content::Metric(MetricPoint::new("m", value, ""));
        let text = line(&entry_of(content));
        assert!(text.contains(&format!("\"value\":{expect},")), "{text}");
        let (back, problems) = read_entry(text.as_bytes()).unwrap();
        assert_eq!(line(&back), text);
        assert!(problems.is_empty());
    }
}

fn entry_of(content: Content) -> JobLogEntry {
    JobLogEntry::new(Timestamp::from_nanos(0), JobRunId::parse("r").unwrap(), 1, content)
}

pub(crate) fn any_fields() -> impl Strategy<Value = Fields> {
    prop::collection::btree_map(".{0,8}", any::<String>(), 0..4).prop_map(Fields::from_iter)
}

fn any_unknown() -> impl Strategy<Value = Unknown> {
    let values = prop::sample::select(vec!["1", "[1, {}]", "\"x\"", "null", "{\"a\": 1.0}"]);
    prop::collection::btree_map("z[a-z]{0,4}", values, 0..3).prop_map(|map| {
        let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
        Unknown(map.into_iter().map(|(key, value)| (key, raw(value))).collect())
    })
}

fn any_ref() -> impl Strategy<Value = PartitionRef> {
    "[^\\p{Cc}]{1,30}".prop_map(|text| PartitionRef::parse(text).unwrap())
}

fn any_label() -> impl Strategy<Value = Option<JobLabel>> {
    prop::option::of("[a-z/:@+]{1,9}".prop_map(|text| JobLabel::parse(text).unwrap()))
}

fn any_origin() -> impl Strategy<Value = Origin> {
    let stream = prop::option::of(prop::sample::select(vec![Stream::Stdout, Stream::Stderr]));
    (stream, any::<Option<u64>>(), any::<Option<u64>>())
        .prop_map(|(stream, offset, bytes)| Origin { stream, offset, bytes })
}

fn any_content() -> impl Strategy<Value = Content> {
    let level = prop::sample::select(Level::ALL.to_vec());
    let log = (level, any::<String>(), any_fields(), any_origin(), any::<u32>(), any_unknown())
        .prop_map(|(level, message, fields, origin, cr, unknown)| {
            Content::Log(LogMessage { level, message, fields, origin, cr, unknown })
        });
    let value = prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE;
    let metric =
        (any::<String>(), value, any_fields(), any::<String>(), any_origin(), any_unknown())
            .prop_map(|(name, value, labels, unit, origin, unknown)| {
                Content::Metric(MetricPoint { name, value, labels, unit, origin, unknown })
            });
    let event = (
        any::<String>(),
        any_fields(),
        any::<Option<i32>>(),
        any_origin(),
        any_label(),
        any_unknown(),
    )
        .prop_map(|(event_type, metadata, exit_code, origin, job_label, unknown)| {
            Content::JobEvent(WrapperJobEvent {
                event_type,
                metadata,
                exit_code,
                origin,
                job_label,
                unknown,
            })
        });
    let leaf = any_manifest(Just(Vec::new()).boxed());
    let manifest = any_manifest(prop::collection::vec(leaf, 0..2).boxed());
    prop_oneof![4 => log, 1 => metric, 1 => event, 1 => manifest.prop_map(Content::Manifest)]
}

fn any_manifest(
    inputs: BoxedStrategy<Vec<PartitionManifest>>,
) -> impl Strategy<Value = PartitionManifest> {
    let task =
        (any_label(), any_unknown()).prop_map(|(job_label, unknown)| Task { job_label, unknown });
    (
        prop::collection::vec(any_ref(), 0..3),
        inputs,
        any::<(i64, i64)>(),
        prop::option::of(task),
        any_fields(),
        any_unknown(),
    )
        .prop_map(|(outputs, inputs, (start_time, end_time), task, metadata, unknown)| {
            PartitionManifest { outputs, inputs, start_time, end_time, task, metadata, unknown }
        })
}

pub(crate) fn any_entry() -> impl Strategy<Value = JobLogEntry> {
    let labels = (
        any_label(),
        prop::option::of("[a-z ]{1,9}"),
        prop::option::of("[a-z]{1,9}".prop_map(|text| AppName::parse(text).unwrap())),
        prop::option::of("[a-f0-9-]{1,9}".prop_map(|text| BuildId::parse(text).unwrap())),
        any_unknown(),
    );
    (
        any::<i64>(),
        "[A-Za-z0-9_-]{1,40}",
        prop::collection::vec(any_ref(), 0..3),
        any::<u64>(),
        any_content(),
        labels,
    )
        .prop_map(|(nanos, job_id, outputs, sequence_number, content, labels)| JobLogEntry {
            timestamp: Timestamp::from_nanos(nanos),
            job_id: JobRunId::parse(job_id).unwrap(),
            outputs,
            sequence_number,
            content,
            job_label: labels.0,
            job_type: labels.1,
            app: labels.2,
            build_id: labels.3,
            unknown: labels.4,
        })
}

proptest! {
    #[test]
    fn every_entry_comes_back(entry in any_entry()) {
        let text = line(&entry);
        prop_assert!(!text.bytes().any(|byte| byte < 0x20), "one line: {}", text);
        let (back, problems) = read_entry(text.as_bytes()).unwrap();
        prop_assert_eq!(&back, &entry);
        prop_assert_eq!(problems, Vec::new());
    }

    #[test]
    fn every_character_survives_in_a_message(message in prop::collection::vec(any::<char>(), 0..40)) {
        let message: String = message.into_iter().collect();
        let entry = entry_of(Content::Log(LogMessage::new(Level::Info, message)));
        prop_assert_eq!(read_entry(line(&entry).as_bytes()).unwrap().0, entry);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read_entry(&bytes).is_err());
    }
}
