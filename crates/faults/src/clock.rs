//! Clocks of the rigs: the real one, and one that is in a hurry.

use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock on which time passes only by being looked at, in steps of uneven length. Whoever waits for
/// a moment finds it reached after a few looks, so an hour of timers takes milliseconds.
pub(crate) struct HurriedClock {
    looks: AtomicU64,
    nanos: AtomicU64,
    stride: Duration,
    from: Timestamp,
}

impl HurriedClock {
    /// About `stride` passes with each look.
    pub(crate) fn new(stride: Duration) -> Self {
        HurriedClock::from(stride, beginning())
    }

    /// It is `from` at the first look.
    pub(crate) fn from(stride: Duration, from: Timestamp) -> Self {
        HurriedClock { looks: AtomicU64::new(0), nanos: AtomicU64::new(0), stride, from }
    }
}

/// When all stories of the rigs begin: a second before midnight.
pub(crate) fn beginning() -> Timestamp {
    Timestamp::from_nanos(1_738_022_399_000_000_000)
}

impl Clock for HurriedClock {
    fn wall(&self) -> Timestamp {
        self.from.saturating_add(Duration::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }

    fn mono(&self) -> Duration {
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        let step = self.stride.mul_f64(f64::from(u8::try_from(look % 7).unwrap_or(0)) / 3.0);
        let step = u64::try_from(step.as_nanos()).unwrap_or(0);
        Duration::from_nanos(self.nanos.fetch_add(step, Ordering::Relaxed) + step)
    }
}

/// Time that really passes.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the one place where the rigs ask for the time")]
    pub(crate) fn start() -> Self {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The clock of this machine.
#[derive(Clone, Copy)]
pub(crate) struct RealClock(Stopwatch);

impl RealClock {
    pub(crate) fn start() -> Self {
        RealClock(Stopwatch::start())
    }
}

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the rigs ask for the date")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}
