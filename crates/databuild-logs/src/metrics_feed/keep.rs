//! The file that the totals are kept in, and the lock of the one who writes it.

use super::{FeedError, MetricsFeed};
use crate::format::MetricsState;
use crate::fs::{self, Fs, FsFile};
use databuild_policy::naming::METRICS_DIR;
use std::io;
use std::path::{Path, PathBuf};

/// The totals.
const STATE: &str = "state";
/// The totals that are being written.
const STATE_NEW: &str = "state.new";
/// Held by the process that writes.
const LOCK: &str = "lock";

impl MetricsFeed {
    /// Whether this is the one who keeps the totals. The others count for themselves.
    pub fn is_keeper(&self) -> bool {
        self.lock.is_some()
    }

    /// Keeps the totals, if this is the keeper and something was counted.
    pub fn save(&mut self) -> Result<(), FeedError> {
        if self.lock.is_none() || !self.dirty {
            return Ok(());
        }
        let (path, new) = (self.path(STATE), self.path(STATE_NEW));
        let saved = replace(self.fs.as_ref(), &path, &new, &self.state.write());
        saved.map_err(|source| FeedError::Save { path, source })?;
        self.dirty = false;
        Ok(())
    }

    /// Reads the kept totals. Those that nobody can read any more are counted anew.
    pub(super) fn load(&mut self) -> Result<(), FeedError> {
        let path = self.path(STATE);
        let open = |source| FeedError::Open { path: path.clone(), source };
        let bytes = match self.fs.open_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => {
                Some(file.and_then(|file| fs::read_whole(file.as_ref(), u64::MAX)).map_err(open)?)
            }
        };
        self.dirty = false;
        self.version += 1;
        self.state = match bytes {
            None => MetricsState::new(self.labels.clone()),
            Some(bytes) => MetricsState::read(&bytes, self.labels.clone())
                .map_err(|error| open(io::Error::new(io::ErrorKind::InvalidData, error)))?,
        };
        Ok(())
    }

    /// Becomes the keeper if there is none. Where nothing can be written there is none.
    pub(super) fn take_lock(&mut self) -> bool {
        self.lock = lock(self.fs.as_ref(), &self.logs_dir).ok().flatten();
        self.lock.is_some()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.logs_dir.join(METRICS_DIR).join(name)
    }
}

fn lock(fs: &dyn Fs, logs_dir: &Path) -> io::Result<Option<Box<dyn FsFile>>> {
    // A question about a store makes none.
    fs.list(logs_dir)?;
    let dir = logs_dir.join(METRICS_DIR);
    fs.create_dir_all(&dir)?;
    let path = dir.join(LOCK);
    let file = match fs.create_new(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs.open_append(&path)?,
        file => file?,
    };
    Ok(file.try_lock()?.then_some(file))
}

fn replace(fs: &dyn Fs, path: &Path, new: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs.remove(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = fs.create_new(new)?;
    fs::append_all(file.as_ref(), bytes).map_err(|(_, error)| error)?;
    file.sync_data()?;
    fs.rename(new, path)?;
    path.parent().map_or(Ok(()), |dir| fs.sync_dir(dir))
}
