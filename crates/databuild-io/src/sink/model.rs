//! A place in memory whose power can be cut and whose operations can fail: what tests write into. It is
//! stricter than any file system: of what was not synced anything may survive, and names without data.

use super::{FilePlace, Listed, Sink, SinkError, SinkErrorKind, SinkFile, SinkLock, Stat, is_path};
use databuild_model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A place in memory. Clones are the same place.
#[derive(Debug, Clone, Default)]
pub struct ModelSink {
    state: Arc<Mutex<State>>,
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and has done nothing.
    Error(SinkErrorKind),
    /// An append fails after a part of the bytes; others as [`Fault::Error`] with a transient error.
    Short,
    /// It, and all after it, fail: we are dead. Ends with [`ModelSink::revive`].
    Kill,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    /// Names as they are after a power cut, but for `pending`.
    durable: BTreeMap<String, usize>,
    /// Changes of names that no power cut needs to leave, in order.
    pending: Vec<Change>,
    locks: BTreeSet<String>,
    clock: i64,
    /// Operations so far.
    steps: u64,
    faults: BTreeMap<u64, Fault>,
    dead: bool,
    /// Counts lives: handles of an earlier one are of no use.
    life: u64,
    /// Counts what was mounted there.
    mounted: u64,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    data: Vec<u8>,
    synced: Vec<u8>,
    changed: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Set(String, usize),
    Move(String, String),
    Remove(String),
}

