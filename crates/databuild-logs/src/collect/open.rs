//! The files of a run, made or opened for what comes, under the writer's lock.

use super::{ConsumeError, RunContext};
use crate::format::{IndexHeader, index};
use crate::fs::{Fs, FsFile};
use crate::store::cover::Cover;
use crate::store::tally::{BatchTally, RunTally};
use crate::store::{RunPaths, lock_for_writing, partial_index, rebuild, seal_of};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The files of a run, ready to be appended to, and what is in them.
pub(super) struct RunFiles {
    pub(super) paths: RunPaths,
    pub(super) entries: Box<dyn FsFile>,
    /// The index, and what it lacks; a run that begins has none.
    pub(super) index: Option<(Box<dyn FsFile>, Vec<u8>)>,
    /// The counts of what is in the entries.
    pub(super) tally: RunTally,
    /// Of these, what is in no journal.
    pub(super) unsynced: BatchTally,
    /// Bytes that were cut off because they were not a whole line.
    pub(super) torn: u64,
}

/// Where the files of runs are.
pub(super) struct Place<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) logs_dir: &'a Path,
    pub(super) cover: &'a Mutex<Cover>,
}

/// The names of a run, as its index has them.
pub(super) fn header_of(run: &RunContext) -> IndexHeader {
    IndexHeader {
        job_run_id: run.job_run_id.clone(),
        job_label: run.job_label.clone(),
        job_type: run.job_type.clone(),
        app: run.app.clone(),
        build_id: run.build_id.clone(),
    }
}

fn create_failed(path: &Path) -> impl Fn(io::Error) -> ConsumeError + use<> {
    let path = path.to_owned();
    move |source| ConsumeError::Create { path: path.clone(), source }
}

impl Place<'_> {
    /// Makes the run's files and takes the writer's lock, or opens those that are there.
    pub(super) fn open(&self, run: &RunContext) -> Result<RunFiles, ConsumeError> {
        let paths = RunPaths::new(self.logs_dir, run.started_at.day(), &run.job_run_id);
        self.fs.create_dir_all(&paths.dir).map_err(create_failed(&paths.dir))?;
        let failed = create_failed(&paths.entries);
        let entries = match self.fs.create_new(&paths.entries) {
            // A crash right after the name was made leaves an empty file: it is as good as none.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.fs.open_append(&paths.entries)
            }
            created => created,
        };
        let entries = entries.map_err(&failed)?;
        let locked = lock_for_writing(entries.as_ref());
        let size = entries.size().map_err(&failed)?;
        if !locked.map_err(&failed)? || (size != 0 && !run.continues) {
            return Err(exists(run, paths.entries));
        }
        if size != 0 {
            return self.go_on(run, paths, entries);
        }
        // An index of entries that are gone must not become that of these.
        remove_if_there(self.fs, &paths.index).map_err(create_failed(&paths.index))?;
        let (tally, unsynced) = (RunTally::new(&header_of(run)), BatchTally::default());
        Ok(RunFiles { paths, entries, index: None, tally, unsynced, torn: 0 })
    }

    /// Cuts off what is not a whole line, and counts what is there.
    fn go_on(
        &self,
        run: &RunContext,
        paths: RunPaths,
        entries: Box<dyn FsFile>,
    ) -> Result<RunFiles, ConsumeError> {
        let (day, id) = (run.started_at.day(), &run.job_run_id);
        let failed = create_failed(&paths.entries);
        let size = entries.size().map_err(&failed)?;
        if seal_of(self.fs, &paths, size).map_err(&failed)?.is_some() {
            return Err(ConsumeError::Sealed { run: id.clone(), path: paths.entries });
        }
        let mut cover = self.cover.lock().unwrap_or_else(PoisonError::into_inner);
        let told = cover.of(self.fs, self.logs_dir, day, id).map_err(&failed)?;
        drop(cover);
        let (known, _) = partial_index(self.fs, &paths, id).map_err(&failed)?;
        let counted = rebuild::count(entries.as_ref(), id, told, known).map_err(&failed)?;
        let rebuild::Counted { mut tally, since_mark, torn } = counted;
        if torn != 0 {
            entries.truncate(size - torn).map_err(&failed)?;
        }
        let header = header_of(run);
        tally.name(&header);
        let index = self.new_index(&paths)?;
        let mut index_rest = Vec::new();
        index::write_header(&header, &mut index_rest);
        for block in tally.take_blocks() {
            index::write_block(&block, &mut index_rest);
        }
        let index = Some((index, index_rest));
        Ok(RunFiles { paths, entries, index, tally, unsynced: since_mark, torn })
    }

    fn new_index(&self, paths: &RunPaths) -> Result<Box<dyn FsFile>, ConsumeError> {
        let removed = remove_if_there(self.fs, &paths.index);
        let made = removed.and_then(|()| self.fs.create_new(&paths.index));
        made.map_err(create_failed(&paths.index))
    }
}

fn remove_if_there(fs: &dyn Fs, path: &Path) -> io::Result<()> {
    match fs.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn exists(run: &RunContext, path: PathBuf) -> ConsumeError {
    ConsumeError::RunExists { run: run.job_run_id.clone(), path }
}
