//! What the collector does when the disk does not do its part.

use crate::collect::{
    CollectError, CollectorStats, ConsumeError, Durability, OnFull, RunContext, StopError,
};
use crate::format::JournalRecord;
use crate::format::journal::JournalPlace;
use crate::fs::Fs;
use crate::fs::faulty::{Faults, FaultyFs};
use crate::limits;
use crate::store::journal::read_from;
use crate::testing::{Store, context, end_line, log_line};
use databuild_model::entry::Content;
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
fn a_write_that_fails_for_good_ends_the_run_if_nobody_wants_to_wait_and_no_other() {
    let fs = FaultyFs::default();
    let store = Store::that(Arc::new(fs.clone()), Durability::Interval, OnFull::FailJob);
    fs.set(Faults { write_error: Some("r.jsonl"), ..Faults::default() });
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
    assert!(store.collector().health().is_well(), "what was given up hinders nobody");
    let other = store.collect("s", log_line("s", 1, "INFO", "a"));
    assert_eq!(other.entries, 1);
}

#[test]
fn a_disk_that_keeps_failing_holds_the_job_up_says_so_and_is_tried_again() {
    let (fs, store) = broken(Faults { sync_error: Some("r.jsonl"), ..Faults::default() });
    let (mut writer, ticket) = store.begin("r");
    writer.write_all(text(3).as_bytes()).unwrap();
    drop(writer);
    while store.collector().health().is_well() {
        std::thread::yield_now();
    }
    let problems = store.collector().health().problems;
    assert!(problems[0].contains("r.jsonl"), "{problems:?}");
    fs.set(Faults::default());
    assert!(ticket.wait().unwrap().is_complete());
    assert!(store.collector().health().is_well());
}

#[test]
fn a_journal_that_the_disk_cannot_keep_is_followed_by_another() {
    let (fs, mut store) =
        broken(Faults { sync_error: Some("-0.journal"), times: Some(1), ..Faults::default() });
    let (mut writer, ticket) = store.begin("r");
    writer.write_all(text(3).as_bytes()).unwrap();
    drop(writer);
    assert!(ticket.wait().unwrap().is_complete());
    assert_eq!(journals(&fs, &store), 2);
    store.stop();
    store.start();
    let recovery = store.collector().recovery();
    assert_eq!((recovery.restored.len(), recovery.journalled), (0, 0), "nothing is told twice");
}

fn journals(fs: &FaultyFs, store: &Store) -> usize {
    crate::store::journal::list(fs, store.logs_dir()).unwrap().len()
}

#[test]
fn a_full_disk_fails_the_job_if_nobody_wants_to_wait_and_the_reserve_has_space_for_its_end() {
    let fs = FaultyFs::default();
    fs.set(Faults { capacity: Some(20_000_000), ..Faults::default() });
    let mut store = Store::that(Arc::new(fs.clone()), Durability::Interval, OnFull::FailJob);
    // The reserve has a sixteenth; this leaves 50,000 bytes.
    let file = fs.create_new(&store.logs_dir().join("other")).unwrap();
    crate::fs::append_all(file.as_ref(), &vec![0; 18_700_000]).unwrap();
    let (mut writer, ticket) = store.begin("r");
    writer.write_all(text(2_000).as_bytes()).ok();
    match ticket.wait() {
        Err(CollectError::Full { path, stored_bytes }) => {
            assert_eq!(path, store.path("r.jsonl"));
            assert_eq!(stored_bytes, fs.dump()[&path].len() as u64);
        }
        other => panic!("{other:?}"),
    }
    drop(writer);
    let found = remarks(&fs, &store);
    assert_eq!(found.len(), 1);
    assert!(found[0].1.starts_with("reason=no space on the disk entries_from="), "{found:?}");
    store.stop();
    store.start();
    let recovery = store.collector().recovery();
    assert_eq!((recovery.restored.len(), recovery.journalled), (0, 0), "it was sealed and told");
}

