//! Times as text: every form that is taken, what is refused, and the way back.

use super::{Day, TimeError, Timestamp};
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, expect: &str) {
    let got = match Timestamp::parse(text) {
        Ok(time) => format!("{time} = {}", time.as_nanos()),
        Err(error) => error.to_string(),
    };
    assert_eq!(got, expect, "{text}");
}

#[test]
fn any_precision_and_any_offset_is_read() {
    check("2025-01-27T10:30:46Z", "2025-01-27T10:30:46Z = 1737973846000000000");
    check("2025-01-27T10:30:46.5Z", "2025-01-27T10:30:46.500000000Z = 1737973846500000000");
    check(
        "2025-01-27t12:30:46.0000000019+02:00",
        "2025-01-27T10:30:46.000000001Z = 1737973846000000001",
    );
    check("1969-12-31 23:59:59.999Z", "1969-12-31T23:59:59.999000000Z = -1000000");
    check("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z = 1483228800000000000");
    check("2024-02-29T00:00:00-00:30", "2024-02-29T00:30:00Z = 1709166600000000000");
}

#[test]
fn what_is_not_a_time_says_why() {
    check("2025-01-27", "not an RFC 3339 time such as 2025-01-27T10:30:45Z");
    check("2025-01-27T10:30:46", "not an RFC 3339 time such as 2025-01-27T10:30:45Z");
    check("2025-01-27T10:30:46.Z", "not an RFC 3339 time such as 2025-01-27T10:30:45Z");
    check("2025-01-27T10:30:46Zx", "not an RFC 3339 time such as 2025-01-27T10:30:45Z");
    check("2025-02-29T00:00:00Z", "there is no such day or time");
    check("2025-01-27T24:00:00Z", "there is no such day or time");
    check("2300-01-01T00:00:00Z", "the time is outside the years 1677 to 2262");
}

#[test]
fn days_are_folders() {
    assert_eq!(Day::parse("2025-01-27").unwrap().to_string(), "2025-01-27");
    assert_eq!(Day::parse("2025-13-01"), Err(TimeError::NoSuchTime));
    let late = Timestamp::parse("2025-01-27T23:59:59.999999999Z").unwrap();
    assert_eq!(late.day().to_string(), "2025-01-27");
    assert_eq!(late.day().start().to_string(), "2025-01-27T00:00:00Z");
}

proptest! {
    #[test]
    fn text_and_number_convert_both_ways(nanos in any::<i64>()) {
        let time = Timestamp::from_nanos(nanos);
        prop_assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }

    #[test]
    fn civil_days_convert_both_ways(number in -200_000i32..200_000) {
        let day = Day::from_number(number);
        let (y, m, d) = day.civil();
        prop_assert_eq!(Day::from_civil(y, m, d), Some(day));
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        let parsed = Timestamp::parse(&text);
        prop_assert!(parsed.is_ok() || parsed.is_err());
    }
}
