//! Counting a run's lines as they come: blocks for the index, totals for the seal, sums for the
//! journal. The same counting serves the collector and the rebuilding of what it wrote.

use super::facts::LineFacts;
use super::rewrite::Upto;
use crate::format::journal::{BatchRecord, SizeCounts, count_size};
use crate::format::{Block, IndexHeader, IndexRow, Posting, RunRecord};
use crate::limits;
use databuild_model::entry::Kind;
use databuild_model::ids::JobRunId;
use databuild_model::level::Level;
use databuild_model::time::{Day, Timestamp};

/// The counts of a run from its first line on.
#[derive(Debug, Default)]
pub struct RunTally {
    record: RunRecord,
    hasher: blake3::Hasher,
    /// What is not hashed yet: less than [`limits::HASH_BYTES`].
    unhashed: Vec<u8>,
    block: BlockTally,
    finished: Vec<Block>,
}

/// A place in a run's file, and what is needed for the hash of all before it. Finishing a hash costs as
/// much as hashing kibibytes, and of the places that syncs reach hardly any is ever asked for its own;
/// this takes less than 10 KiB.
#[derive(Debug, Clone)]
pub(crate) enum HashPoint {
    /// The hash is known.
    Known(Upto),
    /// It would have to be finished.
    Open { bytes: u64, hasher: Box<blake3::Hasher>, unhashed: Vec<u8> },
}

impl HashPoint {
    /// Bytes before it.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            HashPoint::Known(upto) => upto.bytes,
            HashPoint::Open { bytes, .. } => *bytes,
        }
    }

    /// The stretch up to here.
    pub(crate) fn upto(&self) -> Upto {
        match self {
            HashPoint::Known(upto) => *upto,
            HashPoint::Open { bytes, hasher, unhashed } => {
                let mut hasher = hasher.clone();
                hasher.update(unhashed);
                Upto { bytes: *bytes, hash: *hasher.finalize().as_bytes() }
            }
        }
    }
}

impl Default for HashPoint {
    fn default() -> Self {
        HashPoint::Known(Upto::default())
    }
}

/// The block that is being filled. Its times are none as long as no line of it is an entry.
#[derive(Debug, Default)]
struct BlockTally {
    block: Block,
    times: Option<(Timestamp, Timestamp)>,
}

/// The counts of a stretch that is not in the journal yet.
#[derive(Debug, Clone, Default)]
pub struct BatchTally {
    offset: u64,
    bytes: u64,
    first_line: u64,
    entries: u64,
    times: Option<(Timestamp, Timestamp)>,
    level_counts: [u64; 6],
    kind_counts: [u64; 4],
    size_counts: SizeCounts,
}

fn widen(times: &mut Option<(Timestamp, Timestamp)>, time: Timestamp) {
    *times = Some(match *times {
        Some((min, max)) => (min.min(time), max.max(time)),
        None => (time, time),
    });
}

impl RunTally {
    /// No line yet, of a run whose names are in `header`.
    pub fn new(header: &IndexHeader) -> Self {
        let mut tally = RunTally::default();
        tally.name(header);
        tally
    }

    /// Gives the run its names.
    pub fn name(&mut self, header: &IndexHeader) {
        self.record.job_label.clone_from(&header.job_label);
        self.record.job_type.clone_from(&header.job_type);
        self.record.app.clone_from(&header.app);
        self.record.build_id.clone_from(&header.build_id);
    }

    /// Counts a line of `bytes` bytes with its line feed. `facts` is nothing if the line in the file
    /// is not an entry.
    pub fn line(&mut self, facts: Option<&LineFacts>, bytes: u64) {
        let (line, offset) = (self.record.entries, self.record.bytes);
        let row = &mut self.block.block.row;
        if row.entries == 0 {
            (row.offset, row.first_line) = (offset, line);
        }
        row.bytes += bytes;
        row.entries += 1;
        self.record.entries += 1;
        self.record.bytes += bytes;
        match facts {
            Some(facts) => {
                self.count(facts);
                self.block.count(facts, line, offset);
            }
            None => self.record.malformed += 1,
        }
        if limits::BLOCK_BYTES_MIN <= self.block.block.row.bytes {
            self.finished.push(self.block.finish());
        }
    }

