//! Times and durations as people type them: `15m`, `yesterday`, `10:30`, RFC 3339, `@1737974400`.

use super::outcome::{Exit, Failure};
use crate::wire::when::age;
use databuild_model::time::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use std::time::Duration;

/// Reads a time that the user gave with `flag`. An age counts back from `now`; a date or a time of
/// day without an offset is meant in `zone`.
pub(crate) fn time(
    flag: &str,
    text: &str,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Timestamp, Failure> {
    parse(text.trim(), now, zone).ok_or_else(|| {
        let failure = Failure::text(Exit::Usage, format!("{flag}: {text:?} is not a time"));
        failure.remedy(if is_bare_number(text) {
            format!("a number alone could be anything: {text} seconds ago is {text}s, seconds since 1970 are @{text}")
        } else {
            "give an age (90s, 15m, 2h, 3d), yesterday, 10:30, 2025-01-27, \
             2025-01-27T10:30:00Z or @1737974400"
                .to_owned()
        })
    })
}

/// Reads a duration that the user gave with `flag`: `500ms`, `90s`, `15m`, `2h`, `3d`, `1h30m`.
pub(crate) fn duration(flag: &str, text: &str) -> Result<Duration, Failure> {
    age(text.trim()).filter(|duration| !duration.is_zero()).ok_or_else(|| {
        Failure::text(Exit::Usage, format!("{flag}: {text:?} is not a duration"))
            .remedy("give a number with its unit: 500ms, 90s, 15m, 2h, 1h30m, 3d")
    })
}

fn is_bare_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::parse(text) {
        return Some(time);
    }
    if let Some(seconds) = text.strip_prefix('@') {
        return unix_seconds(seconds);
    }
    if let Some(age) = age(text.strip_suffix(" ago").unwrap_or(text)) {
        return Some(now.saturating_sub(age));
    }
    let today = jiff::Timestamp::from_nanosecond(i128::from(now.as_nanos()))
        .ok()?
        .to_zoned(zone.clone())
        .date();
    let local = match text {
        "now" => return Some(now),
        "today" => today.at(0, 0, 0, 0),
        "yesterday" => today.yesterday().ok()?.at(0, 0, 0, 0),
        _ => {
            // jiff also takes "10" for a time and a date before a time for a date: too generous here.
            match (text.contains('-'), text.contains(':')) {
                (true, true) => text.parse::<civil::DateTime>().ok()?,
                (true, false) => text.parse::<civil::Date>().ok()?.at(0, 0, 0, 0),
                (false, true) => today.to_datetime(text.parse::<civil::Time>().ok()?),
                (false, false) => return None,
            }
        }
    };
    let instant = local.to_zoned(zone.clone()).ok()?.timestamp();
    i64::try_from(instant.as_nanosecond()).ok().map(Timestamp::from_nanos)
}

fn unix_seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if 9 < fraction.len() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::{duration, time};
    use databuild_model::time::Timestamp;
    use jiff::tz::TimeZone;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let now = Timestamp::parse("2025-01-27T10:30:00Z").expect("a time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let got = match time("--since", text, now, &zone) {
            Ok(time) => time.to_string(),
            Err(_) => "refused".to_owned(),
        };
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn ages_count_back_from_now() {
        check("15m", "2025-01-27T10:15:00Z");
        check("1h30m", "2025-01-27T09:00:00Z");
        check("2d ago", "2025-01-25T10:30:00Z");
        check("500ms", "2025-01-27T10:29:59.500000000Z");
        check("now", "2025-01-27T10:30:00Z");
    }

    #[test]
    fn times_without_an_offset_are_local() {
        check("2025-01-27T10:30:46Z", "2025-01-27T10:30:46Z");
        check("2025-01-27T10:30:46", "2025-01-27T09:30:46Z");
        check("2025-01-26", "2025-01-25T23:00:00Z");
        check("10:15", "2025-01-27T09:15:00Z");
        check("today", "2025-01-26T23:00:00Z");
        check("yesterday", "2025-01-25T23:00:00Z");
        check("@1737974400", "2025-01-27T10:40:00Z");
        check("@1737974400.5", "2025-01-27T10:40:00.500000000Z");
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        for text in ["", "15", "1737974400", "m", "15x", "25:00", "soon", "@", "@1.x", "2025-02-30"]
        {
            check(text, "refused");
        }
        assert!(duration("--timeout", "0s").is_err());
        assert!(duration("--timeout", "99999999999999999999d").is_err());
        assert_eq!(duration("--timeout", "2h").map(|d| d.as_secs()).ok(), Some(7200));
    }
}
