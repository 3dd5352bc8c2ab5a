//! The one filter of the product: which entries somebody asked for.
//!
//! CLI, service, follow and, later, processors decide by [`LogFilter::matches`] and by nothing else.

use crate::entry::{Content, Fields, Kind};
use crate::level::Level;
use crate::limits;
use crate::time::Timestamp;

/// What to look for in an entry. Every part that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// At or after this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Which levels of log entries; alone, it also means [`Kind::Log`] only.
    pub levels: Option<LevelSet>,
    /// Which kinds of entries; all if not set and no level is asked for.
    pub kinds: Option<KindSet>,
    /// Text that the entry must contain.
    pub include: Option<TextMatch>,
    /// Text that the entry must not contain.
    pub exclude: Option<TextMatch>,
}

/// A set of levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LevelSet(u8);

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindSet(u8);

/// A text to look for, compiled once.
#[derive(Debug, Clone)]
pub struct TextMatch {
    source: String,
    regex: regex::bytes::Regex,
    ignore_case: bool,
}

/// The facts of an entry that a filter looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// When.
    pub timestamp: Timestamp,
    /// What kind.
    pub kind: Kind,
    /// How severe, if it is a log entry.
    pub level: Option<Level>,
    /// The searchable text: message and field values of a log entry, name and labels of a metric,
    /// type and metadata of an event. UTF-8.
    pub text: &'a [u8],
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The pattern is not a regular expression.
    #[error("not a regular expression: {0}")]
    Syntax(String),
    /// The pattern is longer than [`limits::PATTERN_BYTES_MAX`].
    #[error("a search pattern has at most {max} bytes, this one has {len}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest allowed, in bytes.
        max: usize,
    },
    /// The pattern compiles to more than [`limits::PATTERN_COMPILED_BYTES_MAX`].
    #[error("the search pattern is too complex; use a simpler one")]
    TooComplex,
}

impl LogFilter {
    /// Whether an entry with these facts was asked for.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.since.is_none_or(|since| since <= facts.timestamp)
            && self.until.is_none_or(|until| facts.timestamp < until)
            && self.wants_kind(facts.kind)
            && self.wants_level(facts.level)
            && self.include.as_ref().is_none_or(|text| text.is_in(facts.text))
            && self.exclude.as_ref().is_none_or(|text| !text.is_in(facts.text))
    }

    /// Whether every entry matches.
    pub fn is_all(&self) -> bool {
        self.since.is_none()
            && self.until.is_none()
            && !self.needs_text()
            && self.kinds().is_all()
            && self.levels.is_none()
    }

    /// Whether a decision needs [`Facts::text`]; if not, it may be empty.
    pub fn needs_text(&self) -> bool {
        self.include.is_some() || self.exclude.is_some()
    }

    /// The kinds asked for: a level alone means log entries.
    pub fn kinds(&self) -> KindSet {
        match (self.kinds, self.levels) {
            (Some(kinds), _) => kinds,
            (None, Some(_)) => KindSet::of(&[Kind::Log]),
            (None, None) => KindSet::all(),
        }
    }

    fn wants_kind(&self, kind: Kind) -> bool {
        self.kinds().contains(kind)
    }

    /// A level restricts log entries only; what has no level passes.
    fn wants_level(&self, level: Option<Level>) -> bool {
        match (self.levels, level) {
            (Some(levels), Some(level)) => levels.contains(level),
            (None, _) | (_, None) => true,
        }
    }
}

impl LevelSet {
    /// Every level.
    pub fn all() -> Self {
        Level::ALL.into_iter().collect()
    }

    /// This level and what is more severe.
    pub fn at_least(level: Level) -> Self {
        Level::ALL.into_iter().filter(|&other| level <= other).collect()
    }

    /// Whether `level` is in the set.
    pub fn contains(self, level: Level) -> bool {
        self.0 & level.bit() != 0
    }

    /// One bit a level, as [`Level::bit`].
    pub fn bits(self) -> u8 {
        self.0
    }
}

impl FromIterator<Level> for LevelSet {
    fn from_iter<I: IntoIterator<Item = Level>>(levels: I) -> Self {
        LevelSet(levels.into_iter().fold(0, |bits, level| bits | level.bit()))
    }
}

impl KindSet {
    /// Every kind.
    pub fn all() -> Self {
        Self::of(&Kind::ALL)
    }

    /// These kinds.
    pub fn of(kinds: &[Kind]) -> Self {
        KindSet(kinds.iter().fold(0, |bits, kind| bits | kind.bit()))
    }

    /// Whether `kind` is in the set.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether every kind is in the set.
    pub fn is_all(self) -> bool {
        self == Self::all()
    }

    /// One bit a kind, as [`Kind::bit`].
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The kinds in the set.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl TextMatch {
    /// Looks for `text` as it stands, in any case unless it has a capital letter.
    pub fn contains(text: &str) -> Result<Self, PatternError> {
        let ignore_case = !text.chars().any(char::is_uppercase);
        Self::compile(text, &regex::escape(text), ignore_case)
    }

    /// Looks for a regular expression.
    pub fn regex(pattern: &str, ignore_case: bool) -> Result<Self, PatternError> {
        Self::compile(pattern, pattern, ignore_case)
    }

    fn compile(source: &str, pattern: &str, ignore_case: bool) -> Result<Self, PatternError> {
        let max = limits::PATTERN_BYTES_MAX;
        if max < source.len() {
            return Err(PatternError::TooLong { len: source.len(), max });
        }
        let regex = regex::bytes::RegexBuilder::new(pattern)
            .case_insensitive(ignore_case)
            .multi_line(true)
            .size_limit(limits::PATTERN_COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::TooComplex,
                regex::Error::Syntax(_) | _ => PatternError::Syntax(last_line(&error.to_string())),
            })?;
        Ok(TextMatch { source: source.to_owned(), regex, ignore_case })
    }

    /// What was looked for, as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// All that distinguishes it from other texts to look for: the pattern as it is compiled.
    pub fn pattern(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether upper and lower case count as the same.
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }

    /// Whether it is looked for as it stands, and not as a regular expression.
    pub fn is_literal(&self) -> bool {
        self.pattern() == regex::escape(&self.source)
    }

    /// Whether it is in `text`.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }
}

/// Appends what a text filter looks at: one piece a line, names and values joined by `=`.
///
/// Message and fields of a log entry, name, labels and unit of a metric, type and metadata of an
/// event, outputs and metadata of a manifest.
pub fn search_text(content: &Content, out: &mut Vec<u8>) {
    let mut line = |pieces: [&str; 3]| {
        pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
        out.push(b'\n');
    };
    let fields: &Fields = match content {
        Content::Log(log) => {
            line([&log.message, "", ""]);
            &log.fields
        }
        Content::Metric(metric) => {
            line([&metric.name, if metric.unit.is_empty() { "" } else { " " }, &metric.unit]);
            &metric.labels
        }
        Content::JobEvent(event) => {
            line([&event.event_type, "", ""]);
            &event.metadata
        }
        Content::Manifest(manifest) => {
            manifest.outputs.iter().for_each(|output| line([output.as_str(), "", ""]));
            &manifest.metadata
        }
    };
    fields.iter().for_each(|(name, value)| line([name, "=", value]));
}

/// The regex crate draws the pattern over several lines and says what is wrong in the last.
fn last_line(text: &str) -> String {
    let last = text.lines().last().unwrap_or(text).trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests;
