//! One run that is being collected: bytes of the pipe into lines, lines into the files, and what is
//! not yet durable. When to read and when to sync is decided in the worker.

mod take;

use super::index_file::IndexFile;
use super::line::{Batch, LineLabeller, Pieces};
use super::mark::Mark;
use super::note::Noter;
use super::open::{RunFiles, header_of};
use super::remark;
use super::retained::{Retained, Spare};
use super::sync::Target;
use super::ticket::CollectError;
use super::trouble::Trouble;
use super::{RunContext, RunWatch};
use crate::format::{BatchRecord, RunRecord};
use crate::fs::{self, Fs, FsFile};
use crate::limits;
use crate::store::RunPaths;
use crate::store::rebuild::Counted;
use crate::store::rewrite::{Rewrite, Rewritten, Upto};
use crate::store::tally::{BatchTally, HashPoint, RunTally};
use databuild_model::entry::{Kind, WrapperJobEvent};
use databuild_model::level::Level;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::batch::BatchState;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// A run's pipe, files and counts.
pub(super) struct Run {
    pub(super) context: RunContext,
    pub(super) paths: RunPaths,
    pub(super) pipe: OwnedFd,
    /// Bytes that the pipe holds when it is full.
    pub(super) capacity: usize,
    pub(super) batching: BatchState,
    /// The interest in the pipe that the kernel knows.
    pub(super) interest: Interest,
    pub(super) read_at: Option<Duration>,
    /// When the pipe was last looked at.
    pub(super) looked_at: Option<Duration>,
    pub(super) sync: SyncState,
    /// What the disk may lose.
    retained: Retained,
    /// The disk could not keep the file.
    pub(super) trouble: Option<Trouble>,
    /// Failures since the disk last kept something.
    pub(super) failures: u32,
    /// The names of the files are durable.
    pub(super) named: bool,
    /// Writes that failed in a row for lack of space.
    pub(super) full: u32,
    pub(super) ended: bool,
    pub(super) sealed: Option<RunRecord>,
    /// What becomes of it at its end.
    pub(super) ending: Ending,
    pub(super) mark: Option<Mark>,
    done: SyncSender<Result<RunRecord, CollectError>>,
    noter: Option<Noter>,
    labeller: LineLabeller,
    tally: RunTally,
    unsynced: BatchTally,
    /// Entries up to this number were stored before the pipe was opened; when they come again they
    /// are left out. 0 when none can come any more.
    repeats_until: u64,
    /// The first of those that came, and the one behind the last.
    repeated: Range<u64>,
    /// What the collector itself has to put on record.
    remarks: Vec<WrapperJobEvent>,
    /// The beginning of a line whose end has not come.
    carry: Vec<u8>,
    /// How much of a line that is too long was stored; nothing while lines are of a length.
    overlong: Option<Pieces>,
    pub(super) entries: Arc<dyn FsFile>,
    index: IndexFile,
    /// What should be in the entries and is not yet.
    entries_rest: Vec<u8>,
    /// Bytes of the entries that are in the file.
    stored_bytes: u64,
}

/// What the kernel is asked to tell about a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// That there is something to read, or that it was closed.
    Data,
    /// That it was closed.
    Close,
    /// Nothing.
    Nothing,
}

/// What becomes of a run at the end of its pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is sealed.
    Seal,
    /// The pipe has ended before the run did, and another wrapper may go on with it.
    LeaveOpen,
    /// It is sealed, and told to have failed: nobody wants to wait for space.
    Starve,
}

/// What of a run is not durable yet.
#[derive(Debug, Default)]
pub(super) struct SyncState {
    /// Since when something is not.
    pub(super) dirty_since: Option<Duration>,
    /// A timer is set for it.
    pub(super) timer: bool,
    /// It must become so at once.
    pub(super) urgent: bool,
    /// It goes with the next round of syncs.
    pub(super) waiting: bool,
    /// What is on its way to the disk.
    pub(super) in_flight: Option<BatchTally>,
    /// Since when that is not durable.
    pub(super) in_flight_since: Option<Duration>,
    /// The sequence number of the last entry of that.
    pub(super) in_flight_sequence: u64,
    /// Bytes of the entries that a sync covered.
    pub(super) synced_bytes: u64,
    /// What is surely in the file: a sync covered it, or it was read from there.
    pub(super) safe: HashPoint,
    /// The sequence number of its last entry.
    pub(super) safe_sequence: u64,
    /// What will be when the sync on its way succeeds.
    in_flight_upto: HashPoint,
    /// Syncs that were begun before the file was replaced are of another generation.
    pub(super) generation: u32,
    /// Nothing more is read before what was taken last, so many bytes of the pipe, is durable.
    pub(super) then_read: Option<usize>,
}

