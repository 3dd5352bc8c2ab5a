//! How severe a log entry is, and how severe an entry that is not a log counts as.

use std::fmt;

/// Severity of a log entry, in ascending order.
///
/// The order of the variants is the order of severity; the numbers of the wire format differ from
/// it (`DEBUG` is 0 there and `TRACE` 4), so compare levels, never numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Finer than debugging.
    Trace,
    /// For whoever debugs the job.
    Debug,
    /// The normal course of a job.
    Info,
    /// The job coped.
    Warn,
    /// Somebody must act.
    Error,
    /// The job cannot go on.
    Fatal,
}

impl Level {
    /// All levels, least severe first.
    pub const ALL: [Level; 6] =
        [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal];

    /// The name as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Trace => "TRACE",
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
            Level::Fatal => "FATAL",
        }
    }

    /// Reads a level as people and logging libraries spell it, in any case.
    ///
    /// Also takes the severity numbers 1–24 of the OpenTelemetry log data model.
    pub fn parse(text: &str) -> Option<Level> {
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        if is("INFO") || is("INFORMATION") || is("NOTICE") {
            Some(Level::Info)
        } else if is("WARN") || is("WARNING") {
            Some(Level::Warn)
        } else if is("ERROR") || is("ERR") || is("SEVERE") {
            Some(Level::Error)
        } else if is("DEBUG") {
            Some(Level::Debug)
        } else if is("TRACE") {
            Some(Level::Trace)
        } else if is("FATAL") || is("CRITICAL") || is("PANIC") || is("ALERT") || is("EMERGENCY") {
            Some(Level::Fatal)
        } else {
            text.parse().ok().and_then(Level::from_otel)
        }
    }

    /// The level of an OpenTelemetry severity number, 1–24.
    pub fn from_otel(number: u8) -> Option<Level> {
        match number {
            1..=4 => Some(Level::Trace),
            5..=8 => Some(Level::Debug),
            9..=12 => Some(Level::Info),
            13..=16 => Some(Level::Warn),
            17..=20 => Some(Level::Error),
            21..=24 => Some(Level::Fatal),
            _ => None,
        }
    }

    /// The number in `LogLevel` of the protobuf schema.
    pub fn to_proto(self) -> i32 {
        match self {
            Level::Debug => 0,
            Level::Info => 1,
            Level::Warn => 2,
            Level::Error => 3,
            Level::Trace => 4,
            Level::Fatal => 5,
        }
    }

    /// The level of a number in `LogLevel` of the protobuf schema.
    pub fn from_proto(number: i32) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.to_proto() == number)
    }

    /// This level's place in a set of levels: bit 0 is `TRACE`.
    pub fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn the_wire_number_and_the_severity_differ_but_convert() {
        for level in Level::ALL {
            assert_eq!(Level::from_proto(level.to_proto()), Some(level));
            assert_eq!(Level::parse(&level.as_str().to_lowercase()), Some(level));
        }
        assert!(Level::Trace < Level::Debug && Level::Error < Level::Fatal);
        assert_eq!(Level::from_proto(6), None);
    }

    #[test]
    fn reads_what_logging_libraries_write() {
        let of = |text| Level::parse(text);
        assert_eq!(of("warning"), Some(Level::Warn));
        assert_eq!(of("CRITICAL"), Some(Level::Fatal));
        assert_eq!(of("17"), Some(Level::Error));
        assert_eq!(of("25"), None);
        assert_eq!(of("loud"), None);
    }
}
