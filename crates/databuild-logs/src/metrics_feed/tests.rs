//! Totals that neither lose nor double anything, whatever is killed or removed meanwhile.

use super::MetricsFeed;
use crate::fs::OsFs;
use crate::fs::faulty::{Faults, FaultyFs};
use crate::testing::{STARTED, Store, end_line, log_line, run_id};
use databuild_metrics::expose::{Format, expose};
use databuild_model::bel::{BuildEnd, BuildEnded, BuildEvent, PartitionSet, TaskEnd, TaskEnded};
use databuild_model::ids::PartitionRef;
use databuild_model::time::Timestamp;
use expect_test::expect;
use proptest::prelude::*;
use std::io::Write;
use std::sync::Arc;

fn metric_line(run: &str, seq: u64, name: &str, value: u64) -> String {
    format!(
        "{{\"timestamp\":\"2025-01-27T10:30:59Z\",\"job_id\":\"{run}\",\"outputs\":[],\
         \"sequence_number\":{seq},\"content\":{{\"metric\":{{\"name\":\"{name}\",\
         \"value\":{value},\"labels\":{{\"stage\":\"s\"}},\"unit\":\"\"}}}}}}"
    )
}

/// A run that says `rows` in two measurements and a warning.
fn whole_run(run: &str, rows: u64) -> String {
    [
        log_line(run, 1, "WARN", "a \\\"metric\\\" is not one"),
        metric_line(run, 2, "rows_processed", rows),
        metric_line(run, 3, "rows_processed", 1),
        end_line(run, 4),
    ]
    .map(|line| line + "\n")
    .concat()
}

fn open(store: &Store) -> MetricsFeed {
    MetricsFeed::open(store.logs_dir().to_owned(), vec!["stage".into()], Arc::clone(&store.fs))
        .unwrap()
}

/// Samples without heads, buckets and the counts of series.
fn samples(feed: &MetricsFeed) -> String {
    let text = expose(&[feed.totals().registry()], Format::Classic);
    let hidden = ["#", "databuild_metric_series"];
    // What the disk of the test took.
    let measured = ["_bucket{", "databuild_log_sync_seconds_sum", "_delay_seconds_sum"];
    let shown = |line: &&str| {
        let of_others = measured.iter().any(|part| line.contains(part));
        !of_others && !hidden.iter().any(|start| line.starts_with(start))
    };
    text.lines().filter(shown).map(|line| format!("{line}\n")).collect()
}

