//! Verification of what the collector really stored, whole and damaged.

use crate::fs::OsFs;
use crate::read::{LogReader, ReaderOptions};
use crate::testing::{RealClock, Store, end_line, log_line, run_id};
use std::io::Write as _;
use std::sync::Arc;

fn reader(store: &Store) -> LogReader {
    let logs_dir = store.logs_dir().to_owned();
    let options = ReaderOptions { logs_dir, cache_runs: 1, cache_bytes: 1 << 20 };
    LogReader::new(options, Arc::new(OsFs), Arc::new(RealClock::new()))
}

/// What is said about run `r1`, with a reader that has seen nothing yet.
fn said(store: &Store) -> String {
    let proof = reader(store).verify(&run_id("r1"), &|_| {}).unwrap();
    let notes: Vec<String> = proof.notes.iter().map(|note| format!("note: {note}")).collect();
    let parts = [format!("{} {}/{}", proof, proof.entries_stored, proof.entries_sent)];
    parts.into_iter().chain(notes).collect::<Vec<_>>().join("; ")
}

fn lines(run: &str, count: u64) -> String {
    let entries = (1..=count).map(|seq| log_line(run, seq, "WARN", &format!("line {seq}")));
    entries.chain([end_line(run, count + 1)]).map(|line| line + "\n").collect()
}

#[test]
fn what_was_collected_is_complete() {
    let store = Store::new();
    store.collect("r1", lines("r1", 3000));
    assert_eq!(said(&store), "complete 3001/3001");
}

#[test]
fn a_run_that_goes_on_is_running_and_what_is_there_is_judged() {
    let store = Store::new();
    let (mut writer, ticket) = store.begin("r1");
    assert_eq!(said(&store), "running 0/0");
    writer.write_all(b"what\n").unwrap();
    drop(writer);
    ticket.wait().unwrap();
    assert!(said(&store).starts_with("incomplete (wrapper lost"), "{}", said(&store));
}

#[test]
fn no_byte_of_a_sealed_file_can_change_unseen() {
    let store = Store::new();
    store.collect("r1", lines("r1", 1));
    let path = store.path("r1.jsonl");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(said(&store).starts_with("incomplete"), "byte {at}: {}", said(&store));
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(said(&store).starts_with("incomplete"), "cut at {at}: {}", said(&store));
    }
    std::fs::write(&path, [&whole[..], b"{\"more"].concat()).unwrap();
    assert_eq!(said(&store), "incomplete (the last 6 bytes are no whole line) 2/2");
}

#[test]
fn an_index_of_other_entries_is_found() {
    let store = Store::new();
    store.collect("r1", lines("r1", 3000));
    let entries = std::fs::read(store.path("r1.jsonl")).unwrap();
    // The same run in other words, sealed elsewhere.
    let other = Store::new();
    other.collect("r1", lines("r1", 3000).replace("WARN", "INFO"));
    std::fs::copy(other.path("r1.idx"), store.path("r1.idx")).unwrap();
    assert_eq!(entries, std::fs::read(store.path("r1.jsonl")).unwrap());
    assert!(said(&store).contains("file is not the one that was sealed"), "{}", said(&store));
}

#[test]
fn without_an_index_the_entries_still_speak() {
    let store = Store::new();
    store.collect("r1", lines("r1", 3));
    std::fs::remove_file(store.path("r1.idx")).unwrap();
    assert_eq!(
        said(&store),
        "complete 4/4; note: not sealed yet: the next build or service does it"
    );
}

#[test]
fn entries_that_the_collector_never_got_are_named() {
    let store = Store::new();
    let text: String =
        lines("r1", 9).split_inclusive('\n').enumerate().fold(String::new(), |text, (at, line)| {
            if (3..6).contains(&at) { text } else { text + line }
        });
    store.collect("r1", text);
    assert_eq!(said(&store), "incomplete (entries 4 to 6 are missing) 7/10");
}
