//! Patterns of partition refs: `clean/date={date}/region={region}`.
//!
//! A pattern is a row of cells. A cell is a run of characters that values may have, with at most one
//! brace in it; between cells stands one character that values cannot have, such as `/` or `=`. So a
//! ref is matched from left to right without a choice, and matching is the exact inverse of
//! rendering.

mod expand;
mod overlap;
mod parse;

pub use expand::{ExpandError, Span};
pub use overlap::Overlap;
pub use parse::{PatternError, PatternFault};
pub(super) use parse::{parse_term, steps_of};

use super::key::{KeyId, Keys, is_value_char};
use std::ops::Range;

/// The names of the partitions that a job makes or reads, with keys in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    cells: Vec<Cell>,
    /// Bytes of `text` before the first brace: every ref of the pattern begins with them.
    head: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Cell {
    prefix: String,
    slot: Option<Slot>,
    suffix: String,
    /// The character after the cell; none after the last.
    end: Option<char>,
    /// Where the brace stands in the pattern's text.
    place: Range<usize>,
}

/// What stands in a pair of braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// `{region}`: the run's own value.
    Key(KeyId),
    /// `{date-6d..date}`, or `{date-1d}` with both ends alike: periods before or after the run's own.
    Range {
        /// A time key.
        key: KeyId,
        /// Periods from the run's own to the first.
        first: i32,
        /// Periods from the run's own to the last; not less than `first`.
        last: i32,
    },
    /// `{date in month}`: every value of `key` that lies in the run's value of `of`.
    Within {
        /// A time key.
        key: KeyId,
        /// A time key of longer periods.
        of: KeyId,
    },
    /// `{*}` after `region=`: every value of the key.
    All(KeyId),
}

impl Slot {
    /// The key whose values stand in the ref at this place.
    pub fn key(self) -> KeyId {
        match self {
            Slot::Key(key)
            | Slot::Range { key, .. }
            | Slot::Within { key, .. }
            | Slot::All(key) => key,
        }
    }

    /// The key that a run must have for this slot to have a meaning.
    pub fn needs(self) -> Option<KeyId> {
        match self {
            Slot::Key(key) | Slot::Range { key, .. } => Some(key),
            Slot::Within { of, .. } => Some(of),
            Slot::All(_) => None,
        }
    }
}

/// The values of the keys of one run, as they stand in one of its refs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Binding<'a>(Vec<(KeyId, &'a str)>);

impl<'a> Binding<'a> {
    /// The value of a key, if the run has it.
    pub fn get(&self, key: KeyId) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// Adds a value; false if the key has another one already.
    pub(super) fn add(&mut self, key: KeyId, value: &'a str) -> bool {
        match self.get(key) {
            Some(known) => known == value,
            None => {
                self.0.push((key, value));
                true
            }
        }
    }

    /// Keys and values in the order of the pattern.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, &'a str)> + '_ {
        self.0.iter().copied()
    }
}

impl Pattern {
    /// Reads a pattern. All that can be wrong with it is found here.
    pub fn parse(text: &str, keys: &Keys) -> Result<Pattern, Vec<PatternError>> {
        parse::parse(text, keys)
    }

    /// The pattern as it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name before the first key: what people call the dataset.
    pub fn dataset(&self) -> &str {
        let head = self.text.get(..self.head).unwrap_or_default();
        if head.len() == self.text.len() {
            return head;
        }
        head.rfind('/').and_then(|at| head.get(..at)).unwrap_or(head)
    }

