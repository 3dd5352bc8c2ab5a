//! The few calls to the operating system that no safe library offers. The only file of the product
//! with `unsafe`; each block says why it is sound.

#![expect(unsafe_code, reason = "system calls without a safe door; see each block")]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
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

/// A child that has something to say, and is still there to be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChildNews {
    pub(crate) pid: i32,
    pub(crate) what: What,
}

/// What a child has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It has exited with this code.
    Exited(i32),
    /// This signal has ended it.
    Killed(i32),
    /// This signal has stopped it.
    Stopped(i32),
}

/// Looks for a child that has ended, or been stopped if `stops`, and leaves it as it is:
/// `waitid(P_ALL, WNOWAIT)`. `Ok(None)` if there is none; an error if there are no children.
/// (The safe call of rustix does not say which child it was.)
pub(crate) fn child_news(stops: bool) -> Result<Option<ChildNews>, rustix::io::Errno> {
    let stops = if stops { libc::WSTOPPED } else { 0 };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | stops;
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the pointer is to writable memory of the right size; the call keeps no reference to it.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options) };
    if result != 0 {
        let error = std::io::Error::last_os_error();
        return Err(rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::CHILD));
    }
    // SAFETY: `siginfo_t` is plain integers and pointers, for which the zeroes of above are values.
    let info = unsafe { info.assume_init() };
    // SAFETY: `waitid` fills in these two fields, or has left them zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let what = match info.si_code {
        libc::CLD_EXITED => What::Exited(status),
        libc::CLD_STOPPED => What::Stopped(status),
        _ => What::Killed(status),
    };
    Ok((pid != 0).then_some(ChildNews { pid, what }))
}

/// How a process that was no child of ours has ended, as waitpid(2) would say it; `None` if it has not
/// been reaped yet, or the kernel does not tell. `ioctl(PIDFD_GET_INFO)` with `PIDFD_INFO_EXIT`, Linux
/// 6.15 and later.
pub(crate) fn exit_status(process: BorrowedFd<'_>) -> Option<i32> {
    let mut info = MaybeUninit::<libc::pidfd_info>::zeroed();
    let wanted = u64::from(libc::PIDFD_INFO_EXIT);
    // SAFETY: `pidfd_info` is plain integers, for which zero is a value, and `mask` is one of them.
    unsafe { (*info.as_mut_ptr()).mask = wanted };
    // SAFETY: the request carries the size of the structure that the pointer is to, which is live and
    // writable; the kernel fills in no more than that and keeps no reference.
    let result =
        unsafe { libc::ioctl(process.as_raw_fd(), libc::PIDFD_GET_INFO, info.as_mut_ptr()) };
    // SAFETY: as above: zeroes, or what the kernel has filled in.
    let info = unsafe { info.assume_init() };
    (result == 0 && info.mask & wanted != 0).then_some(info.exit_code)
}

/// Sends `signal` to the process group of `process`, which cannot be mistaken for another:
/// `pidfd_send_signal(PIDFD_SIGNAL_PROCESS_GROUP)`, Linux 6.9 and later. `false` if the kernel does not
/// know that.
pub(crate) fn signal_group(process: BorrowedFd<'_>, signal: rustix::process::Signal) -> bool {
    // SAFETY: integers and a null pointer, which asks for the usual information about the sender.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            signal.as_raw(),
            std::ptr::null::<libc::siginfo_t>(),
            libc::PIDFD_SIGNAL_PROCESS_GROUP,
        )
    };
    result == 0
        || std::io::Error::last_os_error().raw_os_error().is_some_and(|it| it != libc::EINVAL)
}

/// What ties a child to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bonds {
    /// It gets the terminal that we have.
    pub(crate) terminal: bool,
    /// It shall not live without us.
    pub(crate) dies_with_us: bool,
    /// It writes its number into this file, which has to be open until it is started.
    pub(crate) note: Option<RawFd>,
}

/// Makes the child that `command` starts safe to run:
///
/// * no descriptor from 3 on is passed to it, whoever forgot to close it on exec;
/// * it is killed if this thread dies, if `dies_with_us`: then nobody would read what it says;
/// * its number stands in the file `note` before it is the command;
/// * its process group has the terminal of its standard input, if `terminal`;
/// * signals that the wrapper ignores for itself have their usual effect in it.
///
/// `Command` has reset SIGPIPE and the signal mask by then, and made the process group.
pub(crate) fn isolate(command: &mut Command, bonds: Bonds) {
    let Bonds { terminal, dies_with_us, note } = bonds;
    let before_exec = move || {
        // SAFETY: `prctl`, `getpid`, `write`, `close_range`, `tcsetpgrp` and `signal` are called between
        // fork and exec. They are plain system calls (all but the first and `close_range` are listed as
        // async-signal-safe by POSIX), allocate nothing and take no lock; they take integers, and `write`
        // a pointer to four live bytes of the stack.
        unsafe {
            // A failure of one of these takes a safety net away and is no reason not to run.
            if dies_with_us {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
            }
            if let Some(note) = note {
                let pid = libc::getpid().to_le_bytes();
                libc::write(note, pid.as_ptr().cast(), pid.len());
            }
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
