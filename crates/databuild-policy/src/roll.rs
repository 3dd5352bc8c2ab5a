//! When a file is closed and another one begun, what the closed one is called, and which of the old ones
//! go. Logback's rolling is the model; where it loses data ours differs, and says so:
//!
//! * an archive is never overwritten: the next free index is taken;
//! * a size is exact: it is looked at before every write;
//! * what stands in a name beside `%d` and `%i` is literal, whatever it is;
//! * old files are found by reading the folder, not by computing the names that they may have had;
//! * the file that was closed last is never removed.

pub mod keep;
pub mod name;
pub mod period;
pub mod plan;

use databuild_model::time::Timestamp;
use period::{Period, Zone};
use std::time::Duration;

/// When a file is rolled. What is absent never is a reason.
#[derive(Debug, Clone, Default)]
pub struct RotationPolicy {
    /// Most bytes of a file; one event may be larger than it.
    pub bytes_max: Option<u64>,
    /// At the first event of another period.
    pub every: Option<(Period, Zone)>,
    /// After so much time without an event.
    pub idle: Option<Duration>,
}

/// A file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveFile {
    /// Its length.
    pub bytes: u64,
    /// When its first event was written, or when it was last changed if an earlier process began it.
    pub began: Timestamp,
    /// When its last event was written.
    pub written: Timestamp,
}

/// Why a file is rolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollCause {
    /// The next event would make it too large.
    Size,
    /// Another period has begun.
    Time,
    /// Nothing has come for long.
    Idle,
}

impl RotationPolicy {
    /// Whether `file` is to be rolled before `next` bytes are written at `now`. An empty file never is. A
    /// clock that goes back is no other period.
    pub fn should_rotate(&self, file: &ActiveFile, next: u64, now: Timestamp) -> Option<RollCause> {
        if file.bytes == 0 {
            return None;
        }
        if self.every.is_some() && self.until(file.began) <= now {
            return Some(RollCause::Time);
        }
        self.is_too_large(file, next).then_some(RollCause::Size)
    }

    /// When the period of `began` is over: until then [`RotationPolicy::is_too_large`] alone decides.
    pub fn until(&self, began: Timestamp) -> Timestamp {
        self.every.as_ref().map_or(Timestamp::MAX, |(period, zone)| period.next(began, zone))
    }

    /// Whether `next` bytes more are too many for `file`. An empty file takes any.
    pub fn is_too_large(&self, file: &ActiveFile, next: u64) -> bool {
        let max = self.bytes_max.filter(|_| file.bytes != 0);
        max.is_some_and(|max| max < file.bytes.saturating_add(next))
    }

    /// When `file` is to be rolled although nothing comes, and why.
    pub fn due(&self, file: &ActiveFile) -> Option<(Timestamp, RollCause)> {
        let idle = self.idle.filter(|_| 0 < file.bytes)?;
        Some((file.written.saturating_add(idle), RollCause::Idle))
    }
}

#[cfg(test)]
mod tests;
