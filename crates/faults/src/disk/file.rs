//! An open file of a [`Disk`].

use super::{Covers, Disk, Inode, Node, Step};
use crate::clock::beginning;
use databuild_logs::fs::FsFile;
use rustix::io::Errno;
use std::io;
use std::path::Path;

pub(super) struct DiskFile {
    disk: Disk,
    inode: Inode,
    /// Who holds the lock, if this file does.
    handle: u64,
    writable: bool,
}

impl DiskFile {
    pub(super) fn new(disk: Disk, inode: Inode, handle: u64, writable: bool) -> Self {
        DiskFile { disk, inode, handle, writable }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Node) -> T) -> T {
        // A file that is open is there, also when its name is gone.
        work(self.disk.lock().nodes.entry(self.inode).or_default())
    }

    fn change(&self, step: Step, work: impl FnOnce(&mut Node)) -> io::Result<()> {
        if !self.writable {
            return Err(Errno::BADF.into());
        }
        self.disk.step(|live| {
            work(live.nodes.entry(self.inode).or_default());
            live.trace.push(step);
            Ok(())
        })
    }
}

impl FsFile for DiskFile {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let step = Step::Append(self.inode, bytes.to_vec());
        self.change(step, |node| node.bytes.extend_from_slice(bytes))?;
        Ok(bytes.len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|node| {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = node.bytes.get(from..).unwrap_or_default();
            let got = rest.len().min(into.len());
            if let (Some(into), Some(rest)) = (into.get_mut(..got), rest.get(..got)) {
                into.copy_from_slice(rest);
            }
            Ok(got)
        })
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.with(|node| node.bytes.len() as u64))
    }

    fn modified(&self) -> io::Result<i64> {
        Ok(beginning().as_nanos())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.change(Step::Truncate(self.inode, size), |node| node.bytes.resize(size, 0))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync(Covers::Data(self.inode))
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.disk.step(|live| {
            let node = live.nodes.entry(self.inode).or_default();
            Ok(*node.writer.get_or_insert(self.handle) == self.handle)
        })
    }

    fn is_locked(&self) -> io::Result<bool> {
        Ok(self.with(|node| node.writer.is_some_and(|writer| writer != self.handle)))
    }

    fn may_rest(&self, _path: &Path) {}
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        self.with(|node| {
            if node.writer == Some(self.handle) {
                node.writer = None;
            }
        });
    }
}
