//! How much is stored, looked at bit by bit.

use super::{BETWEEN_ROUNDS, StoreUsage, Stored};
use crate::fs::OsFs;
use crate::limits;
use crate::testing::{Store, end_line, log_line};
use databuild_model::time::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Long after everything that a test writes.
const LATER: &str = "2100-01-01T00:00:00Z";

fn usage(logs_dir: &Path) -> StoreUsage {
    StoreUsage::new(Arc::new(OsFs), logs_dir.to_owned())
}

/// Looks until a round is over; answers what it found, and how many looks it took.
fn round(usage: &mut StoreUsage, mono: Duration) -> (Option<Stored>, usize) {
    let wall = Timestamp::parse(LATER).unwrap();
    for looks in 1.. {
        usage.look(wall, mono);
        if !usage.is_looking() {
            return (usage.found(), looks);
        }
    }
    unreachable!("a round ends")
}

/// Bytes of all files below `dir`, as `du --apparent-size` has them, without folders.
fn du(dir: &Path) -> u64 {
    let items = std::fs::read_dir(dir).unwrap().map(|item| item.unwrap().path());
    items.map(|path| if path.is_dir() { du(&path) } else { path.metadata().unwrap().len() }).sum()
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_real_store_is_as_large_as_its_files_and_as_old_as_its_first_entry() {
    let mut store = Store::new();
    for run in ["r1", "r2"] {
        store.collect(run, log_line(run, 7, "INFO", "hello") + "\n" + &end_line(run, 8) + "\n");
    }
    store.stop();
    let (found, looks) = round(&mut usage(store.logs_dir()), Duration::ZERO);
    let oldest = Timestamp::parse("2025-01-27T10:30:07.000000001Z").ok();
    assert_eq!((found, looks), (Some(Stored { bytes: du(store.logs_dir()), oldest }), 1));
}

#[test]
fn nothing_stored_is_nothing_and_no_store_too() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = Some(Stored { bytes: 0, oldest: None });
    assert_eq!(round(&mut usage(dir.path()), Duration::ZERO).0, nothing);
    assert_eq!(round(&mut usage(&dir.path().join("none")), Duration::ZERO).0, nothing);
}

#[test]
fn a_round_takes_as_many_looks_as_there_are_files_and_the_next_one_passes_over_what_is_still() {
    let dir = tempfile::tempdir().unwrap();
    let files = 3 * limits::USAGE_FILES_AT_ONCE;
    for n in 0..files {
        write(dir.path(), &format!("2025-01-27/r{n}.jsonl"), "12345\n");
    }
    write(dir.path(), "2025-01-28/r.jsonl", &(log_line("r", 1, "INFO", "a") + "\n"));
    write(dir.path(), "of-somebody-else/file", "not ours");
    let mut usage = usage(dir.path());
    usage.look(Timestamp::parse(LATER).unwrap(), Duration::ZERO);
    assert_eq!(usage.found(), None, "not yet");
    let (found, looks) = round(&mut usage, Duration::ZERO);
    let first = du(&dir.path().join("2025-01-27"));
    assert_eq!(found.unwrap().bytes, first + du(&dir.path().join("2025-01-28")));
    assert!((3..=5).contains(&looks), "{looks}");
    assert_eq!(found.unwrap().oldest, None, "lines that are no entries have no time");

    usage.look(Timestamp::parse(LATER).unwrap(), BETWEEN_ROUNDS / 2);
    assert!(!usage.is_looking(), "too early");
    // A file that was not written for long and grows all the same is passed over: it was not looked at.
    write(dir.path(), "2025-01-27/r0.jsonl", "longer than it was\n");
    let (again, looks) = round(&mut usage, BETWEEN_ROUNDS);
    assert_eq!((again, looks), (found, 1));

    // One more, or one less, and the folder is looked at.
    std::fs::remove_file(dir.path().join("2025-01-27/r1.jsonl")).unwrap();
    let (fewer, _) = round(&mut usage, 2 * BETWEEN_ROUNDS);
    assert_eq!(
        fewer.unwrap().bytes,
        du(&dir.path().join("2025-01-27")) + du(&dir.path().join("2025-01-28"))
    );

    std::fs::remove_dir_all(dir.path().join("2025-01-27")).unwrap();
    let (rest, _) = round(&mut usage, 3 * BETWEEN_ROUNDS);
    let oldest = Timestamp::parse("2025-01-27T10:30:01.000000001Z").ok();
    assert_eq!(rest, Some(Stored { bytes: du(&dir.path().join("2025-01-28")), oldest }));
}

#[test]
fn a_folder_that_is_written_is_looked_at_again() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "2025-01-27/r.jsonl", "1\n");
    let mut usage = usage(dir.path());
    // The clock is that of the file: it was written just now.
    let now = std::fs::metadata(dir.path().join("2025-01-27/r.jsonl")).unwrap().modified().unwrap();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let wall = Timestamp::from_nanos(i64::try_from(now.as_nanos()).unwrap());
    usage.look(wall, Duration::ZERO);
    write(dir.path(), "2025-01-27/r.jsonl", "1\n2\n");
    usage.look(wall, BETWEEN_ROUNDS);
    assert_eq!(usage.found().unwrap().bytes, 4);
}
