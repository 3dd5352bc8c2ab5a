//! A disk in memory that remembers in which order it was asked for what, so that the power can be cut
//! afterwards at any moment: [`Disk::trace`] gives what was done, [`Medium`] what is left of it.
//!
//! For whoever uses it, it is an [`Fs`] that never fails.

mod file;
mod medium;

pub(crate) use medium::{Medium, Mood};

use crate::clock::Stopwatch;
use databuild_logs::fs::{DirItem, Fs, FsAll, FsFile};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The folder above all others; it is always there.
pub(crate) const ROOT: &str = "/disk";

/// Stands for a file, whatever it is called.
pub(crate) type Inode = u64;

/// The number of the first file of an image.
const FIRST_INODE: Inode = 1;

/// What is on a disk that nobody uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) dirs: BTreeSet<PathBuf>,
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
}

/// One thing that a disk was asked for, or that somebody was told because of it.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    MakeDir(PathBuf),
    Create(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Append(Inode, Vec<u8>),
    Overwrite(Inode, Vec<u8>),
    Truncate(Inode, usize),
    /// A sync began; what was done before it is what it covers.
    SyncBegin(u64, Covers),
    /// The sync of this number has ended well.
    SyncEnd(u64),
    /// The collector gave its word.
    Word(Word),
}

/// What a sync is to make durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Covers {
    Data(Inode),
    Names(PathBuf),
    All,
}

/// What the product promised somebody: it must hold whatever happens afterwards.
#[derive(Debug, Clone)]
pub(crate) enum Word {
    /// The end of the run was reported, with so many bytes.
    Ended { run: String, bytes: usize },
    /// So many bytes of the run became durable within the interval.
    Durable { run: String, bytes: usize },
}

/// A disk, as the programs of one life see it. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Disk {
    inner: Arc<Inner>,
    /// Programs that were killed do nothing any more.
    life: u64,
}

struct Inner {
    live: Mutex<Live>,
    changed: Condvar,
}

/// What the programs see.
#[derive(Default)]
struct Live {
    names: BTreeMap<PathBuf, Name>,
    nodes: BTreeMap<Inode, Node>,
    next: u64,
    trace: Vec<Step>,
    life: u64,
    /// The length of the trace at which all programs are killed.
    kill_at: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Dir,
    File(Inode),
}

#[derive(Default)]
struct Node {
    bytes: Vec<u8>,
    writer: Option<u64>,
}

impl Disk {
    /// A disk with what `image` has.
    pub(crate) fn new(image: &Image) -> Disk {
        let mut live = Live::default();
        live.names.insert(PathBuf::from(ROOT), Name::Dir);
        live.names.extend(image.dirs.iter().map(|dir| (dir.clone(), Name::Dir)));
        for (path, bytes) in &image.files {
            let inode = live.number();
            let node = Node { bytes: bytes.clone(), writer: None };
            live.nodes.insert(inode, node);
            live.names.insert(path.clone(), Name::File(inode));
        }
        let inner = Inner { live: Mutex::new(live), changed: Condvar::new() };
        Disk { inner: Arc::new(inner), life: 0 }
    }

    /// Kills the programs that use it when so many more steps were taken.
    pub(crate) fn kill_after(&self, steps: usize) {
        let mut live = self.lock();
        live.kill_at = Some(live.trace.len() + steps);
    }

