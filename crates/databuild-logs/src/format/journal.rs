//! The journal of a collector: what was stored, in the order in which it became durable.
//!
//! A consumer keeps the place ([`JournalPlace`]) behind the last record that it has dealt with, and
//! reads on from there.

use super::bytes::{Reader, Writer};
use super::frame;
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming::JournalName;
use std::time::Duration;

/// The first bytes of a journal: name and version of the format.
pub const MAGIC: [u8; 8] = *b"DBJOURN\x01";

const BATCH: u8 = 1;
const CLOSED: u8 = 2;

/// A place in the journals of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalPlace {
    /// Which journal.
    pub journal: JournalName,
    /// Where in it: the beginning of a record.
    pub offset: u64,
}

/// One record.
#[expect(clippy::large_enum_variant, reason = "nearly all are batches: a box each would cost more")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalRecord {
    /// A stretch of a run's file is durable.
    Batch(BatchRecord),
    /// The collector has ended in order: all that it stored is in the records before. Another
    /// collector may go on after it.
    Closed,
}

/// A stretch of whole lines of a run's file that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// The run.
    pub job_run_id: JobRunId,
    /// The day whose folder the run is in.
    pub day: Day,
    /// Where the stretch begins in the file.
    pub offset: u64,
    /// Bytes of the stretch; 0 in a record that only tells of the seal.
    pub bytes: u64,
    /// The number of its first line, counted from 0.
    pub first_line: u64,
    /// Lines.
    pub entries: u64,
    /// The earliest timestamp; meaningless without entries.
    pub min_time: Timestamp,
    /// The latest timestamp; meaningless without entries.
    pub max_time: Timestamp,
    /// Log entries by level; the place is that of `Level::ALL`.
    pub level_counts: [u64; 6],
    /// Entries by kind; the place is that of `Kind::ALL`.
    pub kind_counts: [u64; 4],
    /// Whether the run is sealed: nothing will follow.
    pub sealed: bool,
    /// The sync after which this was written; none in records that tell of no sync.
    pub synced: Option<Synced>,
    /// Lines by size; the place is that of [`LINE_BYTES`], the last one is that of longer lines. Only
    /// kept beside a sync.
    pub size_counts: SizeCounts,
}

/// Lines by size.
pub type SizeCounts = [u64; LINE_SIZES];

/// How many sizes are told apart.
const LINE_SIZES: usize = 8;

/// Up to how many bytes, with the line feed, a line is of a size: four times the one before, from less
/// than the shortest entry to more than a fragment of 256 KiB.
pub const LINE_BYTES: [u64; LINE_SIZES - 1] =
    [256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// Counts a line.
pub fn count_size(counts: &mut SizeCounts, bytes: u64) {
    let place = LINE_BYTES.iter().take_while(|most| **most < bytes).count();
    if let Some(count) = counts.get_mut(place) {
        *count += 1;
    }
}

/// The sync that made a stretch durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synced {
    /// When it was done.
    pub at: Timestamp,
    /// How long it took from the moment it was asked for; kept in microseconds.
    pub took: Duration,
}

/// Why bytes are not a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another format, or a version that this program does not know.
    #[error("not a journal of version 1")]
    Format,
}

impl BatchRecord {
    /// Where the next stretch of the run begins.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes
    }
}

/// Appends the beginning of a journal.
pub fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
}

/// Appends a record.
pub fn write_record(record: &JournalRecord, out: &mut Vec<u8>) {
    match record {
        JournalRecord::Batch(batch) => {
            let mut payload = Writer::default();
            batch.write(&mut payload);
            frame::write_record(BATCH, &payload.0, out);
        }
        JournalRecord::Closed => frame::write_record(CLOSED, &[], out),
    }
}

/// Checks the beginning of a journal and answers where its first record begins. A journal of fewer
/// bytes than that has no record yet.
pub fn read_header(bytes: &[u8]) -> Result<usize, JournalError> {
    let whole = bytes.len().min(MAGIC.len());
    if bytes.get(..whole) == MAGIC.get(..whole) {
        Ok(MAGIC.len())
    } else {
        Err(JournalError::Format)
    }
}

/// The records from `offset` on, each with the place after it, up to the first that is not whole.
/// What is behind that is torn if no collector holds the journal, and being written if one does.
pub fn read_records(bytes: &[u8], offset: usize) -> impl Iterator<Item = (usize, JournalRecord)> {
    frame::records(bytes, offset).map_while(|record| {
        let value = match record.kind {
            BATCH => JournalRecord::Batch(BatchRecord::read(&mut Reader(record.payload))?),
            CLOSED => JournalRecord::Closed,
            _ => return None,
        };
        Some((record.end, value))
    })
}

impl BatchRecord {
    fn write(&self, out: &mut Writer) {
        out.text(self.job_run_id.as_str());
        out.zigzag(i64::from(self.day.number()));
        for number in [self.offset, self.bytes, self.first_line, self.entries] {
            out.varint(number);
        }
        out.zigzag(self.min_time.as_nanos());
        out.zigzag(self.max_time.as_nanos());
        for count in self.level_counts.iter().chain(&self.kind_counts) {
            out.varint(*count);
        }
        out.u8(u8::from(self.sealed));
        if let Some(Synced { at, took }) = self.synced {
            out.zigzag(at.as_nanos());
            out.varint(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            self.size_counts.iter().for_each(|count| out.varint(*count));
        }
    }

    fn read(input: &mut Reader<'_>) -> Option<BatchRecord> {
        let mut batch = BatchRecord {
            job_run_id: JobRunId::parse(input.text()?).ok()?,
            day: Day::from_number(i32::try_from(input.zigzag()?).ok()?),
            offset: input.varint()?,
            bytes: input.varint()?,
            first_line: input.varint()?,
            entries: input.varint()?,
            min_time: Timestamp::from_nanos(input.zigzag()?),
            max_time: Timestamp::from_nanos(input.zigzag()?),
            level_counts: [0; 6],
            kind_counts: [0; 4],
            sealed: false,
            synced: None,
            size_counts: [0; LINE_SIZES],
        };
        batch.offset.checked_add(batch.bytes)?;
        for count in batch.level_counts.iter_mut().chain(&mut batch.kind_counts) {
            *count = input.varint()?;
        }
        batch.sealed = match input.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        if !input.0.is_empty() {
            let at = Timestamp::from_nanos(input.zigzag()?);
            batch.synced = Some(Synced { at, took: Duration::from_micros(input.varint()?) });
        }
        if !input.0.is_empty() {
            for count in &mut batch.size_counts {
                *count = input.varint()?;
            }
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests;
