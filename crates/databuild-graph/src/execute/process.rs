//! Processes that this crate started, or that a dead build left behind: told to stop, and never
//! mistaken for another of the same number.

use crate::bel::lease::owner::{Liveness, Owner};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a wrapper that a dead build left behind gets to stop its job: its own grace time of 10 s
/// by default, and a little.
const LEFTOVER_GRACE: Duration = Duration::from_secs(12);

/// How long it gets after the second signal, upon which it kills its job.
const LEFTOVER_LAST: Duration = Duration::from_secs(3);

/// By which a running wrapper is told to stop, from any thread, also before it exists.
#[derive(Debug, Default)]
pub(super) struct Control(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    wrapper: Option<OwnedFd>,
    asked: u8,
    told: u8,
}

impl Control {
    /// Gives the process to be told. What was asked for meanwhile is told at once.
    pub(super) fn attach(&self, pid: u32) {
        let wrapper = open(pid);
        self.with(|inner| inner.wrapper = wrapper);
    }

    /// The process has ended.
    pub(super) fn detach(&self) {
        self.with(|inner| inner.wrapper = None);
    }

    /// Asks for `times` signals in all: one for an end in order, two for one at once.
    pub(super) fn ask(&self, times: u8) {
        self.with(|inner| inner.asked = inner.asked.max(times));
    }

    /// Whether the process was ever to be told.
    pub(super) fn was_asked(&self) -> bool {
        self.with(|inner| 0 < inner.asked)
    }

    /// Kills the wrapper itself, for when it does not answer.
    pub(super) fn kill(&self) {
        self.with(|inner| {
            inner.asked = 2;
            if let Some(wrapper) = &inner.wrapper {
                // It may have ended by itself, which is what was wanted.
                pidfd_send_signal(wrapper, Signal::KILL).ok();
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut inner);
        while inner.told < inner.asked
            && let Some(wrapper) = &inner.wrapper
        {
            pidfd_send_signal(wrapper, Signal::TERM).ok();
            inner.told += 1;
        }
        done
    }
}

/// Stops a wrapper whose build is dead, and waits until it is gone: its job must not write while
/// somebody else makes the same partition.
pub(super) fn stop_leftover(wrapper: &Owner) {
    let Some(process) = wrapper.pid_here().and_then(open) else { return };
    // The number may have been given to another process before it was opened; now it cannot be.
    if wrapper.liveness() != Liveness::Alive {
        return;
    }
    for (signal, patience) in [
        (Signal::TERM, LEFTOVER_GRACE),
        (Signal::TERM, LEFTOVER_LAST),
        (Signal::KILL, LEFTOVER_LAST),
    ] {
        pidfd_send_signal(&process, signal).ok();
        if has_ended(&process, patience) {
            return;
        }
    }
}

fn open(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

fn has_ended(process: &OwnedFd, patience: Duration) -> bool {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    let patience = Timespec::try_from(patience).ok();
    matches!(poll(&mut fds, patience.as_ref()), Ok(n) if 0 < n)
}
