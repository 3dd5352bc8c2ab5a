//! Archives of collected runs, whole, damaged and hostile.

use super::export::{ExportError, Wanted, export};
use super::import::{ImportError, Imported, import};
use crate::fs::OsFs;
use crate::read::{LogReader, ReaderOptions};
use crate::testing::{RealClock, Store, end_line, log_line, run_id};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn reader(logs_dir: &Path) -> LogReader {
    let logs_dir = logs_dir.to_owned();
    let options = ReaderOptions { logs_dir, cache_runs: 1, cache_bytes: 1 << 20 };
    LogReader::new(options, Arc::new(OsFs), Arc::new(RealClock::new()))
}

fn lines(run: &str, count: u64) -> String {
    let entries = (1..=count).map(|seq| log_line(run, seq, "WARN", &format!("line {seq}")));
    entries.chain([end_line(run, count + 1)]).map(|line| line + "\n").collect()
}

fn exported(store: &Store, runs: &[&str]) -> Vec<u8> {
    let wanted: Vec<Wanted> =
        runs.iter().map(|run| Wanted { job_run_id: run_id(run), record: None }).collect();
    let mut archive = Vec::new();
    export(&reader(store.logs_dir()), &wanted, "test", &mut archive).unwrap();
    archive
}

fn imported(folder: &Path, archive: &[u8]) -> Result<Vec<bool>, ImportError> {
    let done = import(&OsFs, folder, &reader(folder), &mut &archive[..])?;
    Ok(done.into_iter().map(|Imported { was_there, .. }| was_there).collect())
}

/// Every file below `folder`, but what an import leaves to wait in.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for item in std::fs::read_dir(&next).into_iter().flatten() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.starts_with(folder.join(".import")) {
                found.insert(
                    path.strip_prefix(folder).unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                );
            }
        }
    }
    found
}

#[test]
fn what_was_exported_is_imported_byte_for_byte_and_only_once() {
    let store = Store::new();
    store.collect("r1", lines("r1", 2000));
    store.collect("r2", lines("r2", 1));
    let archive = exported(&store, &["r1", "r2"]);
    let there = tempfile::tempdir().unwrap();
    assert_eq!(imported(there.path(), &archive).unwrap(), [false, false]);
    let mut expected = files(store.logs_dir());
    expected.retain(|path, _| !path.starts_with(".journal"));
    assert!(files(there.path()) == expected, "the same files");
    assert_eq!(imported(there.path(), &archive).unwrap(), [true, true]);
    assert!(files(there.path()) == expected, "the same files");
    assert_eq!(
        reader(there.path()).verify(&run_id("r1"), &|_| {}).unwrap().to_string(),
        "complete"
    );
}

#[test]
fn another_run_of_the_same_id_is_not_replaced() {
    let (store, other) = (Store::new(), Store::new());
    store.collect("r1", lines("r1", 3));
    store.collect("r2", lines("r2", 3));
    other.collect("r1", lines("r1", 4));
    let before = files(other.logs_dir());
    let error = imported(other.logs_dir(), &exported(&store, &["r2", "r1"])).unwrap_err();
    assert_eq!(error.to_string(), "job run r1 is in the store already, with other entries");
    assert!(files(other.logs_dir()) == before, "and nothing else came in");
}

#[test]
fn a_run_that_goes_on_is_not_exported() {
    let store = Store::new();
    let (writer, ticket) = store.begin("r1");
    let wanted = [Wanted { job_run_id: run_id("r1"), record: None }];
    let error = export(&reader(store.logs_dir()), &wanted, "test", &mut Vec::new()).unwrap_err();
    assert!(matches!(error, ExportError::Running { .. }), "{error}");
    drop(writer);
    ticket.wait().unwrap();
}

