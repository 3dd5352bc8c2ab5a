//! The fast way and the lenient reader must never disagree about a line that both accept.

use super::{Labels, Scanner};
use crate::entry::{Content, Kind};
use crate::json::tests::any_entry;
use crate::json::{read_entry, write_entry};
use proptest::prelude::*;

const GOLDENS: &str = include_str!("../json/goldens.jsonl");

/// Whatever the scanner says of `line`, the reader says too.
#[track_caller]
fn agree(scanner: &mut Scanner, line: &[u8]) -> bool {
    let Some(scan) = scanner.scan(line) else { return false };
    serde_json::from_slice::<serde::de::IgnoredAny>(line).expect("valid JSON");
    let (entry, _) = read_entry(line).expect("an entry");
    assert_eq!(scan.timestamp, entry.timestamp);
    assert_eq!(scan.job_id, entry.job_id.as_str());
    assert_eq!(scan.sequence_number, entry.sequence_number);
    assert_eq!(scan.kind, entry.content.kind());
    let level = if let Content::Log(log) = &entry.content { Some(log.level) } else { None };
    assert_eq!(scan.level, level);
    assert_eq!(line[scan.end], b'}');
    assert_eq!(line[scan.content.start], b'{');
    assert_eq!(line[scan.content.end - 1], b'}');
    true
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