    /// Whether `row` goes on where the count ends, and nothing in it needs a look at its lines: all are
    /// entries of the run, in order, without a gap.
    pub(crate) fn is_next(&self, row: &IndexRow) -> bool {
        let entries: u64 = row.kind_counts.iter().map(|count| u64::from(*count)).sum();
        (row.offset, row.first_line) == (self.record.bytes, self.record.entries)
            && (1..=row.entries).contains(&entries)
            && entries == row.entries
            && row.min_sequence == self.record.last_sequence + 1
            && row.max_sequence - row.min_sequence + 1 == entries
    }

    /// Counts a block without looking at its lines. Its bytes must be hashed by the caller.
    pub(crate) fn believe(&mut self, block: Block) {
        let (record, row) = (&mut self.record, &block.row);
        record.entries += row.entries;
        record.bytes += row.bytes;
        record.last_sequence = row.max_sequence;
        for (sum, count) in record.level_counts.iter_mut().zip(row.level_counts) {
            *sum += u64::from(count);
        }
        for (sum, count) in record.kind_counts.iter_mut().zip(row.kind_counts) {
            *sum += u64::from(count);
        }
        let first = record.first_time.unwrap_or(row.min_time);
        record.first_time = Some(first.min(row.min_time));
        let last = record.last_time.unwrap_or(row.max_time);
        record.last_time = Some(last.max(row.max_time));
        let error = block.postings.iter().find(|posting| Level::Error <= posting.level);
        record.first_error_line = record.first_error_line.or(error.map(|posting| posting.line));
        self.finished.push(block);
    }

    fn count(&mut self, facts: &LineFacts) {
        let record = &mut self.record;
        if let Some(count) = record.kind_counts.get_mut(facts.kind as usize) {
            *count += 1;
        }
        if let Some(level) = facts.level {
            if let Some(count) = record.level_counts.get_mut(level as usize) {
                *count += 1;
            }
            if Level::Error <= level && record.first_error_line.is_none() {
                record.first_error_line = Some(record.entries - 1);
            }
        }
        let first = record.first_time.unwrap_or(facts.timestamp);
        record.first_time = Some(first.min(facts.timestamp));
        let last = record.last_time.unwrap_or(facts.timestamp);
        record.last_time = Some(last.max(facts.timestamp));
        if facts.foreign || facts.sequence == 0 {
            // An event without a number is a remark of the collector.
            record.malformed += u64::from(facts.foreign || facts.kind != Kind::Event);
            return;
        }
        if facts.sequence != record.last_sequence.wrapping_add(1) {
            record.sequence_gaps += 1;
        }
        record.last_sequence = record.last_sequence.max(facts.sequence);
        if let Some(end) = facts.end.as_deref() {
            record.end = Some(*end);
        }
    }

