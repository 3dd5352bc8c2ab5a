//! Bugs of durability, seeded on purpose: an [`Fs`] that does not do what it is told, in the way of a
//! program that forgot it, did it too early, twice, or in the wrong order.

use databuild_logs::format::JournalRecord;
use databuild_logs::format::journal;
use databuild_logs::fs::{DirItem, Fs, FsAll, FsFile};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A seeded bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bug {
    EntriesNotSynced,
    EverySecondSyncForgotten,
    EntriesAcknowledgedEarly,
    EntriesSyncedAfterIndex,
    EntriesKeptInBuffer,
    DayNamesNotSynced,
    StoreNamesNotSynced,
    FoldersAboveNotSynced,
    JournalNotSynced,
    JournalNameNotSynced,
    JournalClosedEarly,
    JournalBeforeData,
    TornTailKept,
    TruncatedToNothing,
    IndexRenamedBeforeSync,
    IndexNotReplaced,
    WrittenTwice,
    ShortWriteTakenForWhole,
    RunForgottenInList,
    ExistingFileMadeAnew,
    RecoveryReadsTooLittle,
}

impl Bug {
    pub(crate) const ALL: [Bug; 21] = [
        Bug::EntriesNotSynced,
        Bug::EverySecondSyncForgotten,
        Bug::EntriesAcknowledgedEarly,
        Bug::EntriesSyncedAfterIndex,
        Bug::EntriesKeptInBuffer,
        Bug::DayNamesNotSynced,
        Bug::StoreNamesNotSynced,
        Bug::FoldersAboveNotSynced,
        Bug::JournalNotSynced,
        Bug::JournalNameNotSynced,
        Bug::JournalClosedEarly,
        Bug::JournalBeforeData,
        Bug::TornTailKept,
        Bug::TruncatedToNothing,
        Bug::IndexRenamedBeforeSync,
        Bug::IndexNotReplaced,
        Bug::WrittenTwice,
        Bug::ShortWriteTakenForWhole,
        Bug::RunForgottenInList,
        Bug::ExistingFileMadeAnew,
        Bug::RecoveryReadsTooLittle,
    ];
}

/// What is between the product and the disk.
#[derive(Clone)]
pub(crate) struct Liar(Arc<State>);

struct State {
    fs: Arc<dyn Fs>,
    bug: Bug,
    logs_dir: PathBuf,
    calls: AtomicU64,
    held: Mutex<Held>,
}

/// What was put off.
#[derive(Default)]
struct Held {
    /// Bytes that were not written, by file.
    bytes: BTreeMap<PathBuf, Vec<u8>>,
    /// Files that were not synced.
    syncs: Vec<Arc<dyn FsFile>>,
}

struct LiarFile {
    state: Arc<State>,
    path: PathBuf,
    file: Arc<dyn FsFile>,
}

/// What a file of a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Entries,
    Index,
    NewIndex,
    Journal,
    Other,
}

fn what(path: &Path) -> What {
    match path.extension().and_then(|end| end.to_str()) {
        Some("jsonl") => What::Entries,
        Some("idx") => What::Index,
        Some("new") => What::NewIndex,
        Some("journal") => What::Journal,
        _ => What::Other,
    }
}

impl Liar {
    /// Lies about `fs` in the way of `bug`.
    pub(crate) fn new(fs: Arc<dyn Fs>, bug: Bug, logs_dir: PathBuf) -> Liar {
        let (calls, held) = (AtomicU64::new(0), Mutex::default());
        Liar(Arc::new(State { fs, bug, logs_dir, calls, held }))
    }

    fn file(&self, path: &Path, file: Box<dyn FsFile>) -> Box<dyn FsFile> {
        let (state, path) = (Arc::clone(&self.0), path.to_owned());
        Box::new(LiarFile { state, path, file: Arc::from(file) })
    }
}

impl State {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is every second call.
    fn second(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) % 2 == 1
    }

    fn sync_held(&self) {
        for file in std::mem::take(&mut self.held().syncs) {
            file.sync_data().ok();
        }
    }
}

