//! How much is taken from a job in a second: a bucket of bytes that fills with time. Pure.

use std::time::Duration;

/// What is taken may overdraw it once, by what one read gives; then nothing is taken until the debt
/// is paid. Nothing is dropped: the job waits, as for a slow reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    per_second: u64,
    /// Bytes that may be taken now, times 10⁹.
    balance: i128,
    at: Duration,
}

const NANOS: i128 = 1_000_000_000;

impl Rate {
    /// A bucket that is full, with the bytes of one second.
    pub(crate) fn new(per_second: u64, now: Duration) -> Self {
        let per_second = per_second.max(1);
        Rate { per_second, balance: i128::from(per_second) * NANOS, at: now }
    }

    /// `bytes` were taken.
    pub(crate) fn take(&mut self, bytes: u64, now: Duration) {
        self.fill(now);
        self.balance -= i128::from(bytes) * NANOS;
    }

    /// When something may be taken again; `None` if it may now.
    pub(crate) fn opens_at(&self, now: Duration) -> Option<Duration> {
        let mut then = *self;
        then.fill(now);
        let debt = u128::try_from(1 - then.balance).ok().filter(|debt| 0 < *debt)?;
        let wait = debt.div_ceil(u128::from(self.per_second));
        Some(now + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)))
    }

    fn fill(&mut self, now: Duration) {
        let passed = i128::try_from(now.saturating_sub(self.at).as_nanos()).unwrap_or(i128::MAX);
        let full = i128::from(self.per_second) * NANOS;
        let more = passed.saturating_mul(i128::from(self.per_second));
        self.balance = self.balance.saturating_add(more).min(full);
        self.at = now;
    }
}

#[cfg(test)]
mod tests;