    /// Whether the programs that use this one were killed.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().life != self.life
    }

    /// Kills the programs that use it now, and gives the disk to others.
    pub(crate) fn next_life(&self) -> Disk {
        let mut live = self.lock();
        if live.life == self.life {
            live.kill();
        }
        Disk { inner: Arc::clone(&self.inner), life: live.life }
    }

    /// What is on it for those who use it now.
    pub(crate) fn image(&self) -> Image {
        let live = self.lock();
        let mut image = Image::default();
        for (path, name) in &live.names {
            match name {
                Name::Dir => drop(image.dirs.insert(path.clone())),
                Name::File(inode) => {
                    let bytes = live.nodes.get(inode).map(|node| node.bytes.clone());
                    image.files.insert(path.clone(), bytes.unwrap_or_default());
                }
            }
        }
        image
    }

    /// What was done since the disk is used.
    pub(crate) fn trace(&self) -> Vec<Step> {
        self.lock().trace.clone()
    }

    /// Puts down that the product gave its word.
    pub(crate) fn give_word(&self, word: Word) {
        self.lock().trace.push(Step::Word(word));
    }

    /// Waits until `done`, which is asked after every step, or until the programs are killed; `false`
    /// if that takes longer than `patience`.
    pub(crate) fn wait_until(
        &self,
        patience: Duration,
        mut done: impl FnMut(&Disk) -> bool,
    ) -> bool {
        let watch = Stopwatch::start();
        loop {
            let seen = self.lock().trace.len();
            if done(self) || self.is_dead() {
                return true;
            }
            let quiet = |live: &mut Live| live.trace.len() == seen && live.life == self.life;
            let left = patience.saturating_sub(watch.elapsed());
            let waited = self.inner.changed.wait_timeout_while(self.lock(), left, quiet);
            let (_live, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                return false;
            }
        }
    }

    /// What is in a file, if it is there.
    pub(crate) fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let live = self.lock();
        let node = live.nodes.get(&live.file(path)?)?;
        Some(node.bytes.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.inner.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something, and puts it down.
    fn step<T>(&self, work: impl FnOnce(&mut Live) -> io::Result<T>) -> io::Result<T> {
        let mut live = self.lock();
        if live.kill_at.is_some_and(|at| at <= live.trace.len()) {
            live.kill();
        }
        let done = if live.life == self.life { work(&mut live) } else { Err(Errno::IO.into()) };
        drop(live);
        self.inner.changed.notify_all();
        done
    }

    fn sync(&self, covers: Covers) -> io::Result<()> {
        let number = self.step(|live| {
            let number = live.number();
            live.trace.push(Step::SyncBegin(number, covers));
            Ok(number)
        })?;
        // Others may come between, as they do while a real disk is busy.
        self.step(|live| {
            live.trace.push(Step::SyncEnd(number));
            Ok(())
        })
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Box<dyn FsFile>> {
        let mut live = self.lock();
        let inode = live.file(path).ok_or(io::ErrorKind::NotFound)?;
        let handle = live.number();
        Ok(Box::new(file::DiskFile::new(self.clone(), inode, handle, writable)))
    }
}

impl Live {
    /// The kernel takes the locks of those that are gone.
    fn kill(&mut self) {
        self.life += 1;
        self.kill_at = None;
        self.nodes.values_mut().for_each(|node| node.writer = None);
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn create(&mut self, path: &Path) -> Inode {
        let inode = self.number();
        self.nodes.insert(inode, Node::default());
        self.names.insert(path.to_owned(), Name::File(inode));
        self.trace.push(Step::Create(path.to_owned(), inode));
        inode
    }

    fn file(&self, path: &Path) -> Option<Inode> {
        match self.names.get(path) {
            Some(Name::File(inode)) => Some(*inode),
            Some(Name::Dir) | None => None,
        }
    }

    fn parent_is_there(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().and_then(|dir| self.names.get(dir));
        if parent == Some(&Name::Dir) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

impl Fs for Disk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.step(|live| {
            let mut missing: Vec<&Path> = dir
                .ancestors()
                .take_while(|dir| *dir != Path::new(ROOT))
                .filter(|dir| !live.names.contains_key(*dir))
                .collect();
            missing.reverse();
            for dir in missing {
                live.names.insert(dir.to_owned(), Name::Dir);
                live.trace.push(Step::MakeDir(dir.to_owned()));
            }
            Ok(())
        })
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.step(|live| {
            if live.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            live.parent_is_there(path)?;
            live.create(path);
            Ok(())
        })?;
        self.open(path, true)
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.open(path, true)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.open(path, false)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirItem>> {
        let live = self.lock();
        if live.names.get(dir) != Some(&Name::Dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let items = live.names.iter().filter(|(path, _)| path.parent() == Some(dir));
        let item = |(path, name): (&PathBuf, &Name)| {
            let text = path.file_name()?.to_str()?.to_owned();
            Some(DirItem { name: text, is_dir: *name == Name::Dir })
        };
        Ok(items.filter_map(item).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|live| {
            live.parent_is_there(to)?;
            let name = live.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            live.names.insert(to.to_owned(), name);
            live.trace.push(Step::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn link(&self, path: &Path, second: &Path) -> io::Result<()> {
        self.step(|live| {
            live.parent_is_there(second)?;
            let inode = live.file(path).ok_or(io::ErrorKind::NotFound)?;
            if live.names.contains_key(second) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            live.names.insert(second.to_owned(), Name::File(inode));
            // The same change of names as that of a new file, and it is not synced either.
            live.trace.push(Step::Create(second.to_owned(), inode));
            Ok(())
        })
    }

    fn capacity(&self, _dir: &Path) -> io::Result<u64> {
        Ok(0)
    }

    /// There is always room.
    fn allocate(&self, _path: &Path, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step(|live| {
            live.parent_is_there(path)?;
            let inode = match live.file(path) {
                Some(inode) => inode,
                None => live.create(path),
            };
            let node = live.nodes.entry(inode).or_default();
            overwrite(&mut node.bytes, bytes);
            live.trace.push(Step::Overwrite(inode, bytes.to_vec()));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|live| {
            live.file(path).ok_or(io::ErrorKind::NotFound)?;
            live.names.remove(path);
            live.trace.push(Step::Remove(path.to_owned()));
            Ok(())
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.lock().names.get(dir) != Some(&Name::Dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.sync(Covers::Names(dir.to_owned()))
    }

    fn open_all(&self, _dir: &Path) -> io::Result<Box<dyn FsAll>> {
        Ok(Box::new(self.clone()))
    }
}

impl FsAll for Disk {
    fn sync_all(&self) -> io::Result<()> {
        self.sync(Covers::All)
    }
}

/// Puts `more` in the place of the first bytes.
fn overwrite(bytes: &mut Vec<u8>, more: &[u8]) {
    bytes.splice(..more.len().min(bytes.len()), more.iter().copied());
}

#[cfg(test)]
mod tests;
