//! What counts as a moment, and what is said about what does not.

use super::parse;
use databuild_model::time::Timestamp;
use expect_test::{Expect, expect};

#[track_caller]
fn check(text: &str, expect: &Expect) {
    let now = Timestamp::parse("2025-01-27T12:00:00Z").expect("a time");
    let said = match parse(text, now) {
        Ok(time) => time.to_string(),
        Err(error) => format!("error: {error}"),
    };
    expect.assert_eq(&said);
}

#[test]
fn takes_the_four_forms() {
    check("2025-01-27T10:30:45Z", &expect!["2025-01-27T10:30:45Z"]);
    check("2025-01-27T10:30:45.5+01:00", &expect!["2025-01-27T09:30:45.500000000Z"]);
    check("15m", &expect!["2025-01-27T11:45:00Z"]);
    check("1h30m", &expect!["2025-01-27T10:30:00Z"]);
    check("1737973845000000000", &expect!["2025-01-27T10:30:45Z"]);
    check("1737973845.25", &expect!["2025-01-27T10:30:45.250000000Z"]);
    check("1737973845.123456789", &expect!["2025-01-27T10:30:45.123456789Z"]);
    check("0", &expect!["1970-01-01T00:00:00Z"]);
}

#[test]
fn a_whole_number_in_another_unit_is_refused_with_the_same_moment_in_words() {
    check(
        "1737973845",
        &expect![
            "error: 1737973845 looks like seconds; give 2025-01-27T10:30:45Z, RFC 3339, an age such as 15m, or nanoseconds"
        ],
    );
    check(
        "1737973845000",
        &expect![
            "error: 1737973845000 looks like milliseconds; give 2025-01-27T10:30:45Z, RFC 3339, an age such as 15m, or nanoseconds"
        ],
    );
    check(
        "999999999999999",
        &expect![
            "error: 999999999999999 looks like microseconds; give 2001-09-09T01:46:39.999999000Z, RFC 3339, an age such as 15m, or nanoseconds"
        ],
    );
}

#[test]
fn says_what_is_wrong() {
    check(
        "yesterdayish",
        &expect![[
            r#"error: "yesterdayish" is not a time; give RFC 3339 | age such as 15m | integer nanoseconds | float seconds"#
        ]],
    );
    check(
        "",
        &expect![[
            r#"error: "" is not a time; give RFC 3339 | age such as 15m | integer nanoseconds | float seconds"#
        ]],
    );
    check(
        "2025-02-30T00:00:00Z",
        &expect![[
            r#"error: "2025-02-30T00:00:00Z" is not a time: there is no such day or time; give RFC 3339 such as 2025-01-27T10:30:45Z"#
        ]],
    );
    check(
        "99999999999999999999",
        &expect![[r#"error: "99999999999999999999" is outside the years 1677 to 2262"#]],
    );
    check(
        "99999999999.5",
        &expect![[r#"error: "99999999999.5" is outside the years 1677 to 2262"#]],
    );
    check(
        "15 m",
        &expect![[
            r#"error: "15 m" is not a time; give RFC 3339 | age such as 15m | integer nanoseconds | float seconds"#
        ]],
    );
}
