//! From the text of a pattern to its cells. Every error of a pattern is found here, all at once.

use super::{Cell, Pattern, Slot};
use crate::spec::key::{Key, KeyId, KeyKind, Keys, is_name, is_value_char};
use crate::spec::period::Every;
use std::ops::Range;

/// Something wrong in a pattern, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Bytes of the pattern's text.
    pub at: Range<usize>,
    /// What is wrong.
    pub fault: PatternFault,
}

/// What can be wrong in a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// Nothing there.
    #[error("the pattern is empty")]
    Empty,
    /// `{` without `}`, or the reverse.
    #[error("a brace without its partner")]
    Brace,
    /// Something in braces that is no key, offset or range.
    #[error("`{{{inside}}}` is neither a key nor a range of one")]
    Inside {
        /// What stands between the braces.
        inside: String,
    },
    /// A key that is not declared.
    #[error("there is no key `{name}`")]
    UnknownKey {
        /// The name.
        name: String,
    },
    /// An offset or range of a key that has no order in time.
    #[error("`{name}` is not a time key, so nothing lies before or after its values")]
    NotTime {
        /// The key.
        name: String,
    },
    /// An offset in a unit that does not fit the key.
    #[error("`{name}` counts in {every}s: `{unit}` does not fit")]
    Unit {
        /// The key.
        name: String,
        /// The length of its periods.
        every: &'static str,
        /// The unit that was given.
        unit: String,
    },
    /// A range over two different keys.
    #[error("a range runs over one key, this one over `{first}` and `{last}`")]
    TwoKeys {
        /// The key at its start.
        first: String,
        /// The key at its end.
        last: String,
    },
    /// A range whose end lies before its start.
    #[error("the range `{inside}` ends before it begins")]
    Reversed {
        /// What stands between the braces.
        inside: String,
    },
    /// `{a in b}` where `a` is not shorter than `b`.
    #[error("`{key}` does not lie within `{of}`")]
    NotWithin {
        /// The inner key.
        key: String,
        /// The outer key.
        of: String,
    },
    /// `{*}` that does not follow `key=`.
    #[error("`{{*}}` must follow the name of a key and `=`")]
    StarWithoutKey,
    /// `{*}` for a key whose values are not known.
    #[error("the values of `{name}` are not known, so `{{*}}` cannot stand for them")]
    StarUnbounded {
        /// The key.
        name: String,
        /// Whether it is a time key without a start.
        time: bool,
    },
    /// Two braces with nothing between them that could tell where a value ends.
    #[error("nothing tells where one value ends and the next begins")]
    Touching,
    /// `.` or `..`, a slash at either end, or two in a row.
    #[error("the pattern is not a path below the root")]
    Path,
    /// A control character.
    #[error("a partition cannot have control characters")]
    Control,
    /// A brace before any fixed name.
    #[error("the pattern does not begin with a fixed name")]
    NoDataset,
}

pub(super) fn parse(text: &str, keys: &Keys) -> Result<Pattern, Vec<PatternError>> {
    let mut errors = Vec::new();
    if text.is_empty() {
        return Err(vec![PatternError { at: 0..0, fault: PatternFault::Empty }]);
    }
    check_path(text, &mut errors);
    let mut cells = vec![Cell::default()];
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let next = at + c.len_utf8();
        match c {
            '{' => {
                let rest = text.get(next..).unwrap_or_default();
                let Some(len) = rest.find('}').filter(|&len| !rest[..len].contains('{')) else {
                    errors.push(PatternError { at: at..next, fault: PatternFault::Brace });
                    at = next;
                    continue;
                };
                let place = at..next + len + 1;
                match slot(&rest[..len], text.get(..at).unwrap_or_default(), keys) {
                    Ok(slot) => put(&mut cells, slot, place.clone(), &mut errors),
                    Err(fault) => errors.push(PatternError { at: place.clone(), fault }),
                }
                at = place.end;
            }
            '}' => {
                errors.push(PatternError { at: at..next, fault: PatternFault::Brace });
                at = next;
            }
            c => {
                add_char(&mut cells, c);
                at = next;
            }
        }
    }
    if errors.is_empty() {
        let head = text.find('{').unwrap_or(text.len());
        Ok(Pattern { text: text.to_owned(), cells, head })
    } else {
        Err(errors)
    }
}

fn check_path(text: &str, errors: &mut Vec<PatternError>) {
    if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_control()) {
        errors.push(PatternError { at: at..at + c.len_utf8(), fault: PatternFault::Control });
    }
    if text.starts_with('{') {
        errors.push(PatternError { at: 0..1, fault: PatternFault::NoDataset });
    }
    let mut at = text.find("://").map_or(0, |scheme| scheme + 3);
    for segment in text.get(at..).unwrap_or_default().split('/') {
        if matches!(segment, "" | "." | "..") {
            // An empty segment has no width: point at the slash beside it.
            let from = if segment.is_empty() { at.saturating_sub(1) } else { at };
            errors.push(PatternError {
                at: from..(at + segment.len()).max(from + 1),
                fault: PatternFault::Path,
            });
        }
        at += segment.len() + 1;
    }
}

fn add_char(cells: &mut Vec<Cell>, c: char) {
    let Some(cell) = cells.last_mut() else { return };
    if !is_value_char(c) {
        cell.end = Some(c);
        cells.push(Cell::default());
    } else if cell.slot.is_some() {
        cell.suffix.push(c);
    } else {
        cell.prefix.push(c);
    }
}

