//! What a process was given and what it has said of it: pure, so that every order of answers can be tried.

use super::failure::ProcessFailure;
use databuild_model::plugin_frame::FromPlugin;
use std::collections::VecDeque;
use std::time::Duration;

/// Positions that were given and answers that are owed. Times are those of a monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The last position that was given.
    given: u64,
    /// Everything up to and with this position is done.
    done: u64,
    /// The number of the last flush that was asked for.
    flush: u64,
    /// Flushes that are not answered, each with the last position that was given before it.
    flushes: VecDeque<(u64, u64)>,
    /// Since when an answer is owed, or the last one came.
    owing_since: Option<Duration>,
}

impl Ledger {
    /// Events up to and with `position` are given.
    pub(super) fn give(&mut self, position: u64, now: Duration) {
        self.given = position;
        self.owing_since.get_or_insert(now);
    }

    /// A flush is asked for; its number.
    pub(super) fn ask_flush(&mut self, now: Duration) -> u64 {
        self.flush += 1;
        self.flushes.push_back((self.flush, self.given));
        self.owing_since.get_or_insert(now);
        self.flush
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, frame: FromPlugin, now: Duration) -> Result<(), ProcessFailure> {
        match frame {
            FromPlugin::Ack { position } if self.done < position && position <= self.given => {
                self.done = position;
            }
            FromPlugin::Ack { position } => {
                let (done, given) = (self.done, self.given);
                return Err(ProcessFailure::WrongAck { position, done, given });
            }
            FromPlugin::Flushed { flush } => match self.flushes.pop_front() {
                Some((asked, upto)) if asked == flush => self.done = self.done.max(upto),
                Some(_) | None => return Err(ProcessFailure::WrongFlush { flush }),
            },
            FromPlugin::Error(complaint) => return Err(ProcessFailure::Told(complaint)),
            FromPlugin::Hello(_) => return Err(ProcessFailure::SecondHello),
        }
        let owes = self.done < self.given || !self.flushes.is_empty();
        self.owing_since = owes.then_some(now);
        Ok(())
    }

    /// Everything up to and with this position is done.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Events that are given and not acknowledged.
    pub(super) fn in_flight(&self) -> u64 {
        self.given - self.done
    }

    /// Whether a flush is not answered.
    pub(super) fn flushing(&self) -> bool {
        !self.flushes.is_empty()
    }

    /// When an answer comes too late, if one is owed.
    pub(super) fn late_at(&self, deadline: Duration) -> Option<Duration> {
        self.owing_since.map(|since| since + deadline)
    }
}

#[cfg(test)]
mod tests;
