//! What goes to the disk when: rounds of syncs, and what the journal says of them.
//!
//! A sync costs the disk and us the same however little it covers, so runs go together. A round takes
//! every run that has something to sync by then; while as many as may be are on their way, those that
//! become due wait for the next one. So a run alone is synced at once, and a crowd shares.

use super::Worker;
use crate::collect::Durability;
use crate::collect::run::{Ending, Run};
use crate::collect::sync::{SyncDone, Target};
use crate::collect::timers::{Timer, sync_time};
use crate::format::journal::Synced;
use crate::limits;
use crate::store::recover::Recovery;
use databuild_model::time::Day;
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a sync was for.
#[derive(Debug)]
pub(in crate::collect) enum SyncKey {
    Run(RunSync),
    /// Runs that were synced with the whole file system.
    Many(Vec<RunSync>),
    /// A run gets a new file.
    Rewrite {
        id: u64,
        sent: Duration,
    },
    Journal,
}

/// A run on its way to the disk. `last`: with its seal.
#[derive(Debug, Clone, Copy)]
pub(in crate::collect) struct RunSync {
    id: u64,
    last: bool,
    /// When it was sent.
    sent: Duration,
    generation: u32,
}

/// The number of no run.
pub(super) const NOBODY: u64 = u64::MAX;

/// What is not durable yet, and what is known to be.
#[derive(Debug, Default)]
pub(in crate::collect) struct Durable {
    /// Runs that go with the next round.
    waiting: Vec<u64>,
    /// One of them cannot wait for `not_before`.
    at_once: bool,
    /// No round begins sooner, unless it must.
    not_before: Duration,
    /// Syncs that are on their way.
    in_flight: usize,
    /// Days whose folders are known to survive a power cut.
    days: HashSet<Day>,
    pub(super) journal_dirty_since: Option<Duration>,
    pub(super) journal_in_flight: bool,
    /// Times in a row that the disk could not keep the journal.
    pub(super) journal_failures: u32,
    /// When the journal is tried again.
    pub(super) journal_retry: Option<Duration>,
    /// A run could not be stored to its end: the next start must look after it.
    pub(super) unfinished: bool,
}

impl Durable {
    /// Nothing yet, after what the start had to put right. What it could not is left to the next one,
    /// which looks only after a journal that is not closed.
    pub(in crate::collect) fn after(recovery: &Recovery) -> Self {
        Durable { unfinished: !recovery.failed.is_empty(), ..Durable::default() }
    }
}

