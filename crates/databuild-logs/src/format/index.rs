//! The index of a run: which block of the file holds what, where the warnings and errors are, and the
//! seal.
//!
//! Rows are relative to the row before, so a row is read in order, from the first on.

use super::bytes::{Reader, Writer};
use super::frame::{self, HEAD_BYTES};
use super::record::{RunRecord, optional};
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId};
use databuild_model::level::Level;
use databuild_model::time::Timestamp;

/// The first bytes of an index: name and version of the format.
pub const MAGIC: [u8; 8] = *b"DBINDEX\x01";

const HEADER: u8 = 1;
const BLOCK: u8 = 2;
const SEAL: u8 = 3;

/// The last bytes of a sealed index; before them the length of the seal's record, u32 little-endian.
pub const SEAL_MARK: [u8; 4] = *b"SEAL";

/// Bytes at the end of a sealed index that lead to its seal.
pub const TRAILER_BYTES: usize = 8;

/// Whose index this is: known before the first entry came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexHeader {
    /// The run.
    pub job_run_id: JobRunId,
    /// The job, if known.
    pub job_label: Option<JobLabel>,
    /// The kind of job, if known.
    pub job_type: Option<String>,
    /// Whose logs these are, if known.
    pub app: Option<AppName>,
    /// The build, if known.
    pub build_id: Option<BuildId>,
}

/// A stretch of whole lines of the file: at least 64 KiB, except the last of a sealed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexRow {
    /// Where the first line begins.
    pub offset: u64,
    /// Bytes, with the last newline.
    pub bytes: u64,
    /// The number of the first line, counted from 0.
    pub first_line: u64,
    /// Lines.
    pub entries: u64,
    /// The earliest timestamp.
    pub min_time: Timestamp,
    /// The latest timestamp.
    pub max_time: Timestamp,
    /// The lowest sequence number other than 0; 0 if there is none.
    pub min_sequence: u64,
    /// The highest sequence number.
    pub max_sequence: u64,
    /// Log entries by level; the place is that of `Level::ALL`.
    pub level_counts: [u32; 6],
    /// Entries by kind; the place is that of `Kind::ALL`.
    pub kind_counts: [u32; 4],
}

/// A line of level WARN or above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The number of the line in the file, counted from 0.
    pub line: u64,
    /// Where the line begins in the file.
    pub offset: u64,
    /// WARN, ERROR or FATAL.
    pub level: Level,
}

/// A row and the warnings and errors within its block, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// The row.
    pub row: IndexRow,
    /// The postings.
    pub postings: Vec<Posting>,
}

/// All that could be read of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct RunIndex {
    /// Whose index it is.
    pub header: IndexHeader,
    /// The blocks, in order and without holes from offset 0.
    pub blocks: Vec<Block>,
    /// The seal, if the run has ended.
    pub seal: Option<RunRecord>,
    /// Where the first record that is not whole begins; the length of the bytes if all are.
    pub valid_bytes: usize,
}

/// Why bytes are not an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Another format, or a version that this program does not know.
    #[error("not an index of version 1")]
    Format,
    /// Nothing but the beginning of an index.
    #[error("the header of the index is not whole")]
    NoHeader,
}

impl IndexRow {
    /// Which levels occur: one bit a level, as `Level::bit`.
    pub fn levels(&self) -> u8 {
        bits(&self.level_counts)
    }

    /// Which kinds occur: one bit a kind, as `Kind::bit`.
    pub fn kinds(&self) -> u8 {
        bits(&self.kind_counts)
    }

    /// Where the next block begins.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    /// The number of the line after the last one.
    pub fn end_line(&self) -> u64 {
        self.first_line + self.entries
    }
}

impl RunIndex {
    /// Whether this is the whole index of a finished file of `size` bytes.
    pub fn fits(&self, size: u64) -> bool {
        let blocks_end = self.blocks.last().map_or(0, |block| block.row.end());
        blocks_end == size && self.seal.as_ref().is_some_and(|seal| seal.bytes == size)
    }
}

fn bits(counts: &[u32]) -> u8 {
    counts.iter().rev().fold(0, |bits, &count| bits << 1 | u8::from(count != 0))
}

