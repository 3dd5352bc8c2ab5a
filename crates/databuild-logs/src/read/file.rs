//! Opening what the reader reads. No path is built from anything but a day and a checked run id,
//! and what is not a regular file of ours counts as absent.

use crate::fs::{Fs, FsFile, read_full_at};
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming;
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// The store's folders.
#[derive(Clone, Copy)]
pub(super) struct LogsFolder<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) path: &'a Path,
}

/// An open file of the store.
pub(super) struct RunFile {
    file: Box<dyn FsFile>,
}

/// What tells whether a file is still what it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    pub(super) bytes: u64,
    modified: i64,
}

impl LogsFolder<'_> {
    /// The days that have a folder, in order.
    pub(super) fn days(&self) -> io::Result<Vec<Day>> {
        let items = present(self.fs.list(self.path))?.unwrap_or_default();
        let mut days: Vec<Day> = items
            .iter()
            .filter(|item| item.is_dir)
            .filter_map(|item| naming::parse_day_dir(&item.name))
            .collect();
        days.sort_unstable();
        Ok(days)
    }

    /// The runs whose entries are in the folder of `day`, in order.
    pub(super) fn runs(&self, day: Day) -> io::Result<Vec<JobRunId>> {
        let items = present(self.fs.list(&self.path.join(naming::day_dir(day))))?;
        let mut runs: Vec<JobRunId> = items
            .unwrap_or_default()
            .iter()
            .filter_map(|item| naming::parse_run_file(&item.name))
            .filter(|(_, file)| *file == naming::RunFile::Entries)
            .map(|(run, _)| run)
            .collect();
        runs.sort_unstable();
        Ok(runs)
    }

    /// A file of `run`, if it is in the folder of `day`.
    pub(super) fn open(
        &self,
        day: Day,
        run: &JobRunId,
        file: naming::RunFile,
    ) -> io::Result<Option<RunFile>> {
        let opened = self.fs.open_read(&self.path_of(day, run, file));
        Ok(present(opened)?.map(|file| RunFile { file }))
    }

    /// Where a file of `run` is, if its day is `day`.
    pub(super) fn path_of(&self, day: Day, run: &JobRunId, file: naming::RunFile) -> PathBuf {
        self.path.join(naming::run_path(day, run, file))
    }
}

impl FileStamp {
    /// When the file was last written.
    pub(super) fn modified(self) -> Timestamp {
        Timestamp::from_nanos(self.modified)
    }
}

impl RunFile {
    #[cfg(test)]
    pub(super) fn open(fs: &dyn Fs, path: &Path) -> io::Result<Self> {
        Ok(RunFile { file: fs.open_read(path)? })
    }

    /// Length and time of change as they are now.
    pub(super) fn stamp(&self) -> io::Result<FileStamp> {
        Ok(FileStamp { bytes: self.file.size()?, modified: self.file.modified()? })
    }

    /// The length now, in bytes.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        self.file.size()
    }

    /// Fills `buffer` from `offset` on, as far as the file goes; returns how much there was.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        read_full_at(&*self.file, buffer, offset)
    }

    /// The file, for those who decode it.
    pub(super) fn as_fs_file(&self) -> &dyn FsFile {
        &*self.file
    }
}

/// Absence as a value. A link, a FIFO, or a file where a folder should be counts as absent: what
/// lies behind it is not ours.
fn present<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            let foreign = [Errno::LOOP, Errno::NXIO, Errno::NOTDIR]
                .iter()
                .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
            let absent = matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::NotADirectory
            );
            if foreign || absent { Ok(None) } else { Err(error) }
        }
    }
}
