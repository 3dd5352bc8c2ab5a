//! What a stored line says, and whether it was asked for. The only place of the reader that asks
//! [`LogFilter::matches`].

use databuild_model::entry::{Content, Kind};
use databuild_model::json::read_entry;
use databuild_model::level::Level;
use databuild_model::query::{Facts, LogFilter, TextMatch, search_text};
use databuild_model::scan::Scanner;
use databuild_model::time::Timestamp;

/// The facts of a line, without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineFacts {
    pub(super) timestamp: Timestamp,
    pub(super) sequence_number: u64,
    pub(super) kind: Kind,
    pub(super) level: Option<Level>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was asked for.
    Match(LineFacts),
    /// It was not.
    Other,
    /// It is no entry.
    Broken,
}

/// Judges the lines of one run, one after another.
#[derive(Debug)]
pub(super) struct Judge {
    filter: LogFilter,
    /// The filter without its texts: what it refuses need not be read in full.
    coarse: LogFilter,
    /// The text to include, if a line without it can be passed over unread.
    include: Option<PlainText>,
    /// The text to exclude, if it alone is left to decide and its absence shows in the line.
    exclude: Option<PlainText>,
    scanner: Scanner,
    text: Vec<u8>,
}

impl Judge {
    pub(super) fn new(filter: LogFilter) -> Self {
        let coarse = LogFilter { include: None, exclude: None, ..filter.clone() };
        let include = filter.include.as_ref().and_then(PlainText::new);
        let exclude = filter.exclude.as_ref().filter(|_| filter.include.is_none());
        let exclude = exclude.and_then(PlainText::new);
        Judge { filter, coarse, include, exclude, scanner: Scanner::new(), text: Vec::new() }
    }

    pub(super) fn filter(&self) -> &LogFilter {
        &self.filter
    }

    /// Whether `line` was asked for.
    pub(super) fn judge(&mut self, line: &[u8]) -> Verdict {
        // A search looks at many lines and finds few: the cheapest question comes first.
        if self.include.as_ref().is_some_and(|text| text.is_surely_absent(line)) {
            return Verdict::Other;
        }
        if let Some(scan) = self.scanner.scan(line) {
            let facts = LineFacts {
                timestamp: scan.timestamp,
                sequence_number: scan.sequence_number,
                kind: scan.kind,
                level: scan.level,
            };
            if !self.filter.needs_text() {
                return self.decide(facts);
            }
            if !self.coarse.matches(&facts.with_text(&[])) {
                return Verdict::Other;
            }
            let excluded = self.exclude.as_ref();
            if excluded.is_some_and(|text| text.is_surely_absent(line)) {
                self.text.clear();
                return self.decide(facts);
            }
        }
        let Ok((entry, _)) = read_entry(line) else { return Verdict::Broken };
        self.text.clear();
        search_text(&entry.content, &mut self.text);
        self.decide(LineFacts {
            timestamp: entry.timestamp,
            sequence_number: entry.sequence_number,
            kind: entry.content.kind(),
            level: level_of(&entry.content),
        })
    }

    fn decide(&self, facts: LineFacts) -> Verdict {
        if self.filter.matches(&facts.with_text(&self.text)) {
            Verdict::Match(facts)
        } else {
            Verdict::Other
        }
    }
}

impl LineFacts {
    fn with_text(self, text: &[u8]) -> Facts<'_> {
        let LineFacts { timestamp, kind, level, sequence_number: _ } = self;
        Facts { timestamp, kind, level, text }
    }
}

/// A text that can be looked for in the JSON of a line before the line is read.
///
/// The searchable text is made of strings of the JSON, joined by line feeds, `=` and, in metrics,
/// blanks. As long as nothing is escaped, the strings stand in the line as they are; so a text
/// without those joints that is not in the line is in none of them.
#[derive(Debug)]
struct PlainText {
    text: TextMatch,
    has_blank: bool,
}

impl PlainText {
    /// Nothing if only the searchable text itself can tell.
    fn new(text: &TextMatch) -> Option<Self> {
        let source = text.source();
        let plain = text.is_literal() && !source.contains(['\n', '=']);
        plain.then(|| PlainText { text: text.clone(), has_blank: source.contains(' ') })
    }

    fn is_surely_absent(&self, line: &[u8]) -> bool {
        if self.text.is_in(line) || memchr::memchr(b'\\', line).is_some() {
            return false;
        }
        let metric = Kind::Metric.content_key().as_bytes();
        !self.has_blank || memchr::memmem::find(line, metric).is_none()
    }
}

fn level_of(content: &Content) -> Option<Level> {
    match content {
        Content::Log(log) => Some(log.level),
        Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
    }
}
