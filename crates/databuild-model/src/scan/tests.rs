//! The fast way and the lenient reader must never disagree about a line that both accept.

use super::{Labels, PlainMembers, Scanner, Texts, members, plain_value};
use crate::entry::{Content, Kind, LogMessage};
use crate::json::tests::any_entry;
use crate::json::{read_entry, write_entry};
use proptest::prelude::*;
use std::ops::Range;

const GOLDENS: &str = include_str!("../json/goldens.jsonl");

/// Whatever the scanner says of `line`, the reader says too.
#[track_caller]
fn agree(scanner: &mut Scanner, line: &[u8]) -> bool {
    let mut fields = Vec::new();
    let told = scanner.scan_with(line, |key, value| fields.push((key, value)));
    let Some(scan) = told else { return false };
    serde_json::from_slice::<serde::de::IgnoredAny>(line).expect("valid JSON");
    let (entry, _) = read_entry(line).expect("an entry");
    assert_eq!(scan.timestamp, entry.timestamp);
    assert_eq!(scan.job_id, entry.job_id.as_str().as_bytes());
    assert_eq!(scan.sequence_number, entry.sequence_number);
    assert_eq!(scan.kind, entry.content.kind());
    let level = if let Content::Log(log) = &entry.content { Some(log.level) } else { None };
    assert_eq!(scan.level, level);
    assert_eq!(line[scan.end], b'}');
    assert_eq!(line[scan.content.start], b'{');
    assert_eq!(line[scan.content.end - 1], b'}');
    match (&scan.texts, &entry.content) {
        (Some(texts), Content::Log(log)) => texts_agree(line, texts, &fields, log),
        (None, _) => {}
        (Some(_), _) => panic!("no log entry has texts"),
    }
    true
}

fn texts_agree(line: &[u8], texts: &Texts, told: &[(&[u8], Range<usize>)], log: &LogMessage) {
    let text = |range: &Range<usize>| std::str::from_utf8(&line[range.clone()]).unwrap();
    let decoded = |text: &str| serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap();
    let value = |value: &str| match value.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(inner) => decoded(inner),
        None => value.to_owned(),
    };
    assert_eq!(decoded(text(&texts.message)), log.message);
    assert_eq!(texts.stream, log.origin.stream);
    assert!(!texts.is_plain || !line.contains(&b'\\'));
    let object = text(&texts.fields);
    let mut fields = Vec::new();
    if !object.is_empty() {
        let pair = |k: Range<usize>, v: Range<usize>| (decoded(&object[k]), value(&object[v]));
        members(object, |k, v| fields.push(pair(k, v))).expect("an object");
    }
    assert_eq!(fields, log.fields.0);
    if texts.are_fields_told {
        let key = |key: &[u8]| decoded(std::str::from_utf8(key).unwrap());
        let told: Vec<_> = told.iter().map(|(k, v)| (key(k), value(text(v)))).collect();
        assert_eq!(told, log.fields.0);
    }
    if texts.are_fields_told && texts.is_plain {
        let plain: Vec<_> = PlainMembers::of(object.as_bytes()).collect();
        let whole: Vec<_> = log.fields.iter().collect();
        assert_eq!(plain, whole);
        let values: Vec<_> = told.iter().map(|(_, it)| plain_value(line, it.clone())).collect();
        assert_eq!(values, whole.iter().map(|(_, it)| Some(*it)).collect::<Vec<_>>());
    }
}

#[test]
fn goldens_go_the_fast_way() {
    let mut scanner = Scanner::new();
    for line in GOLDENS.lines() {
        assert!(agree(&mut scanner, line.as_bytes()), "{line}");
        assert!(agree(&mut scanner, line.as_bytes()), "the second time: {line}");
    }
}

#[test]
fn places_and_labels_are_told() {
    let mut scanner = Scanner::new();
    let line = GOLDENS.lines().nth(6).unwrap();
    let scan = scanner.scan(line.as_bytes()).unwrap();
    assert_eq!(&line[scan.end..], "}");
    assert_eq!(scan.event_type, Some("run_end"));
    assert_eq!(scan.labels, Labels { top: true, inner: true });
    let bare = GOLDENS.lines().next().unwrap();
    let scan = scanner.scan(bare.as_bytes()).unwrap();
    assert_eq!(&bare[scan.content.clone()], r#"{"event_type":"task_launched","metadata":{}}"#);
    assert_eq!((scan.kind, scan.labels), (Kind::Event, Labels::default()));
}

#[test]
fn texts_are_told_only_where_there_is_no_doubt() {
    let entry = |log: &str| {
        format!(
            r#"{{"timestamp":"2025-01-27T10:30:46.123456789Z","job_id":"r1","outputs":[],"sequence_number":7,"content":{{"log":{{"level":"INFO"{log}}}}}}}"#
        )
    };
    let mut scanner = Scanner::new();
    for (log, told) in [
        ("", true),
        (r#","message":"a","fields":{"k":"v","n":1},"stream":"stderr","offset":0"#, true),
        (r#","stream":"stdout","message":"a\nb","fields":{}"#, true),
        (r#", "fields" : { "k" : "v" } , "message" : "a""#, true),
        (r#","message":"a","message":"b""#, false),
        (r#","message":"a","mess\u0061ge":"b""#, false),
        (r#","message":1"#, false),
        (r#","fields":{"k":"v"},"fields":{}"#, false),
        (r#","fields":[]"#, false),
        (r#","stream":"both""#, false),
        (r#","stream":"std\u006fut""#, false),
        (r#","stream":null"#, false),
    ] {
        let line = entry(log);
        for _ in 0..2 {
            assert!(agree(&mut scanner, line.as_bytes()), "{line}");
            let scan = scanner.scan(line.as_bytes()).unwrap();
            assert_eq!(scan.texts.is_some(), told, "{line}");
        }
    }
}

#[test]
fn what_needs_leniency_or_is_broken_is_left_to_the_reader() {
    let good = GOLDENS.lines().nth(1).unwrap();
    let mut scanner = Scanner::new();
    for (from, to) in [
        ("INFO", "warning"),
        ("\"content\":{\"log\"", "\"log\":{\"log\""),
        ("started", "\\ud800"),
        ("started", "\\x"),
        ("started", "a\u{1}"),
        (":2,", ":02,"),
        (":2,", ":-2,"),
        ("}}}}", "}}}"),
        ("}}}}", "}}}}}"),
        ("}}}}", "}},\"log\":{}}}"),
        ("}}}}", "}}},\"timestamp\":1}"),
        ("}}}}", "}}},\"job\\u005fid\":1}"),
    ] {
        assert!(scanner.scan(good.as_bytes()).is_some());
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good);
        assert_eq!(scanner.scan(changed.as_bytes()), None, "{changed}");
    }
}

proptest! {
    #[test]
    fn written_entries_go_the_fast_way(entries in prop::collection::vec(any_entry(), 1..5)) {
        let mut scanner = Scanner::new();
        for entry in entries {
            let mut line = Vec::new();
            write_entry(&entry, &mut line);
            prop_assert!(agree(&mut scanner, &line));
        }
    }

    #[test]
    fn changed_bytes_never_make_it_disagree(
        entry in any_entry(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut scanner = Scanner::new();
        let mut line = Vec::new();
        write_entry(&entry, &mut line);
        agree(&mut scanner, &line);
        for (index, byte) in changes {
            let at = index.index(line.len());
            line[at] = byte;
        }
        agree(&mut scanner, &line);
    }
}
