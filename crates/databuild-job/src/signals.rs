//! Signals as something that poll(2) can wait for: a socket per signal, a byte per delivery.

use crate::lifecycle::StopSignal;
use rustix::io::Errno;
use signal_hook::SigId;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The signals that the wrapper listens to, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Signals {
    stops: Vec<(StopSignal, Listener)>,
    child: Listener,
    resume: Listener,
}

#[derive(Debug)]
struct Listener {
    end: UnixStream,
    id: SigId,
}

impl Drop for Listener {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.id);
    }
}

impl Listener {
    fn new(signal: i32) -> io::Result<Self> {
        let (end, handler_end) = UnixStream::pair()?;
        end.set_nonblocking(true)?;
        let id = signal_hook::low_level::pipe::register(signal, handler_end)?;
        Ok(Listener { end, id })
    }

    /// How often the signal has come since the last call.
    fn take(&self) -> usize {
        let mut bytes = [0_u8; 64];
        loop {
            match rustix::io::read(&self.end, &mut bytes) {
                Ok(count) => return count,
                Err(Errno::INTR) => {}
                Err(_) => return 0,
            }
        }
    }
}

impl Signals {
    /// Begins to listen. What whoever started us has set to be ignored stays ignored: `nohup` and
    /// background commands of a shell rely on it.
    pub(crate) fn listen() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = ignored_signals(&status);
        let mut stops = Vec::new();
        for signal in StopSignal::ALL {
            if ignored & (1 << (signal.number() - 1)) == 0 {
                stops.push((signal, Listener::new(signal.number())?));
            }
        }
        let (child, resume) = (Listener::new(libc::SIGCHLD)?, Listener::new(libc::SIGUSR1)?);
        Ok(Signals { stops, child, resume })
    }

    /// What to wait for: the children first, then wishes to stop.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [&self.child, &self.resume]
            .into_iter()
            .chain(self.stops.iter().map(|it| &it.1))
            .map(|it| it.end.as_fd())
    }

    /// Whether somebody offers to read what we tell since the last call.
    pub(crate) fn resumed(&self) -> bool {
        self.resume.take() != 0
    }

    /// Whether a child has changed since the last call.
    pub(crate) fn child_changed(&self) -> bool {
        self.child.take() != 0
    }

    /// The wishes to stop that have come since the last call.
    pub(crate) fn stops(&self) -> Vec<StopSignal> {
        self.stops
            .iter()
            .flat_map(|(signal, listener)| std::iter::repeat_n(*signal, listener.take()))
            .collect()
    }
}

/// The set of ignored signals in `/proc/self/status`; bit 0 is signal 1.
fn ignored_signals(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
