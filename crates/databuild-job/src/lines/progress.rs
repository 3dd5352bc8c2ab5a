//! The states of a line that is overwritten by carriage returns: one per interval is kept.

use crate::limits::PROGRESS_INTERVAL;
use std::time::Duration;

/// States of the line that is being written.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The last state that was not reported yet, and where it stood in the stream.
    last: Vec<u8>,
    last_offset: u64,
    /// States since the last report, `last` included.
    states: u64,
    /// Whether the line has had states.
    open: bool,
    due: Option<Duration>,
}

impl Progress {
    /// Whether the line that is being written is a progress line.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// When a state has to be reported, or a carriage return has to be taken for one.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// A state may have begun.
    pub(super) fn expect(&mut self, now: Duration) {
        self.due.get_or_insert(now + PROGRESS_INTERVAL);
    }

    /// Takes the states in `line`, which begins at `offset` of the stream.
    pub(super) fn take(&mut self, line: &[u8], offset: u64, now: Duration) {
        self.open = true;
        let mut at = offset;
        for state in line.split(|&byte| byte == b'\r') {
            if !state.is_empty() {
                self.states += 1;
                self.last.clear();
                self.last.extend_from_slice(state);
                self.last_offset = at;
            }
            at += state.len() as u64 + 1;
        }
        if 0 < self.states {
            self.expect(now);
        }
    }

    /// Whether there is something to report.
    pub(super) fn has_states(&self) -> bool {
        self.states != 0
    }

    /// The last state since the report before, its offset and the number of those it replaces. Empty
    /// if there was none.
    pub(super) fn report(&mut self) -> (&[u8], u64, u64) {
        self.due = None;
        let states = std::mem::take(&mut self.states);
        if states == 0 {
            self.last.clear();
        }
        (&self.last, self.last_offset, states.saturating_sub(1))
    }

    /// The line has ended.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.due = None;
    }
}
