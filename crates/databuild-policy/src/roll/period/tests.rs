//! A moment and a zone in, the bounds of its period out.

use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write as _;

fn check(period: Period, zone: &str, moments: &[&str], expected: Expect) {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
    let mut shown = String::new();
    for moment in moments {
        let moment = Timestamp::parse(moment).unwrap();
        let (start, next) = (period.start(moment, &zone), period.next(moment, &zone));
        assert!(start <= moment && moment < next);
        assert_eq!(period.start(next, &zone), next, "periods follow one another");
        writeln!(shown, "{start} .. {next}").unwrap();
    }
    expected.assert_eq(&shown);
}

#[test]
fn days_are_as_long_as_they_are() {
    let moments = [
        "2025-03-30T12:00:00Z",
        "2025-10-26T12:00:00Z",
        "2025-01-27T22:59:59Z",
        "2025-01-27T23:00:00Z",
    ];
    check(
        Period::Day,
        "Europe/Berlin",
        &moments,
        expect![[r#"
        2025-03-29T23:00:00Z .. 2025-03-30T22:00:00Z
        2025-10-25T22:00:00Z .. 2025-10-26T23:00:00Z
        2025-01-26T23:00:00Z .. 2025-01-27T23:00:00Z
        2025-01-27T23:00:00Z .. 2025-01-28T23:00:00Z
    "#]],
    );
    // Midnight does not exist on the day when the clocks change there.
    check(
        Period::Day,
        "America/Sao_Paulo",
        &["2018-11-04T12:00:00Z"],
        expect![[r#"
        2018-11-04T03:00:00Z .. 2018-11-05T02:00:00Z
    "#]],
    );
}

#[test]
fn an_hour_that_comes_twice_is_two() {
    let moments = ["2025-10-26T00:30:00Z", "2025-10-26T01:30:00Z"];
    check(
        Period::Hour,
        "Europe/Berlin",
        &moments,
        expect![[r#"
        2025-10-26T00:00:00Z .. 2025-10-26T01:00:00Z
        2025-10-26T01:00:00Z .. 2025-10-26T02:00:00Z
    "#]],
    );
    check(
        Period::Hour,
        "Asia/Kathmandu",
        &["2025-01-27T10:30:00Z"],
        expect![[r#"
        2025-01-27T10:15:00Z .. 2025-01-27T11:15:00Z
    "#]],
    );
}

#[test]
fn weeks_and_months() {
    check(
        Period::Week,
        "UTC",
        &["2025-01-26T00:00:00Z", "2025-02-01T23:59:59Z"],
        expect![[r#"
        2025-01-26T00:00:00Z .. 2025-02-02T00:00:00Z
        2025-01-26T00:00:00Z .. 2025-02-02T00:00:00Z
    "#]],
    );
    check(
        Period::Month,
        "UTC",
        &["2024-02-29T10:00:00Z", "2024-12-31T10:00:00Z"],
        expect![[r#"
        2024-02-01T00:00:00Z .. 2024-03-01T00:00:00Z
        2024-12-01T00:00:00Z .. 2025-01-01T00:00:00Z
    "#]],
    );
    check(
        Period::Minute,
        "UTC",
        &["1969-12-31T23:59:59Z"],
        expect![[r#"
        1969-12-31T23:59:00Z .. 1970-01-01T00:00:00Z
    "#]],
    );
}
