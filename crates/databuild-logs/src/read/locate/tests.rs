//! Finding runs by id, near matches, and what is not ours.

use super::{locate, near, uuid_v7_time};
use crate::fs::OsFs;
use crate::read::file::LogsFolder;
use databuild_model::ids::JobRunId;
use databuild_model::time::Day;
use std::path::Path;

const V7: &str = "0194a725-3a80-7e4f-8a5b-6c7d8e9f0a1b";

fn id(text: &str) -> JobRunId {
    JobRunId::parse(text).unwrap()
}

fn store(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    folder
}

fn logs(path: &Path) -> LogsFolder<'_> {
    LogsFolder { fs: &OsFs, path }
}

#[track_caller]
fn check(files: &[&str], run: &str, expected: Option<&str>) {
    let folder = store(files);
    let found = locate(logs(folder.path()), &id(run), None).unwrap();
    assert_eq!(found.map(|found| found.day.to_string()).as_deref(), expected);
}

#[test]
fn a_run_is_found_on_the_day_of_its_id_beside_it_or_anywhere() {
    let on = |day: &str| format!("{day}/{V7}.jsonl");
    for day in ["2025-01-27", "2025-01-26", "2025-01-28", "2019-05-01"] {
        check(&[&on(day)], V7, Some(day));
    }
    check(&[&on("2019-05-01"), &on("2020-05-01")], V7, Some("2020-05-01"));
    check(&["2024-01-01/mine.jsonl", "2024-01-02/mine.idx"], "mine", Some("2024-01-01"));
    check(&["2024-01-01/mine.jsonl"], "other", None);
    check(&["mine.jsonl", ".journal/mine.jsonl", "2024-1-1/mine.jsonl"], "mine", None);
}

#[test]
fn the_time_of_an_id() {
    let day = |text| uuid_v7_time(text).map(|time| time.day().to_string());
    assert_eq!(day(V7).as_deref(), Some("2025-01-27"));
    assert_eq!(day("0194a725-3a80-4e4f-8a5b-6c7d8e9f0a1b"), None);
    assert_eq!(day("run-1"), None);
    assert_eq!(uuid_v7_time("ffffffff-ffff-7e4f-8a5b-6c7d8e9f0a1b"), None);
}

#[test]
fn links_and_pipes_are_not_runs() {
    let folder = store(&["2024-01-01/real.jsonl", "secret"]);
    let day = folder.path().join("2024-01-01");
    std::os::unix::fs::symlink(folder.path().join("secret"), day.join("link.jsonl")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let pipe = day.join("pipe.jsonl");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    std::fs::create_dir(day.join("folder.jsonl")).unwrap();
    for run in ["link", "pipe", "folder"] {
        assert!(locate(logs(folder.path()), &id(run), None).unwrap().is_none(), "{run}");
    }
    assert!(locate(logs(folder.path()), &id("real"), None).unwrap().is_some());
}

#[test]
fn near_matches_are_beginnings_endings_and_slips() {
    let folder = store(&[
        "2024-01-01/run-alpha.jsonl",
        "2024-01-02/run-beta.jsonl",
        "2024-01-03/run-alphb.jsonl",
    ]);
    let found = |text: &str| -> Vec<String> {
        let found = near(logs(folder.path()), &id(text)).unwrap();
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(found("run-a"), ["run-alphb", "run-alpha"]);
    assert_eq!(found("beta"), ["run-beta"]);
    assert_eq!(found("run-alphx"), ["run-alphb", "run-alpha"]);
    assert_eq!(found("zzz"), Vec::<String>::new());
}

#[test]
fn days_without_a_folder_are_no_error() {
    let nowhere = Path::new("/nonexistent/databuild-logs");
    assert!(locate(logs(nowhere), &id(V7), Some(Day::from_number(1))).unwrap().is_none());
    assert!(near(logs(nowhere), &id(V7)).unwrap().is_empty());
}