    /// What stands in its braces, from left to right, each with its place in the text.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, Range<usize>)> + '_ {
        self.cells.iter().filter_map(|cell| Some((cell.slot?, cell.place.clone())))
    }

    /// The keys whose values a ref of this pattern fixes, each once.
    pub fn binds(&self) -> Vec<KeyId> {
        let mut keys = Vec::new();
        for (slot, _) in self.slots() {
            if let Slot::Key(key) = slot
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        }
        keys
    }

    /// The values of the keys if `text` is a ref of this pattern.
    ///
    /// Offsets and ranges are not undone: this is for patterns of `out`, which have none.
    pub fn bind<'a>(&self, keys: &Keys, text: &'a str) -> Option<Binding<'a>> {
        if !text.starts_with(self.text.get(..self.head)?) {
            return None;
        }
        let mut rest = text;
        let mut binding = Binding::default();
        for cell in &self.cells {
            let (run, after) =
                rest.split_at(rest.find(|c| !is_value_char(c)).unwrap_or(rest.len()));
            let middle =
                run.strip_prefix(cell.prefix.as_str())?.strip_suffix(cell.suffix.as_str())?;
            match cell.slot {
                None if middle.is_empty() => {}
                None => return None,
                Some(slot) => {
                    if !keys.get(slot.key()).allows(middle) {
                        return None;
                    }
                    if let Slot::Key(key) = slot
                        && !binding.add(key, middle)
                    {
                        return None;
                    }
                }
            }
            let mut after = after.chars();
            if after.next() != cell.end {
                return None;
            }
            rest = after.as_str();
        }
        rest.is_empty().then_some(binding)
    }

    /// A ref of this pattern, to show what one looks like.
    pub fn example(&self, keys: &Keys) -> String {
        let mut text = String::new();
        for cell in &self.cells {
            text.push_str(&cell.prefix);
            if let Some(slot) = cell.slot {
                text.push_str(keys.get(slot.key()).example());
            }
            text.push_str(&cell.suffix);
            text.extend(cell.end);
        }
        text
    }

    /// What a person may have typed for each brace, if `wanted` has the shape of this pattern: the
    /// same text around the braces, anything within them.
    pub(super) fn fit<'a>(&self, wanted: &'a str) -> Option<Vec<(Slot, &'a str)>> {
        let mut found = Vec::new();
        let mut shape = self.shape().into_iter();
        let mut typed = wanted.split('/');
        loop {
            match (shape.next(), typed.next()) {
                (None, None) => return Some(found),
                (Some(segment), Some(text)) => fit_segment(&segment, text, &mut found)?,
                (Some(_), None) | (None, Some(_)) => return None,
            }
        }
    }

    /// The pattern cut at slashes; texts and braces of each segment.
    fn shape(&self) -> Vec<Vec<Shape<'_>>> {
        let mut segments = vec![Vec::new()];
        for cell in &self.cells {
            let mut add = |part| {
                if let Some(segment) = segments.last_mut() {
                    segment.push(part);
                }
            };
            add(Shape::Text(&cell.prefix));
            if let Some(slot) = cell.slot {
                add(Shape::Slot(slot));
            }
            add(Shape::Text(&cell.suffix));
            match cell.end {
                Some('/') => segments.push(Vec::new()),
                Some(end) => add(Shape::Char(end)),
                None => {}
            }
        }
        segments
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape<'a> {
    Text(&'a str),
    Char(char),
    Slot(Slot),
}

/// Fits one segment. A segment with two braces is fitted by plain values only, up to the next
/// character that values cannot have; with one brace, the middle may be a set.
fn fit_segment<'a>(
    segment: &[Shape<'_>],
    text: &'a str,
    found: &mut Vec<(Slot, &'a str)>,
) -> Option<()> {
    let slots = segment.iter().filter(|part| matches!(part, Shape::Slot(_))).count();
    let mut rest = text;
    for (at, part) in segment.iter().enumerate() {
        match *part {
            Shape::Text(known) => rest = rest.strip_prefix(known)?,
            Shape::Char(known) => rest = rest.strip_prefix(known)?,
            Shape::Slot(slot) => {
                let behind = segment.get(at + 1..).unwrap_or_default();
                let end = if slots == 1 {
                    rest.len().checked_sub(behind.iter().map(width).sum())?
                } else {
                    let run = rest.find(|c| !is_value_char(c)).unwrap_or(rest.len());
                    let suffix = behind.first().map_or(0, width);
                    run.checked_sub(suffix)?
                };
                let (value, after) = rest.split_at_checked(end)?;
                found.push((slot, value));
                rest = after;
            }
        }
    }
    rest.is_empty().then_some(())
}

fn width(part: &Shape<'_>) -> usize {
    match part {
        Shape::Text(text) => text.len(),
        Shape::Char(c) => c.len_utf8(),
        Shape::Slot(_) => 0,
    }
}

#[cfg(test)]
mod tests;