impl Worker {
    /// Puts down for the next round what must go to the disk, and sets a timer for what may wait.
    pub(super) fn plan_sync(&mut self, id: u64) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        if run.sync.in_flight.is_some() || run.is_behind() {
            return;
        }
        let dirty = run.sync.dirty_since.is_some();
        let (urgent, at_once) = match self.options.durability {
            // Somebody waits for the end of a run; of errors in a row the first went at once.
            Durability::Interval => (run.sync.urgent, run.sealed.is_some()),
            Durability::Process => (run.sealed.is_some(), run.sealed.is_some()),
            Durability::Always => (dirty, dirty || run.sealed.is_some()),
        };
        if urgent || run.sealed.is_some() {
            self.durable.at_once |= at_once;
            return self.join_round(id);
        }
        if let Some(since) = run.sync.dirty_since
            && !run.sync.timer
        {
            run.sync.timer = true;
            let at = sync_time(since, self.options.refresh_interval);
            self.timers.at(at, id, Timer::Sync);
        }
    }

    /// The time of a run has come.
    pub(super) fn sync_due(&mut self, id: u64) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.sync.timer = false;
        if run.sync.dirty_since.is_some() && run.sync.in_flight.is_none() && !run.is_behind() {
            self.durable.at_once = true;
            self.join_round(id);
        }
    }

    fn join_round(&mut self, id: u64) {
        if let Some(run) = self.runs.get_mut(&id)
            && !std::mem::replace(&mut run.sync.waiting, true)
        {
            self.durable.waiting.push(id);
        }
    }

    /// When the next round can begin.
    pub(super) fn round_due(&self) -> Option<Duration> {
        let durable = &self.durable;
        let can = !durable.waiting.is_empty() && durable.in_flight < limits::SYNCS_AHEAD_MAX;
        can.then_some(if durable.at_once { Duration::ZERO } else { durable.not_before })
    }

    /// Sends the runs that wait to the disk, if it is time.
    pub(super) fn begin_round(&mut self) {
        let now = self.clock.mono();
        if self.round_due().is_none_or(|due| now < due) {
            return;
        }
        self.durable.at_once = false;
        let (mut syncs, mut told) = (Vec::new(), Vec::new());
        for id in std::mem::take(&mut self.durable.waiting) {
            let Some(run) = self.runs.get_mut(&id) else { continue };
            run.sync.waiting = false;
            // A run that cannot be written now comes again when it can.
            if !run.is_behind() {
                run.begin_sync();
                let (last, generation) = (run.sealed.is_some(), run.sync.generation);
                let sync = RunSync { id, last, sent: now, generation };
                if self.options.durability == Durability::Process && !run.must_be_synced() {
                    told.push(sync);
                } else {
                    syncs.push(sync);
                }
            }
        }
        told.into_iter().for_each(|sync| self.tell_stored(sync));
        if syncs.len() < limits::SYNC_ALL_RUNS_MIN {
            self.durable.not_before = now + limits::SYNC_GAP_MIN;
            self.sync_each(&syncs);
        } else {
            self.durable.not_before = now + limits::SYNC_ALL_GAP_MIN;
            self.durable.in_flight += 1;
            let all = Target::All(self.options.logs_dir.clone(), Arc::clone(&self.all));
            self.pool.submit([(SyncKey::Many(syncs), vec![all])]);
        }
    }

    fn sync_each(&mut self, syncs: &[RunSync]) {
        let mut groups = Vec::with_capacity(syncs.len());
        for sync in syncs {
            let Some(run) = self.runs.get(&sync.id) else { continue };
            let mut targets = run.sync_targets();
            if !self.durable.days.contains(&run.day()) {
                targets.push(Target::Dir(self.options.logs_dir.clone()));
            }
            groups.push((SyncKey::Run(*sync), targets));
        }
        self.durable.in_flight += groups.len();
        self.pool.submit(groups);
    }

    pub(super) fn take_synced(&mut self) {
        for SyncDone { key, result } in self.pool.take_done() {
            match key {
                SyncKey::Run(sync) => {
                    self.durable.in_flight -= 1;
                    self.synced(sync, result);
                }
                SyncKey::Many(syncs) => {
                    self.durable.in_flight -= 1;
                    match result {
                        Ok(()) => syncs.into_iter().for_each(|sync| self.synced(sync, Ok(()))),
                        // Each file is asked on its own: it knows whether the error was one of its own.
                        Err(_) => self.sync_each(&syncs),
                    }
                }
                SyncKey::Rewrite { id, sent } => self.rewritten(id, sent, result),
                SyncKey::Journal => {
                    self.durable.journal_in_flight = false;
                    match result {
                        Ok(()) => self.journal_kept(),
                        Err((_, error)) => {
                            self.inbox.stats.sync_failed();
                            self.journal_lost(&error);
                        }
                    }
                }
            }
        }
    }

    fn synced(&mut self, sync: RunSync, result: Result<(), (PathBuf, io::Error)>) {
        let RunSync { id, last, sent, generation } = sync;
        let Some(run) = self.runs.get_mut(&id) else { return };
        if run.sync.generation != generation || run.trouble.is_some() {
            return;
        }
        if let Err((path, source)) = result {
            self.inbox.stats.sync_failed();
            return self.suspect(id, path, source, false);
        }
        let tally = run.end_sync(&mut self.spare);
        self.durable.days.insert(run.day());
        let sequence = run.sync.in_flight_sequence;
        if let Some(mark) = &mut run.mark {
            mark.synced(self.fs.as_ref(), tally.end(), sequence, last);
        }
        if last || !tally.is_empty() {
            let sealed = last && run.ending != Ending::LeaveOpen;
            let mut record = tally.record(run.context.job_run_id.clone(), run.day(), sealed);
            let sync = self.clock.mono().saturating_sub(sent);
            record.synced = Some(Synced { at: self.clock.wall(), took: sync });
            self.append_to_journal(record);
        }
        if last {
            // Whoever hears of the end finds it in the journal.
            self.flush_journal();
            if let Some(mut run) = self.runs.remove(&id) {
                self.inbox.run_closed();
                let result = run.result();
                run.finish(result);
            }
        } else {
            self.plan_sync(id);
            let run = self.runs.get_mut(&id);
            if let Some(bytes) = run.and_then(|run| run.sync.then_read.take()) {
                self.plan_read(id, bytes);
            }
        }
    }

    /// The journal tells of what is stored, without a sync: so was it chosen.
    fn tell_stored(&mut self, sync: RunSync) {
        let Some(run) = self.runs.get_mut(&sync.id) else { return };
        let tally = run.sync.in_flight.take().unwrap_or_default();
        if !tally.is_empty() {
            let record = tally.record(run.context.job_run_id.clone(), run.day(), false);
            self.append_to_journal(record);
        }
        self.plan_sync(sync.id);
    }

    /// Syncs what came of a run that is left as it is. Whoever drops the pool waits for it.
    pub(super) fn sync_abandoned(&mut self, run: &Run) {
        let sync = RunSync { id: NOBODY, last: false, sent: self.clock.mono(), generation: 0 };
        self.pool.submit([(SyncKey::Run(sync), run.sync_targets())]);
    }
}
