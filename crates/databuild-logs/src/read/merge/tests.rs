//! Several runs as one: sorted by time, complete, each run in its own order.

use crate::read::tests::fixture::{Store, line_of};
use crate::read::{Cursor, ReadError};
use databuild_model::entry::{Content, LogMessage};
use databuild_model::ids::JobRunId;
use databuild_model::level::Level;
use databuild_model::query::LogFilter;
use proptest::prelude::*;

fn id(run: usize) -> JobRunId {
    JobRunId::parse(format!("run-{run}")).unwrap()
}

/// Writes one run for each list of times; the message of an entry is its time.
fn store_of(runs: &[Vec<i64>]) -> (Store, Vec<(JobRunId, Cursor)>) {
    let store = Store::empty();
    let mut list = Vec::new();
    for (run, times) in runs.iter().enumerate() {
        let mut text = Vec::new();
        for (at, time) in times.iter().enumerate() {
            let log = LogMessage::new(Level::Info, time.to_string());
            text.extend(line_of(*time, at as i64 + 1, Content::Log(log)));
            text.push(b'\n');
        }
        std::fs::write(store.path_of(&id(run), ".jsonl"), text).unwrap();
        list.push((id(run), Cursor::START));
    }
    (store, list)
}

#[track_caller]
fn check(runs: &[&[i64]], expected: &str) {
    let runs: Vec<Vec<i64>> = runs.iter().map(|times| times.to_vec()).collect();
    let (store, list) = store_of(&runs);
    let merged: Vec<String> = store
        .reader()
        .merge(list, &LogFilter::default())
        .map(|merged| merged.unwrap())
        .map(|merged| format!("{}:{}", merged.run, merged.mark.timestamp.as_nanos()))
        .collect();
    assert_eq!(merged.join(" "), expected);
}

#[test]
fn entries_come_by_time_then_run_then_place() {
    check(&[&[1, 4, 5], &[2, 3, 5]], "0:1 1:2 1:3 0:4 0:5 1:5");
    check(&[&[], &[7]], "1:7");
    check(&[&[2, 2], &[2]], "0:2 0:2 1:2");
}

#[test]
fn a_clock_that_goes_back_does_not_turn_a_run_around() {
    check(&[&[5, 1, 6], &[2, 5, 7]], "1:2 0:5 0:1 1:5 0:6 1:7");
}

#[test]
fn a_run_that_cannot_be_read_is_one_error_among_the_others() {
    let (store, mut list) = store_of(&[vec![1], vec![2]]);
    list.push((id(9), Cursor::START));
    let merged: Vec<_> = store.reader().merge(list, &LogFilter::default()).collect();
    let missing = |item: &Result<_, ReadError>| matches!(item, Err(ReadError::RunNotFound { .. }));
    assert_eq!(merged.iter().filter(|item| missing(item)).count(), 1);
    assert_eq!(merged.iter().filter(|item| item.is_ok()).count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_merge_is_all_entries_sorted_and_tells_where_to_go_on(
        mut runs in prop::collection::vec(prop::collection::vec(0..50_i64, 0..30), 0..6),
        stop in 0..60_usize,
    ) {
        runs.iter_mut().for_each(|times| times.sort_unstable());
        let (store, list) = store_of(&runs);
        let mut expected: Vec<(i64, usize)> = Vec::new();
        for (run, times) in runs.iter().enumerate() {
            expected.extend(times.iter().map(|time| (*time, run)));
        }
        expected.sort();
        let seen = |merged: crate::read::Merged| (merged.mark.timestamp.as_nanos(), merged.run);
        let filter = LogFilter::default();
        let mut merge = store.reader().merge(list.clone(), &filter);
        let mut got: Vec<_> = merge.by_ref().take(stop).map(|item| seen(item.unwrap())).collect();
        let rest = list.iter().zip(merge.cursors()).map(|((run, _), at)| (run.clone(), at)).collect();
        got.extend(store.reader().merge(rest, &filter).map(|item| seen(item.unwrap())));
        prop_assert_eq!(got, expected);
    }
}
