//! Files in memory that fail when a test wants it: short writes, a full disk, a disk that reports
//! errors. Nothing but tests uses this.

use super::{DirItem, Fs, FsAll, FsFile};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A file system in memory. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct FaultyFs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    names: Mutex<Names>,
    faults: Mutex<Faults>,
    handles: AtomicU64,
    when_opened: Mutex<Option<(&'static str, Meanwhile)>>,
}

/// What somebody else does.
type Meanwhile = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Names {
    files: BTreeMap<PathBuf, Inode>,
    dirs: BTreeSet<PathBuf>,
}

type Inode = Arc<Mutex<Node>>;

#[derive(Default)]
struct Node {
    bytes: Vec<u8>,
    writer: Option<u64>,
    /// How often it was synced, and how many of its bytes that covered.
    syncs: usize,
    synced: usize,
}

/// What goes wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// No write takes more bytes than this.
    pub(crate) write_bytes_max: Option<usize>,
    /// All files together have at most this many bytes.
    pub(crate) capacity: Option<usize>,
    /// Writes to files whose path has this in it fail with EIO.
    pub(crate) write_error: Option<&'static str>,
    /// Syncs of files whose path has this in it fail with EIO.
    pub(crate) sync_error: Option<&'static str>,
    /// A sync that fails does so by a panic.
    pub(crate) panics: bool,
    /// A sync that fails throws away what was not synced: zeros are read in its place.
    pub(crate) forgets: bool,
    /// So many of these errors, then no more.
    pub(crate) times: Option<usize>,
}

struct File {
    fs: FaultyFs,
    path: PathBuf,
    node: Inode,
    handle: u64,
    writable: bool,
}

impl FaultyFs {
    pub(crate) fn set(&self, faults: Faults) {
        *self.0.faults.lock().unwrap() = faults;
    }

    /// Does `meanwhile` before a file whose path has `name` in it is opened the next time to be appended to.
    pub(crate) fn when_opened(
        &self,
        name: &'static str,
        meanwhile: impl FnOnce() + Send + 'static,
    ) {
        *self.0.when_opened.lock().unwrap() = Some((name, Box::new(meanwhile)));
    }

    /// Whether it is time for an error on `path`.
    fn fails(&self, path: &Path, part: fn(&Faults) -> Option<&'static str>) -> bool {
        let mut faults = self.0.faults.lock().unwrap();
        let fails = named(path, part(&faults)) && faults.times != Some(0);
        if fails && let Some(times) = &mut faults.times {
            *times -= 1;
        }
        fails
    }

    fn faults(&self) -> Faults {
        self.0.faults.lock().unwrap().clone()
    }

    /// All files and what is in them.
    pub(crate) fn dump(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let names = self.0.names.lock().unwrap();
        let bytes = |node: &Inode| node.lock().unwrap().bytes.clone();
        names.files.iter().map(|(path, node)| (path.clone(), bytes(node))).collect()
    }

    /// How often a file was synced.
    pub(crate) fn syncs(&self, path: &Path) -> usize {
        let names = self.0.names.lock().unwrap();
        names.files.get(path).map_or(0, |node| node.lock().unwrap().syncs)
    }

    /// Bytes of a file that no sync covered.
    pub(crate) fn unsynced(&self, path: &Path) -> usize {
        let names = self.0.names.lock().unwrap();
        let rest = |node: &Inode| {
            let node = node.lock().unwrap();
            node.bytes.len().saturating_sub(node.synced)
        };
        names.files.get(path).map_or(0, rest)
    }

    /// A file system with these files, and nobody who has them open.
    pub(crate) fn with(files: &BTreeMap<PathBuf, Vec<u8>>) -> FaultyFs {
        let fs = FaultyFs::default();
        let mut names = fs.0.names.lock().unwrap();
        for (path, bytes) in files {
            names.dirs.extend(path.ancestors().skip(1).map(Path::to_owned));
            let node = Node { bytes: bytes.clone(), synced: bytes.len(), ..Node::default() };
            names.files.insert(path.clone(), Arc::new(Mutex::new(node)));
        }
        drop(names);
        fs
    }

    fn used(&self) -> usize {
        let names = self.0.names.lock().unwrap();
        names.files.values().map(|node| node.lock().unwrap().bytes.len()).sum()
    }

    fn file(&self, path: &Path, node: Inode, writable: bool) -> Box<dyn FsFile> {
        let handle = self.0.handles.fetch_add(1, Ordering::Relaxed);
        let path = path.to_owned();
        Box::new(File { fs: self.clone(), path, node, handle, writable })
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Box<dyn FsFile>> {
        let names = self.0.names.lock().unwrap();
        let node = names.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(path, node.clone(), writable))
    }
}

fn named(path: &Path, part: Option<&str>) -> bool {
    part.is_some_and(|part| path.to_string_lossy().contains(part))
}

