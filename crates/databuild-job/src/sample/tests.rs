//! What is kept and left out of small streams.

use super::{Sample, Verdict};
use crate::lines::{Form, Piece};
use databuild_model::entry::Stream;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use std::time::Duration;

/// Lines (milliseconds, level, text) of standard output, two of which are kept a second; what becomes of
/// them, with what is told before a line that is kept.
#[track_caller]
fn check(lines: &[(u64, Level, &str)], expect: &[&str]) {
    let mut sample = Sample::new(2, Duration::ZERO);
    let (mut shown, mut offset) = (Vec::new(), 0);
    for &(millis, level, text) in lines {
        sample.set_now(Duration::from_millis(millis));
        let span = text.len() as u64 + 1;
        let piece = Piece {
            stream: Stream::Stdout,
            offset,
            span,
            cr: 0,
            loses: false,
            when: Timestamp::default(),
            level,
            bytes: text.as_bytes(),
            form: Form::Text,
        };
        offset += span;
        if sample.judge(&piece, level) == Verdict::Keep || sample.is_due(Stream::Stdout) {
            let stretch = sample.take(Stream::Stdout);
            shown.extend(stretch.map(|it| format!("-{} {}..{}", it.lines, it.from, it.to)));
        }
        if sample.untold_from(Stream::Stdout).is_none() {
            shown.push(text.replace('\n', "|"));
        }
    }
    let rest = sample.take(Stream::Stdout);
    shown.extend(rest.map(|it| format!("-{} {}..{}", it.lines, it.from, it.to)));
    assert_eq!(shown, expect);
}

const INFO: Level = Level::Info;

#[test]
fn lines_above_the_rate_are_left_out_and_counted() {
    check(
        &[(0, INFO, "a"), (0, INFO, "b"), (0, INFO, "c"), (0, INFO, "d\n  e"), (500, INFO, "f")],
        &["a", "b", "-3 4..12", "f"],
    );
    check(&[(0, INFO, "a"), (0, INFO, "b\nb\nb"), (900, INFO, "c")], &["a", "b|b|b", "-1 8..10"]);
}

#[test]
fn what_warns_is_kept_and_counts() {
    let warn = Level::Warn;
    check(
        &[
            (0, INFO, "a"),
            (0, INFO, "b"),
            (0, INFO, "c"),
            (0, warn, "d"),
            (0, warn, "e"),
            (600, INFO, "f"),
        ],
        &["a", "b", "-1 4..6", "d", "e", "-1 10..12"],
    );
}

#[test]
fn a_quiet_job_loses_nothing() {
    let lines: Vec<_> = (0..20).map(|n| (n * 500, INFO, "x")).collect();
    check(&lines, &["x"; 20]);
}
