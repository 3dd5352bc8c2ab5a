//! What is new in the store, counted: reads the journals from where it was, the new stretches of run
//! files that hold measurements, and keeps place and totals together in one file.
//!
//! Killed at any point, nothing is lost or counted twice: the file is replaced as a whole, and what it
//! does not know yet is read again. Only the holder of the lock writes it; others count in memory.

mod keep;
mod stretch;
mod usage;

use crate::format::journal::{BatchRecord, JournalPlace, JournalRecord};
use crate::format::metrics_state::{Counted, CountedRun, MetricsState};
use crate::fs::{Fs, FsFile};
use crate::limits;
use crate::store::journal::{self as journals, NoRecord};
use databuild_metrics::aggregate::{BatchOf, MetricsAggregator, RecordOf, RunOf, SyncOf};
use databuild_model::bel::BuildEvent;
use databuild_model::cause::Cause;
use databuild_model::ids::JobRunId;
use databuild_model::time::Timestamp;
use databuild_policy::naming::JournalName;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use stretch::{Names, Said, Stretch};

pub use usage::{StoreUsage, Stored};

/// Journals read at once: some ten thousand records.
const JOURNAL_READ_BYTES: usize = 1 << 20;

/// The kind of a job that has none: how all of them are started.
pub const JOB_TYPE_DEFAULT: &str = "process";

/// The job of a run that belongs to none.
const NO_JOB: &str = "none";

/// The totals of a store, and how to bring them up to date.
pub struct MetricsFeed {
    logs_dir: PathBuf,
    labels: Vec<String>,
    fs: Arc<dyn Fs>,
    state: MetricsState,
    /// Held as long as this lives, by the one who writes the file.
    lock: Option<Box<dyn FsFile>>,
    /// Something was counted that the file does not know.
    dirty: bool,
    /// How often something was counted.
    version: u64,
    /// Journals whose end is not a record, with the size at which that was looked into.
    torn: BTreeMap<JournalName, u64>,
    /// When runs that are not sealed were heard of last, as far as this process has read of them.
    heard: BTreeMap<JobRunId, Timestamp>,
}

/// Why the totals are not up to date.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The kept totals cannot be read.
    #[error("cannot read {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store cannot be read.
    #[error("cannot read the logs in {dir}")]
    Read {
        /// The store.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The totals cannot be kept.
    #[error("cannot write {path}")]
    Save {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl FeedError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            FeedError::Open { .. } => {
                "remove the file to count anew what logs are there; counters then begin lower"
            }
            FeedError::Read { .. } => "look at the folder's permissions and at its disk",
            FeedError::Save { .. } => "free some disk space, or make the folder writable",
        }
    }
}

impl MetricsFeed {
    /// Goes on from the kept totals, if there are any. `labels` are those that jobs may add to their
    /// measurements.
    pub fn open(
        logs_dir: PathBuf,
        labels: Vec<String>,
        fs: Arc<dyn Fs>,
    ) -> Result<MetricsFeed, FeedError> {
        let mut feed = MetricsFeed {
            state: MetricsState::new(labels.clone()),
            logs_dir,
            labels,
            fs,
            lock: None,
            dirty: false,
            version: 0,
            torn: BTreeMap::new(),
            heard: BTreeMap::new(),
        };
        feed.take_lock();
        feed.load()?;
        Ok(feed)
    }

    /// The totals.
    pub fn totals(&self) -> &MetricsAggregator {
        &self.state.totals
    }

    /// A number that is another one whenever the totals may be others.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When a run that goes on was heard of last; nothing if it was not since this was opened.
    pub fn heard(&self, run: &JobRunId) -> Option<Timestamp> {
        self.heard.get(run).copied()
    }

    fn hear(&mut self, batch: &BatchRecord) {
        if batch.sealed {
            self.heard.remove(&batch.job_run_id);
            return;
        }
        if limits::METRIC_RUNS_MAX <= self.heard.len() {
            self.heard.pop_first();
        }
        // Entries may have times that a job gave them.
        let at = batch.synced.map_or(batch.max_time, |synced| synced.at);
        self.heard.insert(batch.job_run_id.clone(), at);
    }

    fn touch(&mut self) {
        self.dirty = true;
        self.version += 1;
    }

    /// The labels that jobs may add to their measurements.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The latest time of an entry that is counted.
    pub fn newest(&self) -> Option<Timestamp> {
        Some(self.state.newest).filter(|newest| newest.as_nanos() != i64::MIN)
    }

    /// How far the build event log is counted.
    pub fn builds_upto(&self) -> u64 {
        self.state.builds_upto
    }

