//! What the loop waits for, and for how long.

use super::Wrapper;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// What poll(2) said.
#[derive(Default)]
pub(super) struct Ready {
    pub(super) signals: bool,
    pub(super) output_gone: bool,
    pub(super) job_ended: bool,
    pub(super) streams: [bool; 2],
}

/// What is waited for, each under the place that it has in the list.
#[derive(Default)]
struct Waited<'a> {
    fds: Vec<PollFd<'a>>,
}

impl<'a> Waited<'a> {
    fn add(&mut self, fd: BorrowedFd<'a>, flags: PollFlags) -> usize {
        self.fds.push(PollFd::from_borrowed_fd(fd, flags));
        self.fds.len() - 1
    }

    fn said(&self, place: Option<usize>) -> PollFlags {
        place.and_then(|it| self.fds.get(it)).map_or(PollFlags::empty(), PollFd::revents)
    }
}

impl Wrapper<'_> {
    /// The longest time that nothing need be done.
    fn patience(&self) -> Duration {
        let now = self.clock.mono();
        let opens_at = self.opens_at(now);
        let (parses, room) = (self.parses(), if opens_at.is_some() { 0 } else { self.room() });
        let due = self
            .channels
            .iter()
            .filter_map(|it| it.due(parses, room))
            .chain(opens_at)
            .chain(self.life.deadline())
            .chain(self.output.retry_at())
            .chain(self.emitter.deadline())
            .chain(self.look_at)
            .chain(self.keeping.as_ref().and_then(|it| it.due()))
            .chain([self.usage.next])
            .min();
        due.map_or(Duration::ZERO, |due| due.saturating_sub(now))
    }

    pub(super) fn wait(&self) -> Ready {
        let patience = self.patience();
        let open = self.opens_at(self.clock.mono()).is_none();
        let (parses, room) = (self.parses() && open, if open { self.room() } else { 0 });
        let mut waited = Waited::default();
        let streams = self
            .channels
            .each_ref()
            .map(|channel| channel.awaited(parses, room).map(|fd| waited.add(fd, PollFlags::IN)));
        let output = (!self.lost).then(|| {
            let wants = !self.emitter.waiting().is_empty() && self.output.retry_at().is_none();
            let flags = if wants { PollFlags::OUT } else { PollFlags::empty() };
            waited.add(self.output.descriptor(), flags)
        });
        let executor = self.keeping.as_ref().and_then(|it| it.executor()).filter(|_| !self.lost);
        let executor = executor.map(|fd| waited.add(fd, PollFlags::IN));
        let job = self.job.handle().filter(|_| self.life.exit().is_none());
        let job = job.map(|fd| waited.add(fd, PollFlags::IN));
        let signals = waited.fds.len();
        for fd in self.signals.descriptors() {
            waited.add(fd, PollFlags::IN);
        }
        // Rounded up, or the last millisecond before a deadline would be spent turning.
        let patience =
            if patience.is_zero() { patience } else { patience + Duration::from_micros(100) };
        let timeout = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        if rustix::event::poll(&mut waited.fds, Some(&timeout)).is_err() {
            // Interrupted by a signal, which has put a byte into its socket.
            return Ready { signals: true, ..Ready::default() };
        }
        let error = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        Ready {
            signals: (signals..waited.fds.len()).any(|n| !waited.said(Some(n)).is_empty()),
            output_gone: waited.said(output).intersects(error) || !waited.said(executor).is_empty(),
            job_ended: !waited.said(job).is_empty(),
            streams: streams.map(|place| !waited.said(place).is_empty()),
        }
    }
}
