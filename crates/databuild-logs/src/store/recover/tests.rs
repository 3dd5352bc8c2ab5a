//! A cut at any byte of any file is put right by the next start.

use super::{Recovery, recover};
use crate::collect::{CollectorOptions, Durability, LogCollector, OnFull};
use crate::format::frame::HEAD_BYTES;
use crate::format::index;
use crate::format::journal::{self, JournalPlace, JournalRecord};
use crate::fs::faulty::FaultyFs;
use crate::fs::{Fs, read_whole};
use crate::limits;
use crate::store::journal as journals;
use crate::store::rebuild::rebuild;
use crate::testing::{RealClock, Store, end_line, log_line, run_id};
use databuild_model::time::Day;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn today() -> Day {
    Day::parse("2025-01-28").unwrap()
}

/// The files of a store with one run in two batches, as it is when its collector is killed right
/// before it says that it ended.
fn killed() -> (PathBuf, Files) {
    let fs = FaultyFs::default();
    let mut store = Store::with_fs(Arc::new(fs.clone()));
    let (mut writer, ticket) = store.begin("r");
    writeln!(writer, "{}", log_line("r", 1, "ERROR", "a")).unwrap();
    let entries = store.path("r.jsonl");
    while fs.open_read(&entries).map_or(0, |file| file.size().unwrap()) == 0 {
        std::thread::yield_now();
    }
    writeln!(writer, "{}\nnoise\n{}", log_line("r", 2, "INFO", "b"), end_line("r", 3)).unwrap();
    drop(writer);
    ticket.wait().unwrap();
    store.stop();
    let mut files = fs.dump();
    let journal = files.iter_mut().find(|(path, _)| is_journal(path)).unwrap().1;
    journal.truncate(journal.len() - HEAD_BYTES);
    (store.logs_dir().to_owned(), files)
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "journal")
}

/// Recovers `files` and checks that all is in order: whole lines, an index that fits, a journal that
/// tells of every byte once, and nothing left to do.
#[track_caller]
fn check(dir: &Path, files: &Files, what: &str) -> Recovery {
    let fs = FaultyFs::with(files);
    let done = recover(&fs, dir, today()).unwrap();
    assert_eq!(done.failed, [], "{what}");
    let path = |name: &str| dir.join("2025-01-27").join(name);
    let before = files.get(&path("r.jsonl")).cloned().unwrap_or_default();
    let whole = memchr::memrchr(b'\n', &before).map_or(0, |at| at + 1);
    let after = fs.dump();
    let entries = after.get(&path("r.jsonl")).cloned().unwrap_or_default();
    assert_eq!(entries, before[..whole], "{what}");
    if !before.is_empty() {
        let index = index::read_index(&after[&path("r.idx")]).unwrap();
        assert!(index.fits(whole as u64), "{what}");
        let file = fs.open_read(&path("r.jsonl")).unwrap();
        let rebuilt = rebuild(file.as_ref(), &run_id("r"), 0).unwrap();
        assert_eq!(index.blocks, rebuilt.blocks, "{what}");
        assert_eq!(index.seal.unwrap().blake3, rebuilt.record.blake3, "{what}");
        check_journal(&fs, dir, before.len() as u64, whole as u64, what);
    }
    let again = recover(&fs, dir, today()).unwrap();
    assert_eq!(again, Recovery::default(), "{what}");
    done
}

#[track_caller]
fn check_journal(fs: &FaultyFs, dir: &Path, len: u64, whole: u64, what: &str) {
    let (mut at, mut sealed, mut entries) = (0, false, 0);
    for journal in journals::list(fs, dir).unwrap() {
        let place = JournalPlace { journal, offset: 0 };
        for record in journals::read_from(fs, dir, place, 1 << 20).unwrap().0 {
            let JournalRecord::Batch(batch) = record else { continue };
            assert_eq!(batch.offset, at, "{what}");
            assert!(!sealed, "{what}: nothing follows the seal");
            (at, sealed) = (batch.end(), batch.sealed);
            entries += batch.entries;
        }
    }
    // A disk that loses what it said was synced is seen only by the journal being ahead.
    assert!(sealed && (at == whole || whole <= len && len < at), "{what}: {at} of {whole}");
    if at == whole {
        let paths = dir.join("2025-01-27/r.jsonl");
        let bytes = read_whole(fs.open_read(&paths).unwrap().as_ref(), 1 << 20).unwrap();
        assert_eq!(entries, memchr::memchr_iter(b'\n', &bytes).count() as u64, "{what}");
    }
}

