//! The journal of the collector: what it tells of, when it is synced, and what is done when the disk
//! cannot keep it.

use super::{Run, SyncKey, Worker};
use crate::collect::health::Part;
use crate::collect::sync::Target;
use crate::format::{BatchRecord, JournalRecord};
use crate::limits;
use crate::store::journal::JournalWriter;
use databuild_policy::backoff::Backoff;
use std::io;
use std::time::Duration;

/// How often the disk is asked again to keep a journal.
const RETRY: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(2) };

impl Worker {
    pub(super) fn append_to_journal(&mut self, record: BatchRecord) {
        self.journal.push(&JournalRecord::Batch(record));
        self.durable.journal_dirty_since.get_or_insert(self.clock.mono());
    }

    /// With the first run of a collector the disk is waited for, once: if the power goes after that,
    /// the next start knows that there is something to put right.
    pub(super) fn begin_journal(&mut self) {
        match self.journal.begin(self.fs.as_ref()) {
            Ok(()) => {}
            // It is tried again with the records of the run.
            Err(error) if Run::is_full(&error) => {}
            Err(error) => self.journal_lost(&error),
        }
    }

    /// When something has to be done for the journal.
    pub(super) fn journal_due(&self) -> Option<Duration> {
        if let Some(retry) = self.durable.journal_retry {
            return Some(retry);
        }
        let since = self.durable.journal_dirty_since.filter(|_| !self.durable.journal_in_flight)?;
        Some(since + self.options.refresh_interval)
    }

    /// Writes what the journal has to tell of this turn of the loop, and syncs it in its time.
    pub(super) fn write_journal(&mut self) {
        let now = self.clock.mono();
        if self.durable.journal_retry.is_some_and(|at| now < at) {
            return;
        }
        self.durable.journal_retry = None;
        self.flush_journal();
        let quiet = self.durable.journal_retry.is_none() && !self.durable.journal_in_flight;
        if quiet && self.journal_due().is_some_and(|due| due <= now) {
            self.durable.journal_dirty_since = None;
            self.durable.journal_in_flight = true;
            let target = Target::File(self.journal.path().to_owned(), self.journal.file());
            self.pool.submit([(SyncKey::Journal, vec![target])]);
        }
    }

    /// Writes what the journal lacks, into the reserve if there is no other space.
    pub(super) fn flush_journal(&mut self) {
        let mut written = self.journal.flush();
        if written.as_ref().is_err_and(Run::is_full) && self.reserve.release(self.fs.as_ref()) {
            written = self.journal.flush();
        }
        match written {
            Ok(()) => {}
            Err(error) if Run::is_full(&error) => {
                self.durable.journal_retry = Some(self.clock.mono() + RETRY.longest);
            }
            Err(error) => self.journal_lost(&error),
        }
    }

    /// The disk has kept the journal.
    pub(super) fn journal_kept(&mut self) {
        self.durable.journal_failures = 0;
        self.inbox.health.well(&Part::Journal);
    }

    /// The disk could not keep the journal: another one takes its place. What may be gone of the old one
    /// is told again by the next start of a collector, which finds that it was not closed.
    pub(super) fn journal_lost(&mut self, error: &io::Error) {
        let failures = self.durable.journal_failures.saturating_add(1);
        self.durable.journal_failures = failures;
        if limits::FAILURES_READY_MAX <= failures {
            self.inbox.health.ill(Part::Journal, self.journal.path(), error);
        }
        self.durable.journal_retry = Some(self.clock.mono() + RETRY.wait(failures));
        let (fs, dir, today) = (self.fs.as_ref(), &self.options.logs_dir, self.clock.wall().day());
        let Ok(Some(mut new)) = JournalWriter::open(fs, dir, today) else { return };
        for run in self.runs.values() {
            new.push(&JournalRecord::Batch(run.begun()));
        }
        new.take_rest(&mut self.journal);
        // What fails here fails again soon, when it is looked at.
        new.begin(fs).ok();
        self.journal = new;
        self.durable.journal_dirty_since.get_or_insert(self.clock.mono());
    }
}
