//! What is to happen when: the timers of the runs, and how moments are put together so that many runs
//! share one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Timers are put to these moments, so that many pipes are looked at in one go, and what they bring
/// goes to the disk together.
const TICK: Duration = Duration::from_millis(10);
const LONG_TICK: Duration = Duration::from_millis(250);

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Read,
    Sync,
    Retry,
}

/// What is to happen when, of which run.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Duration, u64, Timer)>>,
    /// How many of them are reads.
    reads: u32,
}

impl Timers {
    pub(super) fn at(&mut self, when: Duration, id: u64, timer: Timer) {
        self.reads += u32::from(timer == Timer::Read);
        self.heap.push(Reverse((when, id, timer)));
    }

    pub(super) fn due(&mut self, now: Duration) -> Option<(Duration, u64, Timer)> {
        let Reverse((when, ..)) = self.heap.peek()?;
        if now < *when {
            return None;
        }
        let Reverse(timer) = self.heap.pop()?;
        self.reads -= u32::from(timer.2 == Timer::Read);
        Some(timer)
    }

    /// Pipes that are read by the clock.
    pub(super) fn reads(&self) -> u32 {
        self.reads
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((when, ..))| *when)
    }
}

/// When what was written at `since` is synced: before the interval is over, and at one of two moments
/// an interval that all runs share, so that they go together.
pub(super) fn sync_time(since: Duration, interval: Duration) -> Duration {
    let grid = (interval / 2).as_nanos().max(1);
    let nanos = (since + interval).as_nanos() / grid * grid;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// When to look at a pipe that can wait so long from `now` on: at a moment that pipes share, and hardly
/// later.
pub(super) fn read_time(now: Duration, wait: Duration) -> Duration {
    if wait < TICK {
        return now + wait;
    }
    let (time, tick) = ((now + wait).as_nanos(), TICK.as_nanos());
    let nanos = if wait < LONG_TICK {
        time.div_ceil(tick) * tick
    } else {
        // No pipe may wait longer.
        time / LONG_TICK.as_nanos() * LONG_TICK.as_nanos()
    };
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Timer, Timers, read_time, sync_time};
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
    }

    #[test]
    fn pipes_are_looked_at_together() {
        let check =
            |now, wait, at| assert_eq!(read_time(ms(now), ms(wait)), ms(at), "{now} {wait}");
        check(1, 9, 10);
        check(0, 10, 10);
        check(1, 10, 20);
        check(1, 250, 250);
        check(1, 750, 750);
        check(249, 750, 750);
        check(501, 750, 1_250);
    }
}
