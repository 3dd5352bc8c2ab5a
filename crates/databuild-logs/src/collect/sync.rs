//! Syncing many files at once. A sync takes the disk a few milliseconds however little was written,
//! but those that are asked for together end together: so a pool of threads, never one by one.

use crate::fs::{Fs, FsAll, FsFile};
use crate::limits;
use rustix::fd::OwnedFd;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
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

    fn sync(&self, errand: Errand<K>) {
        let (path, result) = match errand.target {
            Target::File(path, file) => (path, file.sync_data()),
            Target::Dir(path) => {
                let result = self.fs.sync_dir(&path);
                (path, result)
            }
            Target::All(path, all) => (path, all.sync_all()),
            Target::Work(path, work) => (path, work(self.fs.as_ref())),
        };
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
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

impl Target {
    fn is_same_dir(&self, other: &Target) -> bool {
        matches!((self, other), (Target::Dir(one), Target::Dir(two)) if one == two)
    }
}