impl SyncState {
    /// Since when something of the run is not durable.
    pub(super) fn unsynced_since(&self) -> Option<Duration> {
        let on_its_way = self.in_flight_since.filter(|_| self.in_flight.is_some());
        on_its_way.or(self.dirty_since)
    }
}

/// What a new run is made of.
pub(super) struct NewRun {
    pub(super) context: RunContext,
    pub(super) pipe: OwnedFd,
    pub(super) fs: Arc<dyn Fs>,
    pub(super) files: RunFiles,
    pub(super) watch: Option<Box<dyn RunWatch>>,
    pub(super) done: SyncSender<Result<RunRecord, CollectError>>,
}

impl Run {
    pub(super) fn new(new: NewRun) -> Run {
        let header = header_of(&new.context);
        let RunFiles { paths, entries, index, tally, unsynced, torn } = new.files;
        entries.may_rest(&paths.entries);
        let index = match index {
            Some((file, rest)) => IndexFile::begun(new.fs, paths.index.clone(), file, rest),
            None => IndexFile::new(new.fs, paths.index.clone(), &header),
        };
        let repeats_until = tally.so_far().last_sequence;
        let stored_bytes = tally.so_far().bytes;
        let synced_bytes = unsynced.begin();
        let mark = new.context.stored_mark.clone().map(|path| Mark::new(path, synced_bytes));
        let sync = SyncState {
            synced_bytes,
            safe: tally.point(),
            safe_sequence: tally.so_far().last_sequence,
            ..SyncState::default()
        };
        Run {
            context: new.context,
            paths,
            capacity: rustix::pipe::fcntl_getpipe_size(&new.pipe).unwrap_or(PIPE_BYTES),
            pipe: new.pipe,
            batching: BatchState::default(),
            interest: Interest::Nothing,
            read_at: None,
            looked_at: None,
            sync,
            retained: Retained::new(stored_bytes, synced_bytes),
            trouble: None,
            failures: 0,
            named: false,
            full: 0,
            ended: false,
            sealed: None,
            ending: Ending::Seal,
            mark,
            done: new.done,
            noter: new.watch.map(Noter::new),
            tally,
            labeller: LineLabeller::new(header),
            unsynced,
            repeats_until,
            repeated: 0..0,
            remarks: if torn == 0 { Vec::new() } else { vec![remark::cut_line(torn)] },
            carry: Vec::new(),
            overlong: None,
            entries: Arc::from(entries),
            index,
            entries_rest: Vec::new(),
            stored_bytes,
        }
    }

    /// The record of the journal by which the recovery finds the run: of no bytes, where it goes on.
    pub(super) fn begun(&self) -> BatchRecord {
        let (offset, line) = (self.unsynced.begin(), self.unsynced.first_line());
        BatchTally::from(offset, line).record(self.context.job_run_id.clone(), self.day(), false)
    }

    /// What another collector stored and told of in no journal must become durable by this one.
    pub(super) fn dirty_from_before(&mut self, now: Duration) {
        if !self.unsynced.is_empty() {
            self.sync.dirty_since = Some(now);
        }
    }

    /// The day whose folder the run is in.
    pub(super) fn day(&self) -> Day {
        self.context.started_at.day()
    }

    /// Counts the lines of `batch`, the first of which came at `since` or later, and gives them to the
    /// files.
    pub(super) fn store(
        &mut self,
        batch: &mut Batch,
        spare: &mut Spare,
        since: Duration,
    ) -> io::Result<()> {
        let mut from = 0;
        for (facts, end) in &batch.lines {
            let bytes = (end + 1 - from) as u64;
            self.tally.line(Some(facts), bytes);
            self.unsynced.line(Some(facts), bytes);
            self.sync.urgent |= facts.level.is_some_and(|level| Level::Error <= level)
                || facts.kind == Kind::Manifest
                || facts.end.is_some();
            if let Some(noter) = &mut self.noter {
                noter.line(facts, batch.bytes.get(from..*end).unwrap_or_default());
            }
            from = end + 1;
        }
        self.tally.hash(&batch.bytes);
        self.retained.push(&batch.bytes, spare);
        if self.tally.has_blocks() {
            self.index.blocks(&self.tally.take_blocks());
        }
        if !batch.lines.is_empty() {
            self.sync.dirty_since.get_or_insert(since);
        }
        if self.entries_rest.is_empty() {
            std::mem::swap(&mut self.entries_rest, &mut batch.bytes);
        } else {
            self.entries_rest.append(&mut batch.bytes);
        }
        let written = self.write_rest();
        if self.entries_rest.is_empty() {
            // The buffer is as large as the largest batch of any run: it goes back.
            std::mem::swap(&mut self.entries_rest, &mut batch.bytes);
        }
        batch.clear();
        written?;
        if let Some(noter) = &mut self.noter {
            noter.tell();
        }
        Ok(())
    }

