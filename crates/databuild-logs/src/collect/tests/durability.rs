//! When what is stored is synced, by choice.

use super::faults::journalled;
use crate::collect::{Durability, OnFull};
use crate::fs::faulty::FaultyFs;
use crate::testing::{Store, end_line, log_line};
use std::io::Write;
use std::sync::Arc;

/// Stores one line and waits until `done` says so; then ends the run. Answers how often the entries
/// were synced before the end, and in all.
fn check(durability: Durability, done: impl Fn(&FaultyFs, &Store) -> bool) -> (usize, usize) {
    let fs = FaultyFs::default();
    let store = Store::that(Arc::new(fs.clone()), durability, OnFull::Block);
    let (mut writer, ticket) = store.begin("r");
    let entries = store.path("r.jsonl");
    writer.write_all((log_line("r", 1, "ERROR", "a") + "\n").as_bytes()).unwrap();
    while !done(&fs, &store) {
        std::thread::yield_now();
    }
    let before = fs.syncs(&entries);
    writer.write_all((end_line("r", 2) + "\n").as_bytes()).unwrap();
    drop(writer);
    assert!(ticket.wait().unwrap().is_complete());
    (before, fs.syncs(&entries))
}

#[test]
fn an_interval_passes_before_a_sync_and_an_error_does_not_wait_for_it() {
    let (before, after) =
        check(Durability::Interval, |fs, store| fs.syncs(&store.path("r.jsonl")) != 0);
    assert_eq!((before, after), (1, 2));
}

#[test]
fn without_syncs_by_the_clock_the_journal_tells_and_the_end_is_synced() {
    assert_eq!(check(Durability::Process, |fs, store| journalled(fs, store) == 1), (0, 1));
}

#[test]
fn always_reads_on_only_after_a_sync() {
    let fs = FaultyFs::default();
    let store = Store::that(Arc::new(fs.clone()), Durability::Always, OnFull::Block);
    let (mut writer, ticket) = store.begin("r");
    let entries = store.path("r.jsonl");
    for seq in 1..20 {
        writer.write_all((log_line("r", seq, "INFO", "a") + "\n").as_bytes()).unwrap();
        while fs.syncs(&entries) < usize::try_from(seq).unwrap() {
            std::thread::yield_now();
        }
        // Nobody has read meanwhile, so no byte is there that was not synced.
        assert_eq!(fs.unsynced(&entries), 0);
    }
    writer.write_all((end_line("r", 20) + "\n").as_bytes()).unwrap();
    drop(writer);
    assert!(ticket.wait().unwrap().is_complete());
}
