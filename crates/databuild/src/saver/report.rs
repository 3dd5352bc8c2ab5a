//! Where a saver says what it is doing: a place of its own in the saver's folder, which it holds as long as it
//! lives, and the file there, put in place as a whole. Several savers have several places.

use super::format::SaverStatus;
use databuild_io::sink::{Sink, SinkError, SinkLock};
use databuild_logs::fs::{Fs, OsFs};
use std::io;
use std::path::{Path, PathBuf};

/// Savers of one project that tell what they do. Two are one too many already; a further one works, and is
/// not seen.
pub(crate) const SAVERS_MAX: usize = 8;

/// The file that the saver at `place` writes.
pub(crate) fn status_file(place: usize) -> String {
    format!("status.{place}.json")
}

/// The lock that it holds.
pub(crate) fn status_lock(place: usize) -> String {
    format!("status.{place}.lock")
}

/// A place, held.
pub(super) struct Report {
    path: PathBuf,
    _lock: Box<dyn SinkLock>,
}

impl Report {
    /// Takes a place in the saver's folder `dir`, which `home` is at; nothing if all are taken.
    pub(super) fn open(home: &dyn Sink, dir: &Path) -> Result<Option<Report>, SinkError> {
        for place in 0..SAVERS_MAX {
            if let Some(lock) = home.lock(&status_lock(place))? {
                return Ok(Some(Report { path: dir.join(status_file(place)), _lock: lock }));
            }
        }
        Ok(None)
    }

    /// Puts what is said now in the place of what was said.
    pub(super) fn write(&self, status: &SaverStatus) -> io::Result<()> {
        let new = self.path.with_added_extension("new");
        // Left by one who was killed, it may be longer.
        OsFs.remove(&new).or_else(|error| {
            if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
        })?;
        OsFs.overwrite(&new, &status.to_json())?;
        OsFs.rename(&new, &self.path)
    }
}
