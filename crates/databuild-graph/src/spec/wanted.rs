//! What a person asks for: refs with sets in them, such as `report/date=2025-01-20..2025-01-26`.

use super::ProjectSpec;
use super::key::{Key, KeyKind, Keys};
use super::pattern::{ExpandError, Pattern};
use super::period::{Every, Period};
use super::problem::{codes, nearest};
use crate::limits;
use databuild_model::ids::{IdError, PartitionRef};
use databuild_model::time::Timestamp;
use std::borrow::Cow;

/// A ref, or a set of refs, as typed on a command line or in a request.
///
/// Sets: `a..b` (both included), `a..` (to the newest due), `{x,y}`, `*`, `today`, `yesterday`,
/// `last-7d` (the newest seven that are due), and a bare dataset for its newest partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefPattern {
    text: String,
}

codes! {
    /// A text that names no partition.
    NotARef = "DB0301",
    /// A set that has no meaning for its key.
    BadSet = "DB0302",
    /// A value that the key does not have.
    NoSuchValue = "DB0303",
    /// A key that must be given.
    ValueNeeded = "DB0304",
    /// No job makes such partitions.
    NothingMakes = "DB0305",
    /// More partitions than one plan can hold.
    TooMany = "DB0306",
}

/// Why a wanted text stands for no partitions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WantedError {
    /// The kind of problem.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

fn error(code: Code, message: impl Into<String>, help: impl Into<String>) -> WantedError {
    WantedError { code, message: message.into(), help: help.into() }
}

const FORM: &str =
    "write a partition such as clean/date=2025-01-26, or a set: date=2025-01-20..2025-01-26";

impl RefPattern {
    /// Reads a text of a command line or of a request.
    pub fn parse(text: &str) -> Result<RefPattern, WantedError> {
        if let Err(why) = PartitionRef::parse(text) {
            let message = match why {
                IdError::Empty { .. } => "an empty text is no partition".to_owned(),
                IdError::TooLong { .. }
                | IdError::BadCharacter { .. }
                | IdError::LeadingDot { .. } => {
                    format!("{text:?} is no partition: {why}")
                }
            };
            return Err(error(Code::NotARef, message, FORM));
        }
        let below = text.find("://").and_then(|at| text.get(at + 3..)).unwrap_or(text);
        if below.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let help =
                "remove the slash too many, `.` or `..`: partitions live below the project's root";
            return Err(error(Code::NotARef, format!("`{text}` is no partition"), help));
        }
        if !balanced(text) {
            return Err(error(
                Code::NotARef,
                format!("a brace of `{text}` has no partner"),
                "write a set as {x,y}",
            ));
        }
        Ok(RefPattern { text: text.to_owned() })
    }

    /// Exactly this partition.
    pub fn exact(partition: &PartitionRef) -> RefPattern {
        RefPattern { text: partition.to_string() }
    }

    /// The text as it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a text of this kind stands for more than one partition, or for one by a word.
    fn has_set(&self) -> bool {
        self.text
            .split('/')
            .any(|part| part.split_once('=').is_some_and(|(_, value)| is_set(value)))
    }

    /// The partitions that the text stands for, in order, each once.
    pub fn expand(
        &self,
        spec: &ProjectSpec,
        now: Timestamp,
    ) -> Result<Vec<PartitionRef>, WantedError> {
        let mut refs = Vec::new();
        let mut fits = false;
        let mut first_error = None;
        for pattern in spec.jobs.iter().flat_map(|job| &job.out) {
            let found = match self.one(pattern, &spec.keys, now, &mut refs) {
                Ok(found) => found,
                Err(error) => {
                    first_error.get_or_insert(error);
                    continue;
                }
            };
            fits |= found;
        }
        match (fits, first_error) {
            (true, _) => {}
            (false, Some(error)) => return Err(error),
            // No job makes it: it may be a source, which the plan finds out.
            (false, None) if !self.has_set() && self.text.contains(['=', '.', ':']) => {
                refs.push(self.text.clone());
            }
            (false, None) => {
                let message = format!("nothing makes `{}`", self.text);
                return Err(error(
                    Code::NothingMakes,
                    message,
                    nothing_makes_help(spec, &self.text),
                ));
            }
        }
        let mut seen = std::collections::HashSet::with_capacity(refs.len());
        refs.retain(|text| seen.insert(text.clone()));
        let parsed = refs.into_iter().map(PartitionRef::parse).collect::<Result<_, _>>();
        parsed.map_err(|why| error(Code::NotARef, format!("`{}`: {why}", self.text), FORM))
    }

    /// Appends what the text stands for among the refs of one pattern; false if it has another shape.
    fn one(
        &self,
        pattern: &Pattern,
        keys: &Keys,
        now: Timestamp,
        refs: &mut Vec<String>,
    ) -> Result<bool, WantedError> {
        let mut values = Vec::new();
        if self.text == pattern.dataset() {
            for (slot, _) in pattern.slots() {
                let key = keys.get(slot.key());
                values.push(newest(key, now).ok_or_else(|| value_needed(key, pattern, keys))?);
            }
        } else {
            let Some(typed) = pattern.fit(&self.text) else { return Ok(false) };
            for (slot, typed) in typed {
                let key = keys.get(slot.key());
                values.push(set(key, typed, now, 0)?);
            }
        }
        let too_many = |why: ExpandError| {
            error(
                Code::TooMany,
                format!("`{}` stands for {why}", self.text),
                "ask for a part of it",
            )
        };
        pattern.product(&values, limits::PLAN_PARTITIONS_MAX, refs).map_err(too_many)?;
        Ok(true)
    }

    /// Whether a partition is among those that the text stands for, as far as the text alone tells:
    /// a list of what there is needs no project. What stands below a match matches too, so that
    /// `clean` is all of `clean/date=…`.
    pub fn matches(&self, partition: &PartitionRef, now: Timestamp) -> bool {
        let mut segments = partition.as_str().split('/');
        self.text
            .split('/')
            .all(|typed| segments.next().is_some_and(|known| segment_matches(typed, known, now)))
    }
}