    /// Counts what ended in builds: `events` are those of the build event log up to `upto`.
    pub fn count_builds<'a>(
        &mut self,
        events: impl IntoIterator<Item = &'a BuildEvent>,
        upto: u64,
    ) {
        for event in events {
            count_event(event, &mut self.state.totals);
        }
        if self.state.builds_upto != upto {
            self.state.builds_upto = upto;
            self.touch();
        }
    }

    /// Counts all that is new in the store. What was counted stays counted if it fails.
    pub fn read_new(&mut self) -> Result<(), FeedError> {
        if self.lock.is_none() && self.take_lock() {
            self.load()?;
        }
        let dir = self.logs_dir.clone();
        let read = |source| FeedError::Read { dir: dir.clone(), source };
        let names = journals::list(self.fs.as_ref(), &self.logs_dir).map_err(read)?;
        self.note_loss(&names);
        let today = names.iter().map(|name| name.day).max();
        for name in names {
            // A collector only goes on with a closed journal on that journal's day.
            let over = self.state.journals.get(&name).is_some_and(|counted| counted.closed);
            if over && Some(name.day) < today {
                continue;
            }
            self.read_journal(name).map_err(read)?;
        }
        Ok(())
    }

    /// All journals are gone, so those that are there now are made anew, of what may be counted.
    fn note_loss(&mut self, names: &[JournalName]) {
        if names.is_empty() {
            return;
        }
        let known = &mut self.state.journals;
        let all_gone = !known.is_empty() && names.iter().all(|name| !known.contains_key(name));
        let newest = self.state.newest;
        known.retain(|name, _| names.contains(name));
        if all_gone {
            for &name in names {
                let counted = Counted { known_until: Some(newest), ..Counted::default() };
                known.insert(name, counted);
            }
            self.touch();
        }
    }

    fn read_journal(&mut self, name: JournalName) -> io::Result<()> {
        loop {
            let counted = self.state.journals.get(&name).copied().unwrap_or_default();
            let place = JournalPlace { journal: name, offset: counted.offset };
            let read = journals::read_each_from(
                self.fs.as_ref(),
                &self.logs_dir,
                place,
                JOURNAL_READ_BYTES,
            );
            let records = match read {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                records => records?,
            };
            if records.is_empty() {
                if self.is_replaced(place)? {
                    continue;
                }
                return Ok(());
            }
            for (record, offset) in records {
                let closed = match record {
                    JournalRecord::Batch(batch) => {
                        self.hear(&batch);
                        self.count(&batch, counted.known_until)?;
                        false
                    }
                    JournalRecord::Closed => true,
                };
                self.state.journals.insert(name, Counted { offset, closed, ..counted });
                self.touch();
            }
        }
    }

    /// Whether the journal is another one than the one that was counted up to `place`. Then it is read
    /// from its beginning, and what is known is passed over.
    fn is_replaced(&mut self, place: JournalPlace) -> io::Result<bool> {
        let torn = self.torn.get(&place.journal).copied();
        let why = journals::why_no_record(self.fs.as_ref(), &self.logs_dir, place, torn)?;
        let size = match why {
            NoRecord::Nothing => return Ok(false),
            NoRecord::Torn(size) => {
                self.torn.insert(place.journal, size);
                return Ok(false);
            }
            NoRecord::Replaced(size) => size,
        };
        let known_until = Some(self.state.newest);
        let counted = Counted { offset: 0, closed: false, known_until };
        self.state.journals.insert(place.journal, counted);
        Ok(0 < size)
    }

    /// Counts a stretch. Counts nothing, or remembers how far it came, if it fails.
    fn count(&mut self, batch: &BatchRecord, known_until: Option<Timestamp>) -> io::Result<()> {
        let id = &batch.job_run_id;
        if !self.state.runs.contains_key(id) {
            let known = known_until.is_some_and(|until| batch.max_time <= until);
            if known || (batch.bytes == 0 && !batch.sealed) {
                return Ok(());
            }
            let Some(names) = stretch::names(self.fs.as_ref(), &self.logs_dir, batch)? else {
                self.state.totals.ingest_skipped();
                return Ok(());
            };
            self.remember(batch, names);
        }
        let Some(run) = self.state.runs.get_mut(id) else { return Ok(()) };
        let stretch = Stretch { fs: self.fs.as_ref(), logs_dir: &self.logs_dir, batch };
        let (label, kind) = (run.job_label.clone(), run.job_type.clone());
        let of = RunOf { job_run_id: id.as_str(), job_label: &label, job_type: &kind };
        let totals = &mut self.state.totals;
        let mut count = |said: Said<'_>, at| match said {
            Said::Point(point) => totals.ingest_metric(of, point, at),
            Said::Gap(gap) => totals.ingest_gap(&gap),
        };
        if !stretch.points(run, &mut count)? {
            totals.ingest_skipped();
        }
        if run.entries_upto <= batch.offset && 0 < batch.bytes {
            totals.ingest_batch(of, &whole(batch));
        } else if run.entries_upto < batch.end() {
            // Only after a power cut: what was counted and what is there now overlap.
            totals.ingest_batch(of, &stretch.from(run.entries_upto)?);
        }
        run.entries_upto = run.entries_upto.max(batch.end());
        if 0 < batch.entries {
            self.state.newest = self.state.newest.max(batch.max_time);
        }
        if batch.sealed {
            let seal = stretch.seal()?;
            self.count_end(batch, seal.as_ref());
            self.state.runs.remove(id);
        }
        Ok(())
    }

    fn count_end(&mut self, batch: &BatchRecord, seal: Option<&crate::format::RunRecord>) {
        let Some(run) = self.state.runs.get(&batch.job_run_id) else { return };
        let of = RunOf {
            job_run_id: batch.job_run_id.as_str(),
            job_label: &run.job_label,
            job_type: &run.job_type,
        };
        let Some(seal) = seal else {
            self.state.totals.ingest_skipped();
            return;
        };
        let at = seal.last_time.unwrap_or(self.state.newest);
        let lost = || {
            let began = seal.first_time.unwrap_or(at);
            (Cause::WrapperLost, at.since(began).as_secs_f64())
        };
        let (cause, seconds) = seal.end.map_or_else(lost, |end| (end.cause, end.duration_seconds));
        self.state.totals.ingest_end(of, cause, seconds, at);
        let record = RecordOf {
            bytes: seal.bytes,
            malformed: seal.malformed,
            sequence_gaps: seal.sequence_gaps,
            complete: seal.is_complete(),
        };
        self.state.totals.ingest_record(of, &record, at);
    }

    /// Takes up a run that was not seen before.
    fn remember(&mut self, batch: &BatchRecord, names: Names) {
        // Runs that never end, since their collector died and no other came, must not add up.
        if limits::METRIC_RUNS_MAX <= self.state.runs.len() {
            self.state.runs.pop_first();
        }
        let run = CountedRun {
            job_label: names.job_label.unwrap_or_else(|| NO_JOB.to_owned()),
            job_type: names.job_type.unwrap_or_else(|| JOB_TYPE_DEFAULT.to_owned()),
            points_upto: batch.offset,
            entries_upto: batch.offset,
        };
        self.state.runs.insert(batch.job_run_id.clone(), run);
    }
}

