//! Durations and sizes as people write them.

use std::time::Duration;

/// Why a text is not a duration or a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// A number without a unit.
    #[error("`{number}` has no unit")]
    NoUnit {
        /// The number.
        number: String,
    },
    /// A unit without a number.
    #[error("a number must stand before `{unit}`")]
    NoNumber {
        /// The unit.
        unit: String,
    },
    /// A unit that does not exist.
    #[error("`{unit}` is not a unit")]
    UnknownUnit {
        /// What stands there.
        unit: String,
    },
    /// The value is greater than can be counted.
    #[error("it is too large")]
    TooLarge,
    /// Zero, where that has no meaning.
    #[error("it must be more than nothing")]
    Zero,
}

const DURATION_UNITS: [(&str, u128); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

const SIZE_UNITS: [(&str, u128); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads `90s`, `10m`, `1h30m`, `500ms`: whole numbers with units, added up; more than nothing.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let millis = sum(text, &DURATION_UNITS)?;
    // A year has 3.2e10 milliseconds: anything longer than a million years is a slip.
    u64::try_from(millis)
        .ok()
        .filter(|&ms| ms < 1 << 55)
        .map(Duration::from_millis)
        .ok_or(UnitError::TooLarge)
}

/// Reads `100MB` (10^6) or `20GiB` (2^30): one whole number with a unit; more than nothing.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    u64::try_from(sum(text, &SIZE_UNITS)?).map_err(|_| UnitError::TooLarge)
}

fn sum(text: &str, units: &[(&str, u128)]) -> Result<u128, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitError::Empty);
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after.trim_start(), |c| !c.is_ascii_digit());
        let unit = unit.trim_end();
        if number.is_empty() {
            return Err(UnitError::NoNumber { unit: unit.to_owned() });
        }
        if unit.is_empty() {
            return Err(UnitError::NoUnit { number: number.to_owned() });
        }
        let (_, factor) = units
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| UnitError::UnknownUnit { unit: unit.to_owned() })?;
        let number: u128 = number.parse().map_err(|_| UnitError::TooLarge)?;
        total = number
            .checked_mul(*factor)
            .and_then(|value| total.checked_add(value))
            .ok_or(UnitError::TooLarge)?;
        rest = after.trim_start();
    }
    if total == 0 { Err(UnitError::Zero) } else { Ok(total) }
}

fn split(text: &str, belongs: fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests;