fn segment_matches(typed: &str, known: &str, now: Timestamp) -> bool {
    if typed == known || typed == "*" {
        return true;
    }
    let (Some((key, typed)), Some((name, value))) = (typed.split_once('='), known.split_once('='))
    else {
        return false;
    };
    if key != name {
        return false;
    }
    // Without the project, the form of the value tells the length of the period.
    let every = Every::ALL.into_iter().find(|&every| Period::parse(every, value).is_some());
    let kind = match every {
        Some(every) => KeyKind::Time { every, from: None, until: None },
        None => KeyKind::Any,
    };
    let key = Key { name: name.to_owned(), kind };
    typed == "*" || parts(typed).into_iter().any(|part| part_matches(&key, part, value, now))
}

fn part_matches(key: &Key, part: &str, value: &str, now: Timestamp) -> bool {
    if part == value {
        return true;
    }
    let KeyKind::Time { every, .. } = key.kind else { return false };
    let Some(value) = Period::parse(every, value) else { return false };
    matches!(bounds(key, part, now), Ok(Some((first, last))) if first <= value && value <= last)
}

fn balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    text.chars().all(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        (0..=1).contains(&depth)
    }) && depth == 0
}

fn is_set(value: &str) -> bool {
    value.contains("..") || value.contains(['{', '*']) || is_word(value)
}

fn is_word(value: &str) -> bool {
    matches!(value, "today" | "yesterday") || value.starts_with("last-")
}

/// The parts of `{x,y}`, or the text itself.
fn parts(typed: &str) -> Vec<&str> {
    match typed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(inside) => inside.split(',').map(str::trim).collect(),
        None => vec![typed],
    }
}

fn newest<'a>(key: &'a Key, now: Timestamp) -> Option<Vec<Cow<'a, str>>> {
    match &key.kind {
        KeyKind::Time { .. } => Some(vec![Cow::Owned(key.newest_due(now)?.to_string())]),
        KeyKind::List(values) => {
            Some(values.iter().map(|value| Cow::Borrowed(value.as_str())).collect())
        }
        KeyKind::Any => None,
    }
}

