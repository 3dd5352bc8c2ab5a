//! Time as a number of nanoseconds, and as the text that stands in a log. Nothing here asks what time
//! it is.

use std::fmt;
use std::time::Duration;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Nanoseconds since 1970-01-01T00:00:00Z, without leap seconds: 1677-09-21 to 2262-04-11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A calendar day in UTC. Its text, `YYYY-MM-DD`, is the name of a folder of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Days since 1970-01-01.
    number: i32,
}

/// Why a text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text has another form.
    #[error("not an RFC 3339 time such as 2025-01-27T10:30:45Z")]
    Form,
    /// A month 13, a 30th of February, an hour 24.
    #[error("there is no such day or time")]
    NoSuchTime,
    /// Before 1677-09-21 or after 2262-04-11.
    #[error("the time is outside the years 1677 to 2262")]
    Range,
}

impl Timestamp {
    /// The earliest time.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest time.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From nanoseconds since 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        Timestamp(nanos)
    }

    /// Nanoseconds since 1970.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// The day, in UTC.
    pub fn day(self) -> Day {
        // The range of i64 nanoseconds is ±106,752 days.
        let number = self.as_seconds().div_euclid(SECONDS_PER_DAY);
        Day { number: i32::try_from(number).unwrap_or_default() }
    }

    /// This time and then `duration`; the end of the range if that is past it.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(nanos))
    }

    /// This time less `duration`; the start of the range if that is before it.
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(nanos))
    }

    /// How long after `earlier` this is; zero if it is before it.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// Reads RFC 3339 of any precision and any offset. Digits beyond nanoseconds are dropped, a
    /// leap second counts as the second after it, and `t`, `z` and a blank for `T` are taken.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        Self::parse_bytes(text.as_bytes())
    }

    /// [`Timestamp::parse`] on bytes, for readers that have not checked UTF-8 yet.
    pub fn parse_bytes(text: &[u8]) -> Result<Self, TimeError> {
        let mut p = Parser { rest: text };
        let day = p.day()?;
        if !matches!(p.byte()?, b'T' | b't' | b' ') {
            return Err(TimeError::Form);
        }
        let seconds = p.time_of_day()?;
        let nanos = p.fraction()?;
        let offset = p.offset()?;
        if !p.rest.is_empty() {
            return Err(TimeError::Form);
        }
        let total =
            i128::from(day.number) * i128::from(SECONDS_PER_DAY) + i128::from(seconds - offset);
        i64::try_from(total * i128::from(NANOS_PER_SECOND) + i128::from(nanos))
            .map(Timestamp)
            .map_err(|_| TimeError::Range)
    }

    /// Appends the text that [`fmt::Display`] gives, without going through the formatter.
    pub fn write_to(self, out: &mut Vec<u8>) {
        let seconds = self.as_seconds();
        let nanos = self.0.rem_euclid(NANOS_PER_SECOND);
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = self.day().civil();
        digits(out, i64::from(year), 4);
        out.push(b'-');
        digits(out, i64::from(month), 2);
        out.push(b'-');
        digits(out, i64::from(day), 2);
        out.push(b'T');
        digits(out, of_day / 3600, 2);
        out.push(b':');
        digits(out, of_day / 60 % 60, 2);
        out.push(b':');
        digits(out, of_day % 60, 2);
        if nanos != 0 {
            out.push(b'.');
            digits(out, nanos, 9);
        }
        out.push(b'Z');
    }
}

