//! A folder of this machine. Every path is opened beneath a handle of the folder, and no link is followed
//! on the way, so that nothing can lead out of it. Modes are as asked for, whatever the umask.

mod file;

use super::{Listed, Sink, SinkError, SinkErrorKind, SinkFile, SinkLock, Stat, is_path};
use databuild_model::time::Timestamp;
use file::LocalFile;
use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat as OsStat,
};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder that keeps files.
#[derive(Debug)]
pub struct LocalSink {
    base: PathBuf,
    handle: Arc<OwnedFd>,
    modes: Modes,
}

/// Modes of what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes {
    /// Of files.
    pub file: u32,
    /// Of folders.
    pub folder: u32,
}

impl Default for Modes {
    /// Owner writes, group reads.
    fn default() -> Self {
        Modes { file: 0o640, folder: 0o750 }
    }
}

/// A folder on the way: nothing in it is read by way of this.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl LocalSink {
    /// The folder at `base`, which is made if it is missing. Links on the way to it are followed: where it
    /// is is the owner's choice.
    pub fn open(base: &Path, modes: Modes) -> Result<LocalSink, SinkError> {
        let trouble = |source| error("make the folder", base, source);
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(modes.folder).create(base).map_err(trouble)?;
        let handle =
            rustix::fs::open(base, FOLDER, Mode::empty()).map_err(|it| trouble(it.into()))?;
        Ok(LocalSink { base: base.to_owned(), handle: Arc::new(handle), modes })
    }

    /// The folder.
    pub fn base(&self) -> &Path {
        &self.base
    }

    fn error(&self, doing: &'static str, path: &str, source: std::io::Error) -> SinkError {
        error(doing, &self.base.join(path), source)
    }

    fn check(&self, doing: &'static str, path: &str) -> Result<(), SinkError> {
        if is_path(path) {
            return Ok(());
        }
        let path = self.base.join(path).display().to_string();
        Err(SinkError { kind: SinkErrorKind::BadPath, doing, path, source: None })
    }

    /// The folder that `path` is in, and its name there.
    fn place<'a>(&self, path: &'a str, make: Make) -> Result<(OwnedFd, &'a str), Errno> {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.folder(folders, make)?, name))
    }

    fn folder(&self, path: &str, make: Make) -> Result<OwnedFd, Errno> {
        let mut folder = self.handle.try_clone().map_err(|_| Errno::MFILE)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            folder = match step(&folder, name) {
                Err(Errno::NOENT) if make == Make::Missing => {
                    self.make_folder(&folder, name)?;
                    step(&folder, name)?
                }
                found => found?,
            };
        }
        Ok(folder)
    }

    fn make_folder(&self, within: &OwnedFd, name: &str) -> Result<(), Errno> {
        match rustix::fs::mkdirat(within, name, Mode::from_raw_mode(self.modes.folder)) {
            Err(Errno::EXIST) => return Ok(()),
            made => made?,
        }
        // The umask took some of it away.
        rustix::fs::fchmod(step(within, name)?, Mode::from_raw_mode(self.modes.folder))
    }

    fn open_at(&self, path: &str, flags: OFlags, make: Make, mode: u32) -> Result<File, Errno> {
        let (folder, name) = self.place(path, make)?;
        // Without NONBLOCK a FIFO that somebody put there would hang the open.
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = Mode::from_raw_mode(mode);
        let opened = match rustix::fs::openat(&folder, name, flags, Mode::empty()) {
            Err(Errno::NOENT) if make == Make::Missing => {
                let flags = flags | OFlags::CREATE | OFlags::EXCL;
                let made = rustix::fs::openat(&folder, name, flags, mode)?;
                rustix::fs::fchmod(&made, mode)?;
                made
            }
            opened => opened?,
        };
        let is_file = is_file(&rustix::fs::fstat(&opened)?);
        if is_file { Ok(File::from(opened)) } else { Err(Errno::LOOP) }
    }

    /// Calls `each` with what is in a folder, itself and the one above left out.
    fn each_in(&self, folder: &str, mut each: impl FnMut(&str, &OsStat)) -> Result<(), SinkError> {
        const DOING: &str = "list";
        if !folder.is_empty() {
            self.check(DOING, folder)?;
        }
        let trouble = |errno: Errno| self.error(DOING, folder, errno.into());
        let handle = match self.folder(folder, Make::Nothing) {
            Err(Errno::NOENT) => return Ok(()),
            handle => handle.map_err(trouble)?,
        };
        for item in Dir::read_from(&handle).map_err(trouble)? {
            let item = item.map_err(trouble)?;
            // A name that is not UTF-8 is none of ours.
            let Ok(name) = item.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            match rustix::fs::statat(&handle, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => each(name, &stat),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(trouble(errno)),
            }
        }
        Ok(())
    }

    fn find(&self, path: &str) -> Result<Option<OsStat>, Errno> {
        let found = self.place(path, Make::Nothing).and_then(|(folder, name)| {
            rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)
        });
        match found {
            Ok(stat) if is_file(&stat) => Ok(Some(stat)),
            // Something else has the name: as good as a link.
            Ok(_) => Err(Errno::LOOP),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

/// Whether what is missing is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
    Missing,
    Nothing,
}

/// Into a folder, not through a link.
fn step(folder: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
}

impl Sink for LocalSink {
    fn identity(&self) -> Result<String, SinkError> {
        let stat = rustix::fs::fstat(&*self.handle);
        let stat = stat.map_err(|errno| self.error("look at", "", errno.into()))?;
        let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
        Ok(format!("device {major}:{minor}"))
    }