fn value_needed(key: &Key, pattern: &Pattern, keys: &Keys) -> WantedError {
    let help = format!("give it a value: {}", pattern.example(keys));
    error(
        Code::ValueNeeded,
        format!("`{}` needs a value for `{}`", pattern.dataset(), key.name),
        help,
    )
}

/// The values of a key that a typed text stands for.
fn set<'a>(
    key: &'a Key,
    typed: &'a str,
    now: Timestamp,
    depth: u8,
) -> Result<Vec<Cow<'a, str>>, WantedError> {
    let many = parts(typed);
    if 1 < many.len() || typed.starts_with('{') {
        if 0 < depth {
            return Err(error(
                Code::BadSet,
                format!("`{typed}` is a set within a set"),
                "write {x,y}",
            ));
        }
        let mut values = Vec::new();
        for part in many {
            values.extend(set(key, part, now, depth + 1)?);
        }
        return Ok(values);
    }
    if typed == "*" {
        return every_value(key, now);
    }
    if let Some((first, last)) = bounds(key, typed, now)? {
        let count = first.count_through(last);
        if limits::PLAN_PARTITIONS_MAX < count {
            let message = format!("`{typed}` stands for {count} partitions");
            return Err(error(Code::TooMany, message, "ask for a part of it"));
        }
        for end in [first, last] {
            known_value(key, &end.to_string())?;
        }
        return Ok(first.through(last).map(|period| Cow::Owned(period.to_string())).collect());
    }
    known_value(key, typed)?;
    Ok(vec![Cow::Borrowed(typed)])
}

fn every_value(key: &Key, now: Timestamp) -> Result<Vec<Cow<'_, str>>, WantedError> {
    match &key.kind {
        KeyKind::List(values) => {
            Ok(values.iter().map(|value| Cow::Borrowed(value.as_str())).collect())
        }
        KeyKind::Time { .. } => match key.span(now) {
            Some(span) => Ok(span
                .first
                .through(span.last)
                .map(|period| Cow::Owned(period.to_string()))
                .collect()),
            None => {
                let help =
                    format!("give a range, or `{}` a start under [keys]: from = …", key.name);
                Err(error(
                    Code::BadSet,
                    format!("`{}` has no first value, so `*` has no beginning", key.name),
                    help,
                ))
            }
        },
        KeyKind::Any => {
            let help = "name the values: {x,y}";
            Err(error(
                Code::BadSet,
                format!("the values of `{}` are not known, so `*` cannot stand for them", key.name),
                help,
            ))
        }
    }
}

/// The ends of a range or word of a time key; `None` for a plain value.
fn bounds(key: &Key, typed: &str, now: Timestamp) -> Result<Option<(Period, Period)>, WantedError> {
    if !is_set(typed) {
        return Ok(None);
    }
    let KeyKind::Time { every, .. } = key.kind else {
        return if typed.contains("..") {
            let help = "name the values: {x,y}";
            Err(error(
                Code::BadSet,
                format!("`{}` is not a time key, so `{typed}` is no range of it", key.name),
                help,
            ))
        } else {
            Ok(None)
        };
    };
    let Some((first, last)) = typed.split_once("..") else { return word(key, every, typed, now) };
    let first = end(key, every, first, now)?;
    let last = match last {
        "" => key.newest_due(now).unwrap_or(first),
        last => end(key, every, last, now)?,
    };
    if last < first {
        let help = format!("put the earlier end first: {last}..{first}");
        return Err(error(Code::BadSet, format!("`{typed}` ends before it begins"), help));
    }
    Ok(Some((first, last)))
}

fn end(key: &Key, every: Every, typed: &str, now: Timestamp) -> Result<Period, WantedError> {
    if is_word(typed)
        && let Some((first, _)) = word(key, every, typed, now)?
    {
        return Ok(first);
    }
    Period::parse(every, typed).ok_or_else(|| not_a_period(every, typed))
}

fn not_a_period(every: Every, typed: &str) -> WantedError {
    let help = format!("write it as {}", every.example());
    error(Code::NoSuchValue, format!("`{typed}` is no {}", every.word()), help)
}

