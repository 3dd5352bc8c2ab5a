//! The collector's thread: waits for pipes, timers and the disk, and acts on each.
//!
//! It never waits for one run alone: reads do not block, syncs happen in the pool, and a run whose
//! disk is full is left alone, its pipe unread, until it is tried again. What goes to the disk when is
//! in [`durable`].

mod durable;
mod full;
mod journal;
mod suspect;

pub(super) use durable::{Durable, SyncKey};

use super::line::Batch;
use super::reserve::Reserve;
use super::retained::Spare;
use super::run::{Interest, NewRun, Run};
use super::stats::STATS_EVERY;
use super::sync::SyncPool;
use super::ticket::CollectError;
use super::timers::{Timer, Timers, read_time};
use super::{CollectorOptions, Durability, Inbox, StopError};
use crate::fs::{Fs, FsAll};
use crate::limits;
use crate::store::journal::JournalWriter;
use databuild_model::clock::Clock;
use databuild_policy::batch::{self, BatchLimits, Look, Next};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// The number of the event descriptor among those of the runs.
pub(super) const WAKE: u64 = u64::MAX;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;

/// Makes the collector's thread look around.
pub(super) fn wake(event: &OwnedFd) {
    // It fails only if the counter is full: then the thread has not looked yet and will.
    rustix::io::write(event, &1u64.to_ne_bytes()).ok();
}

/// How long a pipe may wait when so many are read by the clock.
fn wait_max(pipes: u32) -> Duration {
    let crowded = limits::BATCH_WAIT_PER_PIPE.saturating_mul(pipes);
    crowded.clamp(limits::BATCH_WAIT_MAX, limits::BATCH_WAIT_CROWD_MAX)
}

/// The state of the collector's thread.
pub(super) struct Worker {
    pub(super) options: CollectorOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) new_runs: Receiver<NewRun>,
    pub(super) epoll: OwnedFd,
    pub(super) fs: Arc<dyn Fs>,
    /// The file system of the store.
    pub(super) all: Arc<dyn FsAll>,
    pub(super) reserve: Reserve,
    pub(super) pool: SyncPool<SyncKey>,
    pub(super) journal: JournalWriter,
    pub(super) durable: Durable,
    pub(super) runs: HashMap<u64, Run>,
    pub(super) next_id: u64,
    pub(super) buffer: Vec<u8>,
    pub(super) batch: Batch,
    pub(super) spare: Spare,
    pub(super) timers: Timers,
    /// When what is told of the open runs has to be looked at again.
    pub(super) stats_due: Option<Duration>,
}

