//! Periods against a calendar, and their text both ways.

use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(every: Every, text: &str, next: &str) {
    let period = Period::parse(every, text).expect("a period");
    assert_eq!(period.to_string(), text);
    assert_eq!(period.step(1).expect("a next one").to_string(), next);
}

#[test]
fn periods_follow_the_calendar() {
    check(Every::Hour, "2024-02-28T23", "2024-02-29T00");
    check(Every::Day, "2024-02-28", "2024-02-29");
    check(Every::Week, "2020-W53", "2021-W01");
    check(Every::Week, "2024-W52", "2025-W01");
    check(Every::Month, "2024-12", "2025-01");
    check(Every::Month, "1969-12", "1970-01");
    check(Every::Year, "1999", "2000");
}

#[test]
fn one_spelling_only() {
    for (every, text) in [
        (Every::Day, "2025-02-29"),
        (Every::Day, "2025-2-1"),
        (Every::Month, "2025-13"),
        (Every::Month, "2025-1"),
        (Every::Month, "+2025-01"),
        (Every::Week, "2021-W53"),
        (Every::Week, "2021-W00"),
        (Every::Year, "0"),
        (Every::Year, "+2024"),
        (Every::Year, "99999"),
        (Every::Hour, "2025-01-01T24"),
        (Every::Hour, "2025-01-01T7"),
        (Every::Month, ""),
    ] {
        assert_eq!(Period::parse(every, text), None, "{every:?} {text}");
    }
}

#[test]
fn days_of_a_month_and_of_a_week() {
    let span = |every, text: &str| {
        let (first, last) = Period::parse(every, text).expect("a period").within(Every::Day);
        format!("{first}..{last} {}", first.count_through(last))
    };
    assert_eq!(span(Every::Month, "2024-02"), "2024-02-01..2024-02-29 29");
    assert_eq!(span(Every::Week, "2025-W01"), "2024-12-30..2025-01-05 7");
    assert_eq!(span(Every::Year, "2025"), "2025-01-01..2025-12-31 365");
}

proptest! {
    #[test]
    fn text_and_period_are_one(number in -600_000_i32..2_900_000, choice in 0_usize..5) {
        let every = Every::ALL[choice];
        let period = Period::of_day(every, Day::from_number(number));
        prop_assert_eq!(Period::parse(every, &period.to_string()), Some(period));
        prop_assert!(period.first_day().number() <= number);
        let next = period.step(1).expect("inside the years");
        prop_assert!(number < next.first_day().number() || every == Every::Hour);
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,14}", choice in 0_usize..5) {
        let _ = Period::parse(Every::ALL[choice], &text);
    }
}