impl Change {
    /// The path whose folder has to be synced for it.
    fn path(&self) -> &str {
        match self {
            Change::Set(path, _) | Change::Move(_, path) | Change::Remove(path) => path,
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Change::Set(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Change::Move(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Change::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

impl ModelSink {
    /// An empty place.
    pub fn new() -> ModelSink {
        ModelSink::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many operations there were.
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// What happens to the operation after so many others.
    pub fn fault_at(&self, step: u64, fault: Fault) {
        self.state().faults.insert(step, fault);
    }

    /// Every operation works again, and nobody holds a lock or a file that was opened before. What was
    /// written is there.
    pub fn revive(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.locks.clear();
        state.dead = false;
        state.life += 1;
    }

    /// The power goes and comes back: of what was not synced `choose` decides, which answers a number
    /// below the one that it is given. Then as [`ModelSink::revive`].
    pub fn cut_power(&self, choose: &mut dyn FnMut(usize) -> usize) {
        let mut state = self.state();
        for inode in &mut state.inodes {
            inode.cut(choose);
        }
        let mut names = std::mem::take(&mut state.durable);
        for change in std::mem::take(&mut state.pending) {
            if choose(2) == 0 {
                change.apply(&mut names);
            }
        }
        state.names.clone_from(&names);
        state.durable = names;
        drop(state);
        self.revive();
    }

    /// All files, with what is in them.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let content = |inode: &usize| state.inodes.get(*inode).map(|it| it.data.clone());
        state
            .names
            .iter()
            .map(|(path, inode)| (path.clone(), content(inode).unwrap_or_default()))
            .collect()
    }

    /// As somebody else who writes, renames or removes files there.
    pub fn meddle(&self, change: impl FnOnce(&mut BTreeMap<String, usize>)) {
        let mut state = self.state();
        change(&mut state.names);
        let names = state.names.clone();
        state.durable = names;
        state.pending.clear();
    }

    /// Another disk is there, which is empty.
    pub fn unmount(&self) {
        self.meddle(BTreeMap::clear);
        self.state().mounted += 1;
    }

    /// What files made from now on say about when they were changed.
    pub fn set_clock(&self, now: Timestamp) {
        self.state().clock = now.as_nanos();
    }

    fn begin(&self, doing: &'static str, path: &str) -> Result<MutexGuard<'_, State>, SinkError> {
        let is_all = path.is_empty() && doing == "list";
        if !is_path(path) && !is_all {
            return Err(error(SinkErrorKind::BadPath, doing, path));
        }
        let mut state = self.state();
        match state.next() {
            None => Ok(state),
            Some(Fault::Error(kind)) => Err(error(kind, doing, path)),
            Some(Fault::Short | Fault::Kill) => Err(error(SinkErrorKind::Transient, doing, path)),
        }
    }
}

impl Inode {
    fn cut(&mut self, choose: &mut dyn FnMut(usize) -> usize) {
        if let Some(more) = self.data.strip_prefix(self.synced.as_slice()) {
            let kept = choose(more.len() + 1);
            // The length may be on the disk and the bytes not.
            let zeros = if choose(4) == 0 { choose(kept + 1) } else { 0 };
            self.data.truncate(self.synced.len() + kept);
            let from = self.data.len() - zeros;
            self.data.iter_mut().skip(from).for_each(|byte| *byte = 0);
        } else if choose(2) == 0 {
            self.data.clone_from(&self.synced);
        }
        self.synced.clone_from(&self.data);
    }
}

impl State {
    /// Counts an operation; what happens to it.
    fn next(&mut self) -> Option<Fault> {
        let step = self.steps;
        self.steps += 1;
        if self.dead {
            return Some(Fault::Kill);
        }
        let fault = self.faults.remove(&step);
        self.dead = fault == Some(Fault::Kill);
        fault
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.pending.push(change);
    }

    fn stat(&self, path: &str) -> Option<Stat> {
        let inode = self.inodes.get(*self.names.get(path)?)?;
        let changed = Timestamp::from_nanos(inode.changed);
        Some(Stat { bytes: inode.data.len() as u64, changed })
    }
}

impl Sink for ModelSink {
    fn identity(&self) -> Result<String, SinkError> {
        Ok(format!("model {}", self.state().mounted))
    }

    fn stat(&self, path: &str) -> Result<Option<Stat>, SinkError> {
        Ok(self.begin("look at", path)?.stat(path))
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, SinkError> {
        let state = self.begin("list", folder)?;
        let within = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let files = state.names.keys().filter_map(|path| {
            let name = path.strip_prefix(&within).filter(|name| !name.contains('/'))?;
            Some(Listed { name: name.to_owned(), stat: state.stat(path)? })
        });
        Ok(files.collect())
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        let state = self.begin("list", folder)?;
        let within = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let folders = state.names.keys().filter_map(|path| {
            path.strip_prefix(&within)?.split_once('/').map(|(name, _)| name.to_owned())
        });
        Ok(folders.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn append_from(&self, path: &str, at: u64) -> Result<Box<dyn SinkFile>, SinkError> {
        const DOING: &str = "open";
        let mut state = self.begin(DOING, path)?;
        let known = state.names.get(path).copied();
        let inode = match known {
            Some(inode) => inode,
            None if at == 0 => {
                let changed = state.clock;
                state.inodes.push(Inode { changed, ..Inode::default() });
                let inode = state.inodes.len() - 1;
                state.change(Change::Set(path.to_owned(), inode));
                inode
            }
            None => return Err(error(SinkErrorKind::Missing, DOING, path)),
        };
        let cut = usize::try_from(at).unwrap_or(usize::MAX);
        match state.inodes.get_mut(inode) {
            Some(file) if cut <= file.data.len() => file.data.truncate(cut),
            Some(_) | None => return Err(error(SinkErrorKind::Short, DOING, path)),
        }
        let life = state.life;
        drop(state);
        let path = path.to_owned();
        Ok(Box::new(ModelFile { sink: self.clone(), inode, path, length: cut, life }))
    }

    fn read(&self, path: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, SinkError> {
        let state = self.begin("read", path)?;
        let inode = state.names.get(path).and_then(|inode| state.inodes.get(*inode));
        let inode = inode.ok_or_else(|| error(SinkErrorKind::Missing, "read", path))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(inode.data.len());
        let rest = inode.data.get(from..).unwrap_or_default();
        Ok(rest.get(..bytes_max.min(rest.len())).unwrap_or_default().to_vec())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), SinkError> {
        const DOING: &str = "rename";
        let mut state = self.begin(DOING, from)?;
        if !state.names.contains_key(from) {
            return Err(error(SinkErrorKind::Missing, DOING, from));
        }
        if state.names.contains_key(to) {
            return Err(error(SinkErrorKind::Exists, DOING, to));
        }
        state.change(Change::Move(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), SinkError> {
        let mut state = self.begin("remove", path)?;
        if !state.names.contains_key(path) {
            return Err(error(SinkErrorKind::Missing, "remove", path));
        }
        state.change(Change::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_names(&self, path: &str) -> Result<(), SinkError> {
        let mut state = self.begin("sync the folder of", path)?;
        let folder = folder_of(path).to_owned();
        let pending = std::mem::take(&mut state.pending);
        for change in pending {
            // A folder above is on the way; what is in it is synced with it.
            if folder.starts_with(folder_of(change.path())) {
                change.apply(&mut state.durable);
            } else {
                state.pending.push(change);
            }
        }
        Ok(())
    }

    fn lock(&self, path: &str) -> Result<Option<Box<dyn SinkLock>>, SinkError> {
        let mut state = self.begin("lock", path)?;
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        let life = state.life;
        drop(state);
        Ok(Some(Box::new(ModelLock { sink: self.clone(), path: path.to_owned(), life })))
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[derive(Debug)]
struct ModelFile {
    sink: ModelSink,
    inode: usize,
    path: String,
    length: usize,
    life: u64,
}

impl ModelFile {
    fn begin(&self, doing: &'static str) -> Result<MutexGuard<'_, State>, SinkError> {
        let state = self.sink.begin(doing, &self.path)?;
        if state.life == self.life {
            Ok(state)
        } else {
            Err(error(SinkErrorKind::Transient, doing, &self.path))
        }
    }
}

impl SinkFile for ModelFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        const DOING: &str = "append to";
        let mut state = self.sink.state();
        let fault = if state.life == self.life { state.next() } else { Some(Fault::Kill) };
        let taken = match fault {
            None => bytes.len(),
            Some(Fault::Error(_)) => 0,
            // A write that was going on may have come to any place.
            Some(Fault::Short | Fault::Kill) => bytes.len() / 2,
        };
        let alive = state.life == self.life;
        let now = state.clock;
        if let Some(inode) = state.inodes.get_mut(self.inode).filter(|_| alive) {
            if inode.data.len() < self.length {
                return Err(error(SinkErrorKind::Short, DOING, &self.path));
            }
            self.length = inode.data.len() + taken;
            inode.data.extend_from_slice(bytes.get(..taken).unwrap_or_default());
            inode.changed = now;
        }
        match fault {
            None => Ok(()),
            Some(Fault::Error(kind)) => Err(error(kind, DOING, &self.path)),
            Some(Fault::Short | Fault::Kill) => {
                Err(error(SinkErrorKind::Transient, DOING, &self.path))
            }
        }
    }

    fn sync(&mut self) -> Result<u64, SinkError> {
        let mut state = self.begin("sync")?;
        let Some(inode) = state.inodes.get_mut(self.inode) else { return Ok(0) };
        inode.synced.clone_from(&inode.data);
        Ok(inode.data.len() as u64)
    }

    fn place(&self) -> Result<FilePlace, SinkError> {
        let state = self.begin("look at")?;
        if state.names.get(&self.path) == Some(&self.inode) {
            let bytes = state.inodes.get(self.inode).map_or(0, |inode| inode.data.len() as u64);
            return Ok(FilePlace::Here { bytes });
        }
        let elsewhere = state.names.values().any(|inode| *inode == self.inode);
        Ok(if elsewhere { FilePlace::Renamed } else { FilePlace::Removed })
    }

    fn close(self: Box<Self>) -> Result<(), SinkError> {
        self.begin("close").map(drop)
    }
}

#[derive(Debug)]
struct ModelLock {
    sink: ModelSink,
    path: String,
    life: u64,
}

impl SinkLock for ModelLock {}

impl Drop for ModelLock {
    fn drop(&mut self) {
        let mut state = self.sink.state();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

fn error(kind: SinkErrorKind, doing: &'static str, path: &str) -> SinkError {
    SinkError { kind, doing, path: path.to_owned(), source: None }
}

#[cfg(test)]
mod tests;
