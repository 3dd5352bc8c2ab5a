//! The few calls to the operating system that no safe library offers. The only file of the product
//! with `unsafe`; each block says why it is sound.

#![expect(unsafe_code, reason = "system calls without a safe door; see each block")]

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// What the children of this process have used, and those that they have waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ChildrenUsage {
    /// User and system time of all that were reaped.
    pub(crate) cpu: Duration,
    /// The largest resident set that any one of them had, in bytes.
    pub(crate) memory_peak: u64,
}

/// Asks what all reaped children have used, `getrusage(RUSAGE_CHILDREN)`.
pub(crate) fn children_usage() -> ChildrenUsage {
    // SAFETY: `rusage` is plain integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live, writable `rusage`; the call keeps no reference to it.
    let result = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    if result != 0 {
        return ChildrenUsage::default();
    }
    let time = |it: libc::timeval| {
        Duration::from_secs(u64::try_from(it.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(it.tv_usec).unwrap_or(0))
    };
    ChildrenUsage {
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        // Linux counts in KiB.
        memory_peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    }
}

/// Ticks of a second in which /proc counts time.
pub(crate) fn ticks_per_second() -> u64 {
    // SAFETY: takes an integer, gives an integer, touches no memory of ours.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).unwrap_or(0).max(1)
}

/// Bytes of a page, in which /proc counts memory.
pub(crate) fn page_bytes() -> u64 {
    // SAFETY: as above.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

/// Makes the child that `command` starts safe to run:
///
/// * no descriptor from 3 on is passed to it, whoever forgot to close it on exec;
/// * it is killed if this thread dies, because then nobody would read what it says;
/// * its process group has the terminal of its standard input, if `terminal`;
/// * signals that the wrapper ignores for itself have their usual effect in it.
///
/// `Command` has reset SIGPIPE and the signal mask by then, and made the process group.
pub(crate) fn isolate(command: &mut Command, terminal: bool) {
    let before_exec = move || {
        // SAFETY: `prctl`, `close_range`, `tcsetpgrp` and `signal` are called between fork and exec.
        // They take integers only, are plain system calls (the last two are listed as
        // async-signal-safe by POSIX), allocate nothing and take no lock.
        unsafe {
            // A failure of one of these takes a safety net away and is no reason not to run.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
            libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
            if terminal {
                // Here and not in the wrapper, or the job could read before it may.
                libc::tcsetpgrp(libc::STDIN_FILENO, libc::getpid());
            }
            libc::signal(libc::SIGTTOU, libc::SIG_DFL);
        }
        Ok(())
    };
    // SAFETY: the closure runs in the forked child of a process that may have other threads, and
    // keeps to what is allowed there (see above).
    unsafe { command.pre_exec(before_exec) };
}

/// Makes SIGXFSZ an error of write(2) instead of our death, keeps SIGTTOU from stopping us when we
/// hand the terminal on or take it back, and lets every signal through that
/// whoever started us had blocked.
pub(crate) fn prepare_signals() {
    // SAFETY: `signal` with SIG_IGN installs no handler, so no code of ours can run at a bad moment.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    // SAFETY: the same.
    unsafe { libc::signal(libc::SIGTTOU, libc::SIG_IGN) };
    // SAFETY: the same, for a write into a pipe that nobody reads.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    // SAFETY: `sigset_t` is plain memory, written by `sigemptyset` before it is read; both pointers
    // are to live memory or null, which asks for nothing.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}