#[test]
fn a_run_whose_wrapper_is_gone_ends_in_the_reserve() {
    let fs = FaultyFs::default();
    fs.set(Faults { capacity: Some(400_000), ..Faults::default() });
    let store = Store::with_fs(Arc::new(fs.clone()));
    // Somebody else has taken all the space there is.
    let file = fs.create_new(&store.logs_dir().join("other")).unwrap();
    crate::fs::append_all(file.as_ref(), &vec![0; 400_000]).unwrap_err();
    let (mut writer, ticket) = store.begin("r");
    writer.write_all(text(50).as_bytes()).unwrap();
    drop(writer);
    assert!(ticket.wait().unwrap().is_complete());
    // The next one waits for space.
    let (mut writer, ticket) = store.begin("s");
    writer.write_all((log_line("s", 1, "INFO", "a") + "\n").as_bytes()).unwrap();
    while store.collector().stats().runs_without_space == 0 {
        std::thread::yield_now();
    }
    file.truncate(0).unwrap();
    while store.collector().stats().runs_without_space != 0 {
        std::thread::yield_now();
    }
    drop(writer);
    assert_eq!(ticket.wait().unwrap().entries, 1);
}

/// The remarks of the collector in a run's file: type and what they are about.
fn remarks(fs: &FaultyFs, store: &Store) -> Vec<(String, String)> {
    let bytes = &fs.dump()[&store.path("r.jsonl")];
    let mut found = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let (entry, _) = databuild_model::json::read_entry(line).unwrap();
        if let Content::JobEvent(event) = entry.content
            && entry.sequence_number == 0
        {
            let facts = event.metadata.iter().map(|(name, value)| format!("{name}={value}"));
            found.push((event.event_type, facts.collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

#[test]
fn a_failed_sync_is_answered_by_a_new_file() {
    for file in ["r.jsonl", "r.idx"] {
        for forgets in [false, true] {
            let once = Faults { sync_error: Some(file), times: Some(1), ..Faults::default() };
            let (fs, store) = broken(Faults { forgets, ..once });
            let (mut writer, ticket) = store.begin("r");
            writer.write_all(text(3).as_bytes()).unwrap();
            drop(writer);
            let record = ticket.wait().unwrap();
            assert!(record.is_complete(), "{file}: {record:?}");
            assert_eq!((record.entries, record.malformed), (4, 0), "with the remark");
            let stored = &fs.dump()[&store.path("r.jsonl")];
            assert_eq!(record.blake3, *blake3::hash(stored).as_bytes());
            assert_eq!(fs.unsynced(&store.path("r.jsonl")), 0);
            assert!(fs.dump().contains_key(&store.path("r.jsonl.suspect")));
            let facts =
                "what=rewritten reason=Input/output error (os error 5) suspect=r.jsonl.suspect";
            assert_eq!(remarks(&fs, &store), [("store_repaired".to_owned(), facts.to_owned())]);
            let stats = store.collector().stats();
            assert_eq!((stats.sync_errors, stats.rewrites), (1, 1));
            assert!(store.collector().health().is_well());
        }
    }
}

#[test]
fn a_panic_in_a_sync_is_a_sync_that_failed_and_nobody_waits_for_ever() {
    for file in ["r.jsonl", "r.idx"] {
        let once = Faults { sync_error: Some(file), times: Some(1), ..Faults::default() };
        let (fs, store) = broken(Faults { panics: true, ..once });
        let (mut writer, ticket) = store.begin("r");
        writer.write_all(text(3).as_bytes()).unwrap();
        drop(writer);
        let record = ticket.wait().unwrap();
        assert!(record.is_complete(), "{file}: {record:?}");
        let stored = &fs.dump()[&store.path("r.jsonl")];
        assert_eq!(record.blake3, *blake3::hash(stored).as_bytes());
        let facts = "what=rewritten reason=a defect in databuild ended the sync \
                     suspect=r.jsonl.suspect";
        assert_eq!(remarks(&fs, &store), [("store_repaired".to_owned(), facts.to_owned())]);
    }
}

#[test]
fn a_panic_of_the_collectors_own_thread_ends_every_wait() {
    let once = Faults { sync_error: Some(".journal"), times: Some(1), ..Faults::default() };
    let (_, mut store) = broken(Faults { panics: true, ..once });
    let (mut writer, ticket) = store.begin("r");
    writer.write_all(text(3).as_bytes()).ok();
    assert!(matches!(ticket.wait(), Err(CollectError::Stopped { .. })));
    let (reader, _writer) = std::io::pipe().unwrap();
    // Of one that comes while the thread is just ending its own ticket says so.
    match store.collector().consume_job_output(context("s"), reader.into(), None) {
        Ok(ticket) => assert!(matches!(ticket.wait(), Err(CollectError::Stopped { .. }))),
        Err(error) => assert!(matches!(error, ConsumeError::Stopped), "{error:?}"),
    }
    let stopped = store.collector.take().unwrap().stop();
    assert!(matches!(stopped, Err(StopError::Crashed)), "{stopped:?}");
}

/// A store that syncs as rarely as it may, on a disk that forgets what it fails to sync once.
fn forgetful() -> (FaultyFs, Store) {
    let fs = FaultyFs::default();
    let store = Store::that(Arc::new(fs.clone()), Durability::Process, OnFull::Block);
    let once = Faults { sync_error: Some("r.jsonl"), times: Some(1), ..Faults::default() };
    fs.set(Faults { forgets: true, ..once });
    (fs, store)
}

#[test]
fn what_the_disk_lost_and_nobody_has_any_more_is_named() {
    let (fs, store) = forgetful();
    // More than is kept in memory.
    let record = store.collect("r", text(2 * limits::RETAINED_BYTES_MAX as u64 / 100));
    assert_eq!((record.entries, record.end), (1, None));
    let found = remarks(&fs, &store);
    let facts = "reason=the disk lost what was written: Input/output error (os error 5) \
                 entries_from=1 entries_to=1310 suspect=r.jsonl.suspect";
    assert_eq!(found, [("gap".to_owned(), facts.to_owned())]);
    assert!(store.collector().health().is_well());
}

#[test]
fn what_the_disk_lost_and_a_spool_has_is_told_again() {
    let (fs, store) = forgetful();
    let spool = store.logs_dir().join(".spool/r");
    fs.create_dir_all(&spool).unwrap();
    let open = || {
        let (reader, writer) = std::io::pipe().unwrap();
        let stored_mark = Some(spool.join("stored"));
        let run = RunContext { continues: true, stored_mark, ..context("r") };
        (writer, store.collector().consume_job_output(run, reader.into(), None).unwrap())
    };
    let (mut writer, ticket) = open();
    let lines = text(limits::SPOOL_SYNC_BYTES / 100);
    // Its pipe is closed meanwhile.
    writer.write_all(lines.as_bytes()).ok();
    assert_eq!(ticket.wait().unwrap().end, None, "the wrapper lives, and the run is left open");
    let run = context("r");
    let point = store.collector().resume_point(&run.job_run_id, run.started_at.day()).unwrap();
    assert_eq!(point.next_sequence, 1);
    let (mut writer, ticket) = open();
    writer.write_all(lines.as_bytes()).unwrap();
    drop(writer);
    let record = ticket.wait().unwrap();
    assert!(record.is_complete(), "{record:?}");
    let found = remarks(&fs, &store);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.starts_with("what=cut"), "{found:?}");
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
    let (fs, store) =
        broken(Faults { sync_error: Some("run-7.jsonl"), times: Some(1), ..Faults::default() });
    let count = limits::SYNC_ALL_RUNS_MIN * 2;
    let mut open: Vec<_> = (0..count).map(|number| store.begin(&format!("run-{number}"))).collect();
    for (number, (writer, _)) in open.iter_mut().enumerate() {
        writeln!(writer, "{}", log_line(&format!("run-{number}"), 1, "INFO", "a")).unwrap();
    }
    while journalled(&fs, &store) < count {
        std::thread::yield_now();
    }
    for (number, (writer, ticket)) in open.into_iter().enumerate() {
        drop(writer);
        let record = ticket.wait().unwrap();
        assert_eq!(record.entries, if number == 7 { 2 } else { 1 }, "run-{number}");
    }
    assert_eq!(store.collector().stats().rewrites, 1);
}
