//! Whole entries in, the lines that a person sees out.

use super::{EntryStyle, TimeForm};
use crate::render::escape::Escapes;
use crate::render::paint::Paint;
use crate::render::times::Times;
use databuild_model::entry::{
    Content, Fields, JobLogEntry, LogMessage, MetricPoint, Stream, WrapperJobEvent,
};
use databuild_model::ids::{JobRunId, PartitionRef};
use databuild_model::level::Level;
use databuild_model::manifest::PartitionManifest;
use databuild_model::time::Timestamp;
use expect_test::{Expect, expect};

fn style(form: TimeForm) -> EntryStyle {
    EntryStyle {
        paint: Paint::new(false),
        escapes: Escapes::Nothing,
        times: Times::new(true),
        form,
    }
}

fn start() -> Timestamp {
    Timestamp::parse("2025-01-27T10:31:07Z").expect("a time")
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().copied().collect()
}

fn render(style: &EntryStyle, prefix: &str, contents: Vec<Content>) -> String {
    let mut out = String::new();
    for (n, content) in contents.into_iter().enumerate() {
        let time = start().saturating_add(std::time::Duration::from_millis(114 * n as u64));
        let run = JobRunId::parse("r").expect("an id");
        style.render(&JobLogEntry::new(time, run, 1, content), prefix, start(), &mut out);
    }
    out
}

#[track_caller]
fn check(form: TimeForm, prefix: &str, contents: Vec<Content>, expected: Expect) {
    expected.assert_eq(&render(&style(form), prefix, contents));
}

fn log(level: Level, message: &str, pairs: &[(&str, &str)]) -> Content {
    Content::Log(LogMessage { fields: fields(pairs), ..LogMessage::new(level, message) })
}

fn stderr(level: Level, message: &str) -> Content {
    let mut log = LogMessage::new(level, message);
    log.origin.stream = Some(Stream::Stderr);
    Content::Log(log)
}

#[test]
fn every_kind_of_entry_is_one_line_with_its_word() {
    let mut ended = WrapperJobEvent::new("task_failed", fields(&[("cause", "exit")]));
    ended.exit_code = Some(3);
    let made = PartitionManifest {
        outputs: vec![PartitionRef::parse("clean/date=2025-01-23").expect("a ref")],
        ..PartitionManifest::default()
    };
    let rows = MetricPoint {
        labels: fields(&[("stage", "clean")]),
        ..MetricPoint::new("rows", 18_402.0, "rows")
    };
    check(
        TimeForm::Clock,
        "",
        vec![
            log(Level::Info, "reading orders.csv", &[]),
            log(Level::Error, "bad amount \"12,50\"", &[("file", "orders.csv"), ("line", "8 113")]),
            stderr(Level::Info, "plain words"),
            stderr(Level::Warn, "careful"),
            Content::Metric(rows),
            Content::JobEvent(ended),
            Content::Manifest(made),
            log(Level::Info, "", &[]),
        ],
        expect![[r#"
            10:31:07.000 INFO   reading orders.csv
            10:31:07.114 ERROR  bad amount "12,50"  file=orders.csv line="8 113"
            10:31:07.228 stderr plain words
            10:31:07.342 WARN   careful
            10:31:07.456 metric rows = 18402 rows  stage=clean
            10:31:07.570 event  task_failed exit=3
            10:31:07.684 made   clean/date=2025-01-23
            10:31:07.798 INFO
        "#]],
    );
}

#[test]
fn a_traceback_stays_together_under_its_first_line() {
    check(
        TimeForm::Relative,
        "clean │ ",
        vec![stderr(Level::Error, "Traceback\n  File \"clean.py\", line 41\nValueError: '12,50'")],
        expect![[r#"
            clean │    +0.000s ERROR  Traceback
            clean │                     File "clean.py", line 41
            clean │                   ValueError: '12,50'
        "#]],
    );
}

#[test]
fn no_part_of_an_entry_reaches_the_terminal_unseen() {
    let evil = "\u{1b}]0;x\u{7}\u{202e}";
    let event = WrapperJobEvent::new(evil, fields(&[(evil, evil)]));
    let metric =
        MetricPoint { labels: fields(&[(evil, evil)]), ..MetricPoint::new(evil, 1.0, evil) };
    let contents = || {
        vec![
            log(Level::Info, evil, &[(evil, evil), ("with blank", "a \u{1b}[2J")]),
            Content::JobEvent(event.clone()),
            Content::Metric(metric.clone()),
        ]
    };
    let colours = EntryStyle { escapes: Escapes::Colours, ..style(TimeForm::None) };
    for style in [style(TimeForm::None), colours] {
        let text = render(&style, "", contents());
        assert!(!text.contains(crate::render::escape::is_harmful), "{text:?}");
    }
}
