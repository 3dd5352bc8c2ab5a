//! Where the wrapper of a run has to go on, told by the stored entries alone.

use super::facts::{LineReader, Looked};
use super::{RunPaths, seal_of};
use crate::format::RunRecord;
use crate::fs::{self, Fs, FsFile};
use crate::limits;
use databuild_model::ids::JobRunId;
use databuild_model::resume::ResumeFold;
use databuild_model::spool::Resume;
use databuild_model::time::Day;
use std::io;
use std::path::{Path, PathBuf};

/// Why a run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// It has ended: its file is sealed.
    #[error("job run {run} has ended; its logs are sealed")]
    Sealed {
        /// The run.
        run: JobRunId,
        /// Its seal.
        record: Box<RunRecord>,
    },
    /// Somebody is writing its file.
    #[error("somebody writes {path}")]
    Live {
        /// The file.
        path: PathBuf,
    },
    /// A file of it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Where to go on with `run`. What stands behind the last line feed is not looked at: it is cut off
/// before the next line is stored.
pub(crate) fn point(
    fs: &dyn Fs,
    logs_dir: &Path,
    day: Day,
    run: &JobRunId,
) -> Result<Resume, ResumeError> {
    let paths = RunPaths::new(logs_dir, day, run);
    let failed = |source| ResumeError::Read { path: paths.entries.clone(), source };
    let file = match fs.open_read(&paths.entries) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Fold::new(run.clone()).finish());
        }
        file => file.map_err(failed)?,
    };
    if file.is_locked().map_err(failed)? {
        return Err(ResumeError::Live { path: paths.entries.clone() });
    }
    if let Some(record) = seal_of(fs, &paths, file.size().map_err(failed)?).map_err(failed)? {
        return Err(ResumeError::Sealed { run: run.clone(), record: Box::new(record) });
    }
    fold(file.as_ref(), run).map_err(failed)
}

fn fold(file: &dyn FsFile, run: &JobRunId) -> io::Result<Resume> {
    let mut fold = Fold::new(run.clone());
    let mut chunk = vec![0; limits::READ_BYTES_MAX];
    let (mut rest, mut offset) = (Vec::new(), 0);
    loop {
        let got = fs::read_full_at(file, &mut chunk, offset)?;
        let Some(read) = chunk.get(..got).filter(|read| !read.is_empty()) else { break };
        offset += got as u64;
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', read) {
            let piece = read.get(from..at).unwrap_or_default();
            if rest.is_empty() {
                fold.line(piece);
            } else {
                rest.extend_from_slice(piece);
                fold.line(&rest);
                rest.clear();
            }
            from = at + 1;
        }
        rest.extend_from_slice(read.get(from..).unwrap_or_default());
    }
    Ok(fold.finish())
}

/// What the lines so far tell.
struct Fold {
    lines: LineReader,
    told: ResumeFold,
}

impl Fold {
    fn new(run: JobRunId) -> Fold {
        Fold { lines: LineReader::new(run), told: ResumeFold::new() }
    }

    fn line(&mut self, line: &[u8]) {
        let looked = self.lines.look(line);
        if looked.facts().is_none_or(|facts| facts.foreign) {
            return;
        }
        match looked {
            Looked::Scanned(_, scan) => self.told.line(&scan, line),
            Looked::Read(_, entry) => self.told.entry(&entry),
            Looked::Refused(_) => {}
        }
    }

    fn finish(self) -> Resume {
        self.told.resume().clone()
    }
}

#[cfg(test)]
mod tests;
