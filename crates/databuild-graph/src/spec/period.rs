//! Hours, days, weeks, months and years as whole numbers, and the one text that each has.

use databuild_model::time::{Day, Timestamp};
use std::fmt;

/// How long a period of a time key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Every {
    /// `2025-01-26T07`, UTC.
    Hour,
    /// `2025-01-26`.
    Day,
    /// `2025-W04`: weeks of ISO 8601, from Monday.
    Week,
    /// `2025-01`.
    Month,
    /// `2025`.
    Year,
}

/// One hour, day, week, month or year. Periods of one length are ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    every: Every,
    /// Hours, days or months since 1970, weeks since the one with 1970-01-01, or the year.
    index: i32,
}

/// The years that have a text of four digits.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

impl Every {
    /// All lengths, shortest first.
    pub const ALL: [Every; 5] = [Every::Hour, Every::Day, Every::Week, Every::Month, Every::Year];

    /// The word in a project file.
    pub const fn word(self) -> &'static str {
        match self {
            Every::Hour => "hour",
            Every::Day => "day",
            Every::Week => "week",
            Every::Month => "month",
            Every::Year => "year",
        }
    }

    /// A period as it is written.
    pub const fn example(self) -> &'static str {
        match self {
            Every::Hour => "2025-01-26T07",
            Every::Day => "2025-01-26",
            Every::Week => "2025-W04",
            Every::Month => "2025-01",
            Every::Year => "2025",
        }
    }

    /// The letter of an offset: `{date-1d}`.
    pub const fn letter(self) -> char {
        match self {
            Every::Hour => 'h',
            Every::Day => 'd',
            Every::Week => 'w',
            Every::Month => 'm',
            Every::Year => 'y',
        }
    }

    /// The length that `word` names.
    pub fn parse(word: &str) -> Option<Every> {
        Every::ALL.into_iter().find(|every| every.word() == word)
    }
}

impl Period {
    /// The period of this length that holds the moment.
    pub fn holding(every: Every, moment: Timestamp) -> Period {
        let hour = i32::try_from(moment.as_seconds().div_euclid(3600)).unwrap_or_default();
        match every {
            Every::Hour => Period { every, index: hour },
            Every::Day | Every::Week | Every::Month | Every::Year => {
                Period::of_day(every, moment.day())
            }
        }
    }

    /// The period of this length that holds the day; for hours, the first of the day.
    pub fn of_day(every: Every, day: Day) -> Period {
        let (year, month, _) = day.civil();
        let index = match every {
            Every::Hour => day.number().saturating_mul(24),
            Every::Day => day.number(),
            // 1970-01-01 was a Thursday: three days after Monday.
            Every::Week => day.number().saturating_add(3).div_euclid(7),
            Every::Month => (year - 1970) * 12 + i32::from(month) - 1,
            Every::Year => year,
        };
        Period { every, index }
    }

    /// Reads the one text of a period of this length.
    pub fn parse(every: Every, text: &str) -> Option<Period> {
        let period = Period { every, index: Period::index(every, text)? };
        // The one spelling only: else two texts would name one partition.
        (period.to_string() == text && period.is_writable()).then_some(period)
    }

    fn index(every: Every, text: &str) -> Option<i32> {
        let number = |text: &str| text.parse::<i32>().ok();
        match every {
            Every::Year => number(text),
            Every::Month => {
                let (year, month) = text.split_once('-')?;
                let month = number(month).filter(|month| (1..=12).contains(month))?;
                number(year)?.checked_sub(1970)?.checked_mul(12)?.checked_add(month - 1)
            }
            Every::Week => {
                let (year, week) = text.split_once("-W")?;
                let week = number(week).filter(|week| (1..=53).contains(week))?;
                // The week with 4 January is the first of its year.
                let fourth = Day::from_civil(number(year)?, 1, 4)?;
                Period::of_day(Every::Week, fourth).index.checked_add(week - 1)
            }
            Every::Day => Some(Day::parse(text).ok()?.number()),
            Every::Hour => {
                let (day, hour) = text.split_once('T')?;
                let hour = number(hour).filter(|hour| (0..24).contains(hour))?;
                Day::parse(day).ok()?.number().checked_mul(24)?.checked_add(hour)
            }
        }
    }

    fn is_writable(self) -> bool {
        YEARS.contains(&self.first_day().civil().0)
    }

    /// Its length.
    pub fn every(self) -> Every {
        self.every
    }

    /// The period `steps` later, or earlier if negative; `None` beyond the years 1 to 9999.
    pub fn step(self, steps: i32) -> Option<Period> {
        let next = Period { index: self.index.checked_add(steps)?, ..self };
        next.is_writable().then_some(next)
    }

    /// All periods from this to `last`, both included.
    pub fn through(self, last: Period) -> impl Iterator<Item = Period> + Clone {
        let end = if self.every == last.every { last.index } else { self.index - 1 };
        (self.index..=end).map(move |index| Period { index, ..self })
    }

    /// How many periods [`Period::through`] gives.
    pub fn count_through(self, last: Period) -> usize {
        usize::try_from(i64::from(last.index) - i64::from(self.index) + 1).unwrap_or_default()
    }

    /// Its first day.
    pub fn first_day(self) -> Day {
        let first = match self.every {
            Every::Hour => return Day::from_number(self.index.div_euclid(24)),
            Every::Day => return Day::from_number(self.index),
            Every::Week => return Day::from_number(self.index.saturating_mul(7).saturating_sub(3)),
            Every::Month => {
                let month = u8::try_from(self.index.rem_euclid(12) + 1).unwrap_or(1);
                Day::from_civil(1970 + self.index.div_euclid(12), month, 1)
            }
            Every::Year => Day::from_civil(self.index, 1, 1),
        };
        first.unwrap_or(Day::from_number(i32::MIN / 400))
    }

    /// The first and last periods of the length `every` that lie in this one; `every` is no longer
    /// than this one.
    pub fn within(self, every: Every) -> (Period, Period) {
        let next = Period { index: self.index.saturating_add(1), ..self };
        let first = Period::of_day(every, self.first_day());
        let after = Period::of_day(every, next.first_day());
        (first, Period { index: after.index.saturating_sub(1), ..after })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.every {
            Every::Hour => write!(f, "{}T{:02}", self.first_day(), self.index.rem_euclid(24)),
            Every::Day => write!(f, "{}", self.first_day()),
            Every::Week => {
                // The week belongs to the year of its Thursday.
                let thursday = Day::from_number(self.first_day().number().saturating_add(3));
                let year = thursday.civil().0;
                let first = Day::from_civil(year, 1, 4)
                    .map_or(0, |fourth| Period::of_day(Every::Week, fourth).index);
                write!(f, "{year:04}-W{:02}", self.index - first + 1)
            }
            Every::Month => write!(
                f,
                "{:04}-{:02}",
                1970 + self.index.div_euclid(12),
                self.index.rem_euclid(12) + 1
            ),
            Every::Year => write!(f, "{:04}", self.index),
        }
    }
}

#[cfg(test)]
mod tests;
