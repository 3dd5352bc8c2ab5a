//! Processes that this crate started, or that a dead build left behind: told to stop, and never
//! mistaken for another of the same number.

use crate::bel::lease::owner::{Liveness, Owner};
use databuild_model::ids::JobRunId;
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

/// A wrapper whose build is dead. Its job must not write while somebody else makes the same partition.
#[derive(Debug)]
pub(super) struct Leftover {
    process: OwnedFd,
    told: usize,
    next_at: Duration,
}

/// What it is told, and how long it then has.
const STEPS: [(Signal, Duration); 3] =
    [(Signal::TERM, LEFTOVER_GRACE), (Signal::TERM, LEFTOVER_LAST), (Signal::KILL, LEFTOVER_LAST)];

impl Leftover {
    /// The process, if it is still there.
    pub(super) fn open(wrapper: &Owner) -> Option<Leftover> {
        let process = wrapper.pid_here().and_then(open)?;
        // The number may have been given to another process before it was opened; now it cannot be.
        let is_it = wrapper.liveness() == Liveness::Alive;
        is_it.then_some(Leftover { process, told: 0, next_at: Duration::ZERO })
    }

    /// Tells it what is due at `now`, by the monotonic clock. `true` if it is gone, or cannot be
    /// brought to go.
    pub(super) fn step(&mut self, now: Duration) -> bool {
        if has_ended(&self.process) {
            return true;
        }
        if now < self.next_at {
            return false;
        }
        let Some((signal, patience)) = STEPS.get(self.told) else { return true };
        // It may have ended by itself, which is what was wanted.
        pidfd_send_signal(&self.process, *signal).ok();
        self.told += 1;
        self.next_at = now + *patience;
        false
    }
}

/// Most rounds of [`kill_left_by`]: a process may have forked while the last one went on.
const KILL_ROUNDS_MAX: u32 = 20;

/// Kills what is left of a run whose wrapper is gone without having stopped it: the kernel kills the
/// job itself then, but not what that started. They are known by the id of the run, which the wrapper
/// puts into the environment of the job.
pub(super) fn kill_left_by(run: &JobRunId) {
    let mark = format!("DATABUILD_JOB_RUN_ID={run}");
    let is_marked = |pid: u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
    };
    for _ in 0..KILL_ROUNDS_MAX {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let mut left = pids.filter(|&pid| is_marked(pid)).peekable();
        if left.peek().is_none() {
            return;
        }
        for pid in left {
            // Asked again through a handle, which cannot become another process's.
            if let Some(process) = open(pid).filter(|_| is_marked(pid)) {
                pidfd_send_signal(&process, Signal::KILL).ok();
            }
        }
    }
}

fn open(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

fn has_ended(process: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&Timespec::default())), Ok(n) if 0 < n)
}
