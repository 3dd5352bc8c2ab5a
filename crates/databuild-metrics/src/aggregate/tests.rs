//! What runs say, and what a scrape then shows.

use super::{BatchOf, GapOf, GapReason, MetricsAggregator, RecordOf, RunOf, SyncOf};
use crate::expose::{Format, expose};
use crate::guard::Budget;
use databuild_model::cause::Cause;
use databuild_model::entry::MetricPoint;
use databuild_model::time::Timestamp;
use expect_test::expect;

fn run(id: &'static str) -> RunOf<'static> {
    RunOf { job_run_id: id, job_label: "clean", job_type: "process" }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

fn point(name: &str, value: f64, labels: &[(&str, &str)]) -> MetricPoint {
    let mut point = MetricPoint::new(name, value, "");
    point.labels = labels.iter().copied().collect();
    point
}

/// The samples without their heads, and without buckets that are empty.
fn samples(aggregator: &MetricsAggregator) -> String {
    let text = expose(&[aggregator.registry()], Format::Classic);
    let shown = |line: &&str| !line.starts_with('#') && !line.ends_with("} 0");
    text.lines().filter(shown).map(|line| format!("{line}\n")).collect()
}

#[test]
fn counters_add_up_and_gauges_take_the_run_that_ended_last() {
    let mut a = MetricsAggregator::new(Budget::default(), vec!["stage".into()]);
    a.ingest_metric(run("b"), &point("job_runtime_seconds", 2.5, &[]), at(20));
    a.ingest_metric(run("a"), &point("job_runtime_seconds", 9.0, &[]), at(10));
    a.ingest_metric(
        run("a"),
        &point("rows_processed", 1000.0, &[("stage", "x"), ("file", "f")]),
        at(9),
    );
    a.ingest_metric(run("b"), &point("rows_processed", 500.0, &[("stage", "x")]), at(19));
    a.ingest_metric(run("b"), &point("lines_changed_total", 3.0, &[]), at(19));
    a.ingest_metric(run("b"), &point("job_memory_peak_mb", 2.0, &[]), at(19));
    a.ingest_metric(run("b"), &point("job_cpu_total_seconds", f64::NAN, &[]), at(19));
    a.ingest_metric(run("b"), &point("job_cpu_total_seconds", -1.0, &[]), at(19));
    expect![[r#"
        databuild_job_runtime_seconds{job_label="clean",job_type="process"} 2.5
        databuild_job_memory_peak_mb{job_label="clean",job_type="process"} 2
        databuild_job_memory_peak_bytes{job_label="clean",job_type="process"} 2097152
        databuild_rows_processed_total{job_label="clean",job_type="process",stage="x"} 1500
        databuild_job_reported_total{job_label="clean",job_type="process",name="lines_changed_total"} 3
        databuild_metric_labels_dropped_total{family="databuild_rows_processed_total"} 1
        databuild_metric_points_rejected_total{reason="negative"} 2
        databuild_metric_points_rejected_total{reason="not_finite"} 2
        databuild_metric_series{family="databuild_job_runtime_seconds"} 1
        databuild_metric_series{family="databuild_job_memory_peak_mb"} 1
        databuild_metric_series{family="databuild_job_memory_peak_bytes"} 1
        databuild_metric_series{family="databuild_rows_processed_total"} 1
        databuild_metric_series{family="databuild_job_reported_total"} 1
        databuild_metric_series{family="databuild_metric_overflow_total"} 5
        databuild_metric_series{family="databuild_metric_labels_dropped_total"} 1
        databuild_metric_series{family="databuild_metric_points_rejected_total"} 2
    "#]]
    .assert_eq(&samples(&a));
    assert_eq!(a.registry().guard().culprits()[0].label, "file");
}

#[test]
fn ends_count_by_result_with_the_run_as_exemplar() {
    let mut a = MetricsAggregator::new(Budget::default(), Vec::new());
    a.ingest_end(run("r1"), Cause::Exit, 0.4, at(100));
    let level_counts = [0, 0, 3, 0, 1, 0];
    let synced = Some(SyncOf { seconds: 0.002, delay_seconds: 0.4 });
    let size_counts = [4, 1, 0, 0, 0, 0, 0, 0];
    a.ingest_batch(
        run("r1"),
        &BatchOf { level_counts, entries: 5, bytes: 512, size_counts, synced },
    );
    let record = RecordOf { bytes: 512, complete: true, ..RecordOf::default() };
    a.ingest_record(run("r1"), &record, at(100));
    let text = expose(&[a.registry()], Format::OpenMetrics);
    let shown = |line: &&str| {
        let of_log = line.starts_with("databuild_log") && !line.contains("_bucket");
        line.contains("r1") || of_log
    };
    let lines: String = text.lines().filter(shown).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        databuild_job_runs_total{job_label="clean",job_type="process",result="failure"} 1 # {job_run_id="r1"} 0.4 100.000000000
        databuild_job_duration_seconds_bucket{job_label="clean",job_type="process",result="failure",le="0.5"} 1 # {job_run_id="r1"} 0.4 100.000000000
        databuild_job_log_bytes_bucket{job_label="clean",job_type="process",le="1000.0"} 1 # {job_run_id="r1"} 512 100.000000000
        databuild_log_entries_total{job_label="clean",level="ERROR"} 1
        databuild_log_entries_total{job_label="clean",level="INFO"} 3
        databuild_log_written_bytes_total 512
        databuild_log_malformed_lines_total 0
        databuild_log_sequence_gaps_total 0
        databuild_log_dropped_entries_total{reason="capture"} 0
        databuild_log_dropped_entries_total{reason="disk_error"} 0
        databuild_log_dropped_entries_total{reason="disk_full"} 0
        databuild_log_dropped_entries_total{reason="rate_limit"} 0
        databuild_log_dropped_bytes_total{reason="capture"} 0
        databuild_log_dropped_bytes_total{reason="disk_error"} 0
        databuild_log_dropped_bytes_total{reason="disk_full"} 0
        databuild_log_dropped_bytes_total{reason="rate_limit"} 0
        databuild_log_incomplete_runs_total 0
        databuild_log_batches_total 1
        databuild_log_batch_entries_sum 5
        databuild_log_batch_entries_count 1
        databuild_log_batch_bytes_sum 512
        databuild_log_batch_bytes_count 1
        databuild_log_entry_bytes_sum 512
        databuild_log_entry_bytes_count 5
        databuild_log_sync_seconds_sum 0.002
        databuild_log_sync_seconds_count 1
        databuild_log_durable_delay_seconds_sum 0.4
        databuild_log_durable_delay_seconds_count 1
    "#]]
    .assert_eq(&lines);
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn gaps_count_entries_where_their_number_is_known_and_themselves_where_not() {
    let mut a = MetricsAggregator::new(Budget::default(), Vec::new());
    let gap = |reason, entries, bytes| GapOf { reason, entries, bytes };
    a.ingest_gap(&gap(GapReason::Capture, None, 4096));
    a.ingest_gap(&gap(GapReason::DiskError, Some(7), 0));
    a.ingest_gap(&gap(GapReason::DiskFull, None, 0));
    expect![[r#"
        databuild_log_dropped_entries_total{reason="capture"} 1
        databuild_log_dropped_entries_total{reason="disk_error"} 7
        databuild_log_dropped_entries_total{reason="disk_full"} 1
        databuild_log_dropped_bytes_total{reason="capture"} 4096
        databuild_metric_series{family="databuild_log_dropped_entries_total"} 3
        databuild_metric_series{family="databuild_log_dropped_bytes_total"} 3
    "#]]
    .assert_eq(&samples(&a));
}

#[test]
fn what_is_over_the_budget_is_folded_and_blamed() {
    let budget = Budget { series_per_family: 5, series: 600 };
    let mut a = MetricsAggregator::new(budget, vec!["id".into()]);
    for n in 0..1_000 {
        let value = n.to_string();
        a.ingest_metric(run("r"), &point("rows_processed", 1.0, &[("id", &value)]), at(n));
        a.ingest_metric(run("r"), &point(&format!("m{n}"), 1.0, &[("id", &value)]), at(n));
    }
    let series: usize = a.registry().series_counts().map(|(_, count)| count).sum();
    assert!(series <= 600, "{series}");
    let text = samples(&a);
    let other = r#"{job_label="__other__",job_type="__other__",id="__other__"} 996"#;
    assert!(text.contains(other), "{text}");
    let culprits = a.registry().guard().culprits();
    let labels: Vec<_> =
        culprits.iter().map(|c| (c.job_label.as_str(), c.label.as_str())).collect();
    // Too many values of one label, and too many series in the family.
    assert!(labels.contains(&("clean", "id")) && labels.contains(&("clean", "")), "{labels:?}");
}

#[test]
fn who_is_refused_most_is_known_whoever_else_is() {
    let mut a = MetricsAggregator::new(Budget::default(), Vec::new());
    for n in 0..5_000 {
        let label = format!("l{n}");
        a.ingest_metric(
            run("r"),
            &point("rows_processed", 1.0, &[("file", "f"), (&label, "x")]),
            at(n),
        );
    }
    let culprits = a.registry().guard().culprits();
    assert_eq!((culprits[0].label.as_str(), culprits[0].count), ("file", 5_000));
    assert!(culprits.len() <= crate::limits::CULPRITS_MAX);
}

#[test]
fn long_names_and_values_are_cut_before_they_are_kept() {
    let mut a = MetricsAggregator::new(Budget::default(), vec!["id".into()]);
    let long = "x".repeat(1 << 20);
    a.ingest_metric(run("r"), &point(&long, 1.0, &[("id", &long), (&long, "v")]), at(1));
    assert!(
        a.reported_names()
            .chain(a.label_values().map(|(_, value)| value))
            .all(|kept| kept.len() == 256)
    );
    assert!(a.registry().guard().culprits().iter().all(|culprit| culprit.label.len() == 256));
}

#[test]
fn values_that_make_no_sense_do_no_harm() {
    let mut a = MetricsAggregator::new(Budget::default(), Vec::new());
    let all = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, f64::MAX, f64::MAX, 5e-324, -0.0];
    for name in ["rows_processed", "own_total", "own", "job_memory_peak_mb", "job_runtime_seconds"]
    {
        for (n, value) in (1..).zip(all) {
            a.ingest_metric(run("r"), &point(name, value, &[]), at(n));
            a.ingest_end(run("r"), Cause::Success, value, at(n));
        }
    }
    // A job that starts again counts from zero: what it had said stays.
    for rows in [7.0, 3.0] {
        a.ingest_metric(run("again"), &point("fetched_total", rows, &[]), at(99));
    }
    let text = samples(&a);
    for line in text.lines() {
        let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
        let may_be_negative = line.starts_with("databuild_job_reported_value");
        assert!(value.is_finite() && (0.0 <= value || may_be_negative), "{line}");
    }
    assert!(text.contains("name=\"fetched_total\"} 10\n"), "{text}");
}
