//! A run's index as the reader uses it: which lines can answer a question, and which certainly
//! cannot. Values and arithmetic; where an index comes from is another file's matter.

use super::walk::Span;
use crate::format::{Block, IndexRow, Posting};
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_model::query::{KindSet, LevelSet, LogFilter};
use databuild_model::time::Timestamp;
use std::ops::Range;

/// The levels whose lines are known one by one.
const SEVERE: [Level; 3] = [Level::Warn, Level::Error, Level::Fatal];

/// A line of one of the [`SEVERE`] levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Severe {
    offset: u64,
    level: Level,
}

/// All that is known about a file, from its beginning up to [`Index::covered`].
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: Vec<IndexRow>,
    /// In the order of the file.
    severe: Vec<Severe>,
}

impl Index {
    /// The index that these blocks make; they follow one another from the beginning of the file.
    pub(super) fn new(blocks: Vec<Block>) -> Self {
        let mut index = Index::default();
        for Block { row, postings } in blocks {
            let severe =
                |posting: &Posting| Severe { offset: posting.offset, level: posting.level };
            index.severe.extend(postings.iter().map(severe));
            index.rows.push(row);
        }
        index
    }

    /// The same without what it says about lines that end after `end`: they are not there any more.
    pub(super) fn cut(&self, end: u64) -> Self {
        let rows = self.rows.iter().take_while(|row| row.end() <= end).copied().collect();
        let mut index = Index { rows, severe: self.severe.clone() };
        let covered = index.covered();
        index.severe.retain(|severe| severe.offset < covered);
        index
    }

    /// Up to where the file is known.
    pub(super) fn covered(&self) -> u64 {
        self.rows.last().map_or(0, IndexRow::end)
    }

    /// The rows, in the order of the file.
    pub(super) fn rows(&self) -> &[IndexRow] {
        &self.rows
    }

    /// Where the first line of at least `level` begins, if that is known; `level` is severe.
    pub(super) fn first_severe(&self, level: Level) -> Option<u64> {
        self.severe.iter().find(|severe| level <= severe.level).map(|severe| severe.offset)
    }

    /// What it costs to keep, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.rows.capacity() * size_of::<IndexRow>() + self.severe.capacity() * size_of::<Severe>()
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
                for severe in self.severe_in(&within) {
                    if question.levels.contains(severe.level) {
                        spans.line(severe.offset);
                    }
                }
            } else {
                spans.lines(within);
            }
        }
        spans.lines(self.covered().max(range.start)..range.end);
        spans.done
    }

    fn severe_in(&self, range: &Range<u64>) -> &[Severe] {
        let start = self.severe.partition_point(|severe| severe.offset < range.start);
        let end = self.severe.partition_point(|severe| severe.offset < range.end);
        self.severe.get(start..end).unwrap_or_default()
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
    fn may_be_in(&self, row: &IndexRow) -> bool {
        let wanted = row.kinds() & self.kinds.bits();
        let in_time =
            self.since <= row.max_time && self.until.is_none_or(|until| row.min_time < until);
        let other_kinds = wanted & !Kind::Log.bit() != 0;
        let logs = wanted & Kind::Log.bit() != 0 && row.levels() & self.levels.bits() != 0;
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
