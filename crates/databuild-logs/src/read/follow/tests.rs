//! Following: every entry once, whatever the rhythm of the writer, to the end and not beyond.

use super::{Follower, Step};
use crate::read::tests::fixture::{
    IndexIs, Sample, Store, entry_lines, index_of, level_of, log_line, run_end_line, run_id,
};
use crate::read::{Cursor, Missing, ReadError, RunState};
use databuild_model::json::read_entry;
use databuild_model::level::Level;
use databuild_model::query::{LevelSet, LogFilter};
use proptest::prelude::*;
use std::time::Duration;

const AT_ONCE: Duration = Duration::ZERO;
/// Longer than any test takes: waits end because something happened.
const LONG: Duration = Duration::from_secs(60);

#[track_caller]
fn check_lines(step: &Step, expected: &[&[u8]]) {
    assert_eq!(messages(step), expected);
}

fn messages(step: &Step) -> Vec<Vec<u8>> {
    match step {
        Step::Lines(followed) => {
            assert_eq!(followed.lines.len(), followed.marks.len());
            followed.lines.iter().map(<[u8]>::to_vec).collect()
        }
        Step::Idle | Step::End(_) => Vec::new(),
    }
}

fn follow(store: &Store) -> Follower {
    store.reader().follow(&run_id(), LogFilter::default(), Cursor::START)
}

#[test]
fn what_is_there_then_what_comes_then_the_end() {
    let store = Store::with(&Sample::default(), IndexIs::Missing);
    let writer = store.lock();
    let mut follower = follow(&store);
    assert_eq!(follower.next(AT_ONCE).unwrap(), Step::Idle);
    let (one, two) = (log_line(1, 1, Level::Info, "one"), log_line(2, 2, Level::Info, "two"));
    store.append(&[&one[..], b"\n", &two[..9]].concat());
    check_lines(&follower.next(AT_ONCE).unwrap(), &[&one]);
    assert_eq!(follower.next(AT_ONCE).unwrap(), Step::Idle);
    store.append(&[&two[9..], b"\n"].concat());
    check_lines(&follower.next(AT_ONCE).unwrap(), &[&two]);
    let end = run_end_line(3, true);
    store.append(&[&end[..], b"\n"].concat());
    check_lines(&follower.next(AT_ONCE).unwrap(), &[&end]);
    assert_eq!(follower.next(AT_ONCE).unwrap(), Step::Idle);
    let sample = Sample { lines: vec![one, two, end], torn: Vec::new() };
    store.write_index(&index_of(&sample, IndexIs::Sealed).unwrap());
    drop(writer);
    assert_eq!(follower.next(AT_ONCE).unwrap(), Step::End(RunState::Complete));
}

#[test]
fn a_writer_that_dies_ends_the_following() {
    let line = log_line(1, 1, Level::Info, "one");
    let store =
        Store::with(&Sample { lines: vec![line], torn: b"{\"t".to_vec() }, IndexIs::Missing);
    let writer = store.lock();
    let mut follower = follow(&store);
    assert!(matches!(follower.next(AT_ONCE).unwrap(), Step::Lines(_)));
    assert_eq!(follower.next(AT_ONCE).unwrap(), Step::Idle);
    drop(writer);
    let lost = RunState::Incomplete { why: Missing::End };
    assert_eq!(follower.next(LONG).unwrap(), Step::End(lost));
}

#[test]
fn a_write_wakes_a_waiting_follower() {
    let store = Store::with(&Sample::default(), IndexIs::Missing);
    let _writer = store.lock();
    let line = log_line(1, 1, Level::Info, "one");
    let mut follower = follow(&store);
    assert_eq!(follower.next(AT_ONCE).unwrap(), Step::Idle);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || follower.next(LONG).unwrap());
        store.append(&[&line[..], b"\n"].concat());
        check_lines(&waiting.join().unwrap(), &[&line]);
    });
}

#[test]
fn a_run_that_is_not_there_yet_is_waited_for_within_bounds() {
    let store = Store::empty();
    let absent = follow(&store).next(AT_ONCE);
    assert!(matches!(absent, Err(ReadError::RunNotFound { .. })), "{absent:?}");
    let mut follower = follow(&store).with_patience(LONG);
    assert_eq!(follower.next(AT_ONCE).unwrap(), Step::Idle);
    let line = log_line(1, 1, Level::Info, "one");
    store.write(&[&line[..], b"\n"].concat());
    assert_eq!(messages(&follower.next(AT_ONCE).unwrap()), [line]);
    let short = Duration::from_millis(2);
    let store = Store::empty();
    let gone = follow(&store).with_patience(short).next(LONG);
    assert!(matches!(gone, Err(ReadError::RunNotFound { .. })), "{gone:?}");
}

#[test]
fn a_follower_resumes_where_another_stopped() {
    let lines: Vec<_> = (1..=5).map(|n| log_line(n, n, Level::Info, "m")).collect();
    let store = Store::with(&Sample { lines: lines.clone(), torn: Vec::new() }, IndexIs::Missing);
    let Step::Lines(first) = follow(&store).next(AT_ONCE).unwrap() else { panic!() };
    for (at, mark) in first.marks.iter().enumerate() {
        let mut rest = store.reader().follow(&run_id(), LogFilter::default(), mark.after);
        let step = rest.next(AT_ONCE).unwrap();
        assert_eq!(messages(&step), &lines[at + 1..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_entry_comes_once_however_it_is_written(
        lines in prop::collection::vec(entry_lines(), 0..20),
        cuts in prop::collection::vec(0..=1000_usize, 0..8),
        errors_only in any::<bool>(),
    ) {
        let text = Sample { lines: lines.clone(), torn: Vec::new() }.bytes(IndexIs::Missing);
        let mut cuts: Vec<usize> = cuts.iter().map(|part| text.len() * part / 1000).collect();
        cuts.push(text.len());
        cuts.sort_unstable();
        let levels = errors_only.then(|| LevelSet::at_least(Level::Error));
        let filter = LogFilter { levels, ..LogFilter::default() };
        let store = Store::with(&Sample::default(), IndexIs::Missing);
        let writer = store.lock();
        let mut follower = store.reader().follow(&run_id(), filter.clone(), Cursor::START);
        let (mut got, mut written) = (Vec::new(), 0);
        for cut in cuts {
            store.append(&text[written..cut]);
            written = cut;
            got.extend(messages(&follower.next(AT_ONCE).unwrap()));
        }
        drop(writer);
        loop {
            match follower.next(AT_ONCE).unwrap() {
                Step::End(_) => break,
                step @ (Step::Lines(_) | Step::Idle) => got.extend(messages(&step)),
            }
        }
        let expected: Vec<Vec<u8>> = lines
            .into_iter()
            .filter(|line| {
                let Ok((entry, _)) = read_entry(line) else { return false };
                !errors_only || level_of(&entry).is_some_and(|level| Level::Error <= level)
            })
            .collect();
        prop_assert_eq!(got, expected);
    }
}
