//! A place that somebody else has a turn at, in the middle of a call: so that two collectors meet where a seed
//! says, and not where threads happen to be.

use databuild_logs::fs::{DirItem, Fs, FsAll, FsFile};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Lets somebody else have a turn before the call of that number.
pub(super) struct Meanwhile {
    fs: Arc<dyn Fs>,
    at: u64,
    calls: AtomicU64,
    /// Tells that it is the other one's turn, and waits until that is over.
    turn: Mutex<(SyncSender<()>, Receiver<()>)>,
}

/// Whoever has the turn: hears of it, and says when it is over.
pub(super) struct Turn {
    pub(super) come: Receiver<()>,
    pub(super) over: SyncSender<()>,
}

impl Meanwhile {
    pub(super) fn new(fs: Arc<dyn Fs>, at: u64) -> (Meanwhile, Turn) {
        let ((tell, come), (over, wait)) = (sync_channel(1), sync_channel(1));
        let turn = Mutex::new((tell, wait));
        (Meanwhile { fs, at, calls: AtomicU64::new(0), turn }, Turn { come, over })
    }

    fn fs(&self) -> &dyn Fs {
        if self.calls.fetch_add(1, Ordering::Relaxed) == self.at {
            let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            // If nobody listens any more, nobody has a turn.
            if turn.0.send(()).is_ok() {
                turn.1.recv().ok();
            }
        }
        self.fs.as_ref()
    }
}

impl Fs for Meanwhile {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.fs().create_dir_all(dir)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.fs().create_new(path)
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.fs().open_append(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.fs().open_read(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirItem>> {
        self.fs().list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fs().rename(from, to)
    }

    fn link(&self, path: &Path, second: &Path) -> io::Result<()> {
        self.fs().link(path, second)
    }

    fn capacity(&self, dir: &Path) -> io::Result<u64> {
        self.fs().capacity(dir)
    }

    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.fs().allocate(path, bytes)
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.fs().overwrite(path, bytes)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.fs().remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.fs().sync_dir(dir)
    }

    fn open_all(&self, dir: &Path) -> io::Result<Box<dyn FsAll>> {
        self.fs().open_all(dir)
    }
}