#[test]
fn a_cut_at_any_byte_of_any_one_file_is_put_right() {
    let (dir, files) = killed();
    assert_eq!(check(&dir, &files, "uncut").restored, []);
    for (path, bytes) in &files {
        for len in 0..bytes.len() {
            let mut cut = files.clone();
            cut.get_mut(path).unwrap().truncate(len);
            let what = format!("{} cut at {len} of {}", path.display(), bytes.len());
            check(&dir, &cut, &what);
        }
    }
}

#[test]
fn a_lost_index_or_journal_is_rebuilt() {
    let (dir, files) = killed();
    for lost in files.keys().filter(|path| path.extension().unwrap() != "jsonl") {
        let mut left = files.clone();
        left.remove(lost);
        check(&dir, &left, &format!("{} lost", lost.display()));
    }
    let entries = files.into_iter().filter(|(path, _)| path.extension().unwrap() == "jsonl");
    let done = check(&dir, &entries.collect(), "all but the entries lost");
    assert_eq!((done.restored.len(), done.journalled), (1, 1));
}

#[test]
fn bytes_cut_off_are_counted_in_the_seal() {
    let (dir, mut files) = killed();
    let path = dir.join("2025-01-27/r.jsonl");
    files.get_mut(&path).unwrap().extend_from_slice(b"{\"half");
    let done = check(&dir, &files, "half a line more");
    assert_eq!((done.restored, done.torn_bytes), (vec![run_id("r")], 6));
}

#[test]
fn a_run_that_somebody_writes_is_left_alone() {
    let (dir, mut files) = killed();
    let path = dir.join("2025-01-27/r.jsonl");
    files.get_mut(&path).unwrap().extend_from_slice(b"{\"half");
    let fs = FaultyFs::with(&files);
    let writer = fs.open_append(&path).unwrap();
    assert!(writer.try_lock().unwrap());
    assert_eq!(recover(&fs, &dir, today()).unwrap(), Recovery::default());
    assert_eq!(fs.dump()[&path], files[&path]);
}

/// Whoever keeps a spool seals its run; a power cut can leave the name of its description and no more, and
/// then nobody can.
#[test]
fn a_run_whose_spool_cannot_be_read_is_sealed() {
    let (dir, mut files) = killed();
    let index = files.get_mut(&dir.join("2025-01-27/r.idx")).unwrap();
    index.truncate(index.len() - 12);
    for (described, restored) in
        [("{}", vec![]), ("", vec![run_id("r")]), ("\0\0", vec![run_id("r")])]
    {
        let mut files = files.clone();
        files.insert(dir.join(".spool/r/run.json"), described.into());
        let fs = FaultyFs::with(&files);
        let done = recover(&fs, &dir, today()).unwrap();
        assert_eq!((done.restored, done.failed), (restored, vec![]), "{described:?}");
    }
}

/// A power cut can leave a file its size, and zeros where its last bytes were.
#[test]
fn zeros_in_the_place_of_what_was_not_synced_are_put_right() {
    let (dir, files) = killed();
    for path in files.keys() {
        for from in [0, files[path].len() / 2] {
            let mut files = files.clone();
            files.get_mut(path).unwrap()[from..].fill(0);
            // Of the journal as well: nothing confirms the seal then.
            if !is_journal(path) {
                let journal = files.iter_mut().find(|(path, _)| is_journal(path)).unwrap().1;
                journal.truncate(journal::MAGIC.len());
            }
            let fs = FaultyFs::with(&files);
            let done = recover(&fs, &dir, today()).unwrap();
            assert_eq!(done.failed, [], "{path:?} from {from}");
            let after = fs.dump();
            let entries = &after[&dir.join("2025-01-27/r.jsonl")];
            let index = index::read_index(&after[&dir.join("2025-01-27/r.idx")]).unwrap();
            let hash = *blake3::hash(entries).as_bytes();
            assert_eq!(index.seal.unwrap().blake3, hash, "{path:?} from {from}");
        }
    }
}

/// More runs than are put right together, and more than one thread looks at; every tenth has a torn tail.
#[test]
fn thousands_of_runs_are_put_right_as_one_is() {
    let (dir, mut files) = killed();
    let count = limits::RECOVERED_TOGETHER_MAX + limits::LOOKED_AT_ALONE_MAX;
    for number in 0..count {
        let run = format!("run-{number}");
        let tail = if number % 10 == 0 { "{\"half" } else { "" };
        let text = format!("{}\n{tail}", log_line(&run, 1, "INFO", "a"));
        files.insert(dir.join(format!("2025-01-27/{run}.jsonl")), text.into_bytes());
    }
    let fs = FaultyFs::with(&files);
    let done = recover(&fs, &dir, today()).unwrap();
    assert_eq!((done.restored.len(), done.failed), (count, Vec::new()));
    assert_eq!((done.journalled, done.torn_bytes), (count as u64, 6 * count.div_ceil(10) as u64));
    let after = fs.dump();
    for number in 0..count {
        let entries = &after[&dir.join(format!("2025-01-27/run-{number}.jsonl"))];
        let index = index::read_index(&after[&dir.join(format!("2025-01-27/run-{number}.idx"))]);
        let seal = index.unwrap().seal.unwrap();
        assert_eq!(seal.blake3, *blake3::hash(entries).as_bytes());
        assert_eq!(seal.torn_bytes, if number % 10 == 0 { 6 } else { 0 });
    }
    assert_eq!(recover(&fs, &dir, today()).unwrap(), Recovery::default());
}

