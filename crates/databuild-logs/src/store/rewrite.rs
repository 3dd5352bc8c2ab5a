//! A new file in the place of one that the disk could not keep: after a failed write or sync nobody
//! knows what of it is there, and asking again would lie.
//!
//! What the run said is put together again: from memory, where it was kept, else from the old file,
//! which the kernel mostly still has in memory. The hash of all that was ever written decides whether
//! that is right; if not, what an earlier sync covered is kept, and the rest is lost here.

use super::rebuild::{self, Counted};
use super::{RunPaths, lock_for_writing};
use crate::format::{IndexHeader, index};
use crate::fs::{self, Fs, FsFile};
use crate::limits;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A stretch from the beginning of a run's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Upto {
    /// Bytes.
    pub(crate) bytes: u64,
    /// Their BLAKE3.
    pub(crate) hash: [u8; 32],
}

/// What is known of a run whose file is suspect.
pub(crate) struct Rewrite {
    pub(crate) paths: RunPaths,
    pub(crate) header: IndexHeader,
    pub(crate) old: Arc<dyn FsFile>,
    /// What is in memory, up to the end of what the run said: the bytes from `held_from` on.
    pub(crate) held: Vec<u8>,
    pub(crate) held_from: u64,
    /// All that the run said.
    pub(crate) said: Upto,
    /// What is surely in the old file: an earlier sync covered it, or it was read from there.
    pub(crate) safe: Upto,
    /// How far the journals tell of the run.
    pub(crate) told: u64,
    /// The line that goes behind all that the run said, so that this is on record.
    pub(crate) note: Vec<u8>,
    /// The same, if only what was synced is left.
    pub(crate) loss: Vec<u8>,
}

/// The new files, and what is in them. The entries are durable under their name, and locked.
pub(crate) struct Rewritten {
    pub(crate) entries: Box<dyn FsFile>,
    pub(crate) index: Box<dyn FsFile>,
    pub(crate) counted: Counted,
    /// Whether all that the run said is there.
    pub(crate) whole: bool,
}

impl Rewrite {
    /// Makes the new files and puts them in the place of the old ones. The old entries stay beside them
    /// as `….suspect`. What it did before it failed does no harm: it can be done again.
    pub(crate) fn run(&self, fs: &dyn Fs) -> io::Result<Rewritten> {
        let new = self.paths.entries.with_added_extension("new");
        let entries = create_anew(fs, &new)?;
        let whole = self.fill(entries.as_ref())?;
        let mut counted =
            rebuild::count(entries.as_ref(), &self.header.job_run_id, self.told, None)?;
        counted.tally.name(&self.header);
        let new_index = self.paths.index.with_added_extension("new");
        let index = create_anew(fs, &new_index)?;
        let mut bytes = Vec::new();
        index::write_header(&self.header, &mut bytes);
        for block in counted.tally.take_blocks() {
            index::write_block(&block, &mut bytes);
        }
        append(index.as_ref(), &bytes)?;
        entries.sync_data()?;
        // Readers ask the file that has the name whether somebody writes it.
        if !lock_for_writing(entries.as_ref())? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let suspect = self.paths.entries.with_added_extension(SUSPECT);
        keep_aside(fs, &self.paths.entries, &suspect);
        fs.rename(&new, &self.paths.entries)?;
        fs.rename(&new_index, &self.paths.index)?;
        fs.sync_dir(&self.paths.dir)?;
        Ok(Rewritten { entries, index, counted, whole })
    }

    /// Writes into the new file what the run said, if it can be put together, else what was synced;
    /// then the line that says so.
    fn fill(&self, new: &dyn FsFile) -> io::Result<bool> {
        let mut hasher = blake3::Hasher::new();
        let safe = self.copy(new, &mut hasher, 0..self.safe.bytes)?;
        if !safe || *hasher.finalize().as_bytes() != self.safe.hash {
            return Err(io::Error::new(io::ErrorKind::InvalidData, DAMAGED));
        }
        let copied = self.copy(new, &mut hasher, self.safe.bytes..self.said.bytes)?;
        let whole = copied && *hasher.finalize().as_bytes() == self.said.hash;
        if !whole {
            new.truncate(self.safe.bytes)?;
        }
        append(new, if whole { &self.note } else { &self.loss })?;
        Ok(whole)
    }

    /// Appends this stretch of the run. `false` if the old file does not give it.
    fn copy(
        &self,
        new: &dyn FsFile,
        hasher: &mut blake3::Hasher,
        stretch: std::ops::Range<u64>,
    ) -> io::Result<bool> {
        let mut at = stretch.start;
        let mut chunk = vec![0; limits::READ_BYTES_MAX];
        while at < stretch.end.min(self.held_from) {
            let want = usize::try_from(stretch.end.min(self.held_from) - at).unwrap_or(usize::MAX);
            let want = want.min(chunk.len());
            let into = chunk.get_mut(..want).unwrap_or_default();
            match fs::read_full_at(self.old.as_ref(), into, at) {
                Ok(got) if got == want => {}
                Ok(_) | Err(_) => return Ok(false),
            }
            hasher.update(into);
            append(new, into)?;
            at += want as u64;
        }
        let place = |at: u64| usize::try_from(at.saturating_sub(self.held_from));
        if let (Ok(from), Ok(to)) = (place(at), place(stretch.end))
            && let Some(rest) = self.held.get(from..to)
        {
            hasher.update(rest);
            append(new, rest)?;
        }
        Ok(true)
    }
}

/// What is behind the name of entries that were replaced.
pub(crate) const SUSPECT: &str = "suspect";

const DAMAGED: &str = "what was synced before is not what was written";

fn append(file: &dyn FsFile, bytes: &[u8]) -> io::Result<()> {
    fs::append_all(file, bytes).map_err(|(_, error)| error)
}

/// An empty file, whatever an attempt before has left.
fn create_anew(fs: &dyn Fs, path: &Path) -> io::Result<Box<dyn FsFile>> {
    match fs.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs.create_new(path),
    }
}

/// Gives the old file a second name. It is only for those who want to look at it: a file system that
/// cannot do that is no reason to stop.
fn keep_aside(fs: &dyn Fs, path: &Path, aside: &Path) {
    fs.remove(aside).ok();
    fs.link(path, aside).ok();
}

#[cfg(test)]
mod tests;
