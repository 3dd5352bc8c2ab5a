//! Holds our layouts against what the real logback made of the same patterns and events. The goldens are
//! written by `cargo xtask oracle`; a golden is a sum over the texts for a pattern, and where that command
//! was run on this machine, what differs is shown.

use super::super::{Compat, Layout, LayoutEvent, LayoutOptions, Newlines, Scratch};
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use expect_test::{Expect, expect};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// As in `xtask/src/oracle.rs`.
const EVENTS_EACH: usize = 10;

struct Event {
    timestamp: Timestamp,
    level: Level,
    logger: String,
    thread: String,
    message: String,
    fields: Vec<(String, String)>,
    trace: String,
}

#[test]
fn layouts_of_logback_1_5() {
    compare(
        "1.5",
        Compat::Logback15,
        include_str!("oracle/layouts-1.5.txt"),
        expect![[r#"
          2 a second pair of braces would be printed as it stands
          1 right after … logback prints a … instead of reading a word
          7 this … closes nothing
          2 … has nothing to work on
          6 … knows no option …
    "#]],
    );
}

#[test]
fn layouts_of_logback_1_2() {
    compare(
        "1.2",
        Compat::Logback12,
        include_str!("oracle/layouts-1.2.txt"),
        expect![[r#"
            5 this … closes nothing
            1 … is not a regular expression: unrecognized escape sequence
            18 … is not a time zone
            4 … knows no option …
            1 … means nothing in a date, or nothing that is offered here
            1 … needs a regular expression and what to put in its place
        "#]],
    );
}

/// Compares every pattern. `stricter` are the patterns that we refuse although logback prints something:
/// how many for which reason.
fn compare(version: &str, compat: Compat, golden: &str, stricter: Expect) {
    let events = events();
    let options = LayoutOptions { compat, newlines: Newlines::Raw, ..LayoutOptions::default() };
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut cases = 0;
    for (number, line) in golden.lines().enumerate() {
        let (pattern, theirs) = line.rsplit_once('\t').unwrap();
        let pattern = unescape(pattern);
        let numbers: Vec<usize> =
            (0..EVENTS_EACH).map(|n| (number * 7 + n * 3) % events.len()).collect();
        cases += numbers.len();
        match (Layout::parse(&pattern, &options), theirs) {
            (Err(_), "refused") => {}
            (Err(problems), _) => *reasons.entry(reason(&problems[0].what)).or_default() += 1,
            (Ok(_), "refused") => panic!("logback {version} refuses {pattern:?}, and we do not"),
            (Ok(layout), sum) => {
                let texts: Vec<String> =
                    numbers.iter().map(|n| render(&layout, &events[*n], *n)).collect();
                if format!("{:016x}", sum_of(&texts)) != sum {
                    panic!("{}", difference(version, &pattern, &numbers, &texts));
                }
            }
        }
    }
    assert!(10_000 <= cases, "{cases} cases are not many");
    stricter.assert_eq(&reasons.iter().map(|(why, n)| format!("{n} {why}\n")).collect::<String>());
}

/// A problem without what differs from pattern to pattern.
fn reason(what: &str) -> String {
    what.split('`').enumerate().map(|(n, part)| if n % 2 == 0 { part } else { "…" }).collect()
}

fn difference(version: &str, pattern: &str, numbers: &[usize], texts: &[String]) -> String {
    let full = full_texts(version);
    for (n, text) in numbers.iter().zip(texts) {
        let theirs = full.get(&(pattern.to_owned(), *n));
        if theirs.is_some_and(|theirs| *theirs != escape(text)) {
            return format!("{pattern:?}, event {n}\nours   {text:?}\ntheirs {theirs:?}");
        }
    }
    format!("{pattern:?} differs from logback {version}; `cargo xtask oracle` shows how")
}

fn render(layout: &Layout, event: &Event, n: usize) -> String {
    let fields: Vec<(&str, &str)> =
        event.fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let event = LayoutEvent {
        timestamp: event.timestamp,
        level: event.level,
        message: &event.message,
        raw_message: &event.message,
        trace: &event.trace,
        logger: &event.logger,
        thread: &event.thread,
        fields: fields.as_slice().into(),
        app: "shop",
        sequence: n as u64,
        started: Some(Timestamp::from_nanos(1_737_900_000_000_000_000)),
        ..LayoutEvent::saying(event.timestamp, event.level, "")
    };
    let mut out = Vec::new();
    layout.render(&event, &mut Scratch::default(), &mut out);
    String::from_utf8(out).unwrap()
}

fn events() -> Vec<Event> {
    let read = |line: &str| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [_, millis, level, logger, thread, message, fields, trace, "end"] = parts[..] else {
            panic!("{line}")
        };
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('\u{1e}').unwrap();
            (key.to_owned(), value.to_owned())
        };
        Event {
            timestamp: Timestamp::from_nanos(millis.parse::<i64>().unwrap() * 1_000_000),
            level: Level::parse(level).unwrap(),
            logger: unescape(logger),
            thread: unescape(thread),
            message: unescape(message),
            fields: unescape(fields)
                .split('\u{1f}')
                .filter(|it| !it.is_empty())
                .map(pair)
                .collect(),
            trace: unescape(trace),
        }
    };
    include_str!("oracle/events.txt").lines().map(read).collect()
}

/// What logback said in full, if it was asked on this machine.
fn full_texts(version: &str) -> HashMap<(String, usize), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/oracle");
    let said = std::fs::read_to_string(path.join(format!("layouts-{version}.txt")));
    let said = said.unwrap_or_default();
    let mut texts = HashMap::new();
    let mut pattern = String::new();
    for line in said.lines() {
        let parts: Vec<&str> = line.splitn(3, '\t').collect();
        match parts[..] {
            ["pattern", text] => pattern = unescape(text),
            ["is", n, text] => {
                texts.insert((pattern.clone(), n.parse().unwrap()), text.to_owned());
            }
            _ => {}
        }
    }
    texts
}

/// FNV-1a, as in `xtask/src/oracle.rs`.
fn sum_of(texts: &[String]) -> u64 {
    let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
    for text in texts {
        for byte in escape(text).bytes().chain([b'\n']) {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    sum
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
        .replace('\0', "\\0")
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().unwrap() {
                't' => out.push('\t'),
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                '0' => out.push('\0'),
                other => out.push(other),
            },
            _ => out.push(c),
        }
    }
    out
}
