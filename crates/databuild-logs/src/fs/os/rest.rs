//! Files that are open for a long time and idle most of it: their descriptors go back to the system while
//! more of them are open than there should be, and come again with the next call.
//!
//! What must not go with the descriptor, the writer's lock and an error that the kernel has not told yet,
//! belongs to the open file and its inode; a mapping that nobody ever touches keeps both.

use crate::limits;
use memmap2::{MmapOptions, MmapRaw};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

/// An open file, with its descriptor or without.
pub(super) struct Held {
    file: RwLock<Option<File>>,
    /// Set once it may rest.
    name: OnceLock<Name>,
    pin: OnceLock<MmapRaw>,
    /// Since it was last looked at by the shelf.
    used: AtomicBool,
}

/// By what a resting file is found again.
struct Name {
    path: PathBuf,
    identity: (u64, u64),
    shelf: Arc<Shelf>,
}

/// The files that may rest and do not.
pub(super) struct Shelf {
    /// So many should have a descriptor.
    most: usize,
    awake: Mutex<VecDeque<Weak<Held>>>,
}

/// The shelf of this process: it is the process whose descriptors are few.
static SHELF: LazyLock<Arc<Shelf>> = LazyLock::new(|| {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let part = usize::try_from(limit / limits::FILES_AWAKE_PART).unwrap_or(usize::MAX);
    Arc::new(Shelf::new(part.min(limits::FILES_AWAKE_MAX)))
});

/// How often a file is tried again when the process has no descriptor left, and how many are asked for.
const TRIES: usize = 8;

/// How much of a file is mapped, which need not be there: the least that can be.
const PIN_BYTES: usize = 1;

impl Held {
    pub(super) fn new(file: File) -> Self {
        Held {
            file: RwLock::new(Some(file)),
            name: OnceLock::new(),
            pin: OnceLock::new(),
            used: AtomicBool::new(true),
        }
    }

    /// From now on it may rest: it is called `path`, and will be. One that is not keeps its descriptor.
    pub(super) fn may_rest(self: &Arc<Self>, path: &Path) {
        self.may_rest_on(path, &SHELF);
    }

    pub(super) fn may_rest_on(self: &Arc<Self>, path: &Path, shelf: &Arc<Shelf>) {
        let Ok(identity) = self.with(|file| Ok(identity(&file.metadata()?))) else { return };
        let name = Name { path: path.to_owned(), identity, shelf: Arc::clone(shelf) };
        if self.name.set(name).is_ok() {
            shelf.put(self);
        }
    }

    /// Does something with the file, which has a descriptor as long as that takes.
    pub(super) fn with<T>(
        self: &Arc<Self>,
        mut work: impl FnMut(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        self.used.store(true, Ordering::Relaxed);
        loop {
            let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(file) = file.as_ref() {
                return work(file);
            }
            drop(file);
            self.wake()?;
        }
    }

    fn wake(self: &Arc<Self>) -> io::Result<()> {
        let Some(name) = self.name.get() else { return Ok(()) };
        let mut file = self.file.write().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            let again = name.open()?;
            if identity(&again.metadata()?) != name.identity {
                return Err(io::Error::new(io::ErrorKind::NotFound, REPLACED));
            }
            *file = Some(again);
            drop(file);
            name.shelf.put(self);
        }
        Ok(())
    }

    /// Gives the descriptor back; `false` if it is needed now, or the file cannot do without.
    fn rest(&self) -> bool {
        let Ok(mut file) = self.file.try_write() else { return false };
        let Some(open) = file.as_ref() else { return true };
        if self.pin.get().is_none() {
            let mapped = MmapOptions::new().len(PIN_BYTES).map_raw_read_only(open);
            let Ok(pin) = mapped else { return false };
            // Nobody else sets it: the file is ours.
            self.pin.set(pin).ok();
        }
        *file = None;
        true
    }
}

const REPLACED: &str = "another file has its name";

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Name {
    fn open(&self) -> io::Result<File> {
        let mut tries = 0..TRIES;
        loop {
            match super::open(&self.path, super::WRITING) {
                Err(error) if is_out_of_files(&error) && tries.next().is_some() => {
                    self.shelf.rest_some(TRIES);
                }
                opened => return opened,
            }
        }
    }
}

fn is_out_of_files(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno == Some(Errno::MFILE) || errno == Some(Errno::NFILE)
}

impl Shelf {
    pub(super) fn new(most: usize) -> Shelf {
        Shelf { most, awake: Mutex::default() }
    }

    /// One more has a descriptor.
    fn put(&self, held: &Arc<Held>) {
        let mut awake = self.lock();
        while self.most <= awake.len() && Self::rest_one(&mut awake) {}
        awake.push_back(Arc::downgrade(held));
    }

    fn rest_some(&self, count: usize) {
        let mut awake = self.lock();
        (0..count).all(|_| Self::rest_one(&mut awake));
    }

    /// Has the one rest, or go, that was not used for long: each is passed over once for being used.
    fn rest_one(awake: &mut VecDeque<Weak<Held>>) -> bool {
        for _ in 0..2 * awake.len() {
            let Some(next) = awake.pop_front() else { return false };
            let Some(held) = next.upgrade() else { return true };
            if !held.used.swap(false, Ordering::Relaxed) && held.rest() {
                return true;
            }
            awake.push_back(next);
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Weak<Held>>> {
        self.awake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
