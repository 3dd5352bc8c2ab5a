//! How a build is told to stop: in order, or at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How urgently a build is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Go on.
    Go,
    /// Start nothing new; jobs get SIGTERM and their grace time.
    InOrder,
    /// Jobs get SIGKILL.
    AtOnce,
}

/// A request to stop that any thread may raise and that never falls again. Clones are the same flag.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicU8>);

impl StopFlag {
    /// A flag that nobody raised.
    pub fn new() -> Self {
        StopFlag::default()
    }

    /// One step up: the first call asks for an end in order, the second for one at once.
    pub fn raise(&self) {
        if self.0.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            self.raise_to(StopLevel::AtOnce);
        }
    }

    /// Asks for at least `level`.
    pub fn raise_to(&self, level: StopLevel) {
        self.0.fetch_max(level as u8, Ordering::SeqCst);
    }

    /// What was asked for.
    pub fn level(&self) -> StopLevel {
        match self.0.load(Ordering::SeqCst) {
            0 => StopLevel::Go,
            1 => StopLevel::InOrder,
            _ => StopLevel::AtOnce,
        }
    }
}