impl Fs for Liar {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.fs.create_dir_all(dir)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        if self.0.bug == Bug::ExistingFileMadeAnew {
            self.0.fs.remove(path).ok();
        }
        Ok(self.file(path, self.0.fs.create_new(path)?))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        Ok(self.file(path, self.0.fs.open_append(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        Ok(self.file(path, self.0.fs.open_read(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirItem>> {
        let mut items = self.0.fs.list(dir)?;
        if self.0.bug == Bug::RunForgottenInList {
            let first = items.iter().position(|item| what(Path::new(&item.name)) == What::Entries);
            first.map(|at| items.remove(at));
        }
        Ok(items)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.0.bug == Bug::IndexNotReplaced { Ok(()) } else { self.0.fs.rename(from, to) }
    }

    fn link(&self, path: &Path, second: &Path) -> io::Result<()> {
        self.0.fs.link(path, second)
    }

    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.0.fs.allocate(path, bytes)
    }

    fn capacity(&self, dir: &Path) -> io::Result<u64> {
        self.0.fs.capacity(dir)
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.fs.overwrite(path, bytes)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.fs.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let is_store = dir == self.0.logs_dir;
        let is_journal = dir.ends_with(".journal");
        let is_day = !is_journal && dir.parent() == Some(&self.0.logs_dir);
        let is_above = !is_store && self.0.logs_dir.starts_with(dir);
        let forgotten = [
            (Bug::DayNamesNotSynced, is_day),
            (Bug::StoreNamesNotSynced, is_store),
            (Bug::FoldersAboveNotSynced, is_above),
            (Bug::JournalNameNotSynced, is_journal),
        ];
        let forgotten = forgotten.contains(&(self.0.bug, true));
        if forgotten { Ok(()) } else { self.0.fs.sync_dir(dir) }
    }

    fn open_all(&self, dir: &Path) -> io::Result<Box<dyn FsAll>> {
        self.0.fs.open_all(dir)
    }
}

impl LiarFile {
    fn append_to(&self, bytes: &[u8]) -> io::Result<usize> {
        let state = &self.state;
        match (state.bug, what(&self.path)) {
            (Bug::EntriesKeptInBuffer, What::Entries) => {
                let mut held = state.held();
                let buffer = held.bytes.entry(self.path.clone()).or_default();
                buffer.extend_from_slice(bytes);
                if BUFFER_BYTES <= buffer.len() {
                    self.file.append(&std::mem::take(buffer))?;
                }
                Ok(bytes.len())
            }
            (Bug::WrittenTwice, What::Entries) if state.second() => {
                self.file.append(bytes)?;
                Ok(bytes.len() / 2)
            }
            (Bug::ShortWriteTakenForWhole, What::Entries) if state.second() => {
                self.file.append(bytes.get(..bytes.len() / 2).unwrap_or_default())?;
                Ok(bytes.len())
            }
            (Bug::JournalClosedEarly, What::Journal) => {
                let mut and_closed = bytes.to_vec();
                journal::write_record(&JournalRecord::Closed, &mut and_closed);
                self.file.append(&and_closed)?;
                Ok(bytes.len())
            }
            _ => self.file.append(bytes),
        }
    }
}

/// What a program keeps that writes through a buffer.
const BUFFER_BYTES: usize = 4 << 10;

/// Where a reader stops that asks once and takes the answer for all.
const READ_BYTES: u64 = 2 << 10;

impl FsFile for LiarFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.append_to(bytes)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let too_far = READ_BYTES <= offset || READ_BYTES < into.len() as u64;
        if self.state.bug == Bug::RecoveryReadsTooLittle
            && what(&self.path) == What::Entries
            && too_far
        {
            let left = usize::try_from(READ_BYTES.saturating_sub(offset)).unwrap_or(0);
            let into = into.get_mut(..left).unwrap_or_default();
            return if into.is_empty() { Ok(0) } else { self.file.read_at(into, offset) };
        }
        self.file.read_at(into, offset)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn modified(&self) -> io::Result<i64> {
        self.file.modified()
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let bug = self.state.bug;
        if bug == Bug::TornTailKept {
            return Ok(());
        }
        self.file.truncate(if bug == Bug::TruncatedToNothing { 0 } else { size })
    }

    fn sync_data(&self) -> io::Result<()> {
        let state = &self.state;
        match (state.bug, what(&self.path)) {
            (Bug::EntriesNotSynced, What::Entries)
            | (Bug::JournalNotSynced, What::Journal)
            | (Bug::IndexRenamedBeforeSync, What::NewIndex) => Ok(()),
            (Bug::EverySecondSyncForgotten, What::Entries) if state.second() => Ok(()),
            (Bug::EntriesAcknowledgedEarly, What::Entries) => {
                // The one before, now; this one with the next.
                state.sync_held();
                state.held().syncs.push(Arc::clone(&self.file));
                Ok(())
            }
            (Bug::JournalBeforeData | Bug::EntriesSyncedAfterIndex, What::Entries) => {
                state.held().syncs.push(Arc::clone(&self.file));
                Ok(())
            }
            (Bug::JournalBeforeData, What::Journal)
            | (Bug::EntriesSyncedAfterIndex, What::Index | What::NewIndex) => {
                self.file.sync_data()?;
                state.sync_held();
                Ok(())
            }
            _ => self.file.sync_data(),
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.file.try_lock()
    }

    fn is_locked(&self) -> io::Result<bool> {
        self.file.is_locked()
    }

    fn may_rest(&self, path: &Path) {
        self.file.may_rest(path);
    }
}