    /// Writes what the files lack: first the entries, then what the index says of them.
    pub(super) fn write_rest(&mut self) -> io::Result<()> {
        let before = self.entries_rest.len();
        let written = drain(self.entries.as_ref(), &mut self.entries_rest);
        self.stored_bytes += (before - self.entries_rest.len()) as u64;
        written?;
        self.index.write()
    }

    /// Whether the files lack something, or are none to write to.
    pub(super) fn is_behind(&self) -> bool {
        self.trouble.is_some() || !self.entries_rest.is_empty() || self.index.is_behind()
    }

    /// Seals the run, whose last line is in the file; one that is left open gets its record only.
    pub(super) fn seal(&mut self) -> io::Result<()> {
        if self.ending == Ending::LeaveOpen {
            self.sealed = Some(self.tally.so_far().clone());
            self.sync.urgent = true;
            self.index.hurry();
            return self.write_rest();
        }
        let (blocks, record) = std::mem::take(&mut self.tally).finish();
        self.index.blocks(&blocks);
        self.index.seal(&record);
        self.sealed = Some(record);
        self.sync.urgent = true;
        self.write_rest()
    }

    /// What was written until now is on its way to the disk.
    pub(super) fn begin_sync(&mut self) {
        self.sync.in_flight = Some(self.unsynced.take());
        self.sync.in_flight_since = self.sync.dirty_since.take();
        let record = self.sealed.as_ref().unwrap_or(self.tally.so_far());
        self.sync.in_flight_sequence = record.last_sequence;
        self.sync.in_flight_upto = self.said();
        self.sync.urgent = false;
    }

    /// What was on its way to the disk is there. Answers what it was.
    pub(super) fn end_sync(&mut self, spare: &mut Spare) -> BatchTally {
        let stretch = self.sync.in_flight.take().unwrap_or_default();
        self.named = true;
        self.failures = 0;
        self.sync.synced_bytes = stretch.end();
        self.sync.safe = std::mem::take(&mut self.sync.in_flight_upto);
        self.sync.safe_sequence = self.sync.in_flight_sequence;
        self.retained.synced(self.sync.safe.bytes(), spare);
        stretch
    }

    /// All that the run said.
    fn said(&self) -> HashPoint {
        match &self.sealed {
            Some(record) if self.ending != Ending::LeaveOpen => {
                HashPoint::Known(Upto { bytes: record.bytes, hash: record.blake3 })
            }
            Some(_) | None => self.tally.point(),
        }
    }

    /// The disk could not keep the file: puts together what is needed for another.
    pub(super) fn doubt(
        &mut self,
        path: PathBuf,
        error: io::Error,
        of_write: bool,
        now: Timestamp,
    ) {
        let told = self.sync.in_flight.as_ref().unwrap_or(&self.unsynced).begin();
        self.sync.generation = self.sync.generation.wrapping_add(1);
        self.sync.in_flight = None;
        let (held, held_from) = match self.retained.tail() {
            (tail, from) if from <= self.stored_bytes => (tail.to_vec(), from),
            _ => (self.entries_rest.clone(), self.stored_bytes),
        };
        let last = self.sealed.as_ref().unwrap_or(self.tally.so_far()).last_sequence;
        let lost = self.sync.safe_sequence + 1..last + 1;
        let rewrite = Rewrite {
            paths: self.paths.clone(),
            header: header_of(&self.context),
            old: Arc::clone(&self.entries),
            held,
            held_from,
            said: self.said().upto(),
            safe: self.sync.safe.upto(),
            told,
            note: self.labeller.event_line(remark::rewritten(&self.paths, &error), now),
            loss: self
                .labeller
                .event_line(remark::lost(&self.paths, &error, lost, self.mark.is_some()), now),
        };
        self.trouble = Some(Trouble::new(rewrite, path, error, of_write));
    }

