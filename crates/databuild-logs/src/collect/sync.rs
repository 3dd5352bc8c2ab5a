//! Syncing many files at once. A sync takes the disk a few milliseconds however little was written,
//! but those that are asked for together end together: so a pool of threads, never one by one.

use crate::fs::{Fs, FsAll, FsFile};
use crate::limits;
use rustix::fd::OwnedFd;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Something that can be synced.
pub(super) enum Target {
    File(PathBuf, Arc<dyn FsFile>),
    Dir(PathBuf),
    /// All that is on the file system of this folder.
    All(PathBuf, Arc<dyn FsAll>),
    /// Something longer that ends in a sync.
    Work(PathBuf, Work),
}

/// What the pool does for whoever cannot wait for it.
pub(super) type Work = Box<dyn FnOnce(&dyn Fs) -> io::Result<()> + Send>;

/// What was synced together, or the first error. `key` is the caller's.
#[derive(Debug)]
pub(super) struct SyncDone<K> {
    pub(super) key: K,
    pub(super) result: Result<(), (PathBuf, io::Error)>,
}

/// What is said of a sync that ended in a panic.
const DEFECT: &str = "a defect in databuild ended the sync";

struct Group<K> {
    left: AtomicUsize,
    done: Mutex<Option<SyncDone<K>>>,
}

/// Something to sync, and who waits for it.
struct Errand<K> {
    target: Target,
    groups: Vec<Arc<Group<K>>>,
}

struct State<K> {
    queue: VecDeque<Errand<K>>,
    idle: usize,
    stopping: bool,
}

struct Shared<K> {
    fs: Arc<dyn Fs>,
    state: Mutex<State<K>>,
    work: Condvar,
    done: Mutex<Vec<SyncDone<K>>>,
    wake: OwnedFd,
}

/// The threads that sync. They begin when they are needed.
pub(super) struct SyncPool<K> {
    shared: Arc<Shared<K>>,
    threads: Vec<JoinHandle<()>>,
}

/// A panic while a lock was held is ours and has been seen; the data is still what it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Send + 'static> SyncPool<K> {
    /// A pool that writes to the event descriptor `wake` when something was synced.
    pub(super) fn new(fs: Arc<dyn Fs>, wake: OwnedFd) -> Self {
        let state = State { queue: VecDeque::new(), idle: 0, stopping: false };
        let shared = Arc::new(Shared {
            fs,
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Mutex::new(Vec::new()),
            wake,
        });
        SyncPool { shared, threads: Vec::new() }
    }

    /// Syncs the targets of each key side by side; a folder that several keys name is synced once for
    /// all of them. The queue is bounded by the callers: each has one group at most under way.
    pub(super) fn submit(&mut self, groups: impl IntoIterator<Item = (K, Vec<Target>)>) {
        let mut errands: Vec<Errand<K>> = Vec::new();
        for (key, targets) in groups {
            let group = Arc::new(Group {
                left: AtomicUsize::new(targets.len()),
                done: Mutex::new(Some(SyncDone { key, result: Ok(()) })),
            });
            for target in targets {
                match errands.iter_mut().find(|errand| errand.target.is_same_dir(&target)) {
                    Some(errand) => errand.groups.push(Arc::clone(&group)),
                    None => errands.push(Errand { target, groups: vec![Arc::clone(&group)] }),
                }
            }
        }
        let mut state = lock(&self.shared.state);
        state.queue.extend(errands);
        let (wanted, idle) = (state.queue.len(), state.idle);
        drop(state);
        for _ in 0..wanted.min(idle) {
            self.shared.work.notify_one();
        }
        for _ in idle..wanted {
            if !self.grow() {
                break;
            }
        }
    }

    /// One more thread; `false` if there are enough, or the system has none to give.
    fn grow(&mut self) -> bool {
        if limits::SYNC_THREADS_MAX <= self.threads.len() {
            return false;
        }
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("logs-sync".to_owned());
        match thread.spawn(move || shared.run()) {
            Ok(handle) => self.threads.push(handle),
            // Without any thread the caller's own has to do it.
            Err(_) if self.threads.is_empty() => {
                while let Some(errand) = lock(&self.shared.state).queue.pop_front() {
                    self.shared.sync(errand);
                }
                return false;
            }
            Err(_) => return false,
        }
        true
    }

    /// What was synced since the last call.
    pub(super) fn take_done(&self) -> Vec<SyncDone<K>> {
        std::mem::take(&mut *lock(&self.shared.done))
    }
}

impl<K> Drop for SyncPool<K> {
    /// Ends the threads after what is in the queue.
    fn drop(&mut self) {
        lock(&self.shared.state).stopping = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

impl<K> Shared<K> {
    fn run(&self) {
        while let Some(errand) = self.next() {
            self.sync(errand);
        }
    }

    fn next(&self) -> Option<Errand<K>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(next) = state.queue.pop_front() {
                return Some(next);
            }
            if state.stopping {
                return None;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Syncs, and tells whoever waits. Whatever happens meanwhile, somebody is told: a panic is a sync
    /// of which nothing is known, as one that failed.
    fn sync(&self, errand: Errand<K>) {
        let path = errand.target.path().to_owned();
        let fs = self.fs.as_ref();
        // Nothing of what it may leave half done is looked at: the file is replaced by another.
        let synced = catch_unwind(AssertUnwindSafe(|| errand.target.sync(fs)));
        let result = synced.unwrap_or_else(|_| Err(io::Error::other(DEFECT)));
        let mut finished = Vec::new();
        for group in errand.groups {
            if let Err(error) = &result
                && let Some(done) = &mut *lock(&group.done)
            {
                done.result = Err((path.clone(), same(error)));
            }
            if group.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                finished.extend(lock(&group.done).take());
            }
        }
        if !finished.is_empty() {
            lock(&self.done).append(&mut finished);
            super::worker::wake(&self.wake);
        }
    }
}

/// An error for one more of those who wait for the same folder.
fn same(error: &io::Error) -> io::Error {
    let told = || io::Error::new(error.kind(), error.to_string());
    error.raw_os_error().map_or_else(told, io::Error::from_raw_os_error)
}

impl Target {
    fn path(&self) -> &Path {
        match self {
            Target::File(path, _)
            | Target::Dir(path)
            | Target::All(path, _)
            | Target::Work(path, _) => path,
        }
    }

    fn sync(self, fs: &dyn Fs) -> io::Result<()> {
        match self {
            Target::File(_, file) => file.sync_data(),
            Target::Dir(path) => fs.sync_dir(&path),
            Target::All(_, all) => all.sync_all(),
            Target::Work(_, work) => work(fs),
        }
    }

    fn is_same_dir(&self, other: &Target) -> bool {
        matches!((self, other), (Target::Dir(one), Target::Dir(two)) if one == two)
    }
}