/// Appends the beginning of an index.
pub fn write_header(header: &IndexHeader, out: &mut Vec<u8>) {
    let mut payload = Writer::default();
    payload.text(header.job_run_id.as_str());
    payload.text_or_empty(header.job_label.as_ref().map(JobLabel::as_str));
    payload.text_or_empty(header.job_type.as_deref());
    payload.text_or_empty(header.app.as_ref().map(AppName::as_str));
    payload.text_or_empty(header.build_id.as_ref().map(BuildId::as_str));
    out.extend_from_slice(&MAGIC);
    frame::write_record(HEADER, &payload.0, out);
}

/// Appends a block. It must begin where the one before it ended.
pub fn write_block(block: &Block, out: &mut Vec<u8>) {
    let Block { row, postings } = block;
    let mut payload = Writer::default();
    payload.varint(row.offset);
    payload.varint(row.bytes);
    payload.varint(row.first_line);
    payload.varint(row.entries);
    payload.zigzag(row.min_time.as_nanos());
    payload.varint(row.max_time.as_nanos().abs_diff(row.min_time.as_nanos()));
    payload.varint(row.min_sequence);
    payload.varint(row.max_sequence);
    for count in row.level_counts.iter().chain(&row.kind_counts) {
        payload.varint(u64::from(*count));
    }
    payload.varint(postings.len() as u64);
    let (mut line, mut offset) = (row.first_line, row.offset);
    for posting in postings {
        payload.varint((posting.offset - offset) << 2 | severity(posting.level));
        payload.varint(posting.line - line);
        (line, offset) = (posting.line, posting.offset);
    }
    frame::write_record(BLOCK, &payload.0, out);
}

/// Appends the seal, after which nothing may follow.
pub fn write_seal(record: &RunRecord, out: &mut Vec<u8>) {
    let mut payload = Writer::default();
    record.write(&mut payload);
    let len = u32::try_from(HEAD_BYTES + payload.0.len() + TRAILER_BYTES).unwrap_or(u32::MAX);
    payload.0.extend_from_slice(&len.to_le_bytes());
    payload.0.extend_from_slice(&SEAL_MARK);
    frame::write_record(SEAL, &payload.0, out);
}

fn severity(level: Level) -> u64 {
    match level {
        Level::Trace | Level::Debug | Level::Info | Level::Warn => 0,
        Level::Error => 1,
        Level::Fatal => 2,
    }
}

/// Whether this is an index of a version that came after this one. Such a file is left alone.
pub fn is_newer(bytes: &[u8]) -> bool {
    let Some((version, name)) = MAGIC.split_last() else { return false };
    bytes.strip_prefix(name).and_then(<[u8]>::first).is_some_and(|found| version < found)
}

/// Reads an index, as far as it is whole.
pub fn read_index(bytes: &[u8]) -> Result<RunIndex, IndexError> {
    let mut blocks = Vec::new();
    let index = visit(bytes, |row, count, packed| {
        // Each posting has at least two bytes, so the length of the record bounds the memory.
        let mut postings = Vec::with_capacity(count.min(packed.len() / 2));
        read_postings(&row, packed, |posting| postings.push(posting))?;
        (postings.len() == count).then(|| blocks.push(Block { row, postings }))
    })?;
    Ok(RunIndex { blocks, ..index })
}

/// Reads an index, as far as it is whole, and shows each row, with its postings as bytes for
/// [`read_postings`], instead of keeping it: the index of a gigabyte has tens of thousands of rows and
/// ten times as many postings, most of which nobody asks for. What is answered has no blocks.
pub fn visit_rows(
    bytes: &[u8],
    each: &mut dyn FnMut(IndexRow, &[u8]),
) -> Result<RunIndex, IndexError> {
    visit(bytes, |row, _, packed| {
        each(row, packed);
        Some(())
    })
}