    /// Goes on with a new file. Answers what of it is in no journal.
    pub(super) fn take_over(&mut self, new: Rewritten) -> BatchTally {
        let replayed = self.sealed.as_ref().unwrap_or(self.tally.so_far()).replayed;
        let Counted { mut tally, since_mark, .. } = new.counted;
        tally.replay(replayed);
        let mut stretch = since_mark;
        let behind = BatchTally::from(stretch.end(), tally.so_far().entries);
        new.entries.may_rest(&self.paths.entries);
        self.entries = Arc::from(new.entries);
        self.index.replace(new.index);
        self.entries_rest = Vec::new();
        self.stored_bytes = tally.so_far().bytes;
        self.unsynced = behind;
        self.retained = Retained::new(self.stored_bytes, self.stored_bytes);
        (self.trouble, self.sealed, self.named) = (None, None, true);
        self.tally = tally;
        let (safe, sequence) = (self.tally.point(), self.tally.so_far().last_sequence);
        self.sync = SyncState {
            safe,
            safe_sequence: sequence,
            in_flight_sequence: sequence,
            synced_bytes: self.stored_bytes,
            timer: self.sync.timer,
            waiting: self.sync.waiting,
            generation: self.sync.generation,
            ..SyncState::default()
        };
        stretch.take()
    }

    /// Whether what was written must become durable although nobody asks for it before the end: now,
    /// at the end, or because a spool is not emptied before.
    pub(super) fn must_be_synced(&self) -> bool {
        let since = self.stored_bytes - self.sync.synced_bytes;
        self.sealed.is_some() || (self.mark.is_some() && limits::SPOOL_SYNC_BYTES <= since)
    }

    /// What must be synced for that. The index only with the seal: until then it can be rebuilt.
    pub(super) fn sync_targets(&self) -> Vec<Target> {
        let mut targets = vec![Target::File(self.paths.entries.clone(), Arc::clone(&self.entries))];
        let seals = self.sealed.is_some() && self.ending != Ending::LeaveOpen;
        if seals {
            targets.extend(self.index.target());
        }
        if !self.named || seals && self.index.is_unnamed() {
            targets.push(Target::Dir(self.paths.dir.clone()));
        }
        targets
    }

    /// Nothing more is taken for lack of space: what comes next, and what is taken and not written yet
    /// up to its last whole line, is the end of the run's file.
    pub(super) fn starve(&mut self, now: Timestamp, batch: &mut Batch) {
        (self.ended, self.ending) = (true, Ending::Starve);
        self.carry = Vec::new();
        let next = self.tally.so_far().last_sequence + 1;
        self.labeller.remark(remark::no_space(next), now, batch);
    }

    /// Whether the run has only its end to write, or its wrapper is gone, so that what is still to come
    /// is in the pipe.
    pub(super) fn is_ending(&self) -> bool {
        if self.ended {
            return true;
        }
        let mut poll = [PollFd::new(&self.pipe, PollFlags::empty())];
        let asked = rustix::event::poll(&mut poll, Some(&Timespec::default()));
        asked.is_ok() && poll.iter().any(|fd| fd.revents().contains(PollFlags::HUP))
    }

    /// How the run is told to have ended.
    pub(super) fn result(&mut self) -> Result<RunRecord, CollectError> {
        let record = self.sealed.take().unwrap_or_default();
        if self.ending == Ending::Starve { Err(self.no_space()) } else { Ok(record) }
    }

    /// The error of a run that is not stored to its end for lack of space.
    pub(super) fn no_space(&self) -> CollectError {
        CollectError::Full { path: self.paths.entries.clone(), stored_bytes: self.stored_bytes }
    }

    /// Whether a write failed for lack of space, which may come.
    pub(super) fn is_full(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Ends the run with its record or with why there is none. Nobody may be waiting any more.
    pub(super) fn finish(mut self, result: Result<RunRecord, CollectError>) {
        // A last batch that waited for space was stored without a word.
        if let Some(noter) = &mut self.noter {
            noter.tell();
        }
        let done = self.done.clone();
        // The pipe, the files and the lock are given back before anybody is told.
        drop(self);
        drop(done.try_send(result));
    }

    /// The file that could not be written to.
    pub(super) fn behind_path(&self) -> PathBuf {
        let behind = !self.entries_rest.is_empty();
        if behind { self.paths.entries.clone() } else { self.paths.index.clone() }
    }
}

/// What Linux gives a pipe.
const PIPE_BYTES: usize = 64 << 10;

/// Appends `rest` to `file` and leaves in it what could not be written.
pub(super) fn drain(file: &dyn FsFile, rest: &mut Vec<u8>) -> io::Result<()> {
    if rest.is_empty() {
        return Ok(());
    }
    match fs::append_all(file, rest) {
        Ok(()) => {
            rest.clear();
            Ok(())
        }
        Err((done, error)) => {
            rest.drain(..done);
            Err(error)
        }
    }
}
