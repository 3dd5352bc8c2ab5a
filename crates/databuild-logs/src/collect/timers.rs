//! What is to happen when: the timers of the runs, and how moments are put together so that many runs
//! share one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Timers are rounded up to this, so that many pipes are looked at in one go.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Read,
    Sync,
    Retry,
}

/// What is to happen when, of which run.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Duration, u64, Timer)>>);

impl Timers {
    pub(super) fn at(&mut self, when: Duration, id: u64, timer: Timer) {
        self.0.push(Reverse((when, id, timer)));
    }

    pub(super) fn due(&mut self, now: Duration) -> Option<(Duration, u64, Timer)> {
        let Reverse((when, ..)) = self.0.peek()?;
        if now < *when {
            return None;
        }
        self.0.pop().map(|Reverse(timer)| timer)
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.0.peek().map(|Reverse((when, ..))| *when)
    }
}

/// When what was written at `since` is synced: before the interval is over, and at one of two moments
/// an interval that all runs share, so that they go together.
pub(super) fn sync_time(since: Duration, interval: Duration) -> Duration {
    let grid = (interval / 2).as_nanos().max(1);
    let nanos = (since + interval).as_nanos() / grid * grid;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The next tick at or after `time`.
pub(super) fn round_up(time: Duration) -> Duration {
    let tick = TICK.as_nanos();
    let nanos = time.as_nanos().div_ceil(tick).saturating_mul(tick);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Timer, Timers, round_up, sync_time};
    use std::time::Duration;

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn timers_fire_in_order_and_not_early() {
        let mut timers = Timers::default();
        timers.at(ms(20), 1, Timer::Read);
        timers.at(ms(10), 2, Timer::Sync);
        assert_eq!(timers.next(), Some(ms(10)));
        assert_eq!(timers.due(ms(9)), None);
        assert_eq!(timers.due(ms(20)), Some((ms(10), 2, Timer::Sync)));
        assert_eq!(timers.due(ms(20)), Some((ms(20), 1, Timer::Read)));
        assert_eq!(timers.due(ms(20)), None);
    }

    #[test]
    fn a_sync_is_never_late_and_shares_its_moment() {
        for since in 0..3_000 {
            let at = sync_time(ms(since), ms(1_000));
            assert!(ms(since + 500) <= at && at <= ms(since + 1_000), "{since}");
            assert_eq!(at.as_millis() % 500, 0);
        }
        assert_eq!([round_up(ms(10)), round_up(ms(11))], [ms(10), ms(20)]);
    }
}