    fn stat(&self, path: &str) -> Result<Option<Stat>, SinkError> {
        const DOING: &str = "look at";
        self.check(DOING, path)?;
        let found = self.find(path).map_err(|errno| self.error(DOING, path, errno.into()))?;
        Ok(found.map(|stat| stat_of(&stat)))
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, SinkError> {
        let mut files = Vec::new();
        self.each_in(folder, |name, stat| {
            if is_file(stat) {
                files.push(Listed { name: name.to_owned(), stat: stat_of(stat) });
            }
        })?;
        Ok(files)
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>, SinkError> {
        let mut folders = Vec::new();
        self.each_in(folder, |name, stat| {
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                folders.push(name.to_owned());
            }
        })?;
        Ok(folders)
    }

    fn append_from(&self, path: &str, at: u64) -> Result<Box<dyn SinkFile>, SinkError> {
        const DOING: &str = "open";
        self.check(DOING, path)?;
        let trouble = |source| self.error(DOING, path, source);
        let make = if at == 0 { Make::Missing } else { Make::Nothing };
        let flags = OFlags::RDWR | OFlags::APPEND;
        let file = self
            .open_at(path, flags, make, self.modes.file)
            .map_err(|errno| trouble(errno.into()))?;
        let found = file.metadata().map_err(trouble)?.len();
        if found < at {
            let path = self.base.join(path).display().to_string();
            return Err(SinkError { kind: SinkErrorKind::Short, doing: DOING, path, source: None });
        }
        if at < found {
            file.set_len(at).map_err(trouble)?;
        }
        let shown = self.base.join(path).display().to_string();
        let base = Arc::clone(&self.handle);
        Ok(Box::new(LocalFile::new(file, base, path.to_owned(), shown, at)))
    }

    fn read(&self, path: &str, offset: u64, bytes_max: usize) -> Result<Vec<u8>, SinkError> {
        const DOING: &str = "read";
        self.check(DOING, path)?;
        let trouble = |source| self.error(DOING, path, source);
        let file = self
            .open_at(path, OFlags::RDONLY, Make::Nothing, 0)
            .map_err(|errno| trouble(errno.into()))?;
        let there = file.metadata().map_err(trouble)?.len().saturating_sub(offset);
        let mut bytes = vec![0; bytes_max.min(usize::try_from(there).unwrap_or(usize::MAX))];
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(trouble(error)),
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), SinkError> {
        const DOING: &str = "rename";
        self.check(DOING, from)?;
        self.check(DOING, to)?;
        let renamed = (|| {
            let (old, old_name) = self.place(from, Make::Nothing)?;
            let (new, new_name) = self.place(to, Make::Missing)?;
            let flags = RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(&old, old_name, &new, new_name, flags) {
                // A file system that cannot: two names for a moment, and never one for two files.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    rustix::fs::linkat(&old, old_name, &new, new_name, AtFlags::empty())?;
                    rustix::fs::unlinkat(&old, old_name, AtFlags::empty())
                }
                renamed => renamed,
            }
        })();
        let named = |errno: Errno| if errno == Errno::EXIST { to } else { from };
        renamed.map_err(|errno| self.error(DOING, named(errno), errno.into()))
    }

    fn remove(&self, path: &str) -> Result<(), SinkError> {
        const DOING: &str = "remove";
        self.check(DOING, path)?;
        self.place(path, Make::Nothing)
            .and_then(|(folder, name)| rustix::fs::unlinkat(&folder, name, AtFlags::empty()))
            .map_err(|errno| self.error(DOING, path, errno.into()))
    }

    fn sync_names(&self, path: &str) -> Result<(), SinkError> {
        const DOING: &str = "sync the folder of";
        self.check(DOING, path)?;
        let trouble = |errno: Errno| self.error(DOING, path, errno.into());
        let mut folder =
            self.handle.try_clone().map_err(|source| self.error(DOING, path, source))?;
        rustix::fs::fsync(&folder).map_err(trouble)?;
        let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
        for name in folders.split('/').filter(|name| !name.is_empty()) {
            folder = match step(&folder, name) {
                // Removed since: there is no name that could be lost.
                Err(Errno::NOENT) => return Ok(()),
                next => next.map_err(trouble)?,
            };
            rustix::fs::fsync(&folder).map_err(trouble)?;
        }
        Ok(())
    }

    fn lock(&self, path: &str) -> Result<Option<Box<dyn SinkLock>>, SinkError> {
        const DOING: &str = "lock";
        self.check(DOING, path)?;
        let trouble = |errno: Errno| self.error(DOING, path, errno.into());
        let file = self.open_at(path, OFlags::RDWR, Make::Missing, 0o600).map_err(trouble)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(LocalLock(file)))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(trouble(errno)),
        }
    }
}

/// Held as long as the file is open.
#[derive(Debug)]
struct LocalLock(#[expect(dead_code, reason = "closing it lets the lock go")] File);

impl SinkLock for LocalLock {}

fn is_file(stat: &OsStat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

fn stat_of(stat: &OsStat) -> Stat {
    let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    let changed = stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(nanos);
    Stat {
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        changed: Timestamp::from_nanos(changed),
    }
}

/// The error, with its kind.
fn error(doing: &'static str, path: &Path, source: std::io::Error) -> SinkError {
    let kind = match Errno::from_io_error(&source) {
        Some(Errno::NOENT) => SinkErrorKind::Missing,
        Some(Errno::EXIST) => SinkErrorKind::Exists,
        Some(Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NAMETOOLONG) => {
            SinkErrorKind::BadPath
        }
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => SinkErrorKind::Denied,
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => SinkErrorKind::Full,
        Some(_) | None => SinkErrorKind::Transient,
    };
    SinkError { kind, doing, path: path.display().to_string(), source: Some(source) }
}

#[cfg(test)]
mod tests;
