//! The spool folder of a run as whoever starts its wrapper has it: made before the wrapper is, with a
//! reading end of each of the job's pipes held open, and removed when the run is sealed. What stands in
//! it: `docs/formats/spool.md`. The bytes of the job are the wrapper's business.

use crate::bel::lease::owner::Owner;
use databuild_logs::fs::{Fs, OsFs};
use databuild_model::entry::Stream;
use databuild_model::ids::JobRunId;
use databuild_model::spool::{
    ADOPTER_LOCK, Capture, ENTRIES_FIFO, RESUME_FILE, RUN_FILE, Resume, SPOOL_DIR, STATE_FILE,
    STORED_FILE, SpoolRun, SpoolState, fifo_name,
};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder of one run, while its run is ours.
#[derive(Debug)]
pub(super) struct SpoolFolder {
    dir: PathBuf,
    /// As long as these are open, a job whose wrapper dies is not told that nobody reads.
    spare: Vec<OwnedFd>,
    /// Held by an adopter: no two of them act at once.
    _lock: Option<File>,
}

/// What an adopter finds of a run.
#[derive(Debug)]
pub(super) enum Found {
    /// Its executor is gone, and it is ours now.
    Ours(SpoolFolder, Box<SpoolRun>),
    /// Its executor lives, or another adopter was faster.
    Others,
    /// There is no spool of it that could be read.
    Nothing,
}

/// The folder of a run's spool in a store.
pub(super) fn folder_of(logs_dir: &Path, run: &JobRunId) -> PathBuf {
    logs_dir.join(SPOOL_DIR).join(run.as_str())
}

/// The runs that have a spool folder.
pub(super) fn runs_with_spool(logs_dir: &Path) -> Vec<JobRunId> {
    let entries = std::fs::read_dir(logs_dir.join(SPOOL_DIR)).into_iter().flatten().flatten();
    entries.filter_map(|entry| JobRunId::parse(entry.file_name().to_str()?).ok()).collect()
}

/// What the executor of a run wrote down; `None` if there is none, or it is not to be trusted.
pub(super) fn read_run(dir: &Path) -> Option<SpoolRun> {
    let run: SpoolRun = read_json(&dir.join(RUN_FILE))?;
    let name = dir.file_name()?.to_str()?;
    (run.job_run_id == name && run.id().is_some()).then_some(run)
}

/// What its wrapper wrote down last.
pub(super) fn read_state(dir: &Path) -> Option<SpoolState> {
    read_json(&dir.join(STATE_FILE))
}

impl SpoolFolder {
    /// Makes the folder of `run` and its pipes. `None` if the file system has no pipes: the run has to
    /// do without.
    pub(super) fn make(
        logs_dir: &Path,
        run: &SpoolRun,
        capture: Capture,
    ) -> io::Result<Option<Self>> {
        let dir = logs_dir.join(SPOOL_DIR).join(&run.job_run_id);
        DirBuilder::new().recursive(true).mode(0o700).create(logs_dir.join(SPOOL_DIR))?;
        DirBuilder::new().mode(0o700).create(&dir)?;
        let mut folder = SpoolFolder { dir, spare: Vec::new(), _lock: None };
        let made = folder.make_pipes(capture);
        let written = made.and_then(|made| folder.write_run(run).map(|()| made));
        match written {
            Ok(true) => Ok(Some(folder)),
            Ok(false) => {
                folder.remove();
                Ok(None)
            }
            Err(error) => {
                folder.remove();
                Err(error)
            }
        }
    }

    fn make_pipes(&mut self, capture: Capture) -> io::Result<bool> {
        match capture {
            // The job writes into a file, or into a pipe that its wrapper makes.
            Capture::File => return Ok(true),
            Capture::Pipe => return Ok(false),
            Capture::Spool => {}
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            match make_pipe(&self.dir.join(fifo_name(stream))) {
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                    return Ok(false);
                }
                made => made?,
            }
        }
        self.spare = spare_ends(&self.dir)?;
        Ok(true)
    }

    /// Takes the folder of `run` over from an executor that is gone.
    pub(super) fn adopt(logs_dir: &Path, run: &JobRunId) -> io::Result<Found> {
        let dir = folder_of(logs_dir, run);
        if read_run(&dir).is_none() {
            return Ok(Found::Nothing);
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(dir.join(ADOPTER_LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(Found::Others),
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
        // Read again: whoever had the lock before may have changed it, or removed the folder.
        let Some(found) = read_run(&dir) else { return Ok(Found::Nothing) };
        if !is_gone(&found.executor) {
            return Ok(Found::Others);
        }
        let executor = Owner::this_process().0;
        let ours = SpoolRun { executor, adoptions: found.adoptions.saturating_add(1), ..found };
        let spare = match ours.config.capture.unwrap_or_default() {
            Capture::Spool => spare_ends(&dir)?,
            Capture::Pipe | Capture::File => Vec::new(),
        };
        let folder = SpoolFolder { dir, spare, _lock: Some(lock) };
        folder.write_run(&ours)?;
        Ok(Found::Ours(folder, Box::new(ours)))
    }

    /// Where it is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of the stored mark.
    pub(super) fn stored_mark(&self) -> PathBuf {
        self.dir.join(STORED_FILE)
    }

    fn write_run(&self, run: &SpoolRun) -> io::Result<()> {
        write_json(&self.dir.join(RUN_FILE), run)
    }

    /// Prepares what a living wrapper needs to go on telling, and gives the reading end for it.
    pub(super) fn prepare_resume(&self, resume: &Resume) -> io::Result<OwnedFd> {
        let path = self.dir.join(ENTRIES_FIFO);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        make_pipe(&path)?;
        let entries = open_pipe(&path)?;
        write_json(&self.dir.join(RESUME_FILE), resume)?;
        Ok(entries)
    }

    /// Removes it: all that was in it is stored elsewhere.
    pub(super) fn remove(self) {
        // Without this file it is nobody's run any more, wherever the rest is interrupted.
        std::fs::remove_file(self.dir.join(RUN_FILE)).ok();
        // What stays is in nobody's way, and the next run has another name.
        std::fs::remove_dir_all(&self.dir).ok();
    }

    /// Leaves the raw bytes where they are, for people: nobody will go on with the run.
    pub(super) fn abandon(self) -> PathBuf {
        for name in [RUN_FILE, STATE_FILE, RESUME_FILE, ENTRIES_FIFO, STORED_FILE, ADOPTER_LOCK] {
            std::fs::remove_file(self.dir.join(name)).ok();
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            std::fs::remove_file(self.dir.join(fifo_name(stream))).ok();
        }
        // Only if nothing is left in it.
        std::fs::remove_dir(&self.dir).ok();
        self.dir
    }
}

/// Whether a process is surely not there any more, as far as this machine can tell.
fn is_gone(process: &str) -> bool {
    use crate::bel::lease::owner::Liveness;
    match Owner(process.to_owned()).liveness() {
        Liveness::Alive => false,
        // The lease of its build is over, so it is not on another machine either.
        Liveness::Gone | Liveness::Unknown => true,
    }
}

fn make_pipe(path: &Path) -> Result<(), Errno> {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
}

fn open_pipe(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

fn spare_ends(dir: &Path) -> io::Result<Vec<OwnedFd>> {
    [Stream::Stdout, Stream::Stderr]
        .into_iter()
        .map(|stream| open_pipe(&dir.join(fifo_name(stream))))
        .collect()
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let new = path.with_added_extension("new");
    let bytes = serde_json::to_vec(value)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&new)?.write_all(&bytes)?;
    OsFs.rename(&new, path)
}

#[cfg(test)]
mod tests;
