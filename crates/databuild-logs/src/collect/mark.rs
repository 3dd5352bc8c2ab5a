//! The stored mark of a run: up to which entry all are stored and synced, left in the run's spool for
//! its wrapper, who may then remove what these entries were made from.

use crate::fs::Fs;
use crate::limits;
use databuild_model::spool::encode_stored_mark;
use std::path::PathBuf;

/// The mark of one run.
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    /// Bytes of the entries when it was written last.
    bytes: u64,
}

impl Mark {
    pub(super) fn new(path: PathBuf, bytes: u64) -> Mark {
        Mark { path, bytes }
    }

    /// The first `bytes` bytes of the entries, up to `sequence`, are durable. Told when that is worth
    /// a write, and at the end. An old mark does no harm but to hold room, so an error is no reason to
    /// stop; the next one tells all.
    pub(super) fn synced(&mut self, fs: &dyn Fs, bytes: u64, sequence: u64, last: bool) {
        if last || limits::MARK_BYTES <= bytes.saturating_sub(self.bytes) {
            self.bytes = bytes;
            fs.overwrite(&self.path, &encode_stored_mark(sequence)).ok();
        }
    }
}
