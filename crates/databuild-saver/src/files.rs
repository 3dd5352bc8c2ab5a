//! The built-in processor that writes files: each event into the file of its path, each file with its own
//! size, age and archives; exactly once, by the protocol of `databuild_policy::commit`.
//!
//! What a file is called, when it is rolled and which archives go is decided in `databuild_policy`; where
//! bytes go is a sink's business. Here is what is done, and in which order.

mod compress;
mod manager;
mod moves;
mod open;
mod paths;
mod repair;
mod retain;
mod roll;
mod search;
mod writer;

use crate::settings::FilesSettings;
use crate::trouble::of_kind;
use databuild_io::sink::{Sink, SinkError, SinkErrorKind};
use databuild_model::time::Timestamp;
use databuild_plugin::processor::{
    Checkpointer, Done, LogEvent, LogProcessor, ProcessorError, ProcessorErrorKind, Properties,
    Tally,
};
use databuild_policy::commit::Outputs;
use databuild_policy::layout::Scratch;
use paths::Paths;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use writer::{Hindrance, MultiFileWriter};

/// What the tries of one start of a pipeline remember together.
#[derive(Debug, Clone, Default)]
pub struct Begun(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    /// Files that were opened: what is in one that is opened for the first time was left by an earlier start.
    opened: HashSet<String>,
    /// Files that were rolled, or that an earlier process wrote: where archives are.
    rolled: BTreeSet<String>,
    /// What each file was rolled into last, before it is compressed.
    newest: HashMap<String, String>,
    /// Whether the folders were searched for files of earlier starts.
    searched: bool,
    /// When archives were looked at last.
    looked: Option<Timestamp>,
}

impl Begun {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the events of a pipeline into files.
pub struct FileProcessor {
    settings: Arc<FilesSettings>,
    writer: MultiFileWriter,
    paths: Paths,
    /// What rendering needs: kept, so that nothing is allocated per event.
    scratch: Scratch,
    /// The last position that was taken.
    taken: Option<u64>,
}

impl FileProcessor {
    /// A processor for files in `sink`, which is at the base of the paths in `settings`.
    pub fn new(settings: FilesSettings, sink: Arc<dyn Sink>) -> FileProcessor {
        let settings = Arc::new(settings);
        FileProcessor {
            writer: MultiFileWriter::new(Arc::clone(&settings), sink),
            paths: Paths::new(settings.path.clone()),
            settings,
            scratch: Scratch::default(),
            taken: None,
        }
    }

    /// Files that are gone were taken away on purpose: they are begun anew.
    #[must_use]
    pub fn accepting_loss(mut self) -> FileProcessor {
        self.writer.accepts_loss = true;
        self
    }

    /// One of several tries of one start: what an earlier try wrote was not left by an earlier start. Without
    /// it this is a start of its own.
    #[must_use]
    pub fn in_start(mut self, begun: &Begun) -> FileProcessor {
        self.writer.begun = begun.clone();
        self
    }

    fn commit(&mut self, checkpoints: &mut dyn Checkpointer) -> Result<(), ProcessorError> {
        let done = self.taken.map_or(Done::AsBefore, Done::Upto);
        self.writer.commit(done, checkpoints)
    }

    /// Takes the first of `events`, the rest of a batch.
    fn take(
        &mut self,
        events: &[LogEvent<'_>],
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let Some(event) = events.first() else { return Ok(()) };
        let number = self.paths.number(&event.view);
        // A clock that is ahead does not roll what others write.
        let when = event.view.timestamp.min(now);
        loop {
            let Some(place) = self.paths.at(number) else { return Ok(()) };
            let (layout, scratch) = (&self.settings.layout, &mut self.scratch);
            let mut render = |out: &mut Vec<u8>| layout.render(&event.view, scratch, out);
            let Some(why) = self.writer.append(place, when, &mut render)? else { break };
            match why {
                Hindrance::Closed => self.open_new(events, checkpoints)?,
                Hindrance::Full(cause) => {
                    let path = place.path.clone();
                    self.commit(checkpoints)?;
                    self.writer.roll_for(&path, cause, when, checkpoints)?;
                }
            }
        }
        self.taken = Some(event.position);
        Ok(())
    }

    /// Opens the files of the rest of a batch that are not open, in one go; the first one for certain.
    fn open_new(
        &mut self,
        events: &[LogEvent<'_>],
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let numbers: Vec<usize> =
            events.iter().map(|event| self.paths.number(&event.view)).collect();
        let mut seen = HashSet::new();
        let new: Vec<String> = numbers
            .iter()
            .map(|number| self.paths.path(*number))
            .filter(|path| !self.writer.knows(path) && seen.insert(*path))
            .map(str::to_owned)
            .collect();
        if self.writer.is_crowded_by(new.len()) {
            self.commit(checkpoints)?;
            self.writer.make_room(new.len(), checkpoints)?;
        }
        self.writer.announce(new.iter().map(String::as_str), checkpoints)
    }
}

impl LogProcessor for FileProcessor {
    fn initialize(
        &mut self,
        _properties: &Properties,
        recovered: &Outputs,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.writer.recover(recovered, checkpoints)
    }

    fn process(
        &mut self,
        events: &[LogEvent<'_>],
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.writer.now = Some(now);
        self.writer.look_at_first(now)?;
        self.paths.begin();
        let rest = |n: usize| events.get(n..).unwrap_or_default();
        (0..events.len()).try_for_each(|n| self.take(rest(n), now, checkpoints))
    }

    fn flush(
        &mut self,
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.writer.now = Some(now);
        self.commit(checkpoints)?;
        self.writer.roll_idle(now, checkpoints)?;
        self.writer.close_idle(now, checkpoints)?;
        self.writer.look_now_and_then(now)
    }

    fn tally(&self) -> Tally {
        self.writer.tally()
    }

    fn destroy(
        &mut self,
        now: Timestamp,
        deadline: Duration,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.writer.now = Some(now);
        // Rolling what is idle and looking at archives can wait for the next start.
        self.commit(checkpoints)?;
        // The other half is for what was above, which no clock here measures.
        self.writer.close(deadline / 2, checkpoints)
    }
}

/// What a sink says, as what a processor says.
fn trouble(error: SinkError) -> ProcessorError {
    let kind = match error.kind {
        SinkErrorKind::BadPath => ProcessorErrorKind::Fatal,
        SinkErrorKind::Missing
        | SinkErrorKind::Exists
        | SinkErrorKind::Short
        | SinkErrorKind::Denied
        | SinkErrorKind::Full
        | SinkErrorKind::Transient => ProcessorErrorKind::Transient,
    };
    of_kind(error, kind)
}

#[cfg(test)]
mod tests;
