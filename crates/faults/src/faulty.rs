//! Named points at which something goes wrong: each operation of an [`Fs`] on each kind of file is one.

use crate::disk::Disk;
use crate::job::pause;
use databuild_logs::fs::{DirItem, Fs, FsAll, FsFile};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The disk reports an error.
    Error,
    /// There is no space.
    Full,
    /// The thread that asked comes to its end by a defect.
    Panic,
    /// All programs are killed.
    Kill,
    /// It takes long.
    Delay,
    /// Only a part is written or read.
    Short,
}

impl Action {
    pub(crate) const ALL: [Action; 6] =
        [Action::Error, Action::Full, Action::Panic, Action::Kill, Action::Delay, Action::Short];

    /// Whether it can happen at this point.
    pub(crate) fn fits(self, point: &str) -> bool {
        let of = |operations: &[&str]| operations.iter().any(|name| point.starts_with(name));
        match self {
            Action::Short => of(&["append", "read"]),
            Action::Full => of(&["append", "create", "rename", "allocate", "overwrite", "link"]),
            // Nobody hears any more of what a thread of the pool was to sync: what waits for it waits.
            Action::Panic => !of(&["sync"]),
            Action::Error | Action::Kill | Action::Delay => true,
        }
    }
}

/// How long a slow disk takes.
const DELAY: Duration = Duration::from_millis(20);

/// A disk on which something goes wrong once.
#[derive(Clone)]
pub(crate) struct Faulty(Arc<State>);

struct State {
    disk: Disk,
    points: Mutex<Points>,
}

/// What came by, and what is to happen.
#[derive(Default)]
struct Points {
    hits: BTreeMap<String, u64>,
    armed: Option<(String, u64, Action)>,
    fired: bool,
}

/// How an operation goes on.
enum Way {
    Whole,
    Short,
}

struct FaultyFile {
    state: Arc<State>,
    kind: &'static str,
    file: Box<dyn FsFile>,
}

struct FaultyAll {
    state: Arc<State>,
    all: Box<dyn FsAll>,
}

impl Faulty {
    /// At the `nth` time (from 0) that `point` comes by on `disk`, `action` happens; nothing happens
    /// without.
    pub(crate) fn new(disk: Disk, armed: Option<(String, u64, Action)>) -> Faulty {
        let points = Mutex::new(Points { armed, ..Points::default() });
        Faulty(Arc::new(State { disk, points }))
    }

    /// Each point that came by, and how often.
    pub(crate) fn hits(&self) -> BTreeMap<String, u64> {
        self.0.points().hits.clone()
    }

    /// Whether what was to happen did.
    pub(crate) fn has_fired(&self) -> bool {
        self.0.points().fired
    }

    fn file(&self, path: &Path, file: Box<dyn FsFile>) -> Box<dyn FsFile> {
        Box::new(FaultyFile { state: Arc::clone(&self.0), kind: kind(path), file })
    }
}

/// What a file or folder of the store is.
fn kind(path: &Path) -> &'static str {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        "logs" => "store",
        ".journal" => "journals",
        _ if name.ends_with(".jsonl") => "entries",
        _ if name.ends_with(".idx") => "index",
        _ if name.ends_with(".idx.new") => "new index",
        _ if name.ends_with(".journal") => "journal",
        _ if name.starts_with("20") => "day",
        ".databuild" | "project" => "folder above",
        _ => "other",
    }
}

impl State {
    fn points(&self) -> MutexGuard<'_, Points> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, operation: &str, kind: &str) -> io::Result<Way> {
        let point = format!("{operation} {kind}");
        let mut points = self.points();
        let hits = points.hits.entry(point.clone()).or_default();
        let nth = *hits;
        *hits += 1;
        let action = match &points.armed {
            Some((armed, at, action)) if *armed == point && *at == nth => *action,
            _ => return Ok(Way::Whole),
        };
        points.fired = true;
        drop(points);
        match action {
            Action::Error => Err(Errno::IO.into()),
            Action::Full => Err(Errno::NOSPC.into()),
            Action::Kill => {
                drop(self.disk.next_life());
                Err(Errno::IO.into())
            }
            Action::Panic => {
                // A program with such a defect is ended by whoever watches it.
                drop(self.disk.next_life());
                std::panic::resume_unwind(Box::new("a seeded defect"))
            }
            Action::Delay => {
                pause(DELAY).ok();
                Ok(Way::Whole)
            }
            Action::Short => Ok(Way::Short),
        }
    }
}

impl Fs for Faulty {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.at("create_dir", kind(dir))?;
        self.0.disk.create_dir_all(dir)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.0.at("create", kind(path))?;
        Ok(self.file(path, self.0.disk.create_new(path)?))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.0.at("open_append", kind(path))?;
        Ok(self.file(path, self.0.disk.open_append(path)?))
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.0.at("open_read", kind(path))?;
        Ok(self.file(path, self.0.disk.open_read(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirItem>> {
        self.0.at("list", kind(dir))?;
        self.0.disk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.at("rename", kind(from))?;
        self.0.disk.rename(from, to)
    }

    fn link(&self, path: &Path, second: &Path) -> io::Result<()> {
        self.0.at("link", kind(path))?;
        self.0.disk.link(path, second)
    }

    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.0.at("allocate", kind(path))?;
        self.0.disk.allocate(path, bytes)
    }

    fn capacity(&self, dir: &Path) -> io::Result<u64> {
        self.0.at("capacity", kind(dir))?;
        self.0.disk.capacity(dir)
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.at("overwrite", kind(path))?;
        self.0.disk.overwrite(path, bytes)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.at("remove", kind(path))?;
        self.0.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.at("sync_names", kind(dir))?;
        self.0.disk.sync_dir(dir)
    }

    fn open_all(&self, dir: &Path) -> io::Result<Box<dyn FsAll>> {
        self.0.at("open_all", kind(dir))?;
        let all = self.0.disk.open_all(dir)?;
        Ok(Box::new(FaultyAll { state: Arc::clone(&self.0), all }))
    }
}

impl FsAll for FaultyAll {
    fn sync_all(&self) -> io::Result<()> {
        self.state.at("sync_all", "store")?;
        self.all.sync_all()
    }
}

impl FsFile for FaultyFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.state.at("append", self.kind)? {
            Way::Whole => self.file.append(bytes),
            Way::Short => self.file.append(bytes.get(..bytes.len().div_ceil(2)).unwrap_or(bytes)),
        }
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.state.at("read", self.kind)? {
            Way::Whole => self.file.read_at(into, offset),
            Way::Short => {
                let half = into.len().div_ceil(2);
                self.file.read_at(into.get_mut(..half).unwrap_or_default(), offset)
            }
        }
    }

    fn size(&self) -> io::Result<u64> {
        self.state.at("size", self.kind)?;
        self.file.size()
    }

    fn modified(&self) -> io::Result<i64> {
        self.state.at("modified", self.kind)?;
        self.file.modified()
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.state.at("truncate", self.kind)?;
        self.file.truncate(size)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state.at("sync", self.kind)?;
        self.file.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.state.at("lock", self.kind)?;
        self.file.try_lock()
    }

    fn is_locked(&self) -> io::Result<bool> {
        self.state.at("is_locked", self.kind)?;
        self.file.is_locked()
    }

    fn may_rest(&self, path: &Path) {
        self.file.may_rest(path);
    }
}
