//! What the journals tell comes once to each reader, whatever is killed, removed or asked for in between.

use super::{Content, JournalTail, Places, STRETCH_BYTES_MAX, Stretch, TailStart, Tailed};
use crate::format::journal::{self, BatchRecord, JournalRecord, Synced};
use crate::fs::OsFs;
use crate::store::journal::journal_path;
use crate::testing::{Store, end_line, log_line, run_id};
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming::JournalName;
use expect_test::expect;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const DAY: &str = "2025-01-27";
const MUCH: usize = 64 << 20;

/// A store that is written by hand, so that times and cuts are what a test says.
struct Hand {
    dir: tempfile::TempDir,
    lines: BTreeMap<String, u64>,
}

impl Hand {
    fn new() -> Hand {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".journal")).unwrap();
        std::fs::create_dir_all(dir.path().join(DAY)).unwrap();
        Hand { dir, lines: BTreeMap::new() }
    }

    fn run_file(&self, run: &str) -> PathBuf {
        self.dir.path().join(DAY).join(format!("{run}.jsonl"))
    }

    fn journal(&self, name: JournalName) -> PathBuf {
        journal_path(self.dir.path(), name)
    }

    /// Stores `text` in `run`, and has `journal` tell that it became durable at second `at`.
    fn store(&mut self, journal: JournalName, run: &str, text: &str, at: i64, sealed: bool) {
        let path = self.run_file(run);
        let offset = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        append(&path, text.as_bytes());
        let first_line = self.lines.entry(run.to_owned()).or_default();
        let entries = text.matches('\n').count() as u64;
        let batch = BatchRecord {
            job_run_id: run_id(run),
            day: Day::parse(DAY).unwrap(),
            offset,
            bytes: text.len() as u64,
            first_line: *first_line,
            entries,
            min_time: second(0),
            max_time: second(at),
            level_counts: [0; 6],
            kind_counts: [0; 4],
            size_counts: [0; 8],
            sealed,
            synced: Some(Synced { at: second(at), took: Duration::ZERO }),
        };
        *first_line += entries;
        self.tell(journal, &JournalRecord::Batch(batch));
    }

    fn tell(&self, name: JournalName, record: &JournalRecord) {
        let path = self.journal(name);
        let mut bytes = Vec::new();
        if !path.exists() {
            journal::write_header(&mut bytes);
        }
        journal::write_record(record, &mut bytes);
        append(&path, &bytes);
    }

    fn tail(&self) -> JournalTail {
        tail(self.dir.path())
    }
}

fn tail(dir: &Path) -> JournalTail {
    JournalTail::new(dir.to_owned(), Arc::new(OsFs))
}

fn append(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.unwrap().write_all(bytes).unwrap();
}

fn second(at: i64) -> Timestamp {
    let day = Day::parse(DAY).unwrap().start();
    Timestamp::from_nanos(day.as_nanos() + at * 1_000_000_000)
}

fn name(collector: u16) -> JournalName {
    JournalName { day: Day::parse(DAY).unwrap(), collector }
}

fn seconds(at: Timestamp) -> i64 {
    at.since(second(0)).as_secs().cast_signed()
}

/// What came, one line each; large texts by their length.
fn shown(tailed: &Tailed) -> String {
    let stretches = tailed.stretches.iter().map(stretch_shown);
    let anew = tailed.anew.iter().map(|anew| format!("anew {}\n", anew.file_name()));
    let more = tailed.more.then(|| {
        let until = tailed.complete_until.expect("a time");
        format!("more after {}s\n", seconds(until))
    });
    stretches.chain(anew).chain(more).collect()
}

fn stretch_shown(it: &Stretch) -> String {
    let said = match &it.content {
        Content::Lines(lines) if 100 < lines.len() => format!("{} bytes", lines.len()),
        Content::Lines(lines) => format!("{:?}", String::from_utf8_lossy(lines)),
        Content::Missing(entries) => format!("{entries} missing"),
    };
    let sealed = if it.sealed { " sealed" } else { "" };
    let partly = if it.next == it.offset { " partly" } else { "" };
    let (at, journal) = (seconds(it.durable_at), it.journal.collector);
    format!("{at}s {journal} {} line {}: {said}{partly}{sealed}\n", it.job_run_id, it.first_line)
}

fn poll(tail: &mut JournalTail) -> String {
    shown(&tail.poll(MUCH, second(1_000)).unwrap())
}

