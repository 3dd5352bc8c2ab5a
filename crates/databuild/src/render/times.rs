//! Times and durations as people read them.

use super::zone;
use databuild_model::time::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// How times are written: in the zone of the machine, or in UTC.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    zone: TimeZone,
}

impl Times {
    /// UTC if `utc`, else the zone of the machine (`TZ`, then `/etc/localtime`).
    pub(crate) fn new(utc: bool) -> Self {
        Times { zone: if utc { TimeZone::UTC } else { zone::local() } }
    }

    /// The zone.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// `10:31:07.114`.
    pub(crate) fn clock(&self, time: Timestamp) -> String {
        self.format(time, "%H:%M:%S.%3f")
    }

    /// `10:31:07`.
    pub(crate) fn clock_seconds(&self, time: Timestamp) -> String {
        self.format(time, "%H:%M:%S")
    }

    /// `2025-01-27 10:31:07.114+01:00`.
    pub(crate) fn full(&self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%d %H:%M:%S.%3f%:z")
    }

    /// `today 10:30`, `yesterday 07:55`, `2025-01-20 07:55`.
    pub(crate) fn day_and_clock(&self, time: Timestamp, now: Timestamp) -> String {
        let day = self.format(time, "%Y-%m-%d");
        let clock = self.format(time, "%H:%M");
        let a_day = Duration::from_secs(86_400);
        if day == self.format(now, "%Y-%m-%d") {
            format!("today {clock}")
        } else if day == self.format(now.saturating_sub(a_day), "%Y-%m-%d") {
            format!("yesterday {clock}")
        } else {
            format!("{day} {clock}")
        }
    }

    fn format(&self, time: Timestamp, form: &str) -> String {
        match jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos())) {
            Ok(instant) => instant.to_zoned(self.zone.clone()).strftime(form).to_string(),
            // Our range of years is inside jiff's.
            Err(_) => time.to_string(),
        }
    }
}

/// `+0.288s` since `start`; `-` in front of what is before it.
pub(crate) fn relative(time: Timestamp, start: Timestamp) -> String {
    if start <= time {
        format!("+{:.3}s", time.since(start).as_secs_f64())
    } else {
        format!("-{:.3}s", start.since(time).as_secs_f64())
    }
}

/// `19ms`, `0.4s`, `21.3s`, `2m10s`, `3h05m`, `2d04h`.
pub(crate) fn took(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration < Duration::from_millis(100) {
        return format!("{}ms", duration.as_millis());
    }
    match seconds {
        0..60 => format!("{:.1}s", duration.as_secs_f64()),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `1 204`: digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// `1 entry`, `2 entries`: a count with its noun.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{Times, counted, grouped, relative, took};
    use databuild_model::time::Timestamp;
    use std::time::Duration;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn times_are_short_where_the_day_is_known() {
        let times = Times::new(true);
        let now = at("2025-01-27T10:30:00Z");
        assert_eq!(times.clock(at("2025-01-27T10:31:07.1149Z")), "10:31:07.114");
        assert_eq!(times.full(at("2025-01-27T10:31:07Z")), "2025-01-27 10:31:07.000+00:00");
        assert_eq!(times.day_and_clock(at("2025-01-27T08:02:59Z"), now), "today 08:02");
        assert_eq!(times.day_and_clock(at("2025-01-26T23:59:59Z"), now), "yesterday 23:59");
        assert_eq!(times.day_and_clock(at("2024-01-26T23:59:59Z"), now), "2024-01-26 23:59");
        assert_eq!(relative(at("2025-01-27T10:30:00.25Z"), now), "+0.250s");
        assert_eq!(relative(at("2025-01-27T10:29:59Z"), now), "-1.000s");
    }

    #[test]
    fn durations_and_numbers_are_easy_to_compare() {
        let of = |seconds| took(Duration::from_secs_f64(seconds));
        assert_eq!([of(0.0), of(0.44), of(59.94)], ["0ms", "0.4s", "59.9s"]);
        assert_eq!([of(130.0), of(11_100.0), of(187_200.0)], ["2m10s", "3h05m", "2d04h"]);
        assert_eq!([grouped(7), grouped(1204), grouped(1_000_000)], ["7", "1 204", "1 000 000"]);
        assert_eq!(counted(1, "entry", "entries"), "1 entry");
        assert_eq!(counted(0, "entry", "entries"), "0 entries");
    }
}
