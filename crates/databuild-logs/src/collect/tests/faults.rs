//! What the collector does when the disk does not do its part.

use crate::collect::{CollectError, CollectorStats};
use crate::format::JournalRecord;
use crate::format::journal::JournalPlace;
use crate::fs::Fs;
use crate::fs::faulty::{Faults, FaultyFs};
use crate::limits;
use crate::store::journal::read_from;
use crate::testing::{Store, end_line, log_line};
use std::io::Write;
use std::sync::Arc;

fn broken(faults: Faults) -> (FaultyFs, Store) {
    let fs = FaultyFs::default();
    let store = Store::with_fs(Arc::new(fs.clone()));
    fs.set(faults);
    (fs, store)
}

/// The whole output of a run, in this many lines.
fn text(lines: u64) -> String {
    let log = |seq| log_line("r", seq, "INFO", "hello") + "\n";
    (1..lines).map(log).collect::<String>() + &end_line("r", lines) + "\n"
}

#[test]
fn short_writes_lose_nothing() {
    let (fs, store) = broken(Faults { write_bytes_max: Some(7), ..Faults::default() });
    let record = store.collect("r", text(20));
    assert!(record.is_complete());
    let stored = &fs.dump()[&store.path("r.jsonl")];
    assert_eq!(record.blake3, *blake3::hash(stored).as_bytes());
}

#[test]
fn a_full_disk_holds_the_job_up_until_there_is_room() {
    let (fs, mut store) = broken(Faults { capacity: Some(3_000), ..Faults::default() });
    let (mut writer, ticket) = store.begin("r");
    writer.write_all(text(50).as_bytes()).unwrap();
    drop(writer);
    let stored = || fs.open_read(&store.path("r.jsonl")).map_or(0, |file| file.size().unwrap());
    let stats = || store.collector().stats();
    while stored() < 2_000 || stats().runs_without_space == 0 || stats().lag.is_zero() {
        std::thread::yield_now();
    }
    assert_eq!((stats().runs, stats().runs_unsynced), (1, 1));
    fs.set(Faults::default());
    let record = ticket.wait().unwrap();
    assert!(record.is_complete());
    assert_eq!(record.entries, 50);
    let bytes = &fs.dump()[&store.path("r.jsonl")];
    assert_eq!(record.blake3, *blake3::hash(bytes).as_bytes());
    while store.collector().stats() != CollectorStats::default() {
        std::thread::yield_now();
    }
    store.stop();
}

#[test]
fn a_write_that_fails_for_good_ends_the_run_with_the_reason_and_no_other() {
    let (fs, store) = broken(Faults { write_error: Some("r.jsonl"), ..Faults::default() });
    let (mut writer, ticket) = store.begin("r");
    writer.write_all(text(3).as_bytes()).unwrap();
    match ticket.wait() {
        Err(CollectError::Write { path, stored_bytes: 0, .. }) => {
            assert_eq!(path, store.path("r.jsonl"));
        }
        other => panic!("{other:?}"),
    }
    let broken_pipe = writer.write_all(b"more\n").map_err(|error| error.kind());
    assert_eq!(broken_pipe, Err(std::io::ErrorKind::BrokenPipe), "the wrapper learns of it");
    assert_eq!(store.collector().stats().write_errors, 1);
    let other = store.collect("s", log_line("s", 1, "INFO", "a"));
    assert_eq!(other.entries, 1);
    drop(fs);
}

#[test]
fn a_failed_sync_is_an_error_and_not_asked_again() {
    for file in ["r.jsonl", "r.idx"] {
        let (_fs, store) = broken(Faults { sync_error: Some(file), ..Faults::default() });
        let (mut writer, ticket) = store.begin("r");
        writer.write_all(text(3).as_bytes()).unwrap();
        drop(writer);
        match ticket.wait() {
            Err(CollectError::Sync { path, .. }) => assert_eq!(path, store.path(file)),
            other => panic!("{file}: {other:?}"),
        }
        assert_eq!(store.collector().stats().sync_errors, 1);
    }
}

#[test]
fn a_run_that_failed_is_put_right_by_the_next_start() {
    let (fs, mut store) = broken(Faults { sync_error: Some("r.jsonl"), ..Faults::default() });
    let (mut writer, ticket) = store.begin("r");
    writer.write_all(text(3).as_bytes()).unwrap();
    drop(writer);
    assert!(ticket.wait().is_err());
    fs.set(Faults::default());
    store.stop();
    store.start();
    // Whether it was sealed before the sync failed or must be sealed now: it was in no journal.
    assert_eq!(store.collector().recovery().journalled, 1);
}

/// Runs of which the journal says that something is durable.
pub(super) fn journalled(fs: &FaultyFs, store: &Store) -> usize {
    let journals = crate::store::journal::list(fs, store.logs_dir()).unwrap();
    let place = JournalPlace { journal: journals[0], offset: 0 };
    let (records, _) = read_from(fs, store.logs_dir(), place, 1 << 20).unwrap();
    let durable =
        |record: &&JournalRecord| matches!(record, JournalRecord::Batch(b) if b.bytes != 0);
    records.iter().filter(durable).count()
}

#[test]
fn many_runs_are_synced_together_and_an_error_is_only_that_of_the_run_it_befell() {
    let (fs, store) = broken(Faults { sync_error: Some("run-7.jsonl"), ..Faults::default() });
    let count = limits::SYNC_ALL_RUNS_MIN * 2;
    let mut open: Vec<_> = (0..count).map(|number| store.begin(&format!("run-{number}"))).collect();
    for (number, (writer, _)) in open.iter_mut().enumerate() {
        writeln!(writer, "{}", log_line(&format!("run-{number}"), 1, "INFO", "a")).unwrap();
    }
    while journalled(&fs, &store) < count - 1 {
        std::thread::yield_now();
    }
    for (number, (writer, ticket)) in open.into_iter().enumerate() {
        drop(writer);
        assert_eq!(ticket.wait().is_err(), number == 7, "run-{number}");
    }
}
