//! The way of entries to whoever reads them, and what becomes of the run when nobody does.

use super::{Wrapper, now};
use crate::emit::Emitter;
use crate::lifecycle::Event;
use crate::lines::{Moment, Sink};
use crate::signals::Signals;
use crate::sink::Output;
use databuild_model::clock::Clock;
use databuild_model::spool::OnParentDeath;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::time::Duration;

impl Wrapper<'_> {
    pub(super) fn flush(&mut self) {
        while !self.lost && !self.emitter.waiting().is_empty() {
            let at = self.clock.mono();
            match self.output.write(self.emitter.waiting(), at) {
                Ok(0) => return,
                Ok(count) => self.emitter.written(count),
                Err(_) => {
                    let at = now(self.clock);
                    self.lose(at);
                }
            }
        }
    }

    /// Nobody reads what we write. Without a spool the job cannot go on; with one it is the user's
    /// choice.
    pub(super) fn lose(&mut self, at: Moment) {
        if self.lost {
            return;
        }
        self.lost = true;
        self.emitter.lose();
        let goes_on = self.keeping.is_some()
            && self.checked.config.on_parent_death.unwrap_or_default() == OnParentDeath::Continue;
        if !goes_on {
            self.happened(Event::OutputLost, at);
        }
    }

    pub(super) fn wait_for_reader(&mut self, at: Moment) {
        let grace = self.checked.times.grace;
        drive(self.output, self.emitter, self.signals, self.clock, grace);
        if self.emitter.full() {
            self.lose(at);
        }
    }
}

/// Writes all that waits. Gives up when the reader is gone, or has not taken it within `grace` after
/// somebody asked us to stop. `true` if all was written.
pub(crate) fn drive(
    output: &mut Output,
    emitter: &mut Emitter,
    signals: &Signals,
    clock: &dyn Clock,
    grace: Duration,
) -> bool {
    let mut give_up: Option<Duration> = None;
    while !emitter.waiting().is_empty() {
        let at = clock.mono();
        match output.write(emitter.waiting(), at) {
            Ok(0) => {}
            Ok(count) => {
                emitter.written(count);
                continue;
            }
            Err(_) => return false,
        }
        if give_up.is_some_and(|deadline| deadline <= at) {
            return false;
        }
        let mut fds = Vec::with_capacity(5);
        if output.retry_at().is_none() {
            fds.push(PollFd::from_borrowed_fd(output.descriptor(), PollFlags::OUT));
        }
        fds.extend(signals.descriptors().map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN)));
        let due = [give_up, output.retry_at()].into_iter().flatten().min();
        let timeout = due.map(|due| due.saturating_sub(at)).map(|it| Timespec {
            tv_sec: i64::try_from(it.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(it.subsec_nanos()),
        });
        // An interruption is as good as an answer: everything is tried again.
        rustix::event::poll(&mut fds, timeout.as_ref()).ok();
        drop(fds);
        signals.child_changed();
        for _ in signals.stops() {
            let deadline = if give_up.is_some() { at } else { at + grace };
            give_up = Some(give_up.map_or(deadline, |old| old.min(deadline)));
        }
    }
    true
}
