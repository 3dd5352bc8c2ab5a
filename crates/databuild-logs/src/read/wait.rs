//! Waiting until something happens to a file: the kernel tells, and where it cannot (too many
//! watches, a file system without them), a bounded poll does.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// The longest wait before looking again although nothing was told: the end of a writer's lock is
/// not always an event, and remote file systems tell nothing at all.
pub(super) const WAIT_MAX: Duration = Duration::from_millis(250);

/// The first wait where nothing tells, doubled each time: a run that is expected usually begins within
/// milliseconds.
const WAIT_FIRST: Duration = Duration::from_millis(5);

/// Room for the events that are thrown away after a wait; names are not asked for.
const EVENT_BYTES: usize = 4096;

/// Something to wait on. Waiting costs no processor time.
#[derive(Debug, Default)]
pub(super) struct Waiter {
    /// Made when there is a file to watch. Without one (128 a user is a usual limit) the bounded
    /// wait alone has to do.
    queue: Option<OwnedFd>,
    /// Waits in a row that nothing could end.
    blind: u32,
}

impl Waiter {
    /// Wakes up from now on when the file at `path` grows or its writer closes it.
    pub(super) fn watch(&mut self, path: &Path) {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let events = inotify::WatchFlags::MODIFY
            | inotify::WatchFlags::CLOSE_WRITE
            | inotify::WatchFlags::DONT_FOLLOW;
        let queue = inotify::init(flags).ok();
        self.blind = 0;
        self.queue = queue.filter(|queue| inotify::add_watch(queue, path, events).is_ok());
    }

    /// Waits until something happened, at most `timeout` and at most [`WAIT_MAX`]. Tells how long it
    /// waited in vain: zero if it was woken.
    pub(super) fn wait(&mut self, timeout: Duration) -> Duration {
        let mut timeout = timeout.min(WAIT_MAX);
        if self.queue.is_none() {
            timeout = timeout.min(WAIT_FIRST.saturating_mul(1 << self.blind.min(8)));
            self.blind += 1;
        }
        let limit = Timespec::try_from(timeout).ok();
        let mut fds: Vec<PollFd<'_>> =
            self.queue.iter().map(|queue| PollFd::new(queue, PollFlags::IN)).collect();
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) => timeout,
            // A signal is not what was waited for, but time to look again.
            Ok(_) | Err(Errno::INTR) => {
                self.drain();
                Duration::ZERO
            }
            Err(_) => timeout,
        }
    }

    fn drain(&self) {
        let Some(queue) = &self.queue else { return };
        let mut buffer = [MaybeUninit::uninit(); EVENT_BYTES];
        let mut events = inotify::Reader::new(queue, &mut buffer);
        while events.next().is_ok() {}
    }
}
