//! The store keeps the contract of a bus.

use super::JournalBus;
use crate::clock::SystemClock;
use databuild_io::bus::contract::{self, Rig};
use databuild_io::bus::{Bus, Cursor, From, Start};
use databuild_logs::format::journal::{self, BatchRecord, JournalRecord, Synced};
use databuild_logs::fs::OsFs;
use databuild_logs::store::RunPaths;
use databuild_logs::store::journal::journal_path;
use databuild_model::clock::Clock;
use databuild_model::ids::JobRunId;
use databuild_policy::naming::JournalName;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A store that is written as a collector writes it.
struct Store {
    dir: tempfile::TempDir,
    clock: Arc<SystemClock>,
    journal: JournalName,
    /// Bytes and lines of each run.
    runs: BTreeMap<String, (u64, u64)>,
}

impl Store {
    fn new() -> Store {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(SystemClock::new()));
        let journal = JournalName { day: clock.wall().day(), collector: 0 };
        let store = Store { dir, clock, journal, runs: BTreeMap::new() };
        let mut head = Vec::new();
        journal::write_header(&mut head);
        append(&journal_path(store.dir.path(), journal), &head);
        store
    }

    fn tell(&mut self, source: &str, text: &str, sealed: bool) {
        let run = JobRunId::parse(source).unwrap();
        let now = self.clock.wall();
        append(&RunPaths::new(self.dir.path(), now.day(), &run).entries, text.as_bytes());
        let (bytes, lines) = self.runs.entry(source.to_owned()).or_default();
        let batch = BatchRecord {
            job_run_id: run,
            day: now.day(),
            offset: *bytes,
            bytes: text.len() as u64,
            first_line: *lines,
            entries: text.matches('\n').count() as u64,
            min_time: now,
            max_time: now,
            level_counts: [0; 6],
            kind_counts: [0; 4],
            size_counts: [0; 8],
            sealed,
            synced: Some(Synced { at: now, took: Duration::ZERO }),
        };
        *bytes += batch.bytes;
        *lines += batch.entries;
        let mut record = Vec::new();
        journal::write_record(&JournalRecord::Batch(batch), &mut record);
        append(&journal_path(self.dir.path(), self.journal), &record);
    }

    fn reader(&self) -> JournalBus {
        let clock = Arc::<SystemClock>::clone(&self.clock);
        JournalBus::new(self.dir.path().to_owned(), Arc::new(OsFs), clock)
    }
}

fn append(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.unwrap().write_all(bytes).unwrap();
}

impl Rig for Store {
    fn bus(&self) -> Box<dyn Bus> {
        Box::new(self.reader())
    }

    fn store(&mut self, source: &str, lines: &[&str]) {
        self.tell(source, &(lines.join("\n") + "\n"), false);
    }

    fn end(&mut self, source: &str) {
        self.tell(source, "", true);
    }
}

#[test]
fn it_keeps_the_contract() {
    contract::check(|| Box::new(Store::new())).unwrap();
}

#[test]
fn streams_are_journals_and_sources_are_runs() {
    let mut store = Store::new();
    store.store("a", &["1", "2"]);
    let mut bus = store.reader();
    bus.seek(&From::Start(Start::Beginning)).unwrap();
    let polled = bus.poll(1 << 20, Duration::ZERO).unwrap();
    let batch = &polled.batches[0];
    assert_eq!(*batch.stream, *store.journal.file_name());
    assert_eq!(
        (&*batch.source, batch.first_place, batch.lines.as_slice()),
        ("a", 0, &b"1\n2\n"[..])
    );
    assert!(polled.complete_until.unwrap() <= store.clock.wall());

    let mut cursor = Cursor::default();
    cursor.0.insert("another/stream".to_owned(), 7);
    bus.seek(&From::Cursor(cursor)).unwrap();
    assert_eq!(bus.poll(1 << 20, Duration::ZERO).unwrap().batches, polled.batches);
}

#[test]
fn what_was_removed_is_missing() {
    let mut store = Store::new();
    store.store("a", &["1", "2"]);
    store.end("a");
    let run = JobRunId::parse("a").unwrap();
    let paths = RunPaths::new(store.dir.path(), store.clock.wall().day(), &run);
    std::fs::remove_file(paths.entries).unwrap();
    let polled = store.reader().poll(1 << 20, Duration::ZERO).unwrap();
    assert_eq!((polled.missing.len(), polled.missing[0].entries), (1, 2));
    assert!(polled.batches[0].ended);
}
