//! The real files of this machine.

mod rest;

use super::{DirItem, Fs, FsAll, FsFile};
use rest::Held;
use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFs;

struct OsFile {
    held: Arc<Held>,
    /// The writer's lock is ours.
    locked: AtomicBool,
}

impl OsFile {
    fn new(file: File) -> Self {
        OsFile { held: Arc::new(Held::new(file)), locked: AtomicBool::new(false) }
    }
}

/// How files are opened that are written, and how they are made.
const WRITING: OFlags = OFlags::RDWR.union(OFlags::APPEND);
const CREATING: OFlags = WRITING.union(OFlags::CREATE).union(OFlags::EXCL);

/// Opens a file of the store: `{store}/{folder}/{name}`. Where the store is may be told by links; within
/// it none is followed, neither in place of the file nor of the folder that it is in.
fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    // Without NONBLOCK a FIFO that somebody put there would hang the open; regular files ignore it.
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let creates = flags.contains(OFlags::CREATE);
    let mode = Mode::from_raw_mode(if creates { 0o640 } else { 0 });
    let opened = match place(path) {
        Some((store, within)) => {
            let way = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let store = rustix::fs::open(store, way, Mode::empty())?;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            match rustix::fs::openat2(&store, within, flags, mode, resolve) {
                // A kernel before 5.6, or a sandbox that does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => in_steps(&store, within, flags, mode)?,
                opened => opened?,
            }
        }
        None => rustix::fs::open(path, flags, mode)?,
    };
    Ok(File::from(opened))
}

/// The same by one call for each part of the path.
fn in_steps(store: &OwnedFd, within: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let (Some(folder), Some(name)) = (within.parent(), within.file_name()) else {
        return Err(Errno::INVAL.into());
    };
    let way = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(store, folder, way, Mode::empty())?;
    Ok(rustix::fs::openat(&folder, name, flags, mode)?)
}

/// The store's folder, and the path of the file within it. Nothing for a path without a folder.
fn place(path: &Path) -> Option<(&Path, &Path)> {
    let store = path.parent()?.parent()?;
    let within = path.strip_prefix(store).ok()?;
    Some((if store == Path::new("") { Path::new(".") } else { store }, within))
}

fn open_existing(path: &Path, flags: OFlags) -> io::Result<Box<dyn FsFile>> {
    let file = open(path, flags)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(Box::new(OsFile::new(file)))
}

fn try_lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_locked(file: &File) -> io::Result<bool> {
    // A shared lock is taken for a moment: readers do not disturb each other by asking.
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            rustix::fs::flock(file, FlockOperation::Unlock)?;
            Ok(false)
        }
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

impl Fs for OsFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(dir)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        Ok(Box::new(OsFile::new(open(path, CREATING)?)))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        open_existing(path, WRITING)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        open_existing(path, OFlags::RDONLY)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirItem>> {
        let mut items = Vec::new();
        for item in std::fs::read_dir(dir)? {
            let item = item?;
            if let Ok(name) = item.file_name().into_string() {
                items.push(DirItem { name, is_dir: item.file_type()?.is_dir() });
            }
        }
        Ok(items)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(rustix::fs::rename(from, to)?)
    }

    fn link(&self, path: &Path, second: &Path) -> io::Result<()> {
        Ok(rustix::fs::link(path, second)?)
    }

    fn capacity(&self, dir: &Path) -> io::Result<u64> {
        let all = rustix::fs::statvfs(dir)?;
        Ok(all.f_blocks.saturating_mul(all.f_frsize))
    }

    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = open(path, OFlags::RDWR | OFlags::CREATE)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP) => fill(&file, bytes),
            done => Ok(done?),
        }
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o600))?;
        let taken = rustix::io::pwrite(&file, bytes, 0)?;
        if taken < bytes.len() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn open_all(&self, dir: &Path) -> io::Result<Box<dyn FsAll>> {
        Ok(Box::new(OsAll(File::open(dir)?)))
    }
}

/// A folder that stays open: the kernel remembers for each open file which errors it was told.
struct OsAll(File);

impl FsAll for OsAll {
    fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

/// Writes zeros, where space cannot be asked for.
fn fill(file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; 64 << 10];
    let mut at = file.metadata()?.len();
    while at < bytes {
        let want = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(zeros.get(..want).unwrap_or(&zeros), at)?;
        at += want as u64;
    }
    Ok(())
}

impl FsFile for OsFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        self.held.with(|file| Ok(rustix::io::write(file, bytes)?))
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.held.with(|file| file.read_at(into, offset))
    }

    fn size(&self) -> io::Result<u64> {
        self.held.with(|file| Ok(file.metadata()?.len()))
    }

    fn modified(&self) -> io::Result<i64> {
        let metadata = self.held.with(File::metadata)?;
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        Ok(seconds.saturating_add(metadata.mtime_nsec()))
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.held.with(|file| file.set_len(size))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.held.with(File::sync_data)
    }

    fn try_lock(&self) -> io::Result<bool> {
        // Asked again through another descriptor, the kernel would take us for somebody else.
        if !self.locked.load(Ordering::Acquire) {
            self.locked.store(self.held.with(try_lock)?, Ordering::Release);
        }
        Ok(self.locked.load(Ordering::Acquire))
    }

    fn is_locked(&self) -> io::Result<bool> {
        Ok(!self.locked.load(Ordering::Acquire) && self.held.with(is_locked)?)
    }

    fn may_rest(&self, path: &Path) {
        self.held.may_rest(path);
    }
}
