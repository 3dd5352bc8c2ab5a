//! Moments as people and programs write them in a query: RFC 3339, an age, nanoseconds, seconds.

use databuild_graph::spec::unit::{UnitError, parse_duration};
use databuild_model::time::{TimeError, Timestamp};
use std::time::Duration;

/// Whole numbers below this are refused: as nanoseconds they would lie in the first twelve days of
/// 1970, so whoever wrote one meant seconds, milliseconds or microseconds.
pub(crate) const NANOS_MIN: i64 = 1_000_000_000_000_000;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// What may stand where a moment is asked for, in words.
pub(crate) const EXPECTED: &str =
    "RFC 3339 | age such as 15m | integer nanoseconds | float seconds";

/// Why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WhenError {
    /// A whole number that cannot be meant as nanoseconds.
    #[error(
        "{text} looks like {unit}; give {instead}, RFC 3339, an age such as 15m, or nanoseconds"
    )]
    TooSmall {
        /// What was given.
        text: String,
        /// The unit that it looks like.
        unit: &'static str,
        /// How to say the same moment.
        instead: String,
    },
    /// It has the form of a date, but is none.
    #[error("{text:?} is not a time: {why}; give RFC 3339 such as 2025-01-27T10:30:45Z")]
    Date {
        /// What was given.
        text: String,
        /// What is wrong.
        why: TimeError,
    },
    /// Nothing that we know.
    #[error("{text:?} is not a time; give {EXPECTED}")]
    Form {
        /// What was given.
        text: String,
    },
    /// Outside the years 1677 to 2262.
    #[error("{text:?} is outside the years 1677 to 2262")]
    Range {
        /// What was given.
        text: String,
    },
}

/// Reads a moment; an age is counted back from `now`.
pub(crate) fn parse(text: &str, now: Timestamp) -> Result<Timestamp, WhenError> {
    let given = || text.to_owned();
    if let Some(age) = age(text) {
        return Ok(now.saturating_sub(age));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let nanos: i64 = text.parse().map_err(|_| WhenError::Range { text: given() })?;
        return whole(text, nanos);
    }
    if is_decimal(digits) {
        return seconds(text).ok_or_else(|| WhenError::Range { text: given() });
    }
    match Timestamp::parse(text) {
        Ok(time) => Ok(time),
        Err(why @ (TimeError::NoSuchTime | TimeError::Range)) => {
            Err(WhenError::Date { text: given(), why })
        }
        Err(TimeError::Form) => Err(WhenError::Form { text: given() }),
    }
}

/// A duration as in the project file; here it may be nothing, and is one word.
pub(crate) fn age(text: &str) -> Option<Duration> {
    if text.contains(char::is_whitespace) {
        return None;
    }
    match parse_duration(text) {
        Ok(age) => Some(age),
        Err(UnitError::Zero) => Some(Duration::ZERO),
        Err(
            UnitError::Empty
            | UnitError::NoNumber { .. }
            | UnitError::NoUnit { .. }
            | UnitError::UnknownUnit { .. }
            | UnitError::TooLarge,
        ) => None,
    }
}

fn whole(text: &str, nanos: i64) -> Result<Timestamp, WhenError> {
    if nanos == 0 || NANOS_MIN <= nanos.saturating_abs() {
        return Ok(Timestamp::from_nanos(nanos));
    }
    // Seconds reach 10^11 in the year 5138, milliseconds 10^14.
    let (unit, nanos_per_unit) = match nanos.saturating_abs() {
        0..100_000_000_000 => ("seconds", NANOS_PER_SECOND),
        100_000_000_000..100_000_000_000_000 => ("milliseconds", 1_000_000),
        _ => ("microseconds", 1_000),
    };
    let time = Timestamp::from_nanos(nanos.saturating_mul(nanos_per_unit));
    Err(WhenError::TooSmall { text: text.to_owned(), unit, instead: time.to_string() })
}

fn is_decimal(digits: &str) -> bool {
    digits.split_once('.').is_some_and(|(whole, part)| {
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !whole.is_empty() && !part.is_empty() && all_digits(whole) && all_digits(part)
    })
}

/// Decimal seconds, read digit by digit: a binary fraction would lose nanoseconds.
fn seconds(text: &str) -> Option<Timestamp> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.')?;
    let whole: i64 = whole.parse().ok()?;
    let nanos = part
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0_i64, |value, digit| value * 10 + i64::from(digit.wrapping_sub(b'0')));
    let total = whole.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)?;
    Some(Timestamp::from_nanos(sign * total))
}

#[cfg(test)]
mod tests;
