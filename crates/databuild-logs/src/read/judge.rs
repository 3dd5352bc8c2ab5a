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
    scanner: Scanner,
    text: Vec<u8>,
}

impl Judge {
    pub(super) fn new(filter: LogFilter) -> Self {
        let coarse = LogFilter { include: None, exclude: None, ..filter.clone() };
        Judge { filter, coarse, scanner: Scanner::new(), text: Vec::new() }
    }

    pub(super) fn filter(&self) -> &LogFilter {
        &self.filter
    }

    /// Whether `line` was asked for.
    pub(super) fn judge(&mut self, line: &[u8]) -> Verdict {
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
            let content = line.get(scan.content).unwrap_or_default();
            let absent = |text: &Option<TextMatch>| match text {
                Some(text) => is_surely_absent(text, facts.kind, content),
                None => false,
            };
            if absent(&self.filter.include) {
                return Verdict::Other;
            }
            if self.filter.include.is_none() && absent(&self.filter.exclude) {
                return Verdict::Match(facts);
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

/// Whether `text` cannot be in the searchable text of an entry, judged by the JSON of its content.
///
/// The searchable text is made of strings of that JSON, joined by line feeds, `=` and, in metrics,
/// blanks. As long as nothing is escaped, the strings stand in the JSON as they are; so a text
/// without those joints that is not in the JSON is in none of them.
fn is_surely_absent(text: &TextMatch, kind: Kind, content: &[u8]) -> bool {
    let joint = |c: char| c == '\n' || c == '=' || (c == ' ' && kind != Kind::Log);
    text.is_literal()
        && !text.source().contains(joint)
        && !text.is_in(content)
        && memchr::memchr(b'\\', content).is_none()
}

fn level_of(content: &Content) -> Option<Level> {
    match content {
        Content::Log(log) => Some(log.level),
        Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
    }
}
