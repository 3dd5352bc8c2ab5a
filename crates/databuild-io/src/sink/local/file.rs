//! A file of a local folder that is being written.

use super::error;
use crate::sink::{FilePlace, SinkError, SinkErrorKind, SinkFile};
use rustix::fs::AtFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct LocalFile {
    file: File,
    /// The sink's folder, and where the file is in it.
    base: Arc<OwnedFd>,
    path: String,
    /// As a person would look for it.
    shown: String,
    length: u64,
}

impl LocalFile {
    pub(super) fn new(
        file: File,
        base: Arc<OwnedFd>,
        path: String,
        shown: String,
        length: u64,
    ) -> LocalFile {
        LocalFile { file, base, path, shown, length }
    }

    fn error(&self, doing: &'static str, source: std::io::Error) -> SinkError {
        error(doing, Path::new(&self.shown), source)
    }
}

impl SinkFile for LocalFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        const DOING: &str = "append to";
        let found = self.file.metadata().map_err(|source| self.error(DOING, source))?.len();
        if found < self.length {
            let (kind, path) = (SinkErrorKind::Short, self.shown.clone());
            return Err(SinkError { kind, doing: DOING, path, source: None });
        }
        self.file.write_all(bytes).map_err(|source| self.error(DOING, source))?;
        self.length = found + bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<u64, SinkError> {
        self.file.sync_data().map_err(|source| self.error("sync", source))?;
        Ok(self.length)
    }

    fn place(&self) -> Result<FilePlace, SinkError> {
        let trouble = |errno: Errno| self.error("look at", errno.into());
        let ours = rustix::fs::fstat(&self.file).map_err(trouble)?;
        match rustix::fs::statat(&*self.base, &self.path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino) => {
                Ok(FilePlace::Here { bytes: u64::try_from(ours.st_size).unwrap_or(0) })
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) if ours.st_nlink == 0 => {
                Ok(FilePlace::Removed)
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(FilePlace::Renamed),
            Err(errno) => Err(trouble(errno)),
        }
    }

    fn close(self: Box<Self>) -> Result<(), SinkError> {
        // What closing would tell is told by the sync before.
        Ok(())
    }
}
