//! Lines into a real pipe, a real folder out. Page: `docs/formats/run-file.md`.

mod durability;
mod faults;
mod resume;

use super::{BatchNote, CollectError, ConsumeError, RunWatch};
use crate::testing::{Store, context, end_line, log_line};
use databuild_model::cause::Cause;
use expect_test::{Expect, expect};
use std::io::Write;

/// Collects `lines` as run `r` and compares what is in its file.
#[track_caller]
fn check(lines: &[&str], expect: Expect) {
    let store = Store::new();
    store.collect("r", lines.join("\n") + "\n");
    expect.assert_eq(&without_now(&store.stored("r")));
}

/// Kept lines carry the moment at which they came.
fn without_now(text: &str) -> String {
    let kept = |line: &str| match line.split_once("\",\"job_id\"") {
        Some((_, rest)) if line.contains("\"problem\"") => {
            format!("{{\"timestamp\":\"NOW\",\"job_id\"{rest}\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(kept).collect()
}

#[test]
fn labels_go_before_the_last_brace_and_the_rest_stays_as_it_came() {
    check(
        &[
            r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":1,"content":{"log":{"level":"INFO","message":"a","fields":{}}},"new":1.50e1}"#,
        ],
        expect![[r#"
            {"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":1,"content":{"log":{"level":"INFO","message":"a","fields":{}}},"new":1.50e1,"job_label":"report","app":"shop","build_id":"b42"}
        "#]],
    );
}

#[test]
fn events_and_manifests_get_the_label_inside_too() {
    check(
        &[
            r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":1,"content":{"job_event":{"event_type":"task_launched","metadata":{}}}}"#,
            r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":2,"content":{"manifest":{"outputs":[],"inputs":[],"start_time":1,"end_time":2,"metadata":{}}}}"#,
        ],
        expect![[r#"
            {"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":1,"content":{"job_event":{"event_type":"task_launched","metadata":{},"job_label":"report"}},"job_label":"report","app":"shop","build_id":"b42"}
            {"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":2,"content":{"manifest":{"outputs":[],"inputs":[],"start_time":1,"end_time":2,"metadata":{},"task":{"job":{"label":"report"}}}},"job_label":"report","app":"shop","build_id":"b42"}
        "#]],
    );
}

#[test]
fn labels_that_are_there_stay() {
    check(
        &[
            r#"{"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":1,"content":{"job_event":{"event_type":"x","metadata":{},"job_label":"mine"}},"app":"other"}"#,
        ],
        expect![[r#"
            {"timestamp":"2025-01-27T10:30:46Z","job_id":"r","outputs":[],"sequence_number":1,"content":{"job_event":{"event_type":"x","metadata":{},"job_label":"mine"}},"job_label":"report","app":"other","build_id":"b42"}
        "#]],
    );
}

#[test]
fn what_is_not_an_entry_is_kept_as_text() {
    check(
        &["hello \"you\"", "", r#"{"job_id":"r"}"#],
        expect![[r#"
            {"timestamp":"NOW","job_id":"r","outputs":[],"sequence_number":0,"content":{"log":{"level":"WARN","message":"hello \"you\"","fields":{"problem":"the line is not a JSON object"}}},"job_label":"report","app":"shop","build_id":"b42"}
            {"timestamp":"NOW","job_id":"r","outputs":[],"sequence_number":0,"content":{"log":{"level":"WARN","message":"","fields":{"problem":"the line is not a JSON object"}}},"job_label":"report","app":"shop","build_id":"b42"}
            {"timestamp":"NOW","job_id":"r","outputs":[],"sequence_number":0,"content":{"log":{"level":"WARN","message":"{\"job_id\":\"r\"}","fields":{"problem":"an entry needs `content`"}}},"job_label":"report","app":"shop","build_id":"b42"}
        "#]],
    );
}

#[test]
fn bytes_that_are_not_utf8_are_kept_exactly() {
    let store = Store::new();
    let record = store.collect("r", b"a\xffb\n");
    assert_eq!(record.malformed, 1);
    assert!(store.stored("r").contains(r#""raw_base64":"Yf9i""#), "{}", store.stored("r"));
}

#[test]
fn an_overlong_line_is_kept_in_pieces_that_are_whole() {
    let long = "é".repeat(3 << 20);
    let store = Store::new();
    let text = format!("{}\n{long}\n{}\n", log_line("r", 1, "INFO", "a"), end_line("r", 2));
    let record = store.collect("r", text);
    assert_eq!((record.last_sequence, record.sequence_gaps), (2, 0));
    let stored = store.stored("r");
    let mut kept = String::new();
    for line in stored.lines() {
        let (entry, problems) = databuild_model::json::read_entry(line.as_bytes()).unwrap();
        assert_eq!(problems, []);
        if let databuild_model::entry::Content::Log(log) = entry.content
            && entry.sequence_number == 0
        {
            assert_eq!(log.fields.get("raw_base64"), None);
            kept += &log.message;
        }
    }
    assert!(kept == long, "{} bytes of {}", kept.len(), long.len());
    assert_eq!(stored.matches("fragment_last").count(), 1);
    assert_eq!(record.malformed, record.entries - 2);
}

#[test]
fn the_record_counts_what_is_in_the_file() {
    let store = Store::new();
    let lines = [
        log_line("r", 1, "INFO", "a"),
        log_line("r", 2, "ERROR", "b"),
        log_line("r", 4, "WARN", "c"),
        log_line("other", 5, "INFO", "d"),
        "junk".to_owned(),
        end_line("r", 5),
    ];
    let record = store.collect("r", lines.join("\n"));
    let stored = store.stored("r");
    assert_eq!((record.entries, record.bytes), (6, stored.len() as u64));
    assert_eq!(record.level_counts, [0, 0, 2, 2, 1, 0]);
    assert_eq!(record.kind_counts, [5, 0, 1, 0]);
    assert_eq!((record.last_sequence, record.malformed, record.sequence_gaps), (5, 2, 1));
    assert_eq!(record.first_error_line, Some(1));
    assert_eq!(record.blake3, *blake3::hash(stored.as_bytes()).as_bytes());
    let end = record.end.unwrap();
    assert_eq!((end.exit_code, end.cause, end.complete), (Some(0), Cause::Success, true));
    assert!(!record.is_complete(), "there is a gap");
}

#[test]
fn a_run_has_one_writer_and_is_written_once() {
    let store = Store::new();
    let again = |store: &Store| {
        let (reader, _writer) = std::io::pipe().unwrap();
        match store.collector().consume_job_output(context("r"), reader.into(), None) {
            Err(ConsumeError::RunExists { run, .. }) => run.to_string(),
            other => panic!("{:?}", other.map(|_| ())),
        }
    };
    let (writer, ticket) = store.begin("r");
    assert_eq!(again(&store), "r");
    drop(writer);
    assert_eq!(ticket.wait().unwrap().entries, 0);
    store.collect("s", log_line("s", 1, "INFO", "a"));
    let (reader, _writer) = std::io::pipe().unwrap();
    let second = store.collector().consume_job_output(context("s"), reader.into(), None);
    assert!(matches!(second, Err(ConsumeError::RunExists { .. })));
}

#[test]
fn a_collector_that_is_dropped_keeps_what_came_and_says_so() {
    let mut store = Store::new();
    let (mut writer, ticket) = store.begin("r");
    writer.write_all((log_line("r", 1, "INFO", "a") + "\nhalf").as_bytes()).unwrap();
    drop(store.collector.take());
    assert!(matches!(ticket.wait(), Err(CollectError::Stopped { .. })));
    assert_eq!(store.stored("r").lines().count(), 1);
    store.start();
    assert_eq!(store.collector().recovery().restored, [crate::testing::run_id("r")]);
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// `runs` runs of `lines` lines each, `at_once` of them open at a time.
fn crowd(runs: usize, lines: u64, at_once: usize) {
    let mut store = Store::new();
    let mut open = std::collections::VecDeque::new();
    for number in 0..runs {
        let run = format!("run-{number}");
        let (mut writer, ticket) = store.begin(&run);
        for seq in 1..lines {
            writeln!(writer, "{}", log_line(&run, seq, "INFO", "hello")).unwrap();
        }
        writeln!(writer, "{}", end_line(&run, lines)).unwrap();
        open.push_back((writer, ticket));
        if at_once <= open.len() {
            let (writer, ticket) = open.pop_front().unwrap();
            drop(writer);
            assert!(ticket.wait().unwrap().is_complete());
        }
    }
    for (writer, ticket) in open {
        drop(writer);
        assert!(ticket.wait().unwrap().is_complete());
    }
    store.stop();
    for number in 0..runs {
        let run = format!("run-{number}");
        assert_eq!(store.stored(&run).lines().count() as u64, lines, "{run}");
        assert!(store.path(&format!("{run}.idx")).exists());
    }
}

/// One test, because another one beside it would open files too.
#[test]
fn many_runs_lose_no_line_and_leave_no_file_open() {
    let exe = std::env::current_exe().unwrap();
    // Alone in a process of its own: counting this one's files would count other tests' too.
    #[expect(clippy::disallowed_methods, reason = "the test itself, alone")]
    let inner = std::env::var("CROWD").is_ok();
    if !inner {
        #[expect(clippy::disallowed_methods, reason = "the test itself, alone")]
        let mut alone = std::process::Command::new(exe);
        alone
            .env("CROWD", "1")
            .args(["--exact", "collect::tests::many_runs_lose_no_line_and_leave_no_file_open"]);
        let output = alone.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let before = open_files();
    crowd(1_000, 3, 8);
    crowd(64, 200, 64);
    crowd(256, 50, 256);
    assert_eq!(open_files(), before);
}

/// Keeps what it is told.
struct Keeper(std::sync::Arc<std::sync::Mutex<Vec<BatchNote>>>);

impl RunWatch for Keeper {
    fn on_batch(&mut self, note: &BatchNote) {
        self.0.lock().unwrap().push(note.clone());
    }
}

#[test]
fn a_watcher_is_told_counts_measurements_progress_and_what_was_made() {
    let store = Store::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let notes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let watch = Box::new(Keeper(notes.clone()));
    let ticket =
        store.collector().consume_job_output(context("r"), reader.into(), Some(watch)).unwrap();
    let entry = |seq: u64, content: &str| {
        format!(
            "{{\"timestamp\":\"2025-01-27T10:30:46Z\",\"job_id\":\"r\",\"outputs\":[],\
             \"sequence_number\":{seq},\"content\":{content}}}"
        )
    };
    let lines = [
        log_line("r", 1, "WARN", "a"),
        log_line("r", 2, "ERROR", "b"),
        entry(3, r#"{"metric":{"name":"rows","value":7,"labels":{},"unit":"rows"}}"#),
        entry(
            4,
            r#"{"job_event":{"event_type":"progress","metadata":{"done":"3","total":"9","message":"files"}}}"#,
        ),
        entry(
            5,
            r#"{"manifest":{"outputs":[{"path":"a/1"},{"path":"a/2"}],"inputs":[],"start_time":0,"end_time":0}}"#,
        ),
    ];
    writer.write_all(lines.join("\n").as_bytes()).unwrap();
    drop(writer);
    ticket.wait().unwrap();
    let notes = notes.lock().unwrap();
    let sum = |of: fn(&BatchNote) -> u64| notes.iter().map(of).sum::<u64>();
    assert_eq!(sum(|note| note.entries), 5);
    assert_eq!((sum(|note| note.warnings), sum(|note| note.errors)), (1, 1));
    let metrics: Vec<_> = notes.iter().flat_map(|note| &note.metrics).collect();
    assert_eq!((metrics.len(), metrics[0].value), (1, 7.0));
    let progress = notes.iter().rev().find_map(|note| note.last_progress.as_deref());
    assert_eq!(progress, Some("3/9 files"));
    let made: Vec<&str> = notes
        .iter()
        .filter_map(|note| note.made.as_ref())
        .flatten()
        .map(|it| it.as_str())
        .collect();
    assert_eq!(made, ["a/1", "a/2"]);
}