    /// Takes bytes of the file, in order, into its hash.
    pub fn hash(&mut self, bytes: &[u8]) {
        let room = limits::HASH_BYTES - self.unhashed.len();
        let Some((first, bytes)) = bytes.split_at_checked(room) else {
            return self.unhashed.extend_from_slice(bytes);
        };
        if self.unhashed.is_empty() {
            self.hasher.update(first);
        } else {
            self.unhashed.extend_from_slice(first);
            self.hasher.update(&self.unhashed);
            self.unhashed.clear();
        }
        let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % limits::HASH_BYTES);
        self.hasher.update(whole);
        self.unhashed.extend_from_slice(rest);
    }

    /// Counts bytes that are not in the file because they were not a whole line.
    pub fn torn(&mut self, bytes: u64) {
        self.record.torn_bytes += bytes;
    }

    /// Counts an entry that is not stored because it is there already.
    pub fn replayed(&mut self) {
        self.record.replayed += 1;
    }

    /// As many as another count knew of.
    pub(crate) fn replay(&mut self, entries: u64) {
        self.record.replayed += entries;
    }

    /// All that was counted and hashed.
    pub(crate) fn point(&self) -> HashPoint {
        HashPoint::Open {
            bytes: self.record.bytes,
            hasher: Box::new(self.hasher.clone()),
            unhashed: self.unhashed.clone(),
        }
    }

    /// The blocks that are full and were not taken yet.
    pub fn take_blocks(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.finished)
    }

    /// Whether there are full blocks to take.
    pub fn has_blocks(&self) -> bool {
        !self.finished.is_empty()
    }

    /// The totals so far, without a hash.
    pub fn so_far(&self) -> &RunRecord {
        &self.record
    }

    /// The remaining blocks and the record of the run, which ends here.
    pub fn finish(mut self) -> (Vec<Block>, RunRecord) {
        if self.block.block.row.entries != 0 {
            self.finished.push(self.block.finish());
        }
        self.hasher.update(&self.unhashed);
        self.record.blake3 = *self.hasher.finalize().as_bytes();
        (self.finished, self.record)
    }
}

impl BlockTally {
    fn count(&mut self, facts: &LineFacts, line: u64, offset: u64) {
        let Block { row, postings } = &mut self.block;
        if let Some(count) = row.kind_counts.get_mut(facts.kind as usize) {
            *count += 1;
        }
        if let Some(level) = facts.level {
            if let Some(count) = row.level_counts.get_mut(level as usize) {
                *count += 1;
            }
            if Level::Warn <= level {
                postings.push(Posting { line, offset, level });
            }
        }
        if facts.sequence != 0 {
            let lowest = if row.min_sequence == 0 { u64::MAX } else { row.min_sequence };
            row.min_sequence = lowest.min(facts.sequence);
            row.max_sequence = row.max_sequence.max(facts.sequence);
        }
        widen(&mut self.times, facts.timestamp);
    }

    fn finish(&mut self) -> Block {
        let done = std::mem::take(self);
        let (min_time, max_time) = done.times.unwrap_or_default();
        let Block { row, postings } = done.block;
        Block { row: IndexRow { min_time, max_time, ..row }, postings }
    }
}

impl BatchTally {
    /// Nothing yet, from this place of the file on.
    pub fn from(offset: u64, first_line: u64) -> Self {
        BatchTally { offset, first_line, ..BatchTally::default() }
    }

    /// Counts a line of `bytes` bytes with its line feed.
    pub fn line(&mut self, facts: Option<&LineFacts>, bytes: u64) {
        self.bytes += bytes;
        self.entries += 1;
        count_size(&mut self.size_counts, bytes);
        let Some(facts) = facts else { return };
        if let Some(count) = self.kind_counts.get_mut(facts.kind as usize) {
            *count += 1;
        }
        let level = facts.level.and_then(|level| self.level_counts.get_mut(level as usize));
        if let Some(count) = level {
            *count += 1;
        }
        widen(&mut self.times, facts.timestamp);
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Where the stretch begins in the file.
    pub fn begin(&self) -> u64 {
        self.offset
    }

    /// The number of its first line.
    pub fn first_line(&self) -> u64 {
        self.first_line
    }

    /// Where the stretch ends in the file.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    /// Takes what was counted; counting goes on behind it.
    pub fn take(&mut self) -> BatchTally {
        let next = BatchTally::from(self.end(), self.first_line + self.entries);
        std::mem::replace(self, next)
    }

    /// The record of the journal for this stretch.
    pub fn record(&self, job_run_id: JobRunId, day: Day, sealed: bool) -> BatchRecord {
        let (min_time, max_time) = self.times.unwrap_or_default();
        BatchRecord {
            job_run_id,
            day,
            offset: self.offset,
            bytes: self.bytes,
            first_line: self.first_line,
            entries: self.entries,
            min_time,
            max_time,
            level_counts: self.level_counts,
            kind_counts: self.kind_counts,
            sealed,
            synced: None,
            size_counts: self.size_counts,
        }
    }
}
