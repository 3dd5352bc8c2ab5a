//! What is in the store's folder: where files are, what a run's file holds, how it is put right after
//! a crash. Formats are in [`crate::format`]; writing as it comes is in [`crate::collect`].

pub mod cover;
pub mod facts;
pub mod journal;
pub mod rebuild;
pub mod recover;
pub mod resume;
pub(crate) mod rewrite;
pub mod tally;

use crate::format::{RunIndex, RunRecord, index};
use crate::fs::{self, Fs, FsFile};
use crate::limits;
use databuild_model::ids::JobRunId;
use databuild_model::spool;
use databuild_model::time::Day;
use databuild_policy::naming::{self, RunFile};
use serde::de::IgnoredAny;
use std::io;
use std::path::{Path, PathBuf};

/// Where the files of a run are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPaths {
    /// The folder of the day.
    pub dir: PathBuf,
    /// The entries.
    pub entries: PathBuf,
    /// The index.
    pub index: PathBuf,
}

impl RunPaths {
    /// The files of `run`, which began on `day`, in the store `logs_dir`.
    pub fn new(logs_dir: &Path, day: Day, run: &JobRunId) -> RunPaths {
        RunPaths {
            dir: logs_dir.join(naming::day_dir(day)),
            entries: logs_dir.join(naming::run_path(day, run, RunFile::Entries)),
            index: logs_dir.join(naming::run_path(day, run, RunFile::Index)),
        }
    }
}

/// Tries more than once, because a reader that asks whether a file is locked holds it for a moment.
const LOCK_TRIES: u32 = 1_000;

/// Takes the writer's lock of `file`. `false` if another writer has it.
pub(crate) fn lock_for_writing(file: &dyn FsFile) -> io::Result<bool> {
    for _ in 0..LOCK_TRIES {
        if file.try_lock()? {
            return Ok(true);
        }
        std::thread::yield_now();
    }
    Ok(false)
}

/// Whether somebody can still go on with an unsealed run: what that takes is written down and can be read.
/// After a power cut there may be a name and nothing in it.
pub(crate) fn has_spool(fs: &dyn Fs, logs_dir: &Path, run: &JobRunId) -> io::Result<bool> {
    let spool = logs_dir.join(spool::SPOOL_DIR).join(run.as_str());
    match fs.open_read(&spool.join(spool::RUN_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        file => {
            let bytes = fs::read_whole(file?.as_ref(), limits::SPOOL_RUN_BYTES_MAX)?;
            Ok(serde_json::from_slice::<IgnoredAny>(&bytes).is_ok())
        }
    }
}

const NEWER: &str = "the index was written by a later version of databuild";

/// The index of a run, as far as it is whole, and whether all of it is; nothing if there is none, or it
/// is of another run. One of a later version is an error: it is not ours to replace.
pub(crate) fn partial_index(
    fs: &dyn Fs,
    paths: &RunPaths,
    run: &JobRunId,
) -> io::Result<(Option<RunIndex>, bool)> {
    let file = match fs.open_read(&paths.index) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, false)),
        file => file?,
    };
    let bytes = fs::read_whole(file.as_ref(), u64::MAX)?;
    if index::is_newer(&bytes) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, NEWER));
    }
    let index = index::read_index(&bytes).ok().filter(|index| index.header.job_run_id == *run);
    let whole = index.as_ref().is_some_and(|index| index.valid_bytes == bytes.len());
    Ok((index, whole))
}

/// The seal of a run whose entries have `size` bytes, without reading the rest of its index; nothing
/// if it has none that fits.
pub(crate) fn seal_of(fs: &dyn Fs, paths: &RunPaths, size: u64) -> io::Result<Option<RunRecord>> {
    let file = match fs.open_read(&paths.index) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let end = file.size()?;
    let mut trailer = [0; index::TRAILER_BYTES];
    let Some(at) = end.checked_sub(trailer.len() as u64) else { return Ok(None) };
    if fs::read_full_at(file.as_ref(), &mut trailer, at)? < trailer.len() {
        return Ok(None);
    }
    let bytes = index::seal_bytes(&trailer).filter(|bytes| *bytes <= limits::RECORD_BYTES_MAX);
    let Some((bytes, at)) = bytes.and_then(|bytes| Some((bytes, end.checked_sub(bytes as u64)?)))
    else {
        return Ok(None);
    };
    let mut record = vec![0; bytes];
    let got = fs::read_full_at(file.as_ref(), &mut record, at)?;
    let record = index::read_seal(record.get(..got).unwrap_or_default());
    Ok(record.filter(|record| record.bytes == size))
}