#[test]
fn journals_are_merged_by_when_what_they_tell_became_durable() {
    let mut hand = Hand::new();
    hand.store(name(0), "a", "a1\na2\n", 1, false);
    hand.store(name(1), "b", "b1\n", 2, false);
    hand.store(name(0), "a", "a3\n", 3, true);
    let mut tail = hand.tail();
    expect![[r#"
        1s 0 a line 0: "a1\na2\n"
        2s 1 b line 0: "b1\n"
        3s 0 a line 2: "a3\n" sealed
    "#]]
    .assert_eq(&poll(&mut tail));
    assert_eq!(poll(&mut tail), "");
    hand.store(name(1), "b", "b2\n", 4, true);
    hand.tell(name(1), &JournalRecord::Closed);
    assert_eq!(poll(&mut tail), "4s 1 b line 1: \"b2\\n\" sealed\n");
}

#[test]
fn little_is_given_if_little_is_asked_for_and_all_before_it_is_there() {
    let mut hand = Hand::new();
    hand.store(name(0), "a", "a1\n", 1, false);
    hand.store(name(0), "a", "a2\n", 5, false);
    hand.store(name(1), "b", "b1\n", 3, false);
    let mut tail = hand.tail();
    let mut told = Vec::new();
    loop {
        let tailed = tail.poll(1, second(9)).unwrap();
        told.push(shown(&tailed));
        if !tailed.more {
            assert_eq!(tailed.complete_until, Some(second(9)));
            break;
        }
    }
    expect![[r#"
        1s 0 a line 0: "a1\n"
        more after 3s

        3s 1 b line 0: "b1\n"
        more after 5s

        5s 0 a line 1: "a2\n"
    "#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_record_of_a_large_file_comes_in_pieces_and_all_of_it_again_before_the_last() {
    let mut hand = Hand::new();
    let line = "x".repeat(STRETCH_BYTES_MAX / 2 - 10) + "\n";
    hand.store(name(0), "a", &line.repeat(5), 1, true);
    let mut tail = hand.tail();
    let tailed = tail.poll(MUCH, second(9)).unwrap();
    expect![[r#"
        1s 0 a line 0: 1048558 bytes partly
        1s 0 a line 2: 1048558 bytes partly
        1s 0 a line 4: 524279 bytes sealed
    "#]]
    .assert_eq(&shown(&tailed));
    let places = Places::from([(name(0), tailed.stretches[1].next)]);
    tail.seek(&TailStart::Places(places)).unwrap();
    assert_eq!(tail.poll(MUCH, second(9)).unwrap().stretches, tailed.stretches);
    let places = Places::from([(name(0), tailed.stretches[2].next)]);
    tail.seek(&TailStart::Places(places)).unwrap();
    assert_eq!(poll(&mut tail), "");
}

#[test]
fn a_line_that_is_longer_than_what_was_asked_for_comes_whole() {
    let mut hand = Hand::new();
    hand.store(name(0), "a", &("x".repeat(3 * STRETCH_BYTES_MAX) + "\nshort\n"), 1, false);
    let mut tail = hand.tail();
    let (first, second_) = (tail.poll(10, second(9)).unwrap(), tail.poll(10, second(9)).unwrap());
    expect![[r#"
        1s 0 a line 0: 3145729 bytes partly
        more after 1s
        1s 0 a line 1: "short\n"
    "#]]
    .assert_eq(&(shown(&first) + &shown(&second_)));
}

#[test]
fn what_is_gone_is_counted() {
    let mut hand = Hand::new();
    hand.store(name(0), "a", "a1\na2\n", 1, false);
    hand.store(name(0), "b", "b1\nb2\nb3\n", 2, true);
    hand.store(name(0), "c", "c1\n", 3, true);
    std::fs::remove_file(hand.run_file("a")).unwrap();
    OpenOptions::new().write(true).open(hand.run_file("b")).unwrap().set_len(4).unwrap();
    expect![[r#"
        1s 0 a line 0: 2 missing
        2s 0 b line 0: "b1\n" partly
        2s 0 b line 1: 2 missing sealed
        3s 0 c line 0: "c1\n" sealed
    "#]]
    .assert_eq(&poll(&mut hand.tail()));
}

#[test]
fn a_torn_tail_is_waited_for() {
    let mut hand = Hand::new();
    hand.store(name(0), "a", "a1\n", 1, false);
    let whole = std::fs::read(hand.journal(name(0))).unwrap();
    hand.store(name(0), "a", "a2\n", 2, true);
    let longer = std::fs::read(hand.journal(name(0))).unwrap();
    let mut tail = hand.tail();
    for cut in whole.len()..longer.len() {
        std::fs::write(hand.journal(name(0)), &longer[..cut]).unwrap();
        let told = poll(&mut tail);
        assert_eq!(told.contains("a1"), cut == whole.len(), "{told}");
        assert!(!told.contains("a2") && !told.contains("anew"), "{told}");
    }
    std::fs::write(hand.journal(name(0)), &longer).unwrap();
    assert_eq!(poll(&mut tail), "2s 0 a line 1: \"a2\\n\" sealed\n");
}

#[test]
fn a_journal_that_was_made_anew_is_read_from_its_beginning() {
    let mut hand = Hand::new();
    hand.store(name(0), "a", "a1\na2\n", 1, false);
    hand.store(name(0), "b", "b1\n", 2, true);
    let mut tail = hand.tail();
    let tailed = tail.poll(MUCH, second(9)).unwrap();
    std::fs::remove_file(hand.journal(name(0))).unwrap();
    hand.store(name(0), "another", "c1\n", 3, true);
    expect![[r#"
        3s 0 another line 0: "c1\n" sealed
        anew 2025-01-27-0.journal
    "#]]
    .assert_eq(&poll(&mut tail));

    std::fs::remove_file(hand.journal(name(0))).unwrap();
    hand.store(name(4), "d", "d1\n", 4, true);
    let expected = expect![[r#"
        4s 4 d line 0: "d1\n" sealed
        anew 2025-01-27-4.journal
    "#]];
    expected.assert_eq(&poll(&mut tail));
    let next = tailed.stretches[1].next;
    tail.seek(&TailStart::Places(Places::from([(name(0), next)]))).unwrap();
    expected.assert_eq(&poll(&mut tail));
}

#[test]
fn closed_journals_of_earlier_days_are_not_opened_again() {
    let mut hand = Hand::new();
    hand.store(name(0), "a", "a1\n", 1, true);
    hand.tell(name(0), &JournalRecord::Closed);
    let today = JournalName { day: Day::parse("2025-01-28").unwrap(), collector: 0 };
    hand.store(today, "b", "b1\n", 100_000, true);
    let mut tail = hand.tail();
    assert_eq!(poll(&mut tail).lines().count(), 2);
    // Were it opened, this would be the journal of a later version.
    std::fs::write(hand.journal(name(0)), b"DBJOURN\x02").unwrap();
    assert_eq!(poll(&mut tail), "");
    let error = hand.tail().poll(MUCH, second(1)).unwrap_err();
    assert_eq!(error.remedy(), "update databuild: a later version wrote this");
}

#[test]
fn readers_begin_where_they_want() {
    let mut hand = Hand::new();
    hand.store(name(0), "a", "a1\n", 1, false);
    hand.store(name(0), "a", "a2\n", 5, false);
    hand.store(name(1), "b", "b1\n", 3, false);
    let told = |start: &TailStart| {
        let mut tail = hand.tail();
        tail.seek(start).unwrap();
        poll(&mut tail)
    };
    expect![[r#"
        3s 1 b line 0: "b1\n"
        5s 0 a line 1: "a2\n"
    "#]]
    .assert_eq(&told(&TailStart::Since(second(2))));
    assert_eq!(told(&TailStart::Since(second(6))), "");
    assert_eq!(told(&TailStart::End), "");
    assert_eq!(told(&TailStart::Beginning).lines().count(), 3);
    let mut tail = hand.tail();
    tail.seek(&TailStart::End).unwrap();
    hand.store(name(1), "b", "b2\n", 7, true);
    hand.store(name(2), "c", "c1\n", 8, true);
    assert_eq!(
        poll(&mut tail),
        "7s 1 b line 1: \"b2\\n\" sealed\n8s 2 c line 0: \"c1\\n\" sealed\n"
    );
}

#[test]
fn a_store_without_journals_has_nothing_to_tell() {
    let dir = tempfile::tempdir().unwrap();
    let mut tail = tail(&dir.path().join("none"));
    tail.seek(&TailStart::End).unwrap();
    assert_eq!(poll(&mut tail), "");
}

fn whole(run: &str) -> String {
    log_line(run, 1, "INFO", "x") + "\n" + &end_line(run, 2) + "\n"
}

/// What came of each run.
fn told_of(tail: &mut JournalTail) -> BTreeMap<String, String> {
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for it in tail.poll(MUCH, second(90_000)).unwrap().stretches {
        let Content::Lines(lines) = it.content else { panic!("missing") };
        told.entry(it.job_run_id.to_string())
            .or_default()
            .push_str(std::str::from_utf8(&lines).unwrap());
    }
    told
}

#[test]
fn what_a_collector_stores_is_told_once_across_its_restarts() {
    let mut store = Store::new();
    let mut tail = tail(store.logs_dir());
    for run in ["a", "b", "c"] {
        store.collect(run, whole(run));
        let expected = BTreeMap::from([(run.to_owned(), store.stored(run))]);
        assert_eq!(told_of(&mut tail), expected);
        store.stop();
        assert_eq!(told_of(&mut tail), BTreeMap::new());
        store.start();
    }
}

#[test]
fn when_all_journals_are_lost_what_was_told_comes_again_and_that_is_said() {
    let mut store = Store::new();
    let mut tail = tail(store.logs_dir());
    store.collect("a", whole("a"));
    assert_eq!(told_of(&mut tail).len(), 1);
    store.stop();
    std::fs::remove_dir_all(store.logs_dir().join(".journal")).unwrap();
    assert_eq!(poll(&mut tail), "");
    store.start();
    store.collect("b", whole("b"));
    store.stop();
    let tailed = tail.poll(MUCH, second(90_000)).unwrap();
    assert_eq!(tailed.anew.len(), 1);
    let mut runs: Vec<&str> = tailed.stretches.iter().map(|it| it.job_run_id.as_str()).collect();
    runs.dedup();
    assert_eq!(runs, ["a", "b"]);
}

#[derive(Debug, Clone)]
enum Deed {
    Store { journal: u16, run: u8, lines: usize },
    Poll { bytes_max: usize },
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0..3_u16, 0..4_u8, 0..40_usize)
            .prop_map(|(journal, run, lines)| Deed::Store { journal, run, lines }),
        3 => (1..600_usize).prop_map(|bytes_max| Deed::Poll { bytes_max }),
        1 => Just(Deed::Restart),
    ]
}

proptest! {
    /// A reader that deals with what it got, keeps its places, and passes over lines that it knows by
    /// their numbers, gets each line once, in the order of its run.
    #[test]
    fn every_line_comes_once(deeds in prop::collection::vec(deed(), 1..60)) {
        let mut hand = Hand::new();
        let mut tail = hand.tail();
        let mut places = Places::new();
        let mut stored: BTreeMap<String, String> = BTreeMap::new();
        let mut got: BTreeMap<String, String> = BTreeMap::new();
        let mut take = |tailed: Tailed, places: &mut Places| {
            for it in tailed.stretches {
                let Content::Lines(lines) = it.content else { panic!("missing") };
                let known: &mut String = got.entry(it.job_run_id.to_string()).or_default();
                let count = known.lines().count() as u64;
                assert!(it.first_line <= count, "a gap");
                let new = std::str::from_utf8(&lines).unwrap().split_inclusive('\n');
                known.extend(new.skip(usize::try_from(count - it.first_line).unwrap()));
                places.insert(it.journal, it.next);
            }
            tailed.more
        };
        for (at, deed) in deeds.into_iter().enumerate() {
            match deed {
                Deed::Store { journal, run, lines } => {
                    let run = format!("r{run}");
                    let text: String =
                        (0..lines).map(|n| format!("{at} {n} {}\n", "x".repeat(n))).collect();
                    hand.store(name(journal), &run, &text, i64::try_from(at).unwrap(), false);
                    stored.entry(run).or_default().push_str(&text);
                }
                Deed::Poll { bytes_max } => {
                    take(tail.poll(bytes_max, second(1_000)).unwrap(), &mut places);
                }
                Deed::Restart => {
                    tail = hand.tail();
                    tail.seek(&TailStart::Places(places.clone())).unwrap();
                }
            }
        }
        while take(tail.poll(100, second(1_000)).unwrap(), &mut places) {}
        stored.retain(|_, text| !text.is_empty());
        prop_assert_eq!(got, stored);
    }
}