/// RFC 3339 in UTC: no fraction for a whole second, else nine digits.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(30);
        self.write_to(&mut text);
        f.pad(&String::from_utf8_lossy(&text))
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl Day {
    /// The day with this number, counted from 1970-01-01.
    pub const fn from_number(number: i32) -> Self {
        Day { number }
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> i32 {
        self.number
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let mut p = Parser { rest: text.as_bytes() };
        let day = p.day()?;
        if p.rest.is_empty() { Ok(day) } else { Err(TimeError::Form) }
    }

    /// The first moment of the day, UTC; the end of the range if the day is outside it.
    pub fn start(self) -> Timestamp {
        Timestamp((i64::from(self.number) * SECONDS_PER_DAY).saturating_mul(NANOS_PER_SECOND))
    }

    /// Year, month and day of the month in the Gregorian calendar.
    ///
    /// The arithmetic counts years from March, so that a leap day ends its year (Howard Hinnant,
    /// "chrono-compatible low-level date algorithms").
    pub fn civil(self) -> (i32, u8, u8) {
        let z = i64::from(self.number) + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (
            i32::try_from(year).unwrap_or_default(),
            u8::try_from(month).unwrap_or_default(),
            u8::try_from(day).unwrap_or_default(),
        )
    }

    /// The day of a civil date, if there is such a day.
    pub fn from_civil(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(1..=12).contains(&month) || day < 1 || days_in_month(year, month) < day {
            return None;
        }
        let (month, day) = (i64::from(month), i64::from(day));
        let year = i64::from(year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted = if 2 < month { month - 3 } else { month + 9 };
        let day_of_year = (153 * shifted + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        i32::try_from(era * 146_097 + day_of_era - 719_468).ok().map(|number| Day { number })
    }
}

/// `YYYY-MM-DD`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        f.pad(&format!("{year:04}-{month:02}-{day:02}"))
    }
}

fn days_in_month(year: i32, month: u8) -> u8 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn digits(out: &mut Vec<u8>, value: i64, width: u32) {
    let mut divisor = 10_i64.pow(width.saturating_sub(1));
    while divisor != 0 {
        let digit = u8::try_from(value / divisor % 10).unwrap_or_default();
        out.push(b'0' + digit);
        divisor /= 10;
    }
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl Parser<'_> {
    fn byte(&mut self) -> Result<u8, TimeError> {
        let (&first, rest) = self.rest.split_first().ok_or(TimeError::Form)?;
        self.rest = rest;
        Ok(first)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), TimeError> {
        if self.byte()? == wanted { Ok(()) } else { Err(TimeError::Form) }
    }

    fn number(&mut self, width: usize) -> Result<i64, TimeError> {
        let (digits, rest) = self.rest.split_at_checked(width).ok_or(TimeError::Form)?;
        self.rest = rest;
        digits.iter().try_fold(0, |value, digit| {
            if digit.is_ascii_digit() {
                Ok(value * 10 + i64::from(digit - b'0'))
            } else {
                Err(TimeError::Form)
            }
        })
    }

    fn small(&mut self) -> Result<u8, TimeError> {
        self.number(2).map(|n| u8::try_from(n).unwrap_or(u8::MAX))
    }

    fn day(&mut self) -> Result<Day, TimeError> {
        let year = i32::try_from(self.number(4)?).map_err(|_| TimeError::Range)?;
        self.expect(b'-')?;
        let month = self.small()?;
        self.expect(b'-')?;
        let day = self.small()?;
        Day::from_civil(year, month, day).ok_or(TimeError::NoSuchTime)
    }

    fn time_of_day(&mut self) -> Result<i64, TimeError> {
        let hour = self.number(2)?;
        self.expect(b':')?;
        let minute = self.number(2)?;
        self.expect(b':')?;
        let second = self.number(2)?;
        if 23 < hour || 59 < minute || 60 < second {
            return Err(TimeError::NoSuchTime);
        }
        Ok(hour * 3600 + minute * 60 + second)
    }

    fn fraction(&mut self) -> Result<i64, TimeError> {
        let Some((b'.' | b',', rest)) = self.rest.split_first() else {
            return Ok(0);
        };
        let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if len == 0 {
            return Err(TimeError::Form);
        }
        let (digits, rest) = rest.split_at(len);
        self.rest = rest;
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0'));
        Ok(padded.take(9).fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
    }

    fn offset(&mut self) -> Result<i64, TimeError> {
        let sign = match self.byte()? {
            b'Z' | b'z' => return Ok(0),
            b'+' => 1,
            b'-' => -1,
            _ => return Err(TimeError::Form),
        };
        let hours = self.number(2)?;
        self.expect(b':')?;
        let minutes = self.number(2)?;
        if 23 < hours || 59 < minutes {
            return Err(TimeError::NoSuchTime);
        }
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests;
