//! A million run ids, partitions and label values make neither more series nor more memory than a few
//! ten thousand. In a program of its own, because the memory that counts is that of the whole process.
#![cfg(test)]

use databuild_metrics::aggregate::{BatchOf, MetricsAggregator, RecordOf, RunOf};
use databuild_metrics::expose::{Format, expose};
use databuild_metrics::guard::Budget;
use databuild_metrics::limits;
use databuild_model::cause::Cause;
use databuild_model::entry::MetricPoint;
use databuild_model::time::Timestamp;

/// Each brings a new id, a new partition and a new value of an allowed label: a million in all.
const RUNS: u32 = 340_000;
/// By then every budget is spent.
const WARM: u32 = 60_000;
/// Most that the process may grow by after that: what the allocator keeps to itself. A word for each run
/// would be as much.
const GROWTH_MAX: u64 = 4 << 20;

/// Resident memory of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// What the `n`th run says. Every value that can be new is: its id, its partition, the value of an
/// allowed label, and each so often its job, the name of a measurement and that of a label.
fn run(totals: &mut MetricsAggregator, point: &mut MetricPoint, n: u32) {
    let (id, at) = (format!("run-{n}"), Timestamp::from_nanos(i64::from(n)));
    let job = if n.is_multiple_of(10) { format!("job-{n}") } else { "clean".to_owned() };
    let of = RunOf { job_run_id: &id, job_label: &job, job_type: "process" };
    let partition = format!("clean/date={n}");
    let stage = format!("stage-{n}");
    let other = if n.is_multiple_of(100) { format!("label_{n}") } else { "file".to_owned() };
    point.labels =
        [("partition", &*partition), ("stage", &stage), (&*other, &id)].into_iter().collect();
    point.name =
        if n.is_multiple_of(4) { format!("measured_{n}") } else { "rows_processed".to_owned() };
    totals.ingest_metric(of, point, at);
    if n.is_multiple_of(5) {
        totals.ingest_end(of, Cause::ALL[n as usize % Cause::ALL.len()], 1.0, at);
        totals
            .ingest_batch(of, &BatchOf { level_counts: [0, 0, 1, 0, 0, 0], ..BatchOf::default() });
        totals.ingest_record(of, &RecordOf::default(), at);
    }
}

#[test]
fn a_million_ids_partitions_and_values_keep_series_and_memory_flat() {
    let mut totals = MetricsAggregator::new(Budget::default(), vec!["stage".into()]);
    let mut point = MetricPoint::new("", 1.0, "");
    (0..WARM).for_each(|n| run(&mut totals, &mut point, n));
    let scrape = |totals: &MetricsAggregator| {
        let text = expose(&[totals.registry()], Format::OpenMetrics);
        (text.lines().filter(|line| !line.starts_with('#')).count(), text.len())
    };
    let (before, (series, _)) = (resident(), scrape(&totals));
    (WARM..RUNS).for_each(|n| run(&mut totals, &mut point, n));
    let after = resident();
    assert!(after < before + GROWTH_MAX, "{before} bytes became {after}");
    let (series_then, bytes) = scrape(&totals);
    assert_eq!(series, series_then, "the budget was spent by then");
    assert!(series_then <= limits::SERIES_MAX, "{series_then}");
    assert!(bytes < 300 * limits::SERIES_MAX, "{bytes}");

    // Nothing was lost: what has no series of its own is in the one for all others.
    let text = expose(&[totals.registry()], Format::Classic);
    let sum = |family: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(&format!("{family}{{")));
        lines
            .map(|line| line.rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number"))
            .sum()
    };
    assert_eq!(sum("databuild_rows_processed_total"), f64::from(RUNS - RUNS / 4));
    assert_eq!(sum("databuild_job_runs_total"), f64::from(RUNS / 5));
    let worst = &totals.registry().guard().culprits()[0];
    assert_eq!(worst.job_label, "clean", "{worst:?}");

    // The measure would see it if only the ids were kept.
    let before = resident();
    let kept: Vec<String> = (WARM..RUNS).map(|n| format!("run-{n}")).collect();
    assert!(before + GROWTH_MAX < resident(), "{} strings take memory", kept.len());
}
