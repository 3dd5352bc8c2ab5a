//! The checkpoint of a pipeline: a lock, and files of records of which the last whole one counts. One saver
//! at a time holds it; each start takes a new epoch and a new file.

use crate::format::checkpoint::{self as format, Change, FormatError, State};
use crate::limits;
use databuild_io::sink::{FilePlace, Sink, SinkError, SinkFile, SinkLock};
use std::sync::Arc;

/// The checkpoint, held.
#[derive(Debug)]
pub(crate) struct CheckpointLog {
    sink: Arc<dyn Sink>,
    folder: String,
    /// Of the file that is written.
    number: u64,
    file: Box<dyn SinkFile>,
    length: u64,
    /// What the last record says.
    last: State,
    _lock: Box<dyn SinkLock>,
}

/// Why there is no checkpoint, or no further record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    /// Another saver holds it.
    #[error("another saver runs this pipeline")]
    Held,
    /// Somebody removed or renamed the file that is being written.
    #[error("somebody has taken the checkpoint {path} away")]
    Taken {
        /// The file.
        path: String,
    },
    /// A later version of the program wrote it.
    #[error("{path} is of a later version")]
    Newer {
        /// The file.
        path: String,
        /// Which.
        #[source]
        source: FormatError,
    },
    /// The place does not do what is asked.
    #[error("the checkpoint cannot be kept")]
    Sink(#[from] SinkError),
}

impl CheckpointError {
    /// What to do about it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            CheckpointError::Held => "stop the other one, or leave the pipeline to it",
            CheckpointError::Taken { .. } => "leave the saver's own folder to the saver",
            CheckpointError::Newer { .. } => "update databuild",
            CheckpointError::Sink(error) => error.remedy(),
        }
    }
}

const PREFIX: &str = "checkpoint.";

impl CheckpointLog {
    /// Takes the checkpoint in `folder` and begins a new epoch. Nothing if there was no checkpoint yet.
    pub(crate) fn open(
        sink: &Arc<dyn Sink>,
        folder: &str,
    ) -> Result<(CheckpointLog, Option<State>), CheckpointError> {
        let lock = sink.lock(&format!("{folder}/lock"))?.ok_or(CheckpointError::Held)?;
        let numbers = numbers(sink.as_ref(), folder)?;
        let found = peek(sink.as_ref(), folder)?;
        let mut last = found.clone().unwrap_or_default();
        last.epoch += 1;
        let number = numbers.last().map_or(1, |number| number + 1);
        // Written anew rather than gone on with: what a saver that was killed had not synced counts from
        // here on, so it has to survive a power cut first.
        let (file, length) = begin(sink.as_ref(), folder, number, &last)?;
        let log = CheckpointLog {
            sink: Arc::clone(sink),
            folder: folder.to_owned(),
            number,
            file,
            length,
            last,
            _lock: lock,
        };
        for number in numbers {
            log.sink.remove(&path(folder, number))?;
        }
        Ok((log, found))
    }

    /// What the last record says.
    pub(crate) fn last(&self) -> &State {
        &self.last
    }

    /// Writes what `state` has more than the last record, synced when this returns.
    pub(crate) fn write(&mut self, mut state: State) -> Result<(), CheckpointError> {
        state.epoch = self.last.epoch;
        let FilePlace::Here { bytes } = self.file.place()? else {
            return Err(CheckpointError::Taken { path: path(&self.folder, self.number) });
        };
        // One that somebody else wrote into or cut is not gone on with.
        if limits::CHECKPOINT_BYTES_MAX < self.length || bytes != self.length {
            let number = self.number + 1;
            (self.file, self.length) = begin(self.sink.as_ref(), &self.folder, number, &state)?;
            self.sink.remove(&path(&self.folder, self.number))?;
            (self.number, self.last) = (number, state);
            return Ok(());
        }
        let mut out = Vec::new();
        format::write_change(&change(&self.last, &state), &mut out);
        self.file.append(&out)?;
        self.length = self.file.sync()?;
        self.last = state;
        // One that slept on the way has written where nobody reads, and must not go on.
        match self.file.place()? {
            FilePlace::Here { .. } => Ok(()),
            FilePlace::Renamed | FilePlace::Removed => {
                Err(CheckpointError::Taken { path: path(&self.folder, self.number) })
            }
        }
    }
}

/// What the last record says, for one who only looks. Another may be writing it.
pub(crate) fn peek(sink: &dyn Sink, folder: &str) -> Result<Option<State>, CheckpointError> {
    for number in numbers(sink, folder)?.iter().rev() {
        let found = read(sink, &path(folder, *number))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What `after` has more than `before`.
fn change(before: &State, after: &State) -> Change {
    let changed = after.sources.iter().filter(|(run, it)| before.sources.get(*run) != Some(it));
    let sources = changed.map(|(run, it)| (run.clone(), it.clone())).collect();
    let gone = before.sources.keys().filter(|run| !after.sources.contains_key(*run));
    Change { state: State { sources, ..after.clone() }, forgotten: gone.cloned().collect() }
}

fn path(folder: &str, number: u64) -> String {
    format!("{folder}/{PREFIX}{number:06}")
}

/// The files that there are, the latest last.
fn numbers(sink: &dyn Sink, folder: &str) -> Result<Vec<u64>, SinkError> {
    let files = sink.list(folder)?;
    let number = |name: &str| name.strip_prefix(PREFIX)?.parse().ok();
    let mut numbers: Vec<u64> = files.iter().filter_map(|file| number(&file.name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn read(sink: &dyn Sink, path: &str) -> Result<Option<State>, CheckpointError> {
    let bytes = sink.read(path, 0, limits::CHECKPOINT_READ_BYTES_MAX)?;
    let newer = |source| CheckpointError::Newer { path: path.to_owned(), source };
    Ok(format::read(&bytes).map_err(newer)?.0)
}

/// A new file that says everything.
fn begin(
    sink: &dyn Sink,
    folder: &str,
    number: u64,
    state: &State,
) -> Result<(Box<dyn SinkFile>, u64), CheckpointError> {
    let path = path(folder, number);
    let mut out = Vec::new();
    format::write_full(state, &mut out);
    let mut file = sink.append_from(&path, 0)?;
    file.append(&out)?;
    let length = file.sync()?;
    sink.sync_names(&path)?;
    Ok((file, length))
}

#[cfg(test)]
mod tests;
