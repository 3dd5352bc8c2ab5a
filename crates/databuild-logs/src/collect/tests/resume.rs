//! Runs that are gone on with: after their wrapper died, and after their collector did.

use crate::collect::{CollectError, ConsumeError, ResumeError, RunContext, RunTicket};
use crate::format::journal::JournalPlace;
use crate::format::{JournalRecord, RunRecord};
use crate::store::journal::{list, read_from};
use crate::testing::{Store, context, end_line, log_line, run_id};
use databuild_model::entry::Content;
use databuild_model::spool::{Resume, decode_stored_mark};
use std::io::{PipeWriter, Write};
use std::path::PathBuf;

fn mark(store: &Store) -> PathBuf {
    store.logs_dir().join(".spool/r/stored")
}

fn marked(store: &Store) -> Option<u64> {
    decode_stored_mark(&std::fs::read(mark(store)).unwrap_or_default())
}

/// A store in which run `r` has a spool.
fn store() -> Store {
    let store = Store::new();
    let spool = mark(&store);
    std::fs::create_dir_all(spool.parent().unwrap()).unwrap();
    std::fs::write(spool.with_file_name("run.json"), "{}").unwrap();
    store
}

fn spooled(store: &Store) -> RunContext {
    RunContext { continues: true, stored_mark: Some(mark(store)), ..context("r") }
}

fn open(store: &Store) -> (PipeWriter, RunTicket) {
    let (reader, writer) = std::io::pipe().unwrap();
    let ticket = store.collector().consume_job_output(spooled(store), reader.into(), None);
    (writer, ticket.unwrap())
}

fn collect(store: &Store, text: &str) -> RunRecord {
    let (mut writer, ticket) = open(store);
    writer.write_all(text.as_bytes()).unwrap();
    drop(writer);
    ticket.wait().unwrap()
}

fn lines(from: u64, to: u64) -> String {
    (from..to).map(|seq| log_line("r", seq, "INFO", "hello") + "\n").collect()
}

fn point(store: &Store) -> Result<Resume, ResumeError> {
    let run = context("r");
    store.collector().resume_point(&run.job_run_id, run.started_at.day())
}

/// The stretches of run `r` in all journals: offset, end, sealed.
fn journalled(store: &Store) -> Vec<(u64, u64, bool)> {
    let (fs, dir) = (store.fs.as_ref(), store.logs_dir());
    let mut found = Vec::new();
    for journal in list(fs, dir).unwrap() {
        let place = JournalPlace { journal, offset: 0 };
        for record in read_from(fs, dir, place, 1 << 20).unwrap().0 {
            let JournalRecord::Batch(batch) = record else { continue };
            found.push((batch.offset, batch.end(), batch.sealed));
        }
    }
    found
}

/// What the collector remarked of run `r`.
fn remarks(store: &Store) -> Vec<String> {
    let mut found = Vec::new();
    for line in store.stored("r").lines() {
        let (entry, _) = databuild_model::json::read_entry(line.as_bytes()).unwrap();
        if let Content::JobEvent(event) = entry.content
            && entry.sequence_number == 0
        {
            let facts = event.metadata.iter().filter(|(name, _)| *name != "reason");
            let facts = facts.map(|(name, value)| format!("{name}={value}"));
            found.push(facts.collect::<Vec<_>>().join(" "));
        }
    }
    found
}

/// Every byte once, and one end.
#[track_caller]
fn check_whole(store: &Store, record: &RunRecord, entries: u64, remarked: &[&str]) {
    assert!(record.is_complete(), "{record:?}");
    assert_eq!(remarks(store), remarked);
    assert_eq!((record.entries, record.malformed), (entries + remarked.len() as u64, 0));
    let stored = store.stored("r");
    assert_eq!(record.blake3, *blake3::hash(stored.as_bytes()).as_bytes());
    let mut at = 0;
    for (offset, end, _) in journalled(store) {
        assert_eq!(offset, at, "{:?}", journalled(store));
        at = end;
    }
    assert_eq!(at, stored.len() as u64);
    assert_eq!(journalled(store).iter().filter(|(.., sealed)| *sealed).count(), 1);
    assert_eq!(marked(store), Some(entries));
}

#[test]
fn a_wrapper_that_dies_leaves_the_run_open_and_another_goes_on() {
    let store = store();
    let record = collect(&store, &(lines(1, 4) + "{\"half"));
    assert_eq!((record.end, record.entries), (None, 4));
    assert_eq!(marked(&store), Some(3));
    assert_eq!(point(&store).unwrap().next_sequence, 4);
    let record = collect(&store, &(lines(4, 6) + &end_line("r", 6) + "\n"));
    check_whole(&store, &record, 6, &["what=cut bytes=6"]);
    assert_eq!(record.replayed, 0);
}

#[test]
fn what_comes_again_is_left_out_and_counted() {
    let store = store();
    collect(&store, &lines(1, 4));
    let record = collect(&store, &(lines(2, 6) + &end_line("r", 6) + "\n"));
    assert_eq!(record.replayed, 2);
    check_whole(&store, &record, 6, &["what=repeated entries_from=2 entries_to=3"]);
}

#[test]
fn another_collector_goes_on_where_one_died_and_cuts_the_torn_line() {
    let mut store = store();
    let (mut writer, ticket) = open(&store);
    writer.write_all(lines(1, 4).as_bytes()).unwrap();
    drop(store.collector.take());
    assert!(matches!(ticket.wait(), Err(CollectError::Stopped { .. })));
    let mut file = std::fs::OpenOptions::new().append(true).open(store.path("r.jsonl")).unwrap();
    file.write_all(b"{\"half").unwrap();
    store.start();
    assert_eq!(store.collector().recovery().restored, []);
    assert_eq!(point(&store).unwrap().next_sequence, 4);
    let record = collect(&store, &(lines(4, 6) + &end_line("r", 6) + "\n"));
    check_whole(&store, &record, 6, &["what=cut bytes=6"]);
}

#[test]
fn a_run_that_nobody_can_go_on_with_is_closed_as_it_is() {
    let store = store();
    collect(&store, &lines(1, 4));
    let record = store.collector().close_run(spooled(&store)).unwrap().wait().unwrap();
    assert_eq!((record.end, record.entries), (None, 3));
    match point(&store) {
        Err(ResumeError::Sealed { run, record: sealed }) => {
            assert_eq!((run, *sealed), (run_id("r"), record));
        }
        other => panic!("{other:?}"),
    }
    let (reader, _writer) = std::io::pipe().unwrap();
    let again = store.collector().consume_job_output(spooled(&store), reader.into(), None);
    assert!(matches!(again, Err(ConsumeError::Sealed { .. })));
}

#[test]
fn a_run_that_is_being_written_has_no_point_to_go_on_from() {
    let store = store();
    let (_writer, _ticket) = open(&store);
    assert!(matches!(point(&store), Err(ResumeError::Live { .. })));
}
