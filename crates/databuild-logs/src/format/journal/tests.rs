//! Journals there and back; the page of the format shows a real one.

use super::{
    BatchRecord, JournalRecord, Synced, count_size, read_header, read_records, write_header,
    write_record,
};
use crate::format::index;
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use proptest::prelude::*;
use std::time::Duration;

fn batch() -> BatchRecord {
    BatchRecord {
        job_run_id: JobRunId::parse("r").unwrap(),
        day: Day::parse("2025-01-27").unwrap(),
        offset: 100,
        bytes: 200,
        first_line: 1,
        entries: 2,
        min_time: Timestamp::parse("2025-01-27T10:30:45Z").unwrap(),
        max_time: Timestamp::parse("2025-01-27T10:30:47Z").unwrap(),
        level_counts: [0, 0, 0, 0, 1, 0],
        kind_counts: [1, 0, 1, 0],
        sealed: true,
        synced: Some(Synced {
            at: Timestamp::parse("2025-01-27T10:30:48Z").unwrap(),
            took: Duration::from_micros(2500),
        }),
        size_counts: [2, 0, 0, 0, 0, 0, 0, 0],
    }
}

fn sample() -> Vec<u8> {
    let mut bytes = Vec::new();
    write_header(&mut bytes);
    write_record(&JournalRecord::Batch(batch()), &mut bytes);
    write_record(&JournalRecord::Closed, &mut bytes);
    bytes
}

#[test]
fn the_page_shows_a_real_journal() {
    let page = include_str!("../../../../../docs/formats/journal.md");
    let sample = index::tests::hex(&sample());
    assert!(page.contains(&sample), "the page must hold:\n{sample}");
}

#[test]
fn records_read_back_each_with_the_place_behind_it() {
    let bytes = sample();
    let start = read_header(&bytes).unwrap();
    let records: Vec<_> = read_records(&bytes, start).collect();
    let values: Vec<_> = records.iter().map(|(_, record)| record.clone()).collect();
    assert_eq!(values, [JournalRecord::Batch(batch()), JournalRecord::Closed]);
    assert_eq!(records[1].0, bytes.len());
    let rest: Vec<_> = read_records(&bytes, records[0].0).map(|(_, record)| record).collect();
    assert_eq!(rest, [JournalRecord::Closed]);
}

#[test]
fn records_without_a_sync_are_read_too() {
    let old = JournalRecord::Batch(BatchRecord { synced: None, size_counts: [0; 8], ..batch() });
    let mut bytes = Vec::new();
    write_record(&old, &mut bytes);
    let values: Vec<_> = read_records(&bytes, 0).map(|(_, record)| record).collect();
    assert_eq!(values, [old]);
}

#[test]
fn lines_are_counted_by_size() {
    let mut counts = [0; 8];
    for bytes in [1, 256, 257, 1 << 20, (1 << 20) + 1, u64::MAX] {
        count_size(&mut counts, bytes);
    }
    assert_eq!(counts, [2, 1, 0, 0, 0, 0, 1, 2]);
}

#[test]
fn another_version_is_refused() {
    let mut bytes = sample();
    bytes[7] = 2;
    assert!(read_header(&bytes).is_err());
    assert_eq!(read_header(&sample()[..3]), Ok(8), "cut in the header: no record yet");
}

proptest! {
    #[test]
    fn any_payload_is_read_without_panic(payload: Vec<u8>, kind in 0u8..4) {
        let mut bytes = Vec::new();
        crate::format::frame::write_record(kind, &payload, &mut bytes);
        prop_assert!(read_records(&bytes, 0).count() <= 1);
    }
}
