//! Exactly-once files: what a checkpoint says, in which order things are done around it, and what is put
//! right after a crash. The same for every sink that writes files; the tests explore every order of
//! crashes, kills and power cuts over it.
//!
//! The protocol. Before the first byte goes into a file, a record names the file with the length that it
//! has (*announce*). Events are written; all files that changed are synced; then a record says how far the
//! sources are and how long each file is (*commit*), and is synced. A file is rolled between two commits:
//! a record says what will be called what (*intend*), is synced, the file is renamed, the folder is
//! synced, and the next record says no more of it. After a crash the last good record is the truth. It is
//! written again with a greater epoch and synced first: a kill leaves records that a power cut may still take
//! back, and one who was thought dead must not count for anything any more. Then what was intended is
//! finished, files are cut to their recorded length, and the sources are read again from
//! where the record says. Whoever sees a greater epoch than its own, before a record or behind it, stops.

use crate::acknowledge::Progress;
use std::collections::BTreeMap;

/// One record of a pipeline's checkpoint file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// Which saver wrote it. Each start takes a number of its own, greater than all before, and a record
    /// of a lesser one counts for nothing.
    pub epoch: u64,
    /// How far each source is.
    pub progress: BTreeMap<String, Progress>,
    /// What was written that belongs to this progress.
    pub outputs: Outputs,
}

/// What the last record says of the files of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outputs {
    /// Where the files are: what the sink calls the place. Another name is another place, where files that
    /// are missing were not lost.
    pub place: String,
    /// Files that may be appended to, with the length that belongs to the progress.
    pub files: BTreeMap<String, u64>,
    /// Renames that were decided on and may not have been done, in their order.
    pub intents: Vec<RollIntent>,
}

/// A file that gets its archive's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollIntent {
    /// The file as it was written.
    pub from: String,
    /// Its name from now on; free when it was decided.
    pub to: String,
    /// Its length.
    pub bytes: u64,
}

/// What has to be done after a crash, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// Give the file the name that was decided on, and sync the folder.
    Rename {
        /// What is there.
        from: String,
        /// What it will be.
        to: String,
    },
    /// Cut the file: what is beyond was written after the record, and will be written again.
    Truncate {
        /// The file.
        path: String,
        /// Its length from now on.
        bytes: u64,
    },
    /// Make the file: it was announced, and its name did not survive.
    Create {
        /// The file.
        path: String,
    },
    /// Bytes that were recorded are gone: somebody else removed or shortened the file. Nothing that is
    /// ours to repair; it is told, and the file begins again.
    Lost {
        /// The file.
        path: String,
        /// What the record says.
        recorded: u64,
        /// What is there.
        found: u64,
    },
}

/// Of the records of a checkpoint file, the one that counts: the last of the greatest epoch.
pub fn latest(records: impl IntoIterator<Item = Checkpoint>) -> Option<Checkpoint> {
    records.into_iter().reduce(|best, next| if best.epoch <= next.epoch { next } else { best })
}

/// What is to be put right after a crash. `length` gives the length of a file that is there.
pub fn repairs(last: &Outputs, length: impl Fn(&str) -> Option<u64>) -> Vec<Repair> {
    let mut repairs = Vec::new();
    // What repairs before have made of a name: one rename of a window makes room for the next.
    let mut changed: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for RollIntent { from, to, bytes } in &last.intents {
        let now = |path: &str| changed.get(path).copied().unwrap_or_else(|| length(path));
        match (now(from), now(to)) {
            // The name was free, so what has it now is our file: the rename was done.
            (_, Some(_)) => {}
            (Some(found), None) => {
                if *bytes < found {
                    repairs.push(Repair::Truncate { path: from.clone(), bytes: *bytes });
                }
                repairs.push(Repair::Rename { from: from.clone(), to: to.clone() });
                changed.insert(from, None);
                changed.insert(to, Some(*bytes));
            }
            (None, None) => {
                repairs.push(Repair::Lost { path: to.clone(), recorded: *bytes, found: 0 });
            }
        }
    }
    for (path, recorded) in &last.files {
        let found = changed.get(path.as_str()).copied().unwrap_or_else(|| length(path));
        match found {
            Some(found) if *recorded < found => {
                repairs.push(Repair::Truncate { path: path.clone(), bytes: *recorded });
            }
            Some(found) if found < *recorded => {
                repairs.push(Repair::Lost { path: path.clone(), recorded: *recorded, found });
            }
            Some(_) => {}
            None if *recorded == 0 => repairs.push(Repair::Create { path: path.clone() }),
            None => {
                repairs.push(Repair::Lost { path: path.clone(), recorded: *recorded, found: 0 });
            }
        }
    }
    repairs
}

#[cfg(test)]
mod tests;
