//! How much the store takes, and how far back it goes. Found by looking at some files at a time, so that
//! no look takes long however many runs there are, and nobody who asks has to wait for one.

use super::stretch;
use crate::fs::Fs;
use crate::limits;
use crate::store::RunPaths;
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming::{self, JOURNAL_DIR, METRICS_DIR};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Files of a folder that was not written for so long do not grow any more: a run that goes on gives a
/// sign of life every half minute.
const QUIET: Duration = Duration::from_secs(3600);

/// From the end of a round to the beginning of the next.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Bytes of all files, without the spools of runs that go on.
    pub bytes: u64,
    /// The earliest entry of the earliest day; nothing if nothing is stored. Within a day with more runs
    /// than are looked at it may be that of a run that was begun soon after.
    pub oldest: Option<Timestamp>,
}

/// Looks at the files of a store, round after round.
pub struct StoreUsage {
    fs: Arc<dyn Fs>,
    logs_dir: PathBuf,
    folders: BTreeMap<String, Folder>,
    round: Option<Round>,
    /// When the next round begins.
    next: Duration,
    oldest: Option<Oldest>,
    found: Option<Stored>,
}

/// What a folder held when it was looked at last.
#[derive(Debug, Clone, Default)]
struct Folder {
    /// Stands for the names in it.
    names: u64,
    bytes: u64,
    /// When the file that was written last was written, and when that was found, in nanoseconds.
    modified: i64,
    looked: i64,
    /// The first runs by name; those of ours are named in the order in which they began.
    first: BTreeSet<JobRunId>,
}

/// A round: the folders that are still to be looked at, and the one that is looked at.
#[derive(Debug, Default)]
struct Round {
    left: Vec<String>,
    at: Option<(String, Folder, Vec<String>)>,
}

/// The earliest entry of these runs.
#[derive(Debug)]
struct Oldest {
    day: Day,
    runs: BTreeSet<JobRunId>,
    time: Option<Timestamp>,
}

impl StoreUsage {
    /// Of the store in `logs_dir`, at which nobody has looked yet.
    pub fn new(fs: Arc<dyn Fs>, logs_dir: PathBuf) -> StoreUsage {
        let next = Duration::ZERO;
        let (folders, round) = (BTreeMap::new(), None);
        StoreUsage { fs, logs_dir, folders, round, next, oldest: None, found: None }
    }

    /// What the last whole round found; nothing before there was one.
    pub fn found(&self) -> Option<Stored> {
        self.found
    }

    /// Whether a round is under way, or was never begun.
    pub fn is_looking(&self) -> bool {
        self.round.is_some() || self.found.is_none()
    }

    /// Looks at some more files. What cannot be read leaves what is known as it was, until the next round.
    pub fn look(&mut self, wall: Timestamp, mono: Duration) {
        if self.round.is_none() && mono < self.next {
            return;
        }
        if self.look_on(wall).unwrap_or(true) {
            self.round = None;
            self.next = mono + BETWEEN_ROUNDS;
        }
    }

    /// Whether the round is over.
    fn look_on(&mut self, wall: Timestamp) -> io::Result<bool> {
        let mut round = match self.round.take() {
            Some(round) => round,
            None => Round { left: self.list_folders()?, at: None },
        };
        let mut room = limits::USAGE_FILES_AT_ONCE;
        while 0 < room {
            let Some((name, mut folder, mut files)) = round.at.take().or_else(|| {
                let name = round.left.pop()?;
                Some((name, Folder { looked: i64::MIN, ..Folder::default() }, Vec::new()))
            }) else {
                self.finish()?;
                return Ok(true);
            };
            if folder.looked == i64::MIN {
                folder.looked = wall.as_nanos();
                files = self.list_files(&name, &mut folder)?;
                // A name is quicker than a look at the file.
                room = room.saturating_sub(1 + files.len() / 32);
                if self.folders.get(&name).is_some_and(|known| known.is_still(&folder)) {
                    continue;
                }
            }
            let now = files.split_off(files.len().saturating_sub(room));
            room -= now.len();
            now.iter().try_for_each(|file| self.add(&name, file, &mut folder))?;
            if files.is_empty() {
                self.folders.insert(name, folder);
            } else {
                round.at = Some((name, folder, files));
            }
        }
        self.round = Some(round);
        Ok(false)
    }

