//! Our own output: written without ever blocking the loop, so that signals and deadlines are kept
//! while a slow reader holds us up.

use crate::limits::FULL_RETRY;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Where entries go.
#[derive(Debug)]
pub(crate) struct Output {
    to: OwnedFd,
    /// The disk was full; not to be tried before.
    retry_at: Option<Duration>,
}

impl Output {
    /// Takes `to`. A pipe is opened a second time, as a description of its own that does not block:
    /// setting the flag on the one we were given would change it for everybody who shares it.
    pub(crate) fn new(to: OwnedFd) -> Self {
        let is_pipe = rustix::fs::fstat(&to)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        let path = format!("/proc/self/fd/{}", to.as_raw_fd());
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let own = is_pipe.then(|| rustix::fs::open(path, flags, Mode::empty()).ok()).flatten();
        Output { to: own.unwrap_or(to), retry_at: None }
    }

    /// What to wait for.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.to.as_fd()
    }

    /// When to try again although nothing happens.
    pub(crate) fn retry_at(&self) -> Option<Duration> {
        self.retry_at
    }

    /// Writes as much of `bytes` as is taken now. An error means that nobody will read any more.
    pub(crate) fn write(&mut self, bytes: &[u8], now: Duration) -> Result<usize, Errno> {
        if self.retry_at.is_some_and(|at| now < at) {
            return Ok(0);
        }
        self.retry_at = None;
        loop {
            match rustix::io::write(&self.to, bytes) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(0),
                // The job waits until there is room again.
                Err(Errno::NOSPC | Errno::DQUOT) => {
                    self.retry_at = Some(now + FULL_RETRY);
                    return Ok(0);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