fn count_event(event: &BuildEvent, totals: &mut MetricsAggregator) {
    match event {
        BuildEvent::BuildEnded(ended) => totals.ingest_build_end(ended.end),
        BuildEvent::TaskEnded(ended) => totals.ingest_task_end(ended.end),
        BuildEvent::PartitionsMade(set) => totals.ingest_partitions(set.partitions.len() as u64, 0),
        BuildEvent::PartitionsFailed(set) => {
            totals.ingest_partitions(0, set.partitions.len() as u64);
        }
        BuildEvent::BuildReceived(_)
        | BuildEvent::BuildPlanning {}
        | BuildEvent::TasksPlanned { .. }
        | BuildEvent::BuildPlanned { .. }
        | BuildEvent::BuildExecuting {}
        | BuildEvent::BuildCancelRequested { .. }
        | BuildEvent::TaskWaiting { .. }
        | BuildEvent::RunScheduled(_)
        | BuildEvent::RunStarted { .. }
        | BuildEvent::RunEnded(_)
        | BuildEvent::PartitionsClaimed(_)
        | BuildEvent::PartitionsReleased(_) => {}
    }
}

/// What a record of the journal says of a stretch that is counted as a whole.
fn whole(batch: &BatchRecord) -> BatchOf {
    let synced = batch.synced.filter(|_| 0 < batch.entries).map(|synced| SyncOf {
        seconds: synced.took.as_secs_f64(),
        delay_seconds: synced.at.since(batch.min_time).as_secs_f64(),
    });
    BatchOf {
        level_counts: batch.level_counts,
        entries: batch.entries,
        bytes: batch.bytes,
        size_counts: batch.size_counts,
        synced,
    }
}

#[cfg(test)]
mod tests;
