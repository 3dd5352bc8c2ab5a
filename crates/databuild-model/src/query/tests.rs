//! One row a claim about the filter: the question, then the entries that answer it.

use super::{Facts, KindSet, LevelSet, LogFilter, PatternError, TextMatch, search_text};
use crate::entry::Kind;
use crate::json::read_entry;
use crate::level::Level;
use crate::time::Timestamp;

const ENTRIES: [(i64, Kind, Option<Level>, &str); 5] = [
    (1, Kind::Event, None, "task_launched"),
    (2, Kind::Log, Some(Level::Info), "reading orders.csv"),
    (3, Kind::Log, Some(Level::Error), "bad amount"),
    (4, Kind::Metric, None, "rows_processed"),
    (5, Kind::Manifest, None, ""),
];

#[track_caller]
fn check(filter: LogFilter, expect: &[i64]) {
    let facts = |&(nanos, kind, level, text): &(i64, Kind, Option<Level>, &'static str)| Facts {
        timestamp: Timestamp::from_nanos(nanos),
        kind,
        level,
        text: text.as_bytes(),
    };
    let found: Vec<i64> =
        ENTRIES.iter().filter(|entry| filter.matches(&facts(entry))).map(|entry| entry.0).collect();
    assert_eq!(found, expect);
}

#[test]
fn since_is_inclusive_and_until_is_not() {
    check(LogFilter { since: Some(Timestamp::from_nanos(2)), ..Default::default() }, &[2, 3, 4, 5]);
    check(LogFilter { until: Some(Timestamp::from_nanos(2)), ..Default::default() }, &[1]);
}

#[test]
fn a_level_alone_means_log_entries() {
    let levels = Some(LevelSet::at_least(Level::Warn));
    check(LogFilter { levels, ..Default::default() }, &[3]);
    let kinds = Some(KindSet::of(&[Kind::Log, Kind::Event]));
    check(LogFilter { levels, kinds, ..Default::default() }, &[1, 3]);
}

#[test]
fn text_is_smart_about_case() {
    let contains = |text| LogFilter {
        include: Some(TextMatch::contains(text).unwrap()),
        ..Default::default()
    };
    check(contains("BAD"), &[]);
    check(contains("bad"), &[3]);
    check(contains("a.o"), &[]);
    let exclude = Some(TextMatch::regex("^r", false).unwrap());
    check(LogFilter { exclude, ..Default::default() }, &[1, 3, 5]);
}

#[test]
fn nothing_asked_is_everything() {
    assert!(LogFilter::default().is_all());
    check(LogFilter::default(), &[1, 2, 3, 4, 5]);
}

#[test]
fn a_bad_pattern_says_what_is_wrong() {
    let refusal = |pattern: &str| TextMatch::regex(pattern, false).unwrap_err();
    assert_eq!(refusal("("), PatternError::Syntax("unclosed group".into()));
    assert_eq!(refusal(&"x".repeat(2000)), PatternError::TooLong { len: 2000, max: 1024 });
    assert_eq!(refusal("(\\w{50}){50}"), PatternError::TooComplex);
}

#[test]
fn a_search_sees_message_fields_names_and_outputs() {
    let mut text = Vec::new();
    for line in include_str!("../json/goldens.jsonl").lines() {
        search_text(&read_entry(line.as_bytes()).unwrap().0.content, &mut text);
    }
    expect_test::expect![[r#"
        task_launched
        Processing started
        rows=1000
        rows_processed count
        stage=transform
        line	two "quoted" \ \0 ü
        ratio
        clean/date=2025-01-27
        rows=1000
        run_end
        cause=success
        complete=true
        done
        rows
        progress
        done=1
    "#]]
    .assert_eq(&String::from_utf8(text).unwrap().replace('\0', "\\0"));
}