fn word(
    key: &Key,
    every: Every,
    typed: &str,
    now: Timestamp,
) -> Result<Option<(Period, Period)>, WantedError> {
    let wrong =
        |help: String| error(Code::BadSet, format!("`{typed}` does not fit `{}`", key.name), help);
    let today = Period::holding(every, now);
    let last = match typed {
        "today" | "yesterday" if every != Every::Day => {
            return Err(wrong(format!(
                "it counts in {}s: write {} or last-3{}",
                every.word(),
                every.example(),
                every.letter()
            )));
        }
        "today" => Some(today),
        "yesterday" => today.step(-1),
        _ => None,
    };
    if let Some(day) = last {
        return Ok(Some((day, day)));
    }
    let steps = typed.strip_prefix("last-").and_then(|rest| rest.strip_suffix(every.letter()));
    let steps: Option<i32> = steps.and_then(|steps| steps.parse().ok()).filter(|&steps| 0 < steps);
    let newest = key.newest_due(now);
    let (Some(steps), Some(newest)) = (steps, newest) else {
        return Err(wrong(format!(
            "write last-7{} for the newest seven {}s that are over",
            every.letter(),
            every.word()
        )));
    };
    let first = newest.step(1 - steps).ok_or_else(|| wrong("give a smaller number".to_owned()))?;
    // The newest seven of four that there are is all four.
    let first = match key.kind {
        KeyKind::Time { from: Some(from), .. } => first.max(from),
        KeyKind::Time { from: None, .. } | KeyKind::List(_) | KeyKind::Any => first,
    };
    Ok(Some((first, newest)))
}

fn known_value(key: &Key, typed: &str) -> Result<(), WantedError> {
    if key.allows(typed) {
        return Ok(());
    }
    let name = &key.name;
    Err(match &key.kind {
        KeyKind::Time { every, from, until } => match (Period::parse(*every, typed), from, until) {
            (Some(period), Some(from), _) if period < *from => error(
                Code::NoSuchValue,
                format!("`{name}` begins at {from}: there is no {typed}"),
                "ask for a later one, or change `from` under [keys]",
            ),
            (Some(_), _, Some(until)) => error(
                Code::NoSuchValue,
                format!("`{name}` ends at {until}: there is no {typed}"),
                "ask for an earlier one, or change `until` under [keys]",
            ),
            _ => not_a_period(*every, typed),
        },
        KeyKind::List(values) => {
            let help = match nearest(typed, values.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its values are {}", values.join(", ")),
            };
            error(Code::NoSuchValue, format!("`{typed}` is not a value of `{name}`"), help)
        }
        KeyKind::Any => error(
            Code::NoSuchValue,
            format!("`{typed}` cannot be a value of `{name}`"),
            "use only A-Z a-z 0-9 . _ + : - and no `..`",
        ),
    })
}

/// What to do when no job makes a partition: the nearest dataset, and what its partitions look like.
pub(crate) fn nothing_makes_help(spec: &ProjectSpec, text: &str) -> String {
    let dataset = text
        .find('=')
        .and_then(|at| text.get(..at))
        .map_or(text, |head| head.rfind('/').and_then(|at| head.get(..at)).unwrap_or(head));
    let outs = || spec.jobs.iter().flat_map(|job| &job.out);
    let near = nearest(dataset, outs().map(Pattern::dataset));
    let like = near.and_then(|near| outs().find(|out| out.dataset() == near));
    match (like, outs().next()) {
        (Some(like), _) if like.dataset() == dataset => {
            format!("partitions of `{dataset}` look like {}", like.example(&spec.keys))
        }
        (Some(like), _) => {
            format!(
                "did you mean `{}`? Its partitions look like {}",
                like.dataset(),
                like.example(&spec.keys)
            )
        }
        (None, Some(any)) => {
            let mut known: Vec<_> = outs().map(Pattern::dataset).collect();
            known.dedup();
            known.truncate(8);
            format!(
                "jobs make {}; a partition looks like {}",
                known.join(", "),
                any.example(&spec.keys)
            )
        }
        (None, None) => "the project has no jobs: add one under [jobs]".to_owned(),
    }
}

#[cfg(test)]
mod tests;