fn value(feed: &MetricsFeed, name: &str) -> f64 {
    let samples = samples(feed);
    let of_name = samples.lines().filter(|line| line.starts_with(name));
    of_name.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

const ROWS: &str = "databuild_rows_processed_total";
const RUNS: &str = "databuild_job_runs_total";
const BYTES: &str = "databuild_log_written_bytes_total";

/// A build that made one partition, failed to make two, and did not start a task.
fn ends() -> Vec<BuildEvent> {
    let set = |names: &[&str]| {
        let partitions = names.iter().map(|name| PartitionRef::parse(*name).unwrap()).collect();
        PartitionSet { run: 1, partitions }
    };
    let task = |task, end| BuildEvent::TaskEnded(TaskEnded { task, end, reason: None });
    vec![
        BuildEvent::PartitionsMade(set(&["a"])),
        task(0, TaskEnd::Made),
        BuildEvent::PartitionsFailed(set(&["b", "c"])),
        task(1, TaskEnd::Failed),
        task(2, TaskEnd::NotStarted),
        BuildEvent::BuildEnded(BuildEnded { end: BuildEnd::Failed, reason: None }),
    ]
}

#[test]
fn a_run_is_counted_whole() {
    let mut store = Store::new();
    store.collect("r1", whole_run("r1", 1000));
    store.collect("r2", "not an entry\n");
    store.stop();
    let mut feed = open(&store);
    feed.read_new().unwrap();
    feed.count_builds(&ends(), 9);
    feed.save().unwrap();
    expect![[r#"
        databuild_rows_processed_total{job_label="report",job_type="process",stage="s"} 1001
        databuild_job_runs_total{job_label="report",job_type="process",result="error"} 1
        databuild_job_runs_total{job_label="report",job_type="process",result="success"} 1
        databuild_job_duration_seconds_sum{job_label="report",job_type="process",result="error"} 0
        databuild_job_duration_seconds_count{job_label="report",job_type="process",result="error"} 1
        databuild_job_duration_seconds_sum{job_label="report",job_type="process",result="success"} 1.5
        databuild_job_duration_seconds_count{job_label="report",job_type="process",result="success"} 1
        databuild_job_log_bytes_sum{job_label="report",job_type="process"} 1236
        databuild_job_log_bytes_count{job_label="report",job_type="process"} 2
        databuild_job_last_success_timestamp_seconds{job_label="report",job_type="process"} 1737973860
        databuild_job_last_completion_timestamp_seconds{job_label="report",job_type="process"} 1738022399.08
        databuild_builds_total{result="cancellation"} 0
        databuild_builds_total{result="error"} 0
        databuild_builds_total{result="failure"} 1
        databuild_builds_total{result="success"} 0
        databuild_tasks_total{result="cancellation"} 0
        databuild_tasks_total{result="delegated"} 0
        databuild_tasks_total{result="failure"} 1
        databuild_tasks_total{result="skip"} 1
        databuild_tasks_total{result="success"} 1
        databuild_partitions_total{result="failure"} 2
        databuild_partitions_total{result="success"} 1
        databuild_log_entries_total{job_label="report",level="WARN"} 2
        databuild_log_written_bytes_total 1236
        databuild_log_malformed_lines_total 1
        databuild_log_sequence_gaps_total 0
        databuild_log_dropped_entries_total{reason="capture"} 0
        databuild_log_dropped_entries_total{reason="disk_error"} 0
        databuild_log_dropped_entries_total{reason="disk_full"} 0
        databuild_log_dropped_entries_total{reason="rate_limit"} 0
        databuild_log_dropped_bytes_total{reason="capture"} 0
        databuild_log_dropped_bytes_total{reason="disk_error"} 0
        databuild_log_dropped_bytes_total{reason="disk_full"} 0
        databuild_log_dropped_bytes_total{reason="rate_limit"} 0
        databuild_log_incomplete_runs_total 1
        databuild_log_batches_total 2
        databuild_log_batch_entries_sum 5
        databuild_log_batch_entries_count 2
        databuild_log_batch_bytes_sum 1236
        databuild_log_batch_bytes_count 2
        databuild_log_entry_bytes_sum 1236
        databuild_log_entry_bytes_count 5
        databuild_log_sync_seconds_count 2
        databuild_log_durable_delay_seconds_count 2
        databuild_metric_overflow_total{family="databuild_job_duration_seconds"} 0
        databuild_metric_overflow_total{family="databuild_job_last_completion_timestamp_seconds"} 0
        databuild_metric_overflow_total{family="databuild_job_last_success_timestamp_seconds"} 0
        databuild_metric_overflow_total{family="databuild_job_log_bytes"} 0
        databuild_metric_overflow_total{family="databuild_job_runs_total"} 0
        databuild_metric_overflow_total{family="databuild_log_entries_total"} 0
        databuild_metric_overflow_total{family="databuild_rows_processed_total"} 0
    "#]]
    .assert_eq(&samples(&feed).replace(&time_of_lost(&feed), "1738022399.08"));
    let again = samples(&feed);
    feed.read_new().unwrap();
    assert_eq!(samples(&feed), again, "nothing is new");
    drop(feed);
    let feed = open(&store);
    assert_eq!((samples(&feed), feed.builds_upto()), (again, 9), "kept");
}

#[test]
fn sizes_are_those_of_the_catalogue() {
    let bounds =
        crate::format::journal::LINE_BYTES.map(|bytes| f64::from(u32::try_from(bytes).unwrap()));
    assert_eq!(databuild_metrics::metric_templates::LOG_ENTRY_BYTES.buckets, bounds);
}

#[test]
fn gaps_are_counted_once_by_what_they_came_from() {
    let gap = |seq: u64, metadata: &str| {
        format!(
            "{{\"timestamp\":\"2025-01-27T10:30:59Z\",\"job_id\":\"r\",\"outputs\":[],\
             \"sequence_number\":{seq},\"content\":{{\"job_event\":{{\"event_type\":\"gap\",\
             \"metadata\":{{{metadata}}}}}}}}}\n"
        )
    };
    let mut store = Store::new();
    let said = log_line("r", 1, "INFO", "mind the \\\"gap\\\"")
        + "\n"
        + &gap(2, "\"stream\":\"stdout\",\"from\":\"100\",\"to\":\"350\",\"reason\":\"?\"")
        + &gap(
            3,
            "\"stream\":\"stdout\",\"from\":\"350\",\"to\":\"400\",\"lines\":\"5\",\"bytes\":\"50\",\"reason\":\"?\"",
        )
        + &gap(4, "\"stream\":\"stderr\",\"from\":\"9\",\"reason\":\"?\"")
        + &gap(0, "\"reason\":\"no space on the disk\",\"entries_from\":\"4\"")
        + &gap(0, "\"reason\":\"?\",\"entries_from\":\"4\",\"entries_to\":\"6\",\"suspect\":\"r\"");
    store.collect("r", said);
    store.stop();
    let mut feed = open(&store);
    feed.read_new().unwrap();
    feed.save().unwrap();
    drop(feed);
    let mut feed = open(&store);
    feed.read_new().unwrap();
    let dropped: String = samples(&feed)
        .lines()
        .filter(|line| line.contains("dropped"))
        .map(|line| format!("{line}\n"))
        .collect();
    expect![[r#"
        databuild_log_dropped_entries_total{reason="capture"} 2
        databuild_log_dropped_entries_total{reason="disk_error"} 3
        databuild_log_dropped_entries_total{reason="disk_full"} 1
        databuild_log_dropped_entries_total{reason="rate_limit"} 5
        databuild_log_dropped_bytes_total{reason="capture"} 250
        databuild_log_dropped_bytes_total{reason="disk_error"} 0
        databuild_log_dropped_bytes_total{reason="disk_full"} 0
        databuild_log_dropped_bytes_total{reason="rate_limit"} 50
    "#]]
    .assert_eq(&dropped);
}

/// A line that is no entry has the time at which it came.
fn time_of_lost(feed: &MetricsFeed) -> String {
    let samples = samples(feed);
    let line = samples.lines().find(|line| line.contains("last_completion")).unwrap();
    line.rsplit_once(' ').unwrap().1.to_owned()
}

#[test]
fn an_open_run_is_counted_as_it_grows() {
    let mut store = Store::new();
    let mut feed = open(&store);
    let (mut pipe, ticket) = store.begin("r");
    let text = whole_run("r", 10);
    let (first, rest) = text.split_at(text.match_indices('\n').nth(1).unwrap().0 + 1);
    pipe.write_all(first.as_bytes()).unwrap();
    while value(&feed, ROWS) < 10.0 {
        feed.read_new().unwrap();
        feed.save().unwrap();
    }
    assert_eq!((value(&feed, ROWS), value(&feed, RUNS)), (10.0, 0.0));
    let started = Timestamp::parse(STARTED).unwrap();
    assert!(
        feed.heard(&run_id("r")).is_some_and(|heard| started <= heard),
        "by the clock of the store"
    );
    drop(feed);
    pipe.write_all(rest.as_bytes()).unwrap();
    drop(pipe);
    ticket.wait().unwrap();
    store.stop();
    let mut feed = open(&store);
    feed.read_new().unwrap();
    assert_eq!((value(&feed, ROWS), value(&feed, RUNS)), (11.0, 1.0));
    assert_eq!(feed.heard(&run_id("r")), None, "it has ended");
}

#[test]
fn counters_do_not_fall_when_files_go() {
    let mut store = Store::new();
    store.collect("r1", whole_run("r1", 5));
    let mut feed = open(&store);
    feed.read_new().unwrap();
    feed.save().unwrap();
    store.collect("r2", whole_run("r2", 7));
    store.stop();
    std::fs::remove_dir_all(store.logs_dir().join("2025-01-27")).unwrap();
    feed.read_new().unwrap();
    assert_eq!((value(&feed, ROWS), value(&feed, RUNS)), (6.0, 1.0));
    assert_ne!(value(&feed, "databuild_metrics_skipped_stretches_total"), 0.0);
    feed.save().unwrap();
    drop(feed);
    assert_eq!(value(&open(&store), ROWS), 6.0);
}

#[test]
fn journals_that_are_made_anew_are_not_counted_twice() {
    let mut store = Store::new();
    store.collect("r1", whole_run("r1", 5));
    let mut feed = open(&store);
    feed.read_new().unwrap();
    store.stop();
    feed.read_new().unwrap();
    let before = samples(&feed);
    for same_name in [true, false] {
        let journals = store.logs_dir().join(".journal");
        std::fs::remove_dir_all(&journals).unwrap();
        if !same_name {
            feed.read_new().unwrap();
        }
        store.start();
        store.stop();
        feed.read_new().unwrap();
        assert_eq!(samples(&feed), before, "journal of the same name: {same_name}");
    }
    store.start();
    store.collect("r9", whole_run("r9", 3).replace("2025-01-27T10", "2025-01-27T11"));
    store.stop();
    feed.read_new().unwrap();
    assert_eq!((value(&feed, ROWS), value(&feed, RUNS)), (10.0, 2.0), "what is new is counted");
}

#[test]
fn one_keeps_the_totals_the_others_only_count() {
    let store = Store::new();
    let mut keeper = open(&store);
    let mut other = open(&store);
    assert_eq!((keeper.is_keeper(), other.is_keeper()), (true, false));
    store.collect("r", whole_run("r", 5));
    for feed in [&mut other, &mut keeper] {
        feed.read_new().unwrap();
        feed.save().unwrap();
        assert_eq!(value(feed, ROWS), 6.0);
    }
    drop(keeper);
    other.read_new().unwrap();
    assert!(other.is_keeper(), "the lock is free");
    assert_eq!(value(&other, ROWS), 6.0);
}

#[test]
fn a_question_about_no_store_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    let mut feed = MetricsFeed::open(logs.clone(), Vec::new(), Arc::new(OsFs)).unwrap();
    feed.read_new().unwrap();
    feed.save().unwrap();
    assert!(!logs.exists());
    assert_eq!(samples(&feed), "");
}

#[test]
fn what_could_not_be_kept_is_kept_later() {
    let faulty = FaultyFs::default();
    let mut store = Store::with_fs(Arc::new(faulty.clone()));
    store.collect("r", whole_run("r", 5));
    store.stop();
    let mut feed = open(&store);
    feed.read_new().unwrap();
    for fault in [
        Faults { sync_error: Some("state.new"), ..Faults::default() },
        Faults { write_error: Some("state.new"), ..Faults::default() },
    ] {
        faulty.set(fault);
        assert!(feed.save().is_err());
        faulty.set(Faults::default());
    }
    feed.save().unwrap();
    drop(feed);
    let mut feed = open(&store);
    assert_eq!(value(&feed, ROWS), 6.0);
    feed.read_new().unwrap();
    assert_eq!(value(&feed, ROWS), 6.0);
}

/// What happens to a store and to the one who counts.
#[derive(Debug, Clone)]
enum Step {
    /// A run of so many rows begins, and says so.
    Begin(u64),
    /// The oldest open run ends.
    End,
    /// What is new is counted.
    Count,
    /// What is counted is kept.
    Keep,
    /// Killed, perhaps while it wrote, and started again.
    Kill,
    /// The collector is started anew.
    Collector,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..1000_u64).prop_map(Step::Begin),
        Just(Step::End),
        Just(Step::Count),
        Just(Step::Count),
        Just(Step::Keep),
        Just(Step::Kill),
        Just(Step::Collector),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn killed_anywhere_nothing_is_lost_or_doubled(steps in steps()) {
        let mut store = Store::new();
        let mut feed = open(&store);
        let mut open_runs = Vec::new();
        let mut said = (0.0, 0.0);
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Begin(rows) => {
                    let run = format!("r{n}");
                    let (mut pipe, ticket) = store.begin(&run);
                    pipe.write_all((metric_line(&run, 1, "rows_processed", rows) + "\n").as_bytes()).unwrap();
                    #[expect(clippy::cast_precision_loss, reason = "small")]
                    let rows = rows as f64;
                    said = (said.0 + rows, said.1 + 1.0);
                    open_runs.push((run, pipe, ticket));
                }
                Step::End => if !open_runs.is_empty() {
                    let (run, mut pipe, ticket) = open_runs.remove(0);
                    pipe.write_all((end_line(&run, 2) + "\n").as_bytes()).unwrap();
                    drop(pipe);
                    ticket.wait().unwrap();
                },
                Step::Count => feed.read_new().unwrap(),
                Step::Keep => feed.save().unwrap(),
                Step::Kill => {
                    drop(feed);
                    std::fs::write(store.logs_dir().join(".metrics/state.new"), "DBME").unwrap();
                    feed = open(&store);
                }
                Step::Collector => if open_runs.is_empty() {
                    store.stop();
                    store.start();
                },
            }
        }
        for (_, pipe, ticket) in open_runs {
            drop(pipe);
            ticket.wait().unwrap();
        }
        store.stop();
        feed.read_new().unwrap();
        prop_assert_eq!((value(&feed, ROWS), value(&feed, RUNS)), said);
        let bytes = value(&feed, BYTES);
        drop(feed);
        std::fs::remove_dir_all(store.logs_dir().join(".metrics")).unwrap();
        let mut straight = open(&store);
        straight.read_new().unwrap();
        prop_assert_eq!((value(&straight, ROWS), value(&straight, RUNS)), said);
        prop_assert_eq!(value(&straight, BYTES), bytes);
    }
}
