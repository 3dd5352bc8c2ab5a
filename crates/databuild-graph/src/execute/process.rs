//! Processes that this crate started, or that a dead build left behind: told to stop, and never
//! mistaken for another of the same number.

use crate::bel::lease::owner::{Liveness, Owner};
use databuild_model::ids::JobRunId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a wrapper that a dead build left behind gets to stop its job: its own grace time of 10 s
/// by default, and a little.
const LEFTOVER_GRACE: Duration = Duration::from_secs(12);

/// How long it gets after the second signal, upon which it kills its job.
const LEFTOVER_LAST: Duration = Duration::from_secs(3);

/// By which a running wrapper is told to stop, from any thread, also before it exists.
#[derive(Debug, Default)]
pub(super) struct Control {
    inner: Mutex<Inner>,
    asked: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    wrapper: Option<OwnedFd>,
    asked: u8,
    told: u8,
    killed: bool,
}

impl Control {
    /// Gives the process to be told. What was asked for meanwhile is told at once, also if another
    /// one was told before.
    pub(super) fn attach(&self, wrapper: Option<OwnedFd>) {
        self.with(|inner| {
            inner.wrapper = wrapper;
            inner.told = 0;
        });
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
            inner.killed = true;
            if let Some(wrapper) = &inner.wrapper {
                // It may have ended by itself, which is what was wanted.
                pidfd_send_signal(wrapper, Signal::KILL).ok();
            }
        });
    }

    /// Whether a wrapper of it was killed: nobody is to wait for its job.
    pub(super) fn was_killed(&self) -> bool {
        self.with(|inner| inner.killed)
    }

    /// Waits so long, or until it is asked to stop.
    pub(super) fn pause(&self, time: Duration) {
        let unasked = |inner: &mut Inner| inner.asked == 0;
        drop(self.asked.wait_timeout_while(self.lock(), time, unasked));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let done = work(&mut inner);
        while inner.told < inner.asked
            && let Some(wrapper) = &inner.wrapper
        {
            pidfd_send_signal(wrapper, Signal::TERM).ok();
            inner.told += 1;
        }
        self.asked.notify_all();
        done
    }
}

/// A wrapper whose build is dead. Its job must not write while somebody else makes the same partition.
#[derive(Debug)]
pub(super) struct Leftover {
    run: JobRunId,
    process: OwnedFd,
    told: usize,
    next_at: Duration,
}

/// What it is told, and how long it then has.
const STEPS: [(Signal, Duration); 3] =
    [(Signal::TERM, LEFTOVER_GRACE), (Signal::TERM, LEFTOVER_LAST), (Signal::KILL, LEFTOVER_LAST)];

impl Leftover {
    /// The wrapper of `run`, if it is still there.
    pub(super) fn open(run: &JobRunId, wrapper: &Owner) -> Option<Leftover> {
        let process = open_owner(wrapper)?;
        Some(Leftover { run: run.clone(), process, told: 0, next_at: Duration::ZERO })
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
        if *signal == Signal::KILL {
            kill_left_by(&self.run);
        }
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

/// A handle of a process that is still there, which no other process can take the place of.
pub(super) fn open_owner(owner: &Owner) -> Option<OwnedFd> {
    let process = owner.pid_here().and_then(open)?;
    // The number may have been given to another process before it was opened; now it cannot be.
    (owner.liveness() == Liveness::Alive).then_some(process)
}

/// Tells the process to look at what was prepared for it.
pub(super) fn tell_to_resume(process: &OwnedFd) -> bool {
    pidfd_send_signal(process, Signal::USR1).is_ok()
}

/// Kills a process that does not answer.
pub(super) fn kill(process: &OwnedFd) {
    // It may have ended by itself, which is what was wanted.
    pidfd_send_signal(process, Signal::KILL).ok();
}

/// Waits until a process that is no child of ours has ended.
pub(super) fn wait_for_end(process: &OwnedFd) {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    // An interruption is no answer.
    while let Err(rustix::io::Errno::INTR) | Ok(0) = poll(&mut fds, None) {}
}

pub(super) fn open(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

pub(super) fn has_ended(process: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&Timespec::default())), Ok(n) if 0 < n)
}
