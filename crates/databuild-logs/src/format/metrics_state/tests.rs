//! Kept totals there and back; the page `docs/formats/metrics-state.md` shows a real file.

use super::{Counted, CountedRun, MetricsState, StateError};
use crate::format::index;
use databuild_metrics::aggregate::{BatchOf, RecordOf, RunOf};
use databuild_model::bel::BuildEnd;
use databuild_model::cause::Cause;
use databuild_model::entry::MetricPoint;
use databuild_model::ids::JobRunId;
use databuild_model::time::Timestamp;
use databuild_policy::naming::JournalName;
use proptest::prelude::*;

const LABELS: [&str; 1] = ["stage"];

fn labels() -> Vec<String> {
    LABELS.map(str::to_owned).to_vec()
}

fn small() -> MetricsState {
    let mut state = MetricsState::new(labels());
    let journal = JournalName::parse("2025-01-27-0.journal").unwrap();
    let counted = Counted { offset: 100, closed: true, known_until: None };
    state.journals.insert(journal, counted);
    let run = CountedRun {
        job_label: "clean".into(),
        job_type: "process".into(),
        points_upto: 7,
        entries_upto: 5,
    };
    state.runs.insert(JobRunId::parse("r").unwrap(), run);
    state.builds_upto = 3;
    state.newest = Timestamp::parse("2025-01-27T10:30:47Z").unwrap();
    state.totals.ingest_build_end(BuildEnd::Failed);
    state
}

fn full() -> MetricsState {
    let mut state = small();
    let run = RunOf { job_run_id: "r", job_label: "clean", job_type: "process" };
    let at = state.newest;
    for (name, stage) in [("rows_processed", "a\"\t\n"), ("x", "b"), ("y_total", "c")] {
        let mut point = MetricPoint::new(name, 0.1, "");
        point.labels = [("stage", stage), ("file", "f")].into_iter().collect();
        state.totals.ingest_metric(run, &point, at);
        state.totals.ingest_metric(run, &point, at);
    }
    state.totals.ingest_end(run, Cause::Timeout, 0.3, at);
    let level_counts = [0, 1, 2, 3, 4, 5];
    let size_counts = [14, 1, 0, 0, 0, 0, 0, 0];
    let batch = BatchOf { level_counts, entries: 15, bytes: 99, size_counts, synced: None };
    state.totals.ingest_batch(run, &batch);
    state.totals.ingest_record(run, &RecordOf::default(), at);
    state.totals.ingest_skipped();
    state
}

#[test]
fn the_page_shows_a_real_file() {
    let page = include_str!("../../../../../docs/formats/metrics-state.md");
    let sample = index::tests::hex(&small().write());
    assert!(page.contains(&sample), "the page must hold:\n{sample}");
}

#[test]
fn all_comes_back_as_it_was() {
    for state in [MetricsState::new(labels()), small(), full()] {
        assert_eq!(MetricsState::read(&state.write(), labels()), Ok(state));
    }
}

#[test]
fn what_is_cut_or_of_another_version_is_told() {
    let bytes = full().write();
    for end in 0..bytes.len() {
        assert_eq!(
            MetricsState::read(&bytes[..end], labels()),
            Err(StateError::Damaged),
            "cut at {end}"
        );
    }
    let mut other = bytes;
    other[7] = 2;
    assert_eq!(MetricsState::read(&other, labels()), Err(StateError::Format));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..64), at in 0..2000_usize, xor: u8) {
        let mut file = full().write();
        let at = at % file.len();
        file[at] ^= xor;
        MetricsState::read(&file, labels()).ok();
        bytes.splice(0..0, super::MAGIC);
        MetricsState::read(&bytes, labels()).ok();
    }
}
