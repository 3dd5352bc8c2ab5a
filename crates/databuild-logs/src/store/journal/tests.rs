//! Who writes which journal.

use super::{JournalWriter, list, read_from};
use crate::format::journal::{JournalPlace, JournalRecord};
use crate::fs::Fs;
use crate::fs::faulty::FaultyFs;
use crate::store::tally::BatchTally;
use crate::testing::run_id;
use databuild_model::time::Day;
use std::path::Path;

const DIR: &str = "/logs";

fn open(fs: &FaultyFs) -> JournalWriter {
    let day = Day::parse("2025-01-27").unwrap();
    JournalWriter::open(fs, Path::new(DIR), day).unwrap().unwrap()
}

fn record(run: &str) -> JournalRecord {
    let day = Day::parse("2025-01-27").unwrap();
    JournalRecord::Batch(BatchTally::default().record(run_id(run), day, true))
}

#[test]
fn collectors_at_once_have_a_journal_each_and_later_ones_go_on_in_them() {
    let fs = FaultyFs::default();
    fs.create_dir_all(Path::new("/logs/.journal")).unwrap();
    let (mut first, mut second) = (open(&fs), open(&fs));
    assert_eq!((first.name().collector, second.name().collector), (0, 1));
    first.append(&record("a")).unwrap();
    second.append(&record("b")).unwrap();
    first.close().unwrap();
    let mut third = open(&fs);
    assert_eq!(third.name().collector, 0);
    third.append(&record("c")).unwrap();
    let names = list(&fs, Path::new(DIR)).unwrap();
    assert_eq!(names.len(), 2);

    let place = JournalPlace { journal: names[0], offset: 0 };
    let (records, next) = read_from(&fs, Path::new(DIR), place, 1).unwrap();
    assert_eq!(records, [record("a"), JournalRecord::Closed, record("c")]);
    assert_eq!(read_from(&fs, Path::new(DIR), next, 1).unwrap(), (vec![], next));
    third.append(&record("d")).unwrap();
    let (records, _) = read_from(&fs, Path::new(DIR), next, 1).unwrap();
    assert_eq!(records, [record("d")]);
}

#[test]
fn a_journal_of_another_version_is_left_to_it() {
    let fs = FaultyFs::default();
    fs.create_dir_all(Path::new("/logs/.journal")).unwrap();
    let file = fs.create_new(Path::new("/logs/.journal/2025-01-27-0.journal")).unwrap();
    file.append(b"DBJOURN\x02 and more").unwrap();
    drop(file);
    assert_eq!(open(&fs).name().collector, 1);
}
