//! What the collector writes and what is rebuilt from the entries is the same.

use super::{BatchTally, rebuild, rebuild_known};
use crate::format::index;
use crate::fs::faulty::FaultyFs;
use crate::fs::read_whole;
use crate::testing::{Store, end_line, log_line, run_id};
use databuild_model::time::Day;
use proptest::prelude::*;
use std::sync::Arc;

/// Collects `text`, rebuilds the index from the entries, and compares the two.
#[track_caller]
fn check(text: &[u8]) {
    let store = Store::with_fs(Arc::new(FaultyFs::default()));
    store.collect("r", text);
    let file = store.fs.open_read(&store.path("r.idx")).unwrap();
    let written = index::read_index(&read_whole(file.as_ref(), 1 << 20).unwrap()).unwrap();
    let entries = store.fs.open_read(&store.path("r.jsonl")).unwrap();
    let rebuilt = rebuild(entries.as_ref(), &run_id("r"), 0).unwrap();
    assert_eq!(rebuilt.blocks, written.blocks);
    if rebuilt.record.entries != 0 {
        assert_eq!(rebuilt.header, written.header);
        assert_eq!(Some(&rebuilt.record), written.seal.as_ref());
    }
    let size = entries.size().unwrap();
    assert!(written.fits(size));
    // What the index says before the mark is taken for granted, and is the same.
    for mark in [0, size / 2, size] {
        let all = rebuild(entries.as_ref(), &run_id("r"), mark).unwrap();
        let known = Some(written.clone());
        let fast = rebuild_known(entries.as_ref(), &run_id("r"), mark, known).unwrap();
        assert_eq!((fast.blocks, fast.record), (all.blocks, all.record));
        let record = |tally: BatchTally| tally.record(run_id("r"), Day::from_number(0), false);
        assert_eq!(record(fast.since_mark), record(all.since_mark));
    }
}

#[test]
fn of_a_run_with_many_blocks() {
    let levels = ["INFO", "WARN", "DEBUG", "ERROR", "FATAL"];
    let mut text: String = (1..5000)
        .zip(levels.into_iter().cycle())
        .map(|(seq, level)| log_line("r", seq, level, "hello") + "\n")
        .collect();
    text += &end_line("r", 5000);
    check(text.as_bytes());
}

#[test]
fn of_a_run_that_said_nothing() {
    check(b"");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn of_any_output(lines in prop::collection::vec(
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            (0u64..6, "INFO|WARN|ERROR|LOUD", "[a-z]{0,5}")
                .prop_map(|(seq, level, text)| log_line("r", seq, &level, &text).into_bytes()),
            Just(log_line("other", 3, "INFO", "x").into_bytes()),
            Just(end_line("r", 4).into_bytes()),
        ],
        0..20,
    )) {
        check(&lines.join(&b'\n'));
    }
}