impl Worker {
    /// Works until it is told to stop and no run is open.
    pub(super) fn run(mut self) -> Result<(), StopError> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            self.take_new();
            self.take_synced();
            self.fire_timers();
            self.begin_round();
            self.write_journal();
            self.tell_stats();
            if self.inbox.is_abandoned() {
                self.abandon();
                return Ok(());
            }
            if self.inbox.is_stopping() {
                self.hurry();
            }
            if self.inbox.is_stopping() && self.runs.is_empty() && !self.durable.journal_in_flight {
                self.take_new();
                if self.runs.is_empty() {
                    return self.close();
                }
            }
            events.clear();
            let timeout = self.timeout();
            // An error other than an interruption would be a defect here; the timers go on.
            epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()).ok();
            for event in &events {
                let epoll::Event { data, flags } = *event;
                match data.u64() {
                    WAKE => self.inbox.clear_wake(),
                    id => self.on_pipe(id, flags),
                }
            }
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        let due = [self.timers.next(), self.round_due(), self.journal_due(), self.stats_due];
        let next = due.into_iter().flatten().min()?;
        let wait = next.saturating_sub(self.clock.mono());
        Timespec::try_from(wait).ok()
    }

    /// Leaves behind what there is to tell of the open runs. What is true as long as nothing happens
    /// needs no second look.
    fn tell_stats(&mut self) {
        let now = self.clock.mono();
        if self.stats_due.is_none_or(|due| due <= now) {
            let changes = self.inbox.stats.look(self.runs.values());
            self.stats_due = changes.then(|| now + STATS_EVERY);
        }
    }

    fn take_new(&mut self) {
        while let Ok(new) = self.new_runs.try_recv() {
            let id = self.next_id;
            self.next_id += 1;
            let mut run = Run::new(new);
            let data = epoll::EventData::new_u64(id);
            if let Err(error) = epoll::add(&self.epoll, &run.pipe, data, epoll::EventFlags::IN) {
                self.inbox.run_closed();
                let run_id = run.context.job_run_id.clone();
                run.finish(Err(CollectError::Read { run: run_id, source: error.into() }));
                continue;
            }
            run.interest = Interest::Data;
            // Whoever puts the store right after a crash finds the run by this record.
            let begun = run.begun();
            self.append_to_journal(begun);
            self.begin_journal();
            run.dirty_from_before(self.clock.mono());
            let named = run.write_rest();
            self.runs.insert(id, run);
            self.after_write(id, named);
        }
    }

    fn on_pipe(&mut self, id: u64, flags: epoll::EventFlags) {
        let Some(run) = self.runs.get(&id) else { return };
        let closed = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        match run.interest {
            Interest::Data => self.read(id),
            Interest::Close if closed => self.read(id),
            // The event is older than the interest.
            Interest::Close | Interest::Nothing => {}
        }
    }

    /// Reads a pipe once and stores what came.
    fn read(&mut self, id: u64) {
        if self.reserve.is_given() && self.must_wait(id) {
            return;
        }
        let Some(run) = self.runs.get_mut(&id) else { return };
        let now = self.clock.mono();
        // What is read by the clock may have come right after the last look.
        let since = run.read_at.take().and(run.looked_at).unwrap_or(now);
        run.looked_at = Some(now);
        let (bytes, stored) = match rustix::io::read(&run.pipe, &mut *self.buffer) {
            Ok(0) => return self.end(id),
            Ok(got) => {
                let read = self.buffer.get(..got).unwrap_or_default();
                run.take(read, self.clock.wall(), &mut self.batch);
                (got, run.store(&mut self.batch, &mut self.spare, since))
            }
            Err(Errno::AGAIN) => (0, Ok(())),
            Err(Errno::INTR) => return,
            Err(error) => {
                let run = run.context.job_run_id.clone();
                return self.fail(id, CollectError::Read { run, source: error.into() });
            }
        };
        if self.after_write(id, stored) {
            self.plan_read(id, bytes);
        }
    }

    /// Decides when to read a pipe again, after a look that took `bytes`.
    pub(super) fn plan_read(&mut self, id: u64, bytes: usize) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        if self.options.durability == Durability::Always && run.sync.dirty_since.is_some() {
            run.sync.then_read = Some(bytes);
            return self.listen(id, Interest::Nothing);
        }
        let look = Look { bytes, capacity: run.capacity, now: self.clock.mono() };
        let wait_max = wait_max(self.timers.reads()).min(self.options.refresh_interval * 3 / 4);
        let bounds = BatchLimits { wait_max, wait_min: limits::BATCH_WAIT_MIN };
        let verdict = batch::judge(&mut run.batching, look, bounds);
        if verdict.hot && run.capacity < limits::READ_BYTES_MAX {
            // Refused to those who have many pipes already: then it stays as it is.
            run.capacity = rustix::pipe::fcntl_setpipe_size(&run.pipe, limits::READ_BYTES_MAX)
                .unwrap_or(limits::READ_BYTES_MAX);
        }
        match verdict.next {
            Next::OnEvent => self.listen(id, Interest::Data),
            Next::At(at) => {
                let at = read_time(look.now, at.saturating_sub(look.now));
                run.read_at = Some(at);
                self.timers.at(at, id, Timer::Read);
                self.listen(id, Interest::Close);
            }
        }
    }

    /// Asks the kernel to tell this much about a pipe.
    fn listen(&mut self, id: u64, interest: Interest) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        if run.interest == interest {
            return;
        }
        let data = epoll::EventData::new_u64(id);
        let flags = match interest {
            Interest::Data => epoll::EventFlags::IN,
            Interest::Close | Interest::Nothing => epoll::EventFlags::empty(),
        };
        let done = match (run.interest, interest) {
            // A closed pipe is told of whatever one asks for, again and again: so not at all.
            (_, Interest::Nothing) => epoll::delete(&self.epoll, &run.pipe),
            (Interest::Nothing, _) => epoll::add(&self.epoll, &run.pipe, data, flags),
            (_, _) => epoll::modify(&self.epoll, &run.pipe, data, flags),
        };
        run.interest = interest;
        if let Err(error) = done {
            let run = run.context.job_run_id.clone();
            self.fail(id, CollectError::Read { run, source: error.into() });
        }
    }

    /// The pipe was closed: stores what is left and seals the run.
    fn end(&mut self, id: u64) {
        self.listen(id, Interest::Nothing);
        let Some(run) = self.runs.get_mut(&id) else { return };
        run.take_end(self.clock.wall(), &mut self.batch);
        let stored = run.store(&mut self.batch, &mut self.spare, self.clock.mono());
        if self.after_write(id, stored) {
            self.seal(id);
        }
    }

    fn seal(&mut self, id: u64) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let sealed = if run.sealed.is_none() { run.seal() } else { Ok(()) };
        self.after_write(id, sealed);
    }

    /// Goes on after a write: to the disk, to another try, or to the end of the run. `true` if all
    /// was written.
    fn after_write(&mut self, id: u64, written: io::Result<()>) -> bool {
        let Some(run) = self.runs.get_mut(&id) else { return false };
        match written {
            Ok(()) => {
                run.full = 0;
                self.plan_sync(id);
                true
            }
            Err(error) if Run::is_full(&error) => self.full(id),
            Err(error) => {
                let path = run.behind_path();
                self.suspect(id, path, error, true);
                false
            }
        }
    }

    fn fire_timers(&mut self) {
        let now = self.clock.mono();
        while let Some((at, id, timer)) = self.timers.due(now) {
            let Some(run) = self.runs.get_mut(&id) else { continue };
            match timer {
                Timer::Read if run.read_at == Some(at) => self.read(id),
                // The pipe was read before, because it was closed.
                Timer::Read => {}
                Timer::Retry => self.retry(id),
                Timer::Sync => self.sync_due(id),
            }
        }
    }

    /// Ends a run that cannot be stored. Its pipe is closed, so that its wrapper learns of it.
    fn fail(&mut self, id: u64, error: CollectError) {
        if matches!(error, CollectError::Write { .. }) {
            self.inbox.stats.write_failed();
        }
        self.durable.unfinished = true;
        // As in `abandon`.
        self.flush_journal();
        if let Some(run) = self.runs.remove(&id) {
            self.inbox.run_closed();
            run.finish(Err(error));
        }
    }

    /// Stores what is there now and ends; the runs stay unsealed, for the next start.
    fn abandon(mut self) {
        self.take_new();
        let ids: Vec<u64> = self.runs.keys().copied().collect();
        for id in ids {
            if self.runs.get(&id).is_some_and(|run| !run.ended && !run.is_behind()) {
                self.read(id);
            }
        }
        // Before a run is let go of: whoever takes it reads in the journals how far it is.
        self.write_journal();
        for run in std::mem::take(&mut self.runs).into_values() {
            self.sync_abandoned(&run);
            let error = CollectError::Stopped { run: run.context.job_run_id.clone() };
            run.finish(Err(error));
        }
    }

    fn close(self) -> Result<(), StopError> {
        let path = self.journal.path().to_owned();
        let closed = if self.durable.unfinished || self.durable.journal_failures != 0 {
            self.journal.file().sync_data()
        } else {
            self.journal.close()
        };
        closed.map_err(|source| StopError::Journal { path, source })
    }
}
