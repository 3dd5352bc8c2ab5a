//! What the journals tell, for a reader that goes on where it was: stretches of whole lines of run files,
//! from all journals, in the order in which they became durable.
//!
//! Nothing is kept here that a restart would miss: a reader keeps its places itself. What a stretch holds
//! is not looked into.

mod journal;
mod lines;

use crate::format::journal::{BatchRecord, JournalError};
use crate::fs::Fs;
use crate::store::journal as journals;
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming::JournalName;
use journal::Followed;
use lines::{Piece, read_piece};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Most bytes of one stretch, but for a longer line. A record can stand for a whole file; half of this
/// would cost more calls, and twice of it only memory.
pub const STRETCH_BYTES_MAX: usize = 1 << 20;

/// How far a reader is, by journal. A journal that is not listed is read from its beginning.
pub type Places = BTreeMap<JournalName, u64>;

/// Where a reader begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailStart {
    /// Where an earlier reader was.
    Places(Places),
    /// With all that there is.
    Beginning,
    /// With what is journalled from now on.
    End,
    /// In each journal with the first that became durable at this time or later.
    Since(Timestamp),
}

/// A stretch of a run that became durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The journal that tells of it.
    pub journal: JournalName,
    /// Where its record begins there.
    pub offset: u64,
    /// Where the journal goes on when this is dealt with: behind the record, or at the record itself if
    /// there is more of it to come. From there all of the record comes again.
    pub next: u64,
    /// The run.
    pub job_run_id: JobRunId,
    /// When it became durable; of a record that tells of no sync, the latest time of its entries.
    pub durable_at: Timestamp,
    /// The number of its first line in the run, counted from 0.
    pub first_line: u64,
    /// What it says.
    pub content: Content,
    /// The run is sealed: nothing will follow.
    pub sealed: bool,
}

/// What a stretch says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Whole lines, as they are stored.
    Lines(Vec<u8>),
    /// So many lines were there and are gone.
    Missing(u64),
}

/// What came of one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tailed {
    /// What is new, in the order in which it became durable.
    pub stretches: Vec<Stretch>,
    /// All that the journals tell to have become durable before this was given, now or earlier.
    pub complete_until: Option<Timestamp>,
    /// Journals that are not what the places were of: they are read from their beginning.
    pub anew: Vec<JournalName>,
    /// There was more than was asked for.
    pub more: bool,
}

/// Why the journals cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A later version of the program wrote it.
    #[error("cannot follow {path}")]
    Format {
        /// The journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: JournalError,
    },
}

impl TailError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            TailError::Read { .. } => "look at the folder's permissions and at its disk",
            TailError::Format { .. } => "update databuild: a later version wrote this",
        }
    }
}

/// What one look has to do yet.
struct Look {
    /// The journals that were not looked at, in order.
    names: VecDeque<JournalName>,
    /// The day of the latest.
    today: Option<Day>,
}

/// What one step of a look gave.
enum Step {
    /// There is nothing more.
    End,
    /// A record that has nothing to say.
    Empty,
    /// A stretch, and when it became durable.
    Given(Timestamp, Stretch),
    /// There is more than there is room for; when it became durable.
    Full(Timestamp),
}

/// A reader of what the journals tell.
pub struct JournalTail {
    logs_dir: PathBuf,
    fs: Arc<dyn Fs>,
    journals: BTreeMap<JournalName, Followed>,
}

impl JournalTail {
    /// A reader that begins with all that there is.
    pub fn new(logs_dir: PathBuf, fs: Arc<dyn Fs>) -> JournalTail {
        JournalTail { logs_dir, fs, journals: BTreeMap::new() }
    }

    /// Goes to a place.
    pub fn seek(&mut self, start: &TailStart) -> Result<(), TailError> {
        self.journals.clear();
        let until = match start {
            TailStart::Beginning => return Ok(()),
            TailStart::Places(places) => {
                self.journals =
                    places.iter().map(|(name, offset)| (*name, Followed::at(*offset))).collect();
                return Ok(());
            }
            TailStart::End => None,
            TailStart::Since(time) => Some(*time),
        };
        for name in self.list()? {
            let mut followed = Followed::at(0);
            while self.fill(name, &mut followed, &mut Vec::new())? {
                if !followed.pass_until(until) {
                    break;
                }
            }
            self.journals.insert(name, followed);
        }
        Ok(())
    }

    /// What is new, at most about `bytes_max` bytes of it but at least one stretch. `now` is taken before
    /// the look begins.
    pub fn poll(&mut self, bytes_max: usize, now: Timestamp) -> Result<Tailed, TailError> {
        let mut tailed = Tailed { complete_until: Some(now), ..Tailed::default() };
        let names = self.list()?;
        self.note_loss(&names, &mut tailed.anew);
        let mut look = Look { today: names.iter().map(|name| name.day).max(), names: names.into() };
        let (mut bytes, mut at) = (0, now);
        while !tailed.more {
            match self.step(&mut look, bytes_max.saturating_sub(bytes), &mut tailed.anew) {
                Ok(Step::End) => return Ok(tailed),
                Ok(Step::Empty) => {}
                Ok(Step::Given(durable_at, stretch)) => {
                    bytes += stretch.weight().max(1);
                    at = durable_at;
                    tailed.stretches.push(stretch);
                }
                Ok(Step::Full(next)) => (tailed.more, at) = (true, next),
                // What was read is given first; the same error comes again.
                Err(_) if !tailed.stretches.is_empty() => tailed.more = true,
                Err(error) => return Err(error),
            }
        }
        tailed.complete_until = Some(at.min(now));
        Ok(tailed)
    }

