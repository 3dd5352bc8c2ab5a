//! The files of one run, for whoever copies them as they are.

use super::ReadError;
use super::file::LogsFolder;
use super::open::OpenRun;
use crate::fs::read_whole;
use databuild_model::time::Day;
use databuild_policy::naming;
use std::io;

/// Largest index that is copied; above it the copy is indexed anew.
const INDEX_BYTES_MAX: u64 = 512 << 20;

/// The files of a run as they were when they were looked at.
pub(crate) struct StoredRun {
    run: OpenRun,
    /// The sealed index.
    pub(crate) index: Option<Vec<u8>>,
}

pub(super) fn stored(run: OpenRun, logs: LogsFolder<'_>) -> Result<StoredRun, ReadError> {
    let index = || -> io::Result<Option<Vec<u8>>> {
        let file = logs.open(run.day, &run.run, naming::RunFile::Index)?;
        let Some(file) = file.filter(|_| run.seal.is_some()) else { return Ok(None) };
        if INDEX_BYTES_MAX < file.bytes()? {
            return Ok(None);
        }
        read_whole(file.as_fs_file(), INDEX_BYTES_MAX).map(Some)
    };
    let index = index().map_err(|source| run.failed(source))?;
    Ok(StoredRun { run, index })
}

impl StoredRun {
    /// The day whose folder it is in.
    pub(crate) fn day(&self) -> Day {
        self.run.day
    }

    /// Bytes of its finished lines.
    pub(crate) fn bytes(&self) -> u64 {
        self.run.committed
    }

    /// Its entries as a stream of bytes.
    pub(crate) fn entries(&self) -> impl io::Read + '_ {
        Entries { run: &self.run, at: 0 }
    }
}

struct Entries<'a> {
    run: &'a OpenRun,
    at: u64,
}

impl io::Read for Entries<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.run.committed - self.at).unwrap_or(usize::MAX);
        let into = into.get_mut(..left.min(into.len())).unwrap_or_default();
        let read = self.run.data.read_at(self.at, into)?;
        self.at += read as u64;
        Ok(read)
    }
}
