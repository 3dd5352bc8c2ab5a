//! What is done when the disk could not keep a run's file: the pool makes a new one, meanwhile nothing
//! is read of the run, and then it goes on.

use super::durable::NOBODY;
use super::{SyncKey, Worker};
use crate::collect::health::Part;
use crate::collect::run::{Ending, Interest};
use crate::collect::sync::Target;
use crate::collect::ticket::CollectError;
use crate::collect::timers::Timer;
use crate::collect::trouble::{Verdict, judge};
use crate::format::journal::Synced;
use crate::limits;
use crate::store::rewrite::Rewritten;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

impl Worker {
    /// The disk could not keep what was written to `path`.
    pub(super) fn suspect(&mut self, id: u64, path: PathBuf, error: io::Error, of_write: bool) {
        let now = self.clock.wall();
        self.listen(id, Interest::Nothing);
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.read_at = None;
        run.doubt(path, error, of_write, now);
        self.failed(id);
    }

    /// One more failure of a run in trouble.
    fn failed(&mut self, id: u64) {
        let stopping = self.inbox.is_stopping();
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.failures = run.failures.saturating_add(1);
        if limits::FAILURES_READY_MAX <= run.failures
            && let Some(trouble) = &run.trouble
        {
            let part = Part::Run(run.context.job_run_id.clone());
            self.inbox.health.ill(part, &trouble.path, &trouble.error);
        }
        match judge(run.failures, self.options.on_full, stopping) {
            Verdict::Again(Duration::ZERO) => self.rewrite(id),
            Verdict::Again(wait) => self.timers.at(self.clock.mono() + wait, id, Timer::Retry),
            Verdict::GiveUp => self.give_up(id),
        }
    }

    /// Has the pool make a new file.
    pub(super) fn rewrite(&mut self, id: u64) {
        let Some(run) = self.runs.get(&id) else { return };
        let Some(trouble) = &run.trouble else { return };
        let work = Target::Work(run.paths.entries.clone(), trouble.work());
        self.pool.submit([(SyncKey::Rewrite { id, sent: self.clock.mono() }, vec![work])]);
    }

    pub(super) fn rewritten(
        &mut self,
        id: u64,
        sent: Duration,
        result: Result<(), (PathBuf, io::Error)>,
    ) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Some(trouble) = &mut run.trouble else { return };
        match result {
            Ok(()) => {
                if let Some(new) = trouble.take() {
                    self.take_over(id, new, sent);
                }
            }
            Err((_, error)) if super::Run::is_full(&error) => {
                let at = self.clock.mono() + super::full::FULL.longest;
                self.timers.at(at, id, Timer::Retry);
            }
            Err((_, error)) => {
                self.inbox.stats.sync_failed();
                // What the disk kept before is gone, too: no new file can be right.
                let lost = error.kind() == io::ErrorKind::InvalidData;
                trouble.error = error;
                if lost { self.give_up(id) } else { self.failed(id) }
            }
        }
    }

    /// Goes on with the new file.
    fn take_over(&mut self, id: u64, new: Rewritten, sent: Duration) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let leave = !new.whole && run.mark.is_some();
        let stretch = run.take_over(new);
        run.full = 0;
        self.inbox.stats.rewritten();
        let end = stretch.end();
        if !stretch.is_empty() {
            let mut record = stretch.record(run.context.job_run_id.clone(), run.day(), false);
            let took = self.clock.mono().saturating_sub(sent);
            record.synced = Some(Synced { at: self.clock.wall(), took });
            self.append_to_journal(record);
        }
        let Some(run) = self.runs.get_mut(&id) else { return };
        self.inbox.health.well(&Part::Run(run.context.job_run_id.clone()));
        if let Some(mark) = &mut run.mark {
            mark.synced(self.fs.as_ref(), end, run.sync.in_flight_sequence, false);
        }
        // What the disk lost is in the spool: another wrapper tells it again.
        if leave {
            (run.ended, run.ending) = (true, Ending::LeaveOpen);
        }
        if run.ended {
            self.seal(id);
        } else {
            self.listen(id, Interest::Data);
        }
    }

    fn give_up(&mut self, id: u64) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Some(trouble) = run.trouble.take() else { return };
        self.inbox.health.well(&Part::Run(run.context.job_run_id.clone()));
        let (path, source) = (trouble.path, trouble.error);
        let synced_bytes = run.sync.synced_bytes;
        let error = if trouble.of_write {
            CollectError::Write { path, stored_bytes: synced_bytes, source }
        } else {
            CollectError::Sync { path, synced_bytes, source }
        };
        self.fail(id, error);
    }

    /// Runs in trouble must not hold up the end of the collector: the next start looks after them.
    pub(super) fn hurry(&mut self) {
        let ill = |id: &u64| {
            let run = self.runs.get(id);
            run.is_some_and(|run| {
                limits::FAILURES_READY_MAX <= run.failures && run.trouble.is_some()
            })
        };
        let ids: Vec<u64> = self.runs.keys().copied().filter(ill).collect();
        ids.into_iter().filter(|id| *id != NOBODY).for_each(|id| self.give_up(id));
    }
}