    /// Reads what is next, if it may have `room` bytes.
    fn step(
        &mut self,
        look: &mut Look,
        room: usize,
        anew: &mut Vec<JournalName>,
    ) -> Result<Step, TailError> {
        // What a journal tells became durable on its day or later, so later ones need not be opened yet.
        while let Some(name) = look.names.front().copied()
            && self.earliest().is_none_or(|(at, _)| name.day.start() <= at)
        {
            let mut followed = self.journals.remove(&name).unwrap_or_else(|| Followed::at(0));
            // A collector only goes on with a closed journal on that journal's day.
            let is_over = followed.is_over() && Some(name.day) < look.today;
            let filled = if is_over { Ok(false) } else { self.fill(name, &mut followed, anew) };
            self.journals.insert(name, followed);
            filled?;
            look.names.pop_front();
        }
        let Some((at, name)) = self.earliest() else { return Ok(Step::End) };
        if room == 0 {
            return Ok(Step::Full(at));
        }
        let given = self.give(name, room.min(STRETCH_BYTES_MAX), anew)?;
        Ok(given.map_or(Step::Empty, |stretch| Step::Given(at, stretch)))
    }

    fn list(&self) -> Result<Vec<JournalName>, TailError> {
        journals::list(self.fs.as_ref(), &self.logs_dir)
            .map_err(|source| TailError::Read { path: self.logs_dir.clone(), source })
    }

    /// All journals that were read are gone, so those that are there now were made anew.
    fn note_loss(&mut self, names: &[JournalName], anew: &mut Vec<JournalName>) {
        if names.is_empty() || self.journals.is_empty() {
            return;
        }
        self.journals.retain(|name, _| names.contains(name));
        if self.journals.is_empty() {
            anew.extend(names);
        }
    }

    /// Has a record at hand, if there is one. Whether there is.
    fn fill(
        &self,
        name: JournalName,
        followed: &mut Followed,
        anew: &mut Vec<JournalName>,
    ) -> Result<bool, TailError> {
        followed.fill(self.fs.as_ref(), &self.logs_dir, name, anew)
    }

    /// The journal with the record that became durable first.
    fn earliest(&self) -> Option<(Timestamp, JournalName)> {
        let heads = self.journals.iter().filter_map(|(name, it)| Some((it.head()?.0, *name)));
        heads.min()
    }

    /// The next stretch of a journal, of at most about `room` bytes. Nothing if there is none in the
    /// record that was next.
    fn give(
        &mut self,
        name: JournalName,
        room: usize,
        anew: &mut Vec<JournalName>,
    ) -> Result<Option<Stretch>, TailError> {
        let Some(mut followed) = self.journals.remove(&name) else { return Ok(None) };
        let given = self.read(name, &mut followed, room).and_then(|stretch| {
            if followed.head().is_none() {
                self.fill(name, &mut followed, anew)?;
            }
            Ok(stretch)
        });
        self.journals.insert(name, followed);
        given
    }

    fn read(
        &self,
        name: JournalName,
        followed: &mut Followed,
        room: usize,
    ) -> Result<Option<Stretch>, TailError> {
        let Some((durable_at, batch, end)) = followed.head() else { return Ok(None) };
        let (batch, done, offset) = (batch.clone(), followed.done(), followed.offset());
        let piece = self.piece(&batch, done.bytes, room)?;
        let (content, lines, rest) = match piece {
            Piece::Lines { bytes, lines, rest } => (Content::Lines(bytes), lines, rest),
            Piece::Gone => (Content::Missing(batch.entries.saturating_sub(done.lines)), 0, false),
        };
        let stretch = Stretch {
            journal: name,
            offset,
            next: if rest { offset } else { end },
            job_run_id: batch.job_run_id,
            durable_at,
            first_line: batch.first_line + done.lines,
            sealed: batch.sealed && !rest,
            content,
        };
        if rest {
            followed.advance(stretch.weight() as u64, lines);
        } else {
            followed.pass();
        }
        Ok(Some(stretch))
    }

    fn piece(&self, batch: &BatchRecord, done: u64, room: usize) -> Result<Piece, TailError> {
        read_piece(self.fs.as_ref(), &self.logs_dir, batch, done, room)
            .map_err(|(path, source)| TailError::Read { path, source })
    }
}

impl Stretch {
    fn weight(&self) -> usize {
        match &self.content {
            Content::Lines(lines) => lines.len(),
            Content::Missing(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests;
