//! What is done when there is no space: a run waits, unread, until there is some; records and ends get
//! the reserve.

use super::Worker;
use crate::collect::OnFull;
use crate::collect::run::{Ending, Interest};
use crate::collect::timers::Timer;
use databuild_policy::backoff::Backoff;
use std::time::Duration;

/// How often a full disk is tried again: within five seconds of there being space.
pub(super) const FULL: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(2) };

impl Worker {
    /// There was no space for what a run has. `true` if the reserve had some for all of it.
    pub(super) fn full(&mut self, id: u64) -> bool {
        let Some(run) = self.runs.get_mut(&id) else { return false };
        run.full = run.full.saturating_add(1);
        if run.is_ending() && self.reserve.release(self.fs.as_ref()) {
            let written = run.write_rest();
            return self.after_write(id, written);
        }
        match self.options.on_full {
            OnFull::FailJob if !run.ended => {
                self.starve(id);
                return false;
            }
            // Not even the reserve was enough: the next start seals it.
            OnFull::FailJob if run.ending == Ending::Starve => {
                let error = run.no_space();
                self.fail(id, error);
                return false;
            }
            OnFull::FailJob | OnFull::Block => {}
        }
        self.wait_for_space(id);
        false
    }

    fn wait_for_space(&mut self, id: u64) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let at = self.clock.mono() + FULL.wait(run.full);
        self.timers.at(at, id, Timer::Retry);
        self.listen(id, Interest::Nothing);
    }

    /// Gives a run up: its file ends here, and says so.
    fn starve(&mut self, id: u64) {
        self.listen(id, Interest::Nothing);
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.starve(self.clock.wall(), &mut self.batch);
        let stored = run.store(&mut self.batch, &mut self.spare, self.clock.mono());
        if self.after_write(id, stored) {
            self.seal(id);
        }
    }

    /// What can wait gets no space as long as records may need it. `true` if this run waits.
    pub(super) fn must_wait(&mut self, id: u64) -> bool {
        let Some(run) = self.runs.get_mut(&id) else { return true };
        let waits = self.reserve.is_given()
            && !run.is_ending()
            && self.reserve.restore(self.fs.as_ref()).is_err();
        if waits {
            run.full = run.full.saturating_add(1);
            self.wait_for_space(id);
        }
        waits
    }

    /// Tries again what failed.
    pub(super) fn retry(&mut self, id: u64) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        if run.trouble.is_some() {
            return self.rewrite(id);
        }
        if run.full == 0 {
            return;
        }
        if self.must_wait(id) {
            return;
        }
        let Some(run) = self.runs.get_mut(&id) else { return };
        let written = run.write_rest();
        if !self.after_write(id, written) {
            return;
        }
        match self.runs.get(&id) {
            Some(run) if run.ended => self.seal(id),
            Some(_) => self.listen(id, Interest::Data),
            None => {}
        }
    }
}