#[test]
fn what_a_later_version_wrote_is_left_alone() {
    let (dir, mut files) = killed();
    let index = dir.join("2025-01-27/r.idx");
    files.get_mut(&index).unwrap()[7] = 2;
    files.get_mut(&index).unwrap().extend_from_slice(b"what nobody knows yet");
    let fs = FaultyFs::with(&files);
    for _ in 0..2 {
        let done = recover(&fs, &dir, today()).unwrap();
        let why = "the index was written by a later version of databuild".to_owned();
        assert_eq!(done.failed, [(run_id("r"), why)]);
        assert_eq!(fs.dump()[&index], files[&index]);
    }
}

/// How each byte of the run's file is told of, in the journals of all collectors.
fn told(fs: &FaultyFs, dir: &Path, run: &str) -> Vec<(u64, u64, bool)> {
    let mut told = Vec::new();
    for journal in journals::list(fs, dir).unwrap() {
        let place = JournalPlace { journal, offset: 0 };
        for record in journals::read_from(fs, dir, place, 1 << 20).unwrap().0 {
            match record {
                JournalRecord::Batch(it) if it.job_run_id == run_id(run) => {
                    told.push((it.offset, it.end(), it.sealed));
                }
                JournalRecord::Batch(_) | JournalRecord::Closed => {}
            }
        }
    }
    told.retain(|(from, end, sealed)| from != end || *sealed);
    told.sort_unstable();
    told
}

/// A collector that was killed, so that the next start has to put the store right, beside one that lives.
fn beside_a_killed_one(durability: Durability) -> (FaultyFs, Store) {
    let fs = FaultyFs::default();
    let living = Store::that(Arc::new(fs.clone()), durability, OnFull::default());
    let options = CollectorOptions::new(living.logs_dir().to_owned());
    let killed = LogCollector::start(options, Arc::new(fs.clone()), Arc::new(RealClock::new()));
    drop(killed.unwrap());
    (fs, living)
}

#[test]
fn a_run_that_ends_while_it_is_looked_at_is_told_of_once() {
    let (fs, living) = beside_a_killed_one(Durability::default());
    let (mut writer, ticket) = living.begin("r");
    writeln!(writer, "{}", log_line("r", 1, "INFO", "a")).unwrap();
    // What was read of the journals before this does not count.
    fs.when_opened("r.jsonl", move || {
        writeln!(writer, "{}", end_line("r", 2)).unwrap();
        drop(writer);
        ticket.wait().unwrap();
    });
    let done = recover(&fs, living.logs_dir(), today()).unwrap();
    assert_eq!(done, Recovery::default());
    let told = told(&fs, living.logs_dir(), "r");
    let ends = told.iter().map(|(from, ..)| *from).skip(1);
    assert!(told.iter().map(|(_, end, _)| *end).zip(ends).all(|(a, b)| a <= b), "{told:?}");
    assert_eq!(told.iter().filter(|(.., sealed)| *sealed).count(), 1, "{told:?}");
}

#[test]
fn a_run_whose_collector_is_dropped_is_told_of_once() {
    let (fs, mut living) = beside_a_killed_one(Durability::Process);
    let (mut writer, ticket) = living.begin("r");
    writeln!(writer, "{}", log_line("r", 1, "INFO", "a")).unwrap();
    let dir = living.logs_dir().to_owned();
    let collector = living.collector.take();
    let (meanwhile, place) = (fs.clone(), dir.clone());
    fs.when_opened("r.jsonl", move || {
        let before = told(&meanwhile, &place, "r").len();
        writeln!(writer, "{}", log_line("r", 2, "INFO", "b")).unwrap();
        while told(&meanwhile, &place, "r").len() == before {
            std::thread::yield_now();
        }
        drop(collector);
    });
    recover(&fs, &dir, today()).unwrap();
    recover(&fs, &dir, today()).unwrap();
    drop(ticket.wait());
    let told = told(&fs, &dir, "r");
    let ends = told.iter().map(|(from, ..)| *from).skip(1);
    assert!(told.iter().map(|(_, end, _)| *end).zip(ends).all(|(a, b)| a <= b), "{told:?}");
}
