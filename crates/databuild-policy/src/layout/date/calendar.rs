//! What the calendar says of a moment: the numbers that pattern letters stand for.

use databuild_model::time::{Day, Timestamp};

/// A number of a date that changes at most once a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Year,
    WeekYear,
    Month,
    Day,
    DayOfYear,
    WeekOfYear,
    WeekOfMonth,
    /// The how manyeth such weekday of the month.
    WeekdayOfMonth,
    /// Monday is 1.
    Weekday,
    /// Sunday is 1.
    WeekdayFromSunday,
    Quarter,
    Hour,
    Hour1To24,
    Hour0To11,
    Hour12,
    Minute,
    Second,
}

/// A moment in a zone.
pub(super) struct Local {
    day: Day,
    pub(super) year: i64,
    pub(super) month: i64,
    day_of_month: i64,
    pub(super) second_of_day: i64,
}

impl Local {
    pub(super) fn of(when: Timestamp, offset: i64) -> Local {
        let seconds = when.as_seconds() + offset;
        let day = i32::try_from(seconds.div_euclid(86_400)).unwrap_or_default();
        let day = Day::from_number(day);
        let (year, month, day_of_month) = day.civil();
        Local {
            day,
            year: year.into(),
            month: month.into(),
            day_of_month: day_of_month.into(),
            second_of_day: seconds.rem_euclid(86_400),
        }
    }

    /// Monday is 1; 1970-01-01 was a Thursday.
    pub(super) fn weekday(&self) -> i64 {
        (i64::from(self.day.number()) + 3).rem_euclid(7) + 1
    }

    fn sunday_based(&self) -> i64 {
        self.weekday() % 7 + 1
    }

    fn new_year(year: i64) -> i64 {
        let year = i32::try_from(year).unwrap_or_default();
        Day::from_civil(year, 1, 1).map_or(0, |day| day.number().into())
    }

    fn day_of_year(&self) -> i64 {
        i64::from(self.day.number()) - Self::new_year(self.year) + 1
    }

    /// Weeks begin on Sunday and the first one has 1 January: its last day decides.
    fn week(&self) -> (i64, i64) {
        let number = i64::from(self.day.number());
        let saturday = number + 7 - self.sunday_based();
        let next = Self::new_year(self.year + 1);
        if next <= saturday {
            return (self.year + 1, 1);
        }
        let first = Self::new_year(self.year);
        // Days of the first week before 1 January.
        let before = (first + 4).rem_euclid(7);
        (self.year, (number - first + before) / 7 + 1)
    }

    pub(super) fn number(&self, number: Number) -> i64 {
        let hour = self.second_of_day / 3600;
        let nonzero = |value: i64, of_zero: i64| if value == 0 { of_zero } else { value };
        match number {
            Number::Year => self.year,
            Number::WeekYear => self.week().0,
            Number::Month => self.month,
            Number::Day => self.day_of_month,
            Number::DayOfYear => self.day_of_year(),
            Number::WeekOfYear => self.week().1,
            Number::WeekOfMonth => {
                let first = i64::from(self.day.number()) - self.day_of_month + 1;
                (self.day_of_month - 1 + (first + 4).rem_euclid(7)) / 7 + 1
            }
            Number::WeekdayOfMonth => (self.day_of_month - 1) / 7 + 1,
            Number::Weekday => self.weekday(),
            Number::WeekdayFromSunday => self.sunday_based(),
            Number::Quarter => (self.month - 1) / 3 + 1,
            Number::Hour => hour,
            Number::Hour1To24 => nonzero(hour, 24),
            Number::Hour0To11 => hour % 12,
            Number::Hour12 => nonzero(hour % 12, 12),
            Number::Minute => self.second_of_day / 60 % 60,
            Number::Second => self.second_of_day % 60,
        }
    }
}