/// Shows each row, the number of its postings and their bytes, until `each` finds one wrong.
fn visit(
    bytes: &[u8],
    mut each: impl FnMut(IndexRow, usize, &[u8]) -> Option<()>,
) -> Result<RunIndex, IndexError> {
    let magic = bytes.get(..MAGIC.len()).ok_or(IndexError::NoHeader)?;
    if magic != MAGIC {
        return Err(IndexError::Format);
    }
    let first = frame::read_record(bytes, MAGIC.len()).ok_or(IndexError::NoHeader)?;
    let header = (first.kind == HEADER).then(|| read_header(first.payload)).flatten();
    let header = header.ok_or(IndexError::NoHeader)?;
    let mut index = RunIndex { header, blocks: Vec::new(), seal: None, valid_bytes: first.end };
    let mut next = (0, 0);
    for record in frame::records(bytes, first.end) {
        match record.kind {
            BLOCK => {
                let Some((row, count, packed)) = read_row(record.payload) else { break };
                if next != (row.offset, row.first_line) || each(row, count, packed).is_none() {
                    break;
                }
                next = (row.end(), row.end_line());
            }
            SEAL => {
                index.seal = read_seal_payload(record.payload);
                if index.seal.is_some() {
                    index.valid_bytes = record.end;
                }
                break;
            }
            _ => break,
        }
        index.valid_bytes = record.end;
    }
    Ok(index)
}

/// How many bytes before the end of the file the seal's record begins, told by the last
/// [`TRAILER_BYTES`] of the file; nothing if the file does not end in a seal.
pub fn seal_bytes(trailer: &[u8]) -> Option<usize> {
    let (len, mark) = trailer.split_first_chunk::<4>()?;
    (mark == SEAL_MARK).then(|| usize::try_from(u32::from_le_bytes(*len)).ok())?
}

/// Reads a seal from the bytes that [`seal_bytes`] points to.
pub fn read_seal(bytes: &[u8]) -> Option<RunRecord> {
    let record = frame::read_record(bytes, 0).filter(|record| record.end == bytes.len())?;
    (record.kind == SEAL).then(|| read_seal_payload(record.payload))?
}

fn read_seal_payload(payload: &[u8]) -> Option<RunRecord> {
    let mut input = Reader(payload);
    let record = RunRecord::read(&mut input)?;
    (input.0.len() == TRAILER_BYTES).then_some(record)
}

fn read_header(payload: &[u8]) -> Option<IndexHeader> {
    let mut input = Reader(payload);
    Some(IndexHeader {
        job_run_id: JobRunId::parse(input.text()?).ok()?,
        job_label: optional(input.text()?, JobLabel::parse)?,
        job_type: Some(input.text()?.to_owned()).filter(|text| !text.is_empty()),
        app: optional(input.text()?, AppName::parse)?,
        build_id: optional(input.text()?, BuildId::parse)?,
    })
}

/// The row of a block, the number of its postings, and their bytes.
fn read_row(payload: &[u8]) -> Option<(IndexRow, usize, &[u8])> {
    let mut input = Reader(payload);
    let mut row = IndexRow {
        offset: input.varint()?,
        bytes: input.varint()?,
        first_line: input.varint()?,
        entries: input.varint()?,
        min_time: Timestamp::from_nanos(input.zigzag()?),
        ..IndexRow::default()
    };
    row.offset.checked_add(row.bytes)?;
    row.first_line.checked_add(row.entries)?;
    let length = row.min_time.as_nanos().checked_add_unsigned(input.varint()?)?;
    row.max_time = Timestamp::from_nanos(length);
    row.min_sequence = input.varint()?;
    row.max_sequence = input.varint()?;
    for count in row.level_counts.iter_mut().chain(&mut row.kind_counts) {
        *count = u32::try_from(input.varint()?).ok()?;
    }
    let count = usize::try_from(input.varint()?).ok()?;
    Some((row, count, input.0))
}

/// Reads the postings of the block of `row`. `None` if they are not whole; some may have been shown
/// by then.
pub fn read_postings(row: &IndexRow, packed: &[u8], mut each: impl FnMut(Posting)) -> Option<()> {
    let mut input = Reader(packed);
    let (mut line, mut offset) = (row.first_line, row.offset);
    while !input.0.is_empty() {
        let packed = input.varint()?;
        offset = offset.checked_add(packed >> 2).filter(|offset| *offset < row.end())?;
        line = line.checked_add(input.varint()?).filter(|line| *line < row.end_line())?;
        let level = match packed & 3 {
            0 => Level::Warn,
            1 => Level::Error,
            2 => Level::Fatal,
            _ => return None,
        };
        each(Posting { line, offset, level });
    }
    Some(())
}

#[cfg(test)]
pub(super) mod tests;
