//! A run's index as the reader uses it: which lines can answer a question, and which certainly
//! cannot. Values and arithmetic; where an index comes from is another file's matter.

use super::walk::Span;
use crate::format::{IndexRow, Posting, index};
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_model::query::{KindSet, LevelSet, LogFilter};
use databuild_model::time::Timestamp;
use std::ops::Range;

/// The levels whose lines are known one by one.
const SEVERE: [Level; 3] = [Level::Warn, Level::Error, Level::Fatal];

/// What is known of a block, beside the end of the one before it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    first_line: u64,
    lines: u64,
    min_time: Timestamp,
    max_time: Timestamp,
    pub(super) min_sequence: u64,
    pub(super) max_sequence: u64,
    levels: u8,
    kinds: u8,
    /// Where the lines of the [`SEVERE`] levels are told, in the index's own bytes.
    postings: Range<usize>,
}

impl Row {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    fn end_line(&self) -> u64 {
        self.first_line + self.lines
    }
}

/// Sums over all rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) lines: u64,
    pub(super) level_counts: [u64; 6],
    pub(super) kind_counts: [u64; 4],
    pub(super) last_sequence: u64,
    pub(super) times: Option<(Timestamp, Timestamp)>,
}

/// All that is known about a file, from its beginning up to [`Index::covered`].
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: Vec<Row>,
    /// The postings of all rows, as they stand in the file of the index: few questions are about many
    /// of them.
    postings: Vec<u8>,
    totals: Totals,
}

impl Index {
    /// Takes the row that follows those before, and its postings.
    pub(super) fn push(&mut self, row: &IndexRow, postings: &[u8]) {
        let start = self.postings.len();
        self.postings.extend_from_slice(postings);
        self.totals.add(row);
        self.rows.push(Row {
            offset: row.offset,
            bytes: row.bytes,
            first_line: row.first_line,
            lines: row.entries,
            min_time: row.min_time,
            max_time: row.max_time,
            min_sequence: row.min_sequence,
            max_sequence: row.max_sequence,
            levels: row.levels(),
            kinds: row.kinds(),
            postings: start..self.postings.len(),
        });
    }

    /// Sums over all that is known.
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Up to where the file is known.
    pub(super) fn covered(&self) -> u64 {
        self.rows.last().map_or(0, Row::end)
    }

    /// The rows, in the order of the file.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Where the first line of at least `level` begins, if that is known; `level` is severe.
    pub(super) fn first_severe(&self, level: Level) -> Option<u64> {
        let mut first = None;
        for row in &self.rows {
            self.postings_of(row, |posting| {
                if level <= posting.level {
                    first.get_or_insert(posting.offset);
                }
            });
            if first.is_some() {
                break;
            }
        }
        first
    }

    /// What it costs to keep, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.rows.capacity() * size_of::<Row>() + self.postings.capacity()
    }

    /// The best known place at or before line `number`: where a line begins, and its number.
    pub(super) fn before_line(&self, number: u64) -> (u64, u64) {
        self.place(self.rows.partition_point(|row| row.end_line() <= number))
    }

    /// The best known place at or before `offset`: where a line begins, and its number.
    pub(super) fn before_offset(&self, offset: u64) -> (u64, u64) {
        self.place(self.rows.partition_point(|row| row.end() <= offset))
    }

    fn place(&self, row: usize) -> (u64, u64) {
        match (self.rows.get(row), self.rows.last()) {
            (Some(row), _) => (row.offset, row.first_line),
            (None, Some(last)) => (last.end(), last.end_line()),
            (None, None) => (0, 0),
        }
    }

    /// The lines within `range` that can match `filter`, in order. `range` begins and ends between
    /// two lines; what lies beyond the index is part of the answer.
    pub(super) fn spans(&self, filter: &LogFilter, range: Range<u64>) -> Vec<Span> {
        let question = Question::new(filter);
        let mut spans = Spans::default();
        let first = self.rows.partition_point(|row| row.end() <= range.start);
        for row in self.rows.get(first..).unwrap_or_default() {
            if range.end <= row.offset {
                break;
            }
            if !question.may_be_in(row) {
                continue;
            }
            let within = row.offset.max(range.start)..row.end().min(range.end);
            if question.severe_only {
                let before = spans.done.len();
                let whole = self.postings_of(row, |posting| {
                    if within.contains(&posting.offset) && question.levels.contains(posting.level) {
                        spans.line(posting.offset);
                    }
                });
                // Postings that nobody can read say nothing; each line is looked at.
                if whole.is_none() {
                    spans.done.truncate(before);
                    spans.lines(within);
                }
            } else {
                spans.lines(within);
            }
        }
        spans.lines(self.covered().max(range.start)..range.end);
        spans.done
    }

    fn postings_of(&self, row: &Row, each: impl FnMut(Posting)) -> Option<()> {
        let place = IndexRow {
            offset: row.offset,
            bytes: row.bytes,
            first_line: row.first_line,
            entries: row.lines,
            ..IndexRow::default()
        };
        index::read_postings(&place, self.postings.get(row.postings.clone())?, each)
    }
}

impl Totals {
    fn add(&mut self, row: &IndexRow) {
        self.lines = row.end_line();
        for (sum, count) in self.level_counts.iter_mut().zip(row.level_counts) {
            *sum += u64::from(count);
        }
        for (sum, count) in self.kind_counts.iter_mut().zip(row.kind_counts) {
            *sum += u64::from(count);
        }
        self.last_sequence = self.last_sequence.max(row.max_sequence);
        if row.kinds() != 0 {
            let (first, last) = self.times.unwrap_or((row.min_time, row.max_time));
            self.times = Some((first.min(row.min_time), last.max(row.max_time)));
        }
    }
}

/// What a filter asks of a row.
struct Question {
    since: Timestamp,
    until: Option<Timestamp>,
    kinds: KindSet,
    levels: LevelSet,
    severe_only: bool,
}

impl Question {
    fn new(filter: &LogFilter) -> Self {
        let kinds = filter.kinds();
        let levels = filter.levels.unwrap_or_else(LevelSet::all);
        let severe: LevelSet = SEVERE.into_iter().collect();
        let severe_only = kinds == KindSet::of(&[Kind::Log]) && levels.bits() & !severe.bits() == 0;
        let since = filter.since.unwrap_or(Timestamp::MIN);
        Question { since, until: filter.until, kinds, levels, severe_only }
    }

    /// Whether a line of `row` can match: levels are a matter of log entries alone.
    fn may_be_in(&self, row: &Row) -> bool {
        let wanted = row.kinds & self.kinds.bits();
        let in_time =
            self.since <= row.max_time && self.until.is_none_or(|until| row.min_time < until);
        let other_kinds = wanted & !Kind::Log.bit() != 0;
        let logs = wanted & Kind::Log.bit() != 0 && row.levels & self.levels.bits() != 0;
        in_time && (other_kinds || logs)
    }
}

/// Spans in order, neighbours joined.
#[derive(Default)]
struct Spans {
    done: Vec<Span>,
}

impl Spans {
    fn lines(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        match self.done.last_mut() {
            Some(Span::Lines(last)) if last.end == range.start => last.end = range.end,
            Some(Span::Lines(_) | Span::Line(_)) | None => self.done.push(Span::Lines(range)),
        }
    }

    fn line(&mut self, offset: u64) {
        self.done.push(Span::Line(offset));
    }
}