impl Fs for FaultyFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut names = self.0.names.lock().unwrap();
        names.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let mut names = self.0.names.lock().unwrap();
        if names.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !names.dirs.contains(path.parent().unwrap()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let node = Inode::default();
        names.files.insert(path.to_owned(), node.clone());
        Ok(self.file(path, node, true))
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        let meanwhile = self.0.when_opened.lock().unwrap().take_if(|it| named(path, Some(it.0)));
        if let Some((_, meanwhile)) = meanwhile {
            meanwhile();
        }
        self.open(path, true)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn FsFile>> {
        self.open(path, false)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirItem>> {
        let names = self.0.names.lock().unwrap();
        if !names.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let item = |path: &PathBuf, is_dir| {
            let name = path.strip_prefix(dir).ok()?.to_str()?;
            (!name.is_empty() && !name.contains('/'))
                .then(|| DirItem { name: name.to_owned(), is_dir })
        };
        let files = names.files.keys().filter_map(|path| item(path, false));
        Ok(files.chain(names.dirs.iter().filter_map(|path| item(path, true))).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = self.0.names.lock().unwrap();
        let node = names.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.files.insert(to.to_owned(), node);
        Ok(())
    }

    fn link(&self, path: &Path, second: &Path) -> io::Result<()> {
        let mut names = self.0.names.lock().unwrap();
        let node = names.files.get(path).ok_or(io::ErrorKind::NotFound)?.clone();
        match names.files.insert(second.to_owned(), node) {
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            None => Ok(()),
        }
    }

    /// Without a limit there is nothing to keep back.
    fn capacity(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.faults().capacity.unwrap_or_default() as u64)
    }

    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).unwrap();
        let had = self.dump().get(path).map_or(0, Vec::len);
        let capacity = self.faults().capacity.unwrap_or(usize::MAX);
        if capacity < self.used().saturating_add(bytes.saturating_sub(had)) {
            return Err(Errno::NOSPC.into());
        }
        let mut names = self.0.names.lock().unwrap();
        let node = names.files.entry(path.to_owned()).or_default();
        let mut node = node.lock().unwrap();
        let len = node.bytes.len().max(bytes);
        node.bytes.resize(len, 0);
        Ok(())
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => drop(made?),
        }
        let names = self.0.names.lock().unwrap();
        let mut node = names.files.get(path).ok_or(io::ErrorKind::NotFound)?.lock().unwrap();
        let len = node.bytes.len().max(bytes.len());
        node.bytes.resize(len, 0);
        node.bytes[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut names = self.0.names.lock().unwrap();
        names.files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let found = self.0.names.lock().unwrap().dirs.contains(dir);
        if found { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn open_all(&self, dir: &Path) -> io::Result<Box<dyn FsAll>> {
        self.sync_dir(dir)?;
        Ok(Box::new(self.clone()))
    }
}

impl FsAll for FaultyFs {
    fn sync_all(&self) -> io::Result<()> {
        let faults = self.faults();
        assert!(!(faults.panics && faults.sync_error.is_some()), "a failpoint");
        if faults.sync_error.is_some() { Err(Errno::IO.into()) } else { Ok(()) }
    }
}

impl FsFile for File {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let faults = self.fs.faults();
        if !self.writable {
            return Err(Errno::BADF.into());
        }
        if self.fs.fails(&self.path, |faults| faults.write_error) {
            return Err(Errno::IO.into());
        }
        let mut len = bytes.len().min(faults.write_bytes_max.unwrap_or(usize::MAX));
        if let Some(capacity) = faults.capacity {
            len = len.min(capacity.saturating_sub(self.fs.used()));
            if len == 0 && !bytes.is_empty() {
                return Err(Errno::NOSPC.into());
            }
        }
        self.node.lock().unwrap().bytes.extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let node = self.node.lock().unwrap();
        let from = usize::try_from(offset).unwrap().min(node.bytes.len());
        let rest = &node.bytes[from..];
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.node.lock().unwrap().bytes.len() as u64)
    }

    fn modified(&self) -> io::Result<i64> {
        Ok(0)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.node.lock().unwrap().bytes.resize(usize::try_from(size).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let fails = self.fs.fails(&self.path, |faults| faults.sync_error);
        assert!(!(fails && self.fs.faults().panics), "a failpoint");
        let mut node = self.node.lock().unwrap();
        if fails {
            if self.fs.faults().forgets {
                let synced = node.synced.min(node.bytes.len());
                node.bytes[synced..].fill(0);
            }
            return Err(Errno::IO.into());
        }
        node.syncs += 1;
        node.synced = node.bytes.len();
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut node = self.node.lock().unwrap();
        let writer = *node.writer.get_or_insert(self.handle);
        Ok(writer == self.handle)
    }

    fn is_locked(&self) -> io::Result<bool> {
        let node = self.node.lock().unwrap();
        Ok(node.writer.is_some_and(|writer| writer != self.handle))
    }

    fn may_rest(&self, _path: &Path) {}
}

impl Drop for File {
    fn drop(&mut self) {
        let mut node = self.node.lock().unwrap();
        if node.writer == Some(self.handle) {
            node.writer = None;
        }
    }
}