    /// The folders that there are; forgets the others.
    fn list_folders(&mut self) -> io::Result<Vec<String>> {
        let items = present(self.fs.list(&self.logs_dir))?;
        let ours = |name: &str| {
            naming::parse_day_dir(name).is_some() || [JOURNAL_DIR, METRICS_DIR].contains(&name)
        };
        let folders: Vec<String> = items
            .into_iter()
            .filter(|item| item.is_dir && ours(&item.name))
            .map(|item| item.name)
            .collect();
        self.folders.retain(|name, _| folders.contains(name));
        Ok(folders)
    }

    fn list_files(&self, name: &str, folder: &mut Folder) -> io::Result<Vec<String>> {
        let hash = BuildHasherDefault::<DefaultHasher>::default();
        let mut files = Vec::new();
        for item in present(self.fs.list(&self.logs_dir.join(name)))? {
            folder.names = folder.names.wrapping_add(hash.hash_one(&item.name));
            if let Some((run, _)) = naming::parse_run_file(&item.name) {
                folder.first.insert(run);
                if limits::USAGE_FIRST_RUNS < folder.first.len() {
                    folder.first.pop_last();
                }
            }
            if !item.is_dir {
                files.push(item.name);
            }
        }
        Ok(files)
    }

    fn add(&self, name: &str, file: &str, folder: &mut Folder) -> io::Result<()> {
        let path = self.logs_dir.join(name).join(file);
        // Gone meanwhile, or nothing that we wrote.
        let Ok(file) = self.fs.open_read(&path) else { return Ok(()) };
        folder.bytes += file.size()?;
        folder.modified = folder.modified.max(file.modified()?);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let bytes = self.folders.values().map(|folder| folder.bytes).sum();
        let mut days = self.folders.iter().filter_map(|(name, folder)| {
            let day = naming::parse_day_dir(name).filter(|_| !folder.first.is_empty())?;
            Some((day, folder.first.clone()))
        });
        let first = days.next();
        let oldest = match first {
            None => None,
            Some((day, runs)) => self.first_entry(day, runs)?,
        };
        self.found = Some(Stored { bytes, oldest });
        Ok(())
    }

    /// The earliest entry of `runs`; the files are only read when these are others than before.
    fn first_entry(&mut self, day: Day, runs: BTreeSet<JobRunId>) -> io::Result<Option<Timestamp>> {
        let same = |known: &&Oldest| known.day == day && known.runs == runs && known.time.is_some();
        if let Some(known) = self.oldest.as_ref().filter(same) {
            return Ok(known.time);
        }
        let mut time: Option<Timestamp> = None;
        for run in &runs {
            let paths = RunPaths::new(&self.logs_dir, day, run);
            let first = stretch::first_time(self.fs.as_ref(), &paths)?;
            time = time.into_iter().chain(first).min();
        }
        self.oldest = Some(Oldest { day, runs, time });
        Ok(time)
    }
}

impl Folder {
    /// Whether nothing has happened since this was known; `now` only has its names.
    fn is_still(&self, now: &Folder) -> bool {
        let quiet = i64::try_from(QUIET.as_nanos()).unwrap_or(i64::MAX);
        self.names == now.names && self.modified.saturating_add(quiet) < self.looked
    }
}

/// What is in a folder; nothing if it is not there.
fn present<T>(listed: io::Result<Vec<T>>) -> io::Result<Vec<T>> {
    match listed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

#[cfg(test)]
mod tests;
