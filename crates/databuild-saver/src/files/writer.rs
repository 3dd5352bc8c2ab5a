//! All files of a pipeline that are open: which there are, when they are committed, and which is closed when
//! there are too many.

use super::Begun;
use super::compress::Compressor;
use super::manager::FileManager;
use super::open::OpenFiles;
use super::paths::Place;
use super::trouble;
use crate::limits;
use crate::settings::FilesSettings;
use databuild_io::sink::{FilePlace, Sink, SinkError};
use databuild_model::time::Timestamp;
use databuild_plugin::processor::{
    Checkpointer, Done, Loss, ProcessorError, ProcessorErrorKind, Tally,
};
use databuild_policy::commit::Outputs;
use databuild_policy::roll::{ActiveFile, RollCause};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Why an event cannot go into its file yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// The file is not open.
    Closed,
    /// The file has to be rolled before.
    Full(RollCause),
}

/// Writes many files, one for each path.
pub(super) struct MultiFileWriter {
    pub(super) settings: Arc<FilesSettings>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) managers: OpenFiles,
    /// What the last record says.
    pub(super) recorded: Outputs,
    /// Files whose names may not survive a power cut: made by us, or found, since whoever made them may have
    /// been killed before their names were synced.
    unnamed: BTreeSet<String>,
    /// What this start remembers.
    pub(super) begun: Begun,
    /// Files that are gone are begun anew, wherever the folder is now.
    pub(super) accepts_loss: bool,
    /// The time, as far as it was told.
    pub(super) now: Option<Timestamp>,
    pub(super) compressor: Option<Compressor>,
    buffered: usize,
    uses: u64,
    pub(super) rotations: u64,
    bytes: u64,
}

impl MultiFileWriter {
    pub(super) fn new(settings: Arc<FilesSettings>, sink: Arc<dyn Sink>) -> MultiFileWriter {
        MultiFileWriter {
            settings,
            sink,
            managers: OpenFiles::default(),
            recorded: Outputs::default(),
            unnamed: BTreeSet::new(),
            begun: Begun::default(),
            accepts_loss: false,
            now: None,
            compressor: None,
            buffered: 0,
            uses: 0,
            rotations: 0,
            bytes: 0,
        }
    }