fn put(cells: &mut [Cell], slot: Slot, place: Range<usize>, errors: &mut Vec<PatternError>) {
    let Some(cell) = cells.last_mut() else { return };
    if cell.slot.is_some() {
        errors.push(PatternError { at: place, fault: PatternFault::Touching });
        return;
    }
    cell.slot = Some(slot);
    cell.place = place;
}

fn slot(inside: &str, before: &str, keys: &Keys) -> Result<Slot, PatternFault> {
    if inside == "*" {
        return star(before, keys);
    }
    if let Some((key, of)) = inside.split_once(" in ") {
        return within(key.trim(), of.trim(), keys);
    }
    if let Some((first, last)) = inside.split_once("..") {
        let ((key, first), (other, last)) = (term(first.trim(), keys)?, term(last.trim(), keys)?);
        if key != other {
            let name = |id| keys.get(id).name.clone();
            return Err(PatternFault::TwoKeys { first: name(key), last: name(other) });
        }
        time_of(keys.get(key))?;
        if last < first {
            return Err(PatternFault::Reversed { inside: inside.to_owned() });
        }
        return Ok(Slot::Range { key, first, last });
    }
    Ok(match term(inside, keys)? {
        (key, 0) => Slot::Key(key),
        (key, steps) => Slot::Range { key, first: steps, last: steps },
    })
}

fn star(before: &str, keys: &Keys) -> Result<Slot, PatternFault> {
    let name = before.strip_suffix('=').ok_or(PatternFault::StarWithoutKey)?;
    let from =
        name.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    let name = name.get(from..).filter(|name| is_name(name)).ok_or(PatternFault::StarWithoutKey)?;
    let key = keys.find(name).ok_or_else(|| PatternFault::UnknownKey { name: name.to_owned() })?;
    let unbounded = |time| PatternFault::StarUnbounded { name: name.to_owned(), time };
    match &keys.get(key).kind {
        KeyKind::List(_) | KeyKind::Time { from: Some(_), .. } => Ok(Slot::All(key)),
        KeyKind::Time { from: None, .. } => Err(unbounded(true)),
        KeyKind::Any => Err(unbounded(false)),
    }
}

fn within(key: &str, of: &str, keys: &Keys) -> Result<Slot, PatternFault> {
    let find = |name: &str| {
        if !is_name(name) {
            return Err(PatternFault::Inside { inside: name.to_owned() });
        }
        keys.find(name).ok_or_else(|| PatternFault::UnknownKey { name: name.to_owned() })
    };
    let (inner, outer) = (find(key)?, find(of)?);
    let (short, long) = (time_of(keys.get(inner))?, time_of(keys.get(outer))?);
    // A week may lie in two months or years: it is within neither.
    let fits = short < long && short != Every::Week;
    if fits {
        Ok(Slot::Within { key: inner, of: outer })
    } else {
        Err(PatternFault::NotWithin { key: key.to_owned(), of: of.to_owned() })
    }
}

fn term(text: &str, keys: &Keys) -> Result<(KeyId, i32), PatternFault> {
    let (name, offset) =
        parse_term(text).ok_or_else(|| PatternFault::Inside { inside: text.to_owned() })?;
    let key = keys.find(name).ok_or_else(|| PatternFault::UnknownKey { name: name.to_owned() })?;
    let Some((amount, unit)) = offset else { return Ok((key, 0)) };
    Ok((key, steps_of(keys.get(key), amount, unit)?))
}

fn time_of(key: &Key) -> Result<Every, PatternFault> {
    match key.kind {
        KeyKind::Time { every, .. } => Ok(every),
        KeyKind::List(_) | KeyKind::Any => Err(PatternFault::NotTime { name: key.name.clone() }),
    }
}

/// A name, and the number and unit of its offset if it has one.
pub(in crate::spec) type Term<'a> = (&'a str, Option<(i32, &'a str)>);

/// Reads `date` or `date-6d`: the name, and the number and unit of the offset.
pub(in crate::spec) fn parse_term(text: &str) -> Option<Term<'_>> {
    let Some(at) = text.find(['+', '-']) else {
        return is_name(text).then_some((text, None));
    };
    let (name, offset) = text.split_at_checked(at)?;
    let (name, sign) = (name.trim(), if offset.starts_with('-') { -1 } else { 1 });
    let offset = offset.get(1..)?.trim();
    let digits = offset.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = offset.split_at_checked(digits)?;
    let amount: i32 = number.parse().ok()?;
    (is_name(name) && unit.chars().all(char::is_alphabetic))
        .then_some((name, Some((sign * amount, unit))))
}

/// How many periods of the key an offset is.
pub(in crate::spec) fn steps_of(key: &Key, amount: i32, unit: &str) -> Result<i32, PatternFault> {
    let every = time_of(key)?;
    let factor = match (every, unit) {
        (Every::Hour, "h")
        | (Every::Day, "d")
        | (Every::Week, "w")
        | (Every::Month, "m")
        | (Every::Year, "y") => Some(1),
        (Every::Hour, "d") => Some(24),
        (Every::Hour, "w") => Some(168),
        (Every::Day, "w") => Some(7),
        (Every::Month, "y") => Some(12),
        (Every::Hour | Every::Day | Every::Week | Every::Month | Every::Year, _) => None,
    };
    factor.and_then(|factor| amount.checked_mul(factor)).ok_or_else(|| PatternFault::Unit {
        name: key.name.clone(),
        every: every.word(),
        unit: format!("{}{unit}", amount.unsigned_abs()),
    })
}
