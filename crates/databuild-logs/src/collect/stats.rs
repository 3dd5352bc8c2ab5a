//! What a collector is doing at the moment, for whoever watches it: numbers that its thread leaves
//! behind now and then, and that anybody reads without holding it up.

use super::run::Run;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often the numbers are brought up to date while there is something to tell. Looking at each
/// open run takes microseconds, so this may be often; whoever asks more often sees the same twice.
pub(super) const STATS_EVERY: Duration = Duration::from_millis(250);

/// Instead of a moment: there is none.
const NEVER: u64 = u64::MAX;

/// What a collector is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CollectorStats {
    /// Runs that are being collected.
    pub runs: u64,
    /// Of these, runs that its thread has not taken up yet.
    pub runs_new: u64,
    /// Runs of which something is stored that is not durable yet.
    pub runs_unsynced: u64,
    /// Runs that are not read, since what came last found no space on the disk.
    pub runs_without_space: u64,
    /// How long the oldest entry that was taken is waiting to be durable.
    pub lag: Duration,
    /// Runs that were given up because they could not be written.
    pub write_errors: u64,
    /// Syncs that failed; what they were for is not known to be durable.
    pub sync_errors: u64,
    /// Runs' files that were replaced by a new one, since the disk could not keep them.
    pub rewrites: u64,
}

/// The numbers as the collector's thread left them.
#[derive(Debug)]
pub(super) struct Stats {
    runs: AtomicU64,
    unsynced: AtomicU64,
    without_space: AtomicU64,
    /// Since when the oldest entry waits, in nanoseconds of the clock's steady time.
    oldest: AtomicU64,
    write_errors: AtomicU64,
    sync_errors: AtomicU64,
    rewrites: AtomicU64,
}

impl Default for Stats {
    fn default() -> Self {
        Stats {
            runs: AtomicU64::default(),
            unsynced: AtomicU64::default(),
            without_space: AtomicU64::default(),
            oldest: AtomicU64::new(NEVER),
            write_errors: AtomicU64::default(),
            sync_errors: AtomicU64::default(),
            rewrites: AtomicU64::default(),
        }
    }
}

impl Stats {
    /// Looks at every open run. Answers whether there is something that will be told differently
    /// soon.
    pub(super) fn look<'a>(&self, runs: impl ExactSizeIterator<Item = &'a Run>) -> bool {
        self.runs.store(runs.len() as u64, Ordering::Relaxed);
        let (mut unsynced, mut without_space, mut oldest) = (0, 0, NEVER);
        for run in runs {
            without_space += u64::from(0 < run.full);
            if let Some(since) = run.sync.unsynced_since() {
                unsynced += 1;
                oldest = oldest.min(nanos(since));
            }
        }
        self.unsynced.store(unsynced, Ordering::Relaxed);
        self.without_space.store(without_space, Ordering::Relaxed);
        self.oldest.store(oldest, Ordering::Relaxed);
        unsynced != 0 || without_space != 0
    }

    pub(super) fn write_failed(&self) {
        self.write_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn sync_failed(&self) {
        self.sync_errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn rewritten(&self) {
        self.rewrites.fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers, where `open` runs were given to the collector and `now` is its clock's steady
    /// time.
    pub(super) fn at(&self, open: usize, now: Duration) -> CollectorStats {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let (open, oldest) = (open as u64, read(&self.oldest));
        let waits = (oldest != NEVER).then(|| now.saturating_sub(Duration::from_nanos(oldest)));
        CollectorStats {
            runs: open,
            runs_new: open.saturating_sub(read(&self.runs)),
            runs_unsynced: read(&self.unsynced),
            runs_without_space: read(&self.without_space),
            lag: waits.unwrap_or_default(),
            write_errors: read(&self.write_errors),
            sync_errors: read(&self.sync_errors),
            rewrites: read(&self.rewrites),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER - 1)
}
