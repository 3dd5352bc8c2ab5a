//! Files, as the store needs them: a trait so that tests can make them fail, and the real one.
//!
//! Every file of the store is opened, written, synced and locked through [`Fs`]. A write is one
//! `write(2)` at the end of the file; what an error means is decided by the caller.

mod os;

#[cfg(test)]
pub(crate) mod faulty;

pub use os::OsFs;

use std::io;
use std::path::Path;

/// A place where files are.
///
/// Implementations follow no symbolic link in the last component of a path, and give files that are
/// closed when a child is started.
pub trait Fs: Send + Sync {
    /// Makes `dir` and the folders above it, mode 0750, where they are missing.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes a file, mode 0640, for reading and appending. Fails with
    /// [`io::ErrorKind::AlreadyExists`] if there is one.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>>;

    /// Opens an existing regular file for reading and appending.
    fn open_append(&self, path: &Path) -> io::Result<Box<dyn FsFile>>;

    /// Opens an existing regular file for reading.
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn FsFile>>;

    /// What is in `dir`, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirItem>>;

    /// Puts `from` in the place of `to`, which need not exist. The folder is not synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives the file `path` a second name. The folder is not synced.
    fn link(&self, path: &Path, second: &Path) -> io::Result<()>;

    /// How many bytes the file system of `dir` has in all, used or not.
    fn capacity(&self, dir: &Path) -> io::Result<u64>;

    /// Takes `bytes` bytes of space for the file `path`, which is made, mode 0640, if it is missing; what
    /// it has already is kept. An error leaves it with what could be had, or less.
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()>;

    /// Puts `bytes` at the beginning of the file `path`, which is made, mode 0600, if it is missing, by
    /// one write. Nothing is synced; what stands behind stays.
    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Removes a file. The folder is not synced.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes names that were made or changed in `dir` survive a power cut.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Opens the file system that `dir` is on, to sync all of it.
    fn open_all(&self, dir: &Path) -> io::Result<Box<dyn FsAll>>;
}

/// A whole file system.
pub trait FsAll: Send + Sync {
    /// Makes all that was written there survive a power cut: cheaper than many files one by one. Tells
    /// of any write that failed since this was opened or asked last; it may be one of somebody else.
    fn sync_all(&self) -> io::Result<()>;
}

/// An open file.
pub trait FsFile: Send + Sync {
    /// Appends `bytes` by one `write(2)` and tells how many were taken.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads at `offset`; 0 bytes at the end of the file.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The size in bytes.
    fn size(&self) -> io::Result<u64>;

    /// When it was last written, in nanoseconds since 1970.
    fn modified(&self) -> io::Result<i64>;

    /// Cuts the file off at `size`.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes what was written survive a power cut. After an error nothing is known about any byte
    /// since the last success, and asking again would lie.
    fn sync_data(&self) -> io::Result<()>;

    /// Takes the writer's lock, held until the file is closed. `false` if somebody else has it.
    fn try_lock(&self) -> io::Result<bool>;

    /// Whether somebody holds the writer's lock.
    fn is_locked(&self) -> io::Result<bool>;

    /// The file is called `path`, and will be as long as it is open: what it takes of the system may be
    /// given back between two calls while many files are open. Lock and contents stay.
    fn may_rest(&self, path: &Path);
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirItem {
    /// The name; names that are not UTF-8 are not listed, since none of ours is.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// Makes `dir` and the folders above it where they are missing, so that a power cut leaves them there.
///
/// The last two names are synced also when they are there: whoever made them may have been killed
/// before that.
pub fn create_dir_durable(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    let is_missing = |dir: &Path| {
        let listed = fs.list(dir);
        listed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let above = dir.ancestors().filter(|dir| !dir.as_os_str().is_empty()).enumerate();
    let unsure = above.take_while(|(height, dir)| *height < 2 || is_missing(dir));
    let unsure: Vec<&Path> = unsure.map(|(_, dir)| dir).collect();
    fs.create_dir_all(dir)?;
    for name in unsure.iter().rev() {
        if let Some(parent) = name.parent() {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            match fs.sync_dir(parent) {
                // A folder that may be passed and not read: its names are the affair of its owner.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                synced => synced?,
            }
        }
    }
    Ok(())
}

/// Appends all of `bytes`, by as many writes as it takes. Answers how many bytes were written when
/// it did not succeed, so that the caller can go on from there.
pub fn append_all(file: &dyn FsFile, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.append(rest) {
            Ok(0) => return Err((done, io::ErrorKind::WriteZero.into())),
            Ok(taken) => done += taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((done, error)),
        }
    }
    Ok(())
}

/// Reads `into` full from `offset` on, less at the end of the file; answers how much it got.
pub fn read_full_at(file: &dyn FsFile, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(got) => done += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Reads a whole file of at most `bytes_max`; longer files are [`io::ErrorKind::FileTooLarge`].
pub fn read_whole(file: &dyn FsFile, bytes_max: u64) -> io::Result<Vec<u8>> {
    let size = file.size()?;
    if bytes_max < size {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let size = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; size];
    let got = read_full_at(file, &mut bytes, 0)?;
    bytes.truncate(got);
    Ok(bytes)
}

#[cfg(test)]
mod tests;
