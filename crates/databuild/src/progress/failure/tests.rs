//! Failed builds in, the last screen out.

use super::{FailedBuild, FailedRun, extract, render};
use crate::render::entry::{EntryStyle, TimeForm};
use crate::render::escape::Escapes;
use crate::render::paint::Paint;
use crate::render::times::Times;
use databuild_graph::plan::RunNumber;
use databuild_model::entry::{Content, JobLogEntry, LogMessage, Stream, WrapperJobEvent};
use databuild_model::ids::JobRunId;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use expect_test::{Expect, expect};
use std::time::Duration;

fn entry(content: Content) -> JobLogEntry {
    let time = Timestamp::parse("2025-01-27T10:31:07.114Z").expect("a time");
    JobLogEntry::new(time, JobRunId::parse("r").expect("an id"), 1, content)
}

/// `E text` is an ERROR, `! text` is stderr, `- text` an event, and the rest is INFO on stdout.
fn entries(lines: &[&str]) -> Vec<JobLogEntry> {
    let log = |level, stream, text: &str| {
        let mut log = LogMessage::new(level, text);
        log.origin.stream = Some(stream);
        entry(Content::Log(log))
    };
    lines
        .iter()
        .map(|line| match line.split_once(' ') {
            Some(("E", text)) => log(Level::Error, Stream::Stdout, text),
            Some(("!", text)) => log(Level::Info, Stream::Stderr, text),
            Some(("-", text)) => {
                entry(Content::JobEvent(WrapperJobEvent::new(text, Default::default())))
            }
            _ => log(Level::Info, Stream::Stdout, line),
        })
        .collect()
}

#[track_caller]
fn check_extract(lines: &[&str], expected: &str) {
    let words: Vec<String> = extract(entries(lines))
        .iter()
        .map(|entry| match &entry.content {
            Content::Log(log) => log.message.clone(),
            Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => {
                format!("{:?}", entry.content.kind())
            }
        })
        .collect();
    assert_eq!(words.join(" "), expected);
}

#[test]
fn the_extract_is_what_tells_why() {
    check_extract(&["a", "b", "c", "E bad", "d", "E worse", "- task_failed"], "b c bad d worse");
    check_extract(&["! 1", "a", "! 2", "! 3", "! 4", "! 5", "! 6", "b"], "2 3 4 5 6");
    check_extract(&["a", "b"], "a b");
    check_extract(&["- job_config_started"], "");
    let many: Vec<&str> = std::iter::once("E x").chain(["y"; 40]).collect();
    assert_eq!(extract(entries(&many)).len(), super::ENTRIES_MAX);
}

fn failed(run: u32, name: &str, lines: &[&str]) -> FailedRun {
    FailedRun {
        run: RunNumber { build: 42, run },
        name: name.to_owned(),
        end: "exit 3".to_owned(),
        took: Duration::from_millis(400),
        attempts: (2, 2),
        command: format!("python clean.py {name}"),
        extract: extract(entries(lines)),
        entries: 37,
        errors: 2,
    }
}

#[track_caller]
fn check(runs: Vec<FailedRun>, blocked: &[&str], expected: Expect) {
    let build = FailedBuild {
        number: 42,
        took: Duration::from_millis(21_300),
        made: 12,
        failed: runs.len() as u64,
        not_started: blocked.len() as u64,
        up_to_date: 6,
        cancelled: false,
        runs,
        blocked: blocked.iter().map(|&name| name.to_owned()).collect(),
    };
    let style = EntryStyle {
        paint: Paint::new(false),
        escapes: Escapes::Nothing,
        times: Times::new(true),
        form: TimeForm::Clock,
    };
    expected.assert_eq(&render(&build, &style, "databuild", 80));
}

#[test]
fn one_failure_is_told_with_the_next_two_commands() {
    check(
        vec![failed(
            6,
            "clean date=2025-01-23",
            &["reading orders.csv", "E bad amount \"12,50\"", "! ValueError: '12,50'"],
        )],
        &["report date=2025-01-23", "report date=2025-01-24"],
        expect![[r#"
            ✘ build 42 failed after 21.3s: 12 made, 1 failed, 2 not started, 6 up to date

            clean date=2025-01-23      exit 3 after 0.4s      run 42.6, attempt 2 of 2
              command   python clean.py clean date=2025-01-23
              10:31:07.114 INFO   reading orders.csv
              10:31:07.114 ERROR  bad amount "12,50"
              10:31:07.114 stderr ValueError: '12,50'
              whole log   databuild logs 42.6      37 entries, 2 errors
              try again   databuild build --retry 42      makes 3, keeps 12

            not started, they need it: report date=2025-01-23, report date=2025-01-24 (databuild runs show 42)
        "#]],
    );
}

#[test]
fn failures_with_the_same_words_are_told_once_and_many_are_counted() {
    let mut runs: Vec<FailedRun> =
        (1..=6).map(|n| failed(n, &format!("clean n={n}"), &["E disk is full"])).collect();
    runs.extend((7..=12).map(|n| failed(n, &format!("other n={n}"), &[&format!("E error {n}")])));
    check(
        runs,
        &[],
        expect![[r#"
        ✘ build 42 failed after 21.3s: 12 made, 12 failed, 6 up to date

        clean n=1      exit 3 after 0.4s      run 42.1, attempt 2 of 2
          command   python clean.py clean n=1
          10:31:07.114 ERROR  disk is full
          the same  clean n=2 (42.2), clean n=3 (42.3), clean n=4 (42.4) and 2 more
          whole log   databuild logs 42.1      37 entries, 2 errors
          try again   databuild build --retry 42      makes 12, keeps 12

        other n=7      exit 3 after 0.4s      run 42.7, attempt 2 of 2
          command   python clean.py other n=7
          10:31:07.114 ERROR  error 7
          whole log   databuild logs 42.7      37 entries, 2 errors
          try again   databuild build --retry 42      makes 12, keeps 12

        other n=8      exit 3 after 0.4s      run 42.8, attempt 2 of 2
          command   python clean.py other n=8
          10:31:07.114 ERROR  error 8
          whole log   databuild logs 42.8      37 entries, 2 errors
          try again   databuild build --retry 42      makes 12, keeps 12

        other n=9      exit 3 after 0.4s      run 42.9, attempt 2 of 2
          command   python clean.py other n=9
          10:31:07.114 ERROR  error 9
          whole log   databuild logs 42.9      37 entries, 2 errors
          try again   databuild build --retry 42      makes 12, keeps 12

        other n=10      exit 3 after 0.4s      run 42.10, attempt 2 of 2
          command   python clean.py other n=10
          10:31:07.114 ERROR  error 10
          whole log   databuild logs 42.10      37 entries, 2 errors
          try again   databuild build --retry 42      makes 12, keeps 12

        and 2 more: databuild logs 42 --failed
    "#]],
    );
}