    /// Whether the file is open.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.managers.contains_key(path)
    }

    /// Whether so many more files are too many.
    pub(super) fn is_crowded_by(&self, more: usize) -> bool {
        self.settings.open_files_max < self.managers.len() + more
    }

    /// Opens files, of which a record says before anything goes into them how long they are.
    pub(super) fn announce<'a>(
        &mut self,
        paths: impl IntoIterator<Item = &'a str>,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let mut found = Vec::new();
        for path in paths {
            if found.len() + self.managers.len() == self.settings.open_files_max.max(1) {
                break;
            }
            found.push((path, self.sink.stat(path).map_err(trouble)?));
        }
        if found.is_empty() {
            return Ok(());
        }
        if self.settings.roll_on_start {
            self.roll_left(&mut found, checkpoints)?;
        }
        for (path, stat) in &found {
            self.recorded.files.insert((*path).to_owned(), stat.map_or(0, |stat| stat.bytes));
        }
        checkpoints.checkpoint(Done::AsBefore, &self.recorded)?;
        for (path, stat) in found {
            let bytes = stat.map_or(0, |stat| stat.bytes);
            // Of a file that an earlier process began, what is known is when it was last changed.
            let began = stat.map(|stat| stat.changed);
            let manager =
                FileManager::create(self.sink.as_ref(), path, bytes, began).map_err(trouble)?;
            self.unnamed.insert(path.to_owned());
            self.managers.insert(path.to_owned(), manager);
            self.look_for_archives_of(path)?;
        }
        Ok(())
    }

    /// Takes an event of `when` for the file at `place`, whose text `render` appends; or says what has to be
    /// done first.
    pub(super) fn append(
        &mut self,
        place: &mut Place,
        when: Timestamp,
        render: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Result<Option<Hindrance>, ProcessorError> {
        let known = place.handle.is_some_and(|handle| self.managers.at(handle).is_some());
        if !known {
            place.handle = self.managers.handle(&place.path);
        }
        let Some(manager) = place.handle.and_then(|handle| self.managers.at(handle)) else {
            return Ok(Some(Hindrance::Closed));
        };
        let rotation = self.settings.archive.as_ref().map(|_| &self.settings.rotation);
        let appended = match manager.append(rotation, when, render) {
            Ok(appended) => appended,
            Err(cause) => return Ok(Some(Hindrance::Full(cause))),
        };
        self.uses += 1;
        manager.used = self.uses;
        self.buffered += appended.bytes;
        self.bytes += appended.bytes as u64;
        if limits::WRITE_BYTES <= appended.waiting {
            manager.write().map_err(trouble)?;
            self.buffered -= appended.waiting;
        } else if limits::BUFFERED_BYTES_MAX <= self.buffered {
            self.managers.values_mut().try_for_each(FileManager::write).map_err(trouble)?;
            self.buffered = 0;
        }
        Ok(None)
    }

    /// Syncs all that changed, then writes the record that says so, and what is done with it.
    pub(super) fn commit(
        &mut self,
        done: Done<'_>,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.sync()?;
        let renamed = self.look_after()?;
        for (path, manager) in self.managers.iter_mut() {
            if manager.is_dirty() {
                manager.commit();
                self.recorded.files.insert(path.clone(), manager.committed());
            }
        }
        // What is in them is kept, by whoever gave them another name; the next event begins anew.
        for path in renamed {
            self.recorded.files.remove(&path);
            self.managers.remove(&path);
        }
        checkpoints.checkpoint(done, &self.recorded)
    }

    fn sync(&mut self) -> Result<(), ProcessorError> {
        let mut dirty: Vec<&mut FileManager> =
            self.managers.values_mut().filter(|manager| manager.is_dirty()).collect();
        let share = dirty.len().div_ceil(limits::SYNCS_AT_ONCE).max(1);
        if let [one] = dirty.as_mut_slice() {
            one.flush().map_err(trouble)?;
        } else {
            // A disk syncs many files in little more than the time of one.
            std::thread::scope(|scope| {
                let syncs: Vec<_> = dirty
                    .chunks_mut(share)
                    .map(|some| {
                        scope.spawn(|| some.iter_mut().try_for_each(|it| it.flush().map(drop)))
                    })
                    .collect();
                let mut result = Ok(());
                for sync in syncs {
                    let synced = sync.join().unwrap_or_else(|_| Err(panicked()));
                    result = result.and(synced);
                }
                result
            })
            .map_err(trouble)?;
        }
        self.buffered = 0;
        for path in &self.unnamed {
            self.sink.sync_names(path).map_err(trouble)?;
        }
        self.unnamed.clear();
        Ok(())
    }

    /// Whether files are where they were; those that somebody renamed. One that was removed or shortened with
    /// events in it that no record names is written anew from the last record.
    fn look_after(&mut self) -> Result<Vec<String>, ProcessorError> {
        let mut renamed = Vec::new();
        for (path, manager) in self.managers.iter_mut() {
            if !manager.is_dirty() {
                continue;
            }
            match manager.place().map_err(trouble)? {
                FilePlace::Here { bytes } if bytes < manager.active().bytes => {
                    return Err(meddled(&self.settings, "shortened", path));
                }
                FilePlace::Here { bytes } => manager.has_grown(bytes),
                FilePlace::Renamed => renamed.push(path.clone()),
                FilePlace::Removed => return Err(meddled(&self.settings, "removed", path)),
            }
        }
        Ok(renamed)
    }

    /// Closes the files that were not used for longest, so that there is room for `more`. Everything is
    /// committed.
    pub(super) fn make_room(
        &mut self,
        more: usize,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let max = self.settings.open_files_max.max(1);
        let keep = max.saturating_sub(more.max(max / 8));
        let mut by_use: Vec<(u64, String)> =
            self.managers.iter().map(|(path, it)| (it.used, path.clone())).collect();
        by_use.sort_unstable();
        let close = by_use.len().saturating_sub(keep);
        let mut paths = by_use.into_iter().take(close).map(|(_, path)| path);
        paths.try_for_each(|path| self.let_go(&path, checkpoints).map(drop))
    }

    /// Closes files to which nothing came for long. Everything is committed.
    pub(super) fn close_idle(
        &mut self,
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let idle = self.settings.close_idle;
        let is_idle = |it: &FileManager| idle <= now.since(it.active().written);
        let paths: Vec<String> = self
            .managers
            .iter()
            .filter(|(_, it)| !it.is_dirty() && is_idle(it))
            .map(|(path, _)| path.clone())
            .collect();
        paths.iter().try_for_each(|path| self.let_go(path, checkpoints).map(drop))
    }

    /// Closes a file of which everything is committed: it is not recorded any more. What it is, if its name
    /// still leads to it and anything is in it.
    pub(super) fn let_go(
        &mut self,
        path: &str,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<Option<ActiveFile>, ProcessorError> {
        self.recorded.files.remove(path);
        let Some(manager) = self.managers.remove(path) else { return Ok(None) };
        let (active, place) = (*manager.active(), manager.place().map_err(trouble)?);
        manager.close().map_err(trouble)?;
        let left = match place {
            FilePlace::Here { bytes } => bytes,
            FilePlace::Removed => 0,
            // What is in it is kept, by whoever gave it another name.
            FilePlace::Renamed => return Ok(None),
        };
        self.compare(path, active.bytes, left, checkpoints);
        Ok((0 < left).then_some(ActiveFile { bytes: left, ..active }))
    }

    /// Tells of what is gone, unless somebody has said that it is gone on purpose.
    pub(super) fn compare(
        &self,
        path: &str,
        written: u64,
        left: u64,
        checkpoints: &mut dyn Checkpointer,
    ) {
        if left < written && !self.accepts_loss {
            checkpoints.lost(&Loss { path: self.settings.shown(path), written, left });
        }
    }

    /// Closes everything, and lets what is being compressed be finished within `longest`.
    pub(super) fn close(
        &mut self,
        longest: Duration,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let paths: Vec<String> = self.managers.keys().cloned().collect();
        paths.iter().try_for_each(|path| self.let_go(path, checkpoints).map(drop))?;
        if let Some(compressor) = self.compressor.take() {
            compressor.end(longest);
        }
        Ok(())
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            rotations: self.rotations,
            bytes: self.bytes,
            open_files: self.managers.len() as u64,
            rejected: 0,
        }
    }
}

/// What somebody else has done to a file with events in it that no record names.
fn meddled(settings: &FilesSettings, done: &str, path: &str) -> ProcessorError {
    ProcessorError {
        kind: ProcessorErrorKind::Transient,
        what: format!("somebody {done} {} while it was written", settings.shown(path)),
        remedy: "what was not recorded yet is written again; leave the saver's files to the saver"
            .to_owned(),
        position: None,
        source: None,
    }
}

fn panicked() -> SinkError {
    SinkError {
        kind: databuild_io::sink::SinkErrorKind::Transient,
        doing: "sync",
        path: "a file".to_owned(),
        source: None,
    }
}

/// The folder of a path, and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// A path of a folder and a name in it.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
