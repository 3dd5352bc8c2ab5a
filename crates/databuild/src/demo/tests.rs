//! What is written, from which history; and that nothing is written over.

use super::history::{History, Period};
use super::{WriteError, check_empty, write_blank, write_git};
use expect_test::{Expect, expect};

fn history(times: &[&str]) -> Option<History> {
    let commits =
        times.iter().map(|time| format!("C\tabc1234\t{time}\ta title\n\n3\t1\tsrc/a b.rs\n"));
    History::parse(commits.collect())
}

#[track_caller]
fn check_cut(times: &[&str], expected: Option<(Period, &str, &str, usize)>) {
    let got = history(times);
    let got = got.as_ref().map(|h| (h.period, h.first.as_str(), h.last.as_str(), h.periods));
    assert_eq!(got, expected);
}

#[test]
fn a_history_is_cut_into_days_or_if_it_is_young_into_hours() {
    check_cut(
        &["2025-01-27T10:30:00Z", "2025-01-25T09:00:00Z", "2025-01-20T09:00:00Z"],
        Some((Period::Day, "2025-01-20", "2025-01-27", 3)),
    );
    check_cut(
        &[
            "2025-01-27T10:30:00Z",
            "2025-01-27T10:00:00Z",
            "2025-01-27T09:00:00Z",
            "2025-01-26T23:59:59Z",
        ],
        Some((Period::Hour, "2025-01-26T23", "2025-01-27T10", 3)),
    );
    check_cut(&["2025-01-27T10:30:00Z"], None);
    check_cut(&["no time", "\"; rm -rf", "2025-13-01T00:00:00Z"], None);
}

#[test]
fn the_shipped_history_is_worth_looking_at() {
    let shipped = History::shipped().expect("a history");
    assert!(15 <= shipped.commits && 2 <= shipped.periods, "{} commits", shipped.commits);
    assert!(shipped.text.len() < 100_000);
}

#[track_caller]
fn check_project(times: &[&str], expected: Expect) {
    let dir = tempfile::tempdir().expect("a folder");
    write_git(dir.path(), &history(times).expect("a history")).expect("written");
    let text = std::fs::read_to_string(dir.path().join("databuild.toml")).expect("a file");
    expected.assert_eq(&text);
}

#[test]
fn the_project_file_is_one_that_a_person_would_write() {
    check_project(
        &["2025-01-27T10:30:00Z", "2025-01-25T09:00:00Z", "2025-01-20T09:00:00Z"],
        expect![[r##"
            # Three jobs on the history of a git repository, which `git log` wrote to data/history.txt.
            [project]
            name = "demo"
            root = "data"                      # partitions live here: commits/date=2025-01-20 is a folder in it

            [keys]
            date = { every = "day", from = 2025-01-20 }

            [jobs.commits]                     # the commits of one day
            in  = "history.txt"
            out = "commits/date={date}"
            run = "sh jobs/commits.sh {date} {in} {out}"

            [jobs.churn]                       # how much each file changed
            in  = "commits/date={date}"
            out = "churn/date={date}"
            run = "sh jobs/churn.sh {date} {in} {out}"

            [jobs.report]                      # a page for people
            in  = "churn/date={date-13d..date}"
            out = "report/date={date}"
            run = "sh jobs/report.sh {date} {out} {in}"
        "##]],
    );
}

#[test]
fn nothing_is_written_over() {
    let dir = tempfile::tempdir().expect("a folder");
    check_empty(dir.path()).expect("it is empty");
    check_empty(&dir.path().join("new")).expect("it is not there");
    write_blank(dir.path()).expect("written");
    let again = write_blank(dir.path());
    assert!(matches!(again, Err(WriteError::Exists { .. })), "{again:?}");
    let full = check_empty(dir.path());
    assert!(matches!(full, Err(WriteError::Exists { .. })), "{full:?}");
    let file = check_empty(&dir.path().join("databuild.toml"));
    assert!(matches!(file, Err(WriteError::Exists { .. })), "{file:?}");
}
