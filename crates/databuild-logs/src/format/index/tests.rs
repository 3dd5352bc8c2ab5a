//! Indexes there and back; the page of the format shows a real one.

use super::{Block, IndexHeader, IndexRow, Posting};
use super::{read_index, read_seal, seal_bytes, write_block, write_header, write_seal};
use crate::format::{RunEnd, RunRecord};
use databuild_model::cause::Cause;
use databuild_model::ids::{AppName, JobLabel, JobRunId};
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use proptest::prelude::*;

fn header() -> IndexHeader {
    IndexHeader {
        job_run_id: JobRunId::parse("r").unwrap(),
        job_label: Some(JobLabel::parse("report").unwrap()),
        job_type: None,
        app: Some(AppName::parse("shop").unwrap()),
        build_id: None,
    }
}

fn block() -> Block {
    let at = |text| Timestamp::parse(text).unwrap();
    Block {
        row: IndexRow {
            offset: 0,
            bytes: 300,
            first_line: 0,
            entries: 3,
            min_time: at("2025-01-27T10:30:45Z"),
            max_time: at("2025-01-27T10:30:47Z"),
            min_sequence: 1,
            max_sequence: 3,
            level_counts: [0, 0, 1, 0, 1, 0],
            kind_counts: [2, 0, 1, 0],
        },
        postings: vec![Posting { line: 1, offset: 100, level: Level::Error }],
    }
}

fn seal() -> RunRecord {
    let row = block().row;
    RunRecord {
        job_label: header().job_label,
        app: header().app,
        entries: 3,
        bytes: 300,
        level_counts: row.level_counts.map(u64::from),
        kind_counts: row.kind_counts.map(u64::from),
        last_sequence: 3,
        first_time: Some(row.min_time),
        last_time: Some(row.max_time),
        first_error_line: Some(1),
        blake3: [0xab; 32],
        end: Some(RunEnd {
            exit_code: Some(1),
            signal: None,
            cause: Cause::Exit,
            complete: true,
            duration_seconds: 1.5,
        }),
        ..RunRecord::default()
    }
}

fn sample() -> Vec<u8> {
    let mut bytes = Vec::new();
    write_header(&header(), &mut bytes);
    write_block(&block(), &mut bytes);
    write_seal(&seal(), &mut bytes);
    bytes
}

/// Sixteen bytes a line in hexadecimal, as on the pages of the formats.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
    bytes.chunks(16).map(|chunk| line(chunk).trim_end().to_owned() + "\n").collect()
}

#[test]
fn the_page_shows_a_real_index() {
    let page = include_str!("../../../../../docs/formats/run-index.md");
    let sample = hex(&sample());
    assert!(page.contains(&sample), "the page must hold:\n{sample}");
}

#[test]
fn an_index_reads_back() {
    let bytes = sample();
    let index = read_index(&bytes).unwrap();
    assert_eq!(index.header, header());
    assert_eq!(index.blocks, [block()]);
    assert_eq!(index.seal, Some(seal()));
    assert_eq!(index.valid_bytes, bytes.len());
    assert!(index.fits(300) && !index.fits(301));
    assert_eq!((block().row.levels(), block().row.kinds()), (0b01_0100, 0b0101));
}

#[test]
fn the_seal_is_found_from_the_end() {
    let bytes = sample();
    let len = seal_bytes(&bytes[bytes.len() - super::TRAILER_BYTES..]).unwrap();
    assert_eq!(read_seal(&bytes[bytes.len() - len..]), Some(seal()));
    assert_eq!(seal_bytes(&bytes[..super::TRAILER_BYTES]), None);
}

#[test]
fn a_cut_at_any_byte_leaves_what_is_before_it() {
    let bytes = sample();
    for len in 0..bytes.len() {
        let Ok(index) = read_index(&bytes[..len]) else { continue };
        assert!(index.valid_bytes <= len && index.seal.is_none());
        assert!(index.blocks.iter().all(|found| *found == block()));
    }
}

#[test]
fn another_version_is_refused() {
    let mut bytes = sample();
    bytes[7] = 2;
    assert_eq!(read_index(&bytes).unwrap_err().to_string(), "not an index of version 1");
}

proptest! {
    #[test]
    fn any_payload_is_read_without_panic(payload: Vec<u8>, kind in 0u8..4) {
        let mut bytes = sample();
        bytes.truncate(read_index(&sample()).unwrap().valid_bytes);
        crate::format::frame::write_record(kind, &payload, &mut bytes);
        prop_assert!(read_index(&bytes).is_ok());
        let mut alone = super::MAGIC.to_vec();
        crate::format::frame::write_record(kind, &payload, &mut alone);
        drop(read_index(&alone));
    }
}