#[test]
fn an_index_that_does_not_fit_is_made_anew() {
    let store = Store::new();
    store.collect("r1", lines("r1", 2000));
    let whole = files(store.logs_dir());
    let archive = exported(&store, &["r1"]);
    let index = &whole[Path::new("2025-01-27/r1.idx")];
    let at = archive.windows(index.len()).position(|window| window == index).unwrap();
    for place in [at, at + index.len() / 2, at + index.len() - 1] {
        let mut damaged = archive.clone();
        damaged[place] ^= 1;
        let there = tempfile::tempdir().unwrap();
        imported(there.path(), &damaged).unwrap();
        assert!(files(there.path()).iter().all(|(path, bytes)| whole[path] == *bytes));
    }
}

#[test]
fn a_damaged_or_cut_archive_brings_nothing_in() {
    let store = Store::new();
    store.collect("r1", lines("r1", 1));
    let whole = files(store.logs_dir());
    let archive = exported(&store, &["r1"]);
    let there = tempfile::tempdir().unwrap();
    for at in (0..archive.len()).step_by(41) {
        let mut damaged = archive.clone();
        damaged[at] ^= 4;
        for bytes in [&damaged[..], &archive[..at]] {
            let result = imported(there.path(), bytes);
            let came = files(there.path());
            match result {
                // What was damaged does not matter: padding, a date, the index.
                Ok(_) => {
                    assert_eq!(
                        came[Path::new("2025-01-27/r1.jsonl")],
                        whole[Path::new("2025-01-27/r1.jsonl")]
                    );
                    std::fs::remove_dir_all(there.path().join("2025-01-27")).unwrap();
                }
                Err(_) => assert!(came.is_empty(), "byte {at}"),
            }
        }
    }
}

#[test]
fn members_that_want_elsewhere_are_refused() {
    let store = Store::new();
    store.collect("r1", lines("r1", 1));
    let archive = exported(&store, &["r1"]);
    let manifest = {
        let mut archive = tar::Archive::new(&archive[..]);
        let mut first = archive.entries().unwrap().next().unwrap().unwrap();
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut first, &mut text).unwrap();
        text
    };
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("logs");
    let long = format!("{}/2025-01-27/r1.jsonl", "a/..".repeat(99));
    let names = [
        "../evil",
        "/tmp/evil",
        "2025-01-27/../evil",
        "./2025-01-27/r1.jsonl",
        "2025-01-27//r1.jsonl",
        "2025-01-27/r2.jsonl",
        "2025-01-28/r1.jsonl",
        "2025-01-27/r1.jsonl/",
        "evil",
        "",
        long.as_str(),
    ];
    let kinds = [
        tar::EntryType::Regular,
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::Fifo,
        tar::EntryType::Char,
    ];
    for name in names.into_iter().chain(["2025-01-27/r1.jsonl"]) {
        for kind in kinds {
            if (name, kind) == ("2025-01-27/r1.jsonl", tar::EntryType::Regular) {
                continue;
            }
            let mut builder = tar::Builder::new(Vec::new());
            let mut add = |name: &str, kind, bytes: &[u8]| {
                let mut header = tar::Header::new_gnu();
                let field = &mut header.as_gnu_mut().unwrap().name;
                let short = name.len().min(field.len());
                field[..short].copy_from_slice(&name.as_bytes()[..short]);
                header.set_entry_type(kind);
                header.set_size(bytes.len() as u64);
                header.as_gnu_mut().unwrap().linkname[..7].copy_from_slice(b"../evil");
                header.set_cksum();
                builder.append(&header, bytes).unwrap();
            };
            add("databuild-archive.json", tar::EntryType::Regular, &manifest);
            add(name, kind, b"{\"evil\":1}\n");
            let result = imported(&inner, &builder.into_inner().unwrap());
            assert!(result.is_err(), "{name:?} {kind:?}");
            assert!(
                files(folder.path()).keys().all(|path| path.starts_with("logs/.import")),
                "{name:?}"
            );
        }
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    let there = tempfile::tempdir().unwrap();
    for bytes in [&b""[..], b"hello", &[0; 1024], &[255; 4096]] {
        assert!(imported(there.path(), bytes).is_err());
    }
}
