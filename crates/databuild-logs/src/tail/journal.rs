//! One journal that is followed: what was read of it, and what was given.

use super::TailError;
use crate::format::journal::{self as format, BatchRecord, JournalPlace, JournalRecord};
use crate::fs::{self, Fs};
use crate::store::journal::{self as journals, NoRecord};
use databuild_model::time::Timestamp;
use databuild_policy::naming::JournalName;
use std::collections::VecDeque;
use std::io;
use std::path::Path;

/// Journals read at once: some thousand records.
const READ_BYTES: usize = 256 << 10;

/// How much of the record that is next was given.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Given {
    pub(super) bytes: u64,
    pub(super) lines: u64,
}

/// A journal, from a place on.
#[derive(Debug)]
pub(super) struct Followed {
    /// Where the record is that is next.
    offset: u64,
    done: Given,
    /// Records that were read and have something to say, with when they became durable and where they end.
    ahead: VecDeque<(Timestamp, BatchRecord, u64)>,
    /// Behind the last record that was read.
    read_upto: u64,
    /// When the latest record that was read became durable.
    newest: Timestamp,
    /// The collector ended in order with the last record that was read.
    closed: bool,
    /// The size at which its end was found to be no record, but the rest to be what was read.
    torn: Option<u64>,
}

impl Followed {
    pub(super) fn at(offset: u64) -> Followed {
        Followed {
            offset,
            done: Given::default(),
            ahead: VecDeque::new(),
            read_upto: offset,
            newest: Timestamp::MIN,
            closed: false,
            torn: None,
        }
    }

    /// The record that is next, with when it became durable and where it ends.
    pub(super) fn head(&self) -> Option<(Timestamp, &BatchRecord, u64)> {
        self.ahead.front().map(|(at, batch, end)| (*at, batch, *end))
    }

    /// Where the record that is next begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How much of it was given.
    pub(super) fn done(&self) -> Given {
        self.done
    }

    /// So much more of it was given.
    pub(super) fn advance(&mut self, bytes: u64, lines: u64) {
        self.done.bytes += bytes;
        self.done.lines += lines;
    }

    /// All of it was given.
    pub(super) fn pass(&mut self) {
        self.done = Given::default();
        self.offset = match self.ahead.pop_front() {
            Some((_, _, end)) => end,
            None => self.read_upto,
        };
    }

    /// Passes over what became durable before `until`, or over everything; whether it passed over all
    /// that is at hand.
    pub(super) fn pass_until(&mut self, until: Option<Timestamp>) -> bool {
        while let Some((at, _, _)) = self.head() {
            if until.is_some_and(|until| until <= at) {
                return false;
            }
            self.pass();
        }
        self.offset = self.read_upto;
        true
    }

    /// Whether nothing will follow, unless its collector's day is still going on.
    pub(super) fn is_over(&self) -> bool {
        self.closed && self.ahead.is_empty()
    }

    /// Reads on until there is a record at hand, or no more to read. Whether there is one.
    pub(super) fn fill(
        &mut self,
        fs: &dyn Fs,
        logs_dir: &Path,
        name: JournalName,
        anew: &mut Vec<JournalName>,
    ) -> Result<bool, TailError> {
        let path = journals::journal_path(logs_dir, name);
        while self.ahead.is_empty() {
            let went_on = self.read(fs, logs_dir, name, anew).map_err(|trouble| match trouble {
                Trouble::Io(source) => TailError::Read { path: path.clone(), source },
                Trouble::Format(source) => TailError::Format { path: path.clone(), source },
            })?;
            if !went_on {
                break;
            }
        }
        Ok(!self.ahead.is_empty())
    }

    /// Reads some records. `false` if there are none.
    fn read(
        &mut self,
        fs: &dyn Fs,
        logs_dir: &Path,
        name: JournalName,
        anew: &mut Vec<JournalName>,
    ) -> Result<bool, Trouble> {
        let place = JournalPlace { journal: name, offset: self.read_upto };
        let records = match journals::read_each_from(fs, logs_dir, place, READ_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            records => records?,
        };
        if records.is_empty() {
            return self.look_why(fs, logs_dir, place, anew);
        }
        self.torn = None;
        for (record, end) in records {
            self.closed = matches!(record, JournalRecord::Closed);
            if let JournalRecord::Batch(batch) = record
                && let Some(at) = self.time_of(&batch)
            {
                self.ahead.push_back((at, batch, end));
            }
            self.read_upto = end;
        }
        Ok(true)
    }

    /// When a record became durable; nothing if it has nothing to say.
    fn time_of(&mut self, batch: &BatchRecord) -> Option<Timestamp> {
        let of_entries = Some(batch.max_time).filter(|_| 0 < batch.entries);
        let told = batch.synced.map(|synced| synced.at).or(of_entries);
        // The seal of a run that was recovered tells no time of its own.
        let at = told.unwrap_or(self.newest);
        self.newest = self.newest.max(at);
        (0 < batch.bytes || batch.sealed).then_some(at)
    }

    /// No record follows: that is the end, or one is being written, or this is another journal than the
    /// one that was read. Whether it is to be read again.
    fn look_why(
        &mut self,
        fs: &dyn Fs,
        logs_dir: &Path,
        place: JournalPlace,
        anew: &mut Vec<JournalName>,
    ) -> Result<bool, Trouble> {
        let why = journals::why_no_record(fs, logs_dir, place, self.torn)?;
        if why == NoRecord::Nothing {
            return Ok(false);
        }
        let file = fs.open_read(&journals::journal_path(logs_dir, place.journal))?;
        let mut magic = [0; format::MAGIC.len()];
        let got = fs::read_full_at(file.as_ref(), &mut magic, 0)?;
        let head = magic.get(..got).unwrap_or_default();
        // A power cut can leave a file its size and zeros.
        if head.first().is_some_and(|byte| *byte != 0) {
            format::read_header(head).map_err(Trouble::Format)?;
        }
        match why {
            NoRecord::Nothing => Ok(false),
            NoRecord::Torn(size) => {
                self.torn = Some(size);
                Ok(false)
            }
            NoRecord::Replaced(size) => {
                *self = Followed::at(0);
                anew.push(place.journal);
                Ok(0 < size)
            }
        }
    }
}

/// Why a journal cannot be read.
pub(super) enum Trouble {
    Io(io::Error),
    Format(format::JournalError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Io(error)
    }
}
