//! Periods of the calendar in a zone: which one a moment is in, and when the next one begins. Days of 23
//! and 25 hours are as long as they are.

use databuild_model::time::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Unit};

/// A zone of the calendar.
pub type Zone = TimeZone;

/// The zone of a name: of the database, or an offset such as `GMT+2`.
pub fn zone(name: &str) -> Option<Zone> {
    crate::layout::date::known_zone(name)
}

/// A length of time in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// From full second to full second.
    Second,
    /// From full minute to full minute.
    Minute,
    /// From full hour to full hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Sunday to Saturday, as in the names that `ww` gives.
    Week,
    /// From the first of a month on.
    Month,
}

impl Period {
    /// All periods with their words in settings, the finest first.
    pub const ALL: [(&'static str, Period); 6] = [
        ("second", Period::Second),
        ("minute", Period::Minute),
        ("hour", Period::Hour),
        ("day", Period::Day),
        ("week", Period::Week),
        ("month", Period::Month),
    ];

    /// Reads a word of [`Period::ALL`].
    pub fn parse(text: &str) -> Option<Period> {
        Period::ALL.iter().find(|(word, _)| *word == text).map(|(_, period)| *period)
    }

    /// The moment at which the period of `when` began.
    pub fn start(self, when: Timestamp, zone: &Zone) -> Timestamp {
        let unit = match self {
            // These are as long everywhere, and go on through a change of the clocks.
            Period::Second => return floor(when, 1),
            Period::Minute => return floor(when, 60),
            Period::Hour => Unit::Hour,
            Period::Day | Period::Week | Period::Month => Unit::Day,
        };
        let local = zone.to_datetime(moment(when));
        let day = local.date().to_datetime(jiff::civil::Time::midnight());
        if unit == Unit::Hour {
            // An hour of the clock can come twice: count from the moment, not from the civil time.
            let into = i64::from(local.minute()) * 60 + i64::from(local.second());
            return Timestamp::from_nanos(
                floor(when, 1).as_nanos().saturating_sub(into * 1_000_000_000),
            );
        }
        let first = match self {
            Period::Week => day.checked_sub(days_since_sunday(day).days()),
            Period::Month => day.with().day(1).build(),
            Period::Second | Period::Minute | Period::Hour | Period::Day => Ok(day),
        };
        instant(first.unwrap_or(day), zone)
    }

    /// The moment at which the period after that of `when` begins.
    pub fn next(self, when: Timestamp, zone: &Zone) -> Timestamp {
        let start = self.start(when, zone);
        let seconds = |count: i64| {
            Timestamp::from_nanos(start.as_nanos().saturating_add(count * 1_000_000_000))
        };
        let span = match self {
            Period::Second => return seconds(1),
            Period::Minute => return seconds(60),
            Period::Hour => return seconds(3_600),
            Period::Day => 1.day(),
            Period::Week => 7.days(),
            Period::Month => 1.month(),
        };
        let local = zone.to_datetime(moment(start));
        let day = local.date().to_datetime(jiff::civil::Time::midnight());
        day.checked_add(span).map_or(Timestamp::MAX, |next| instant(next, zone))
    }
}

fn days_since_sunday(day: DateTime) -> i64 {
    i64::from(day.weekday().since(Weekday::Sunday))
}

fn moment(when: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(when.as_nanos())).unwrap_or_default()
}

/// The moment of a civil time; one that a change of the clocks leaves out is the moment of the change.
fn instant(local: DateTime, zone: &Zone) -> Timestamp {
    let moment = zone.to_ambiguous_timestamp(local).compatible().unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(moment.as_nanosecond()).unwrap_or(i64::MAX))
}

fn floor(when: Timestamp, seconds: i64) -> Timestamp {
    let unit = seconds * 1_000_000_000;
    Timestamp::from_nanos(when.as_nanos().div_euclid(unit) * unit)
}

#[cfg(test)]
mod tests;
