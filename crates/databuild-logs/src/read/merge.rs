//! Several runs read as one, ordered by time, holding only a little of each in memory.

use super::cursor::Cursor;
use super::follow::Mark;
use super::judge::Judge;
use super::lines::Lines;
use super::page;
use super::{LogReader, ReadError};
use databuild_model::ids::JobRunId;
use databuild_model::query::LogFilter;
use databuild_model::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What all runs together may hold in memory.
const HELD_BYTES: usize = 32 << 20;
/// The least and the most that is read of one run at once.
const BATCH_BYTES_MIN: usize = 4 << 10;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// An entry of one of the runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Which run: its place in the list that was given.
    pub run: usize,
    /// The entry, as stored.
    pub line: Vec<u8>,
    /// When, and where in its run.
    pub mark: Mark,
}

/// The matching entries of several runs in the order of (time, run, sequence number).
///
/// The order within a run is always its own: where its clock went back, the entry counts as of the
/// time of the one before it. What a run says while it is merged is taken along as far as it is there
/// when the run's turn comes; [`Merge::cursors`] tells where to follow on.
pub struct Merge {
    reader: LogReader,
    sources: Vec<Source>,
    /// The next entry of each run that has one.
    heads: BinaryHeap<Reverse<Head>>,
    batch_bytes: usize,
    started: bool,
    failed: Vec<ReadError>,
}

/// Sorted by time, then by run id, then by place in the list.
type Head = (Timestamp, JobRunId, usize);

struct Source {
    run: JobRunId,
    judge: Judge,
    lines: Lines,
    marks: Vec<Mark>,
    /// The next of `lines`.
    at: usize,
    /// Where the next batch begins.
    next: Cursor,
    /// The entry handed over last ends here.
    after: Cursor,
    /// The latest time so far.
    time: Timestamp,
}

impl Merge {
    pub(super) fn new(
        reader: LogReader,
        runs: Vec<(JobRunId, Cursor)>,
        filter: &LogFilter,
    ) -> Self {
        let share = HELD_BYTES / runs.len().max(1);
        let source = |(run, after): (JobRunId, Cursor)| Source {
            run,
            judge: Judge::new(filter.clone()),
            lines: Lines::default(),
            marks: Vec::new(),
            at: 0,
            next: after,
            after,
            time: Timestamp::MIN,
        };
        Merge {
            reader,
            sources: runs.into_iter().map(source).collect(),
            heads: BinaryHeap::new(),
            batch_bytes: share.clamp(BATCH_BYTES_MIN, BATCH_BYTES_MAX),
            started: false,
            failed: Vec::new(),
        }
    }

    /// Where to go on in each run, in the order of the list: after what was handed over.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.sources.iter().map(|source| source.after).collect()
    }

    /// Makes the next entry of a run its head.
    fn advance(&mut self, place: usize) -> Result<(), ReadError> {
        let Some(source) = self.sources.get_mut(place) else { return Ok(()) };
        if source.at == source.lines.len() {
            source.refill(&self.reader, self.batch_bytes)?;
        }
        match source.marks.get(source.at) {
            Some(mark) => {
                source.time = source.time.max(mark.timestamp);
                self.heads.push(Reverse((source.time, source.run.clone(), place)));
            }
            // Nothing more matches, so all up to here was looked at.
            None => source.after = source.next,
        }
        Ok(())
    }

    fn hand_over(&mut self, place: usize) -> Option<Merged> {
        let source = self.sources.get_mut(place)?;
        let mark = *source.marks.get(source.at)?;
        let line = source.lines.get(source.at)?.to_vec();
        source.at += 1;
        source.after = mark.after;
        Some(Merged { run: place, line, mark })
    }
}

impl Source {
    fn refill(&mut self, reader: &LogReader, bytes_max: usize) -> Result<(), ReadError> {
        // The file is closed again between batches: a merge may have more runs than files allowed.
        let open = reader.open(&self.run)?;
        let page = page::batch(&open, &mut self.judge, self.next, bytes_max);
        let page = page.map_err(|source| open.failed(source))?;
        (self.lines, self.marks, self.at, self.next) = (page.lines, page.marks, 0, page.after);
        Ok(())
    }
}

/// A run that cannot be read gives one error, and the others go on without it.
impl Iterator for Merge {
    type Item = Result<Merged, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.started {
            self.started = true;
            for place in 0..self.sources.len() {
                if let Err(error) = self.advance(place) {
                    self.failed.push(error);
                }
            }
        }
        if let Some(error) = self.failed.pop() {
            return Some(Err(error));
        }
        let Reverse((_, _, place)) = self.heads.pop()?;
        let merged = self.hand_over(place)?;
        if let Err(error) = self.advance(place) {
            self.failed.push(error);
        }
        Some(Ok(merged))
    }
}

#[cfg(test)]
mod tests;
