//! How a lane is told to stop, and how it waits.

use databuild_io::bus::Waker;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Told by the owner of a lane, heard by the lane.
#[derive(Default)]
pub(crate) struct Control {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Default)]
struct Told {
    stop: bool,
    /// How long ending may take.
    deadline: Duration,
    /// Ends the wait of the reader that is in use.
    waker: Option<Arc<dyn Waker>>,
    ended: bool,
}

impl Control {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stop, in order and within `deadline`.
    pub(crate) fn stop(&self, deadline: Duration) {
        let mut told = self.told();
        (told.stop, told.deadline) = (true, deadline);
        if let Some(waker) = &told.waker {
            waker.wake();
        }
        self.changed.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.told().stop
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.told().deadline
    }

    /// The reader whose wait is to be ended.
    pub(crate) fn use_waker(&self, waker: Arc<dyn Waker>) {
        self.told().waker = Some(waker);
    }

    /// The lane has ended.
    pub(crate) fn end(&self) {
        self.told().ended = true;
        self.changed.notify_all();
    }

    /// Waits until the lane has ended, at most for `longest`; whether it has.
    pub(crate) fn wait_ended(&self, longest: Duration) -> bool {
        let told = self.told();
        let waited = self.changed.wait_timeout_while(told, longest, |told| !told.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// Waits, at most for `longest` and until it is told to stop.
    pub(crate) fn wait(&self, longest: Duration) {
        let told = self.told();
        if !told.stop {
            drop(self.changed.wait_timeout(told, longest));
        }
    }
}
