//! The index of a run as it is written: rows wait for others, and the file is made with the first of
//! them. Until the seal nobody relies on it, because it can be made from the entries.

use super::run::drain;
use super::sync::Target;
use crate::format::{Block, IndexHeader, RunRecord, index};
use crate::fs::{Fs, FsFile};
use crate::limits;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A run's index.
pub(super) struct IndexFile {
    fs: Arc<dyn Fs>,
    path: PathBuf,
    /// Nothing before the first write.
    file: Option<Arc<dyn FsFile>>,
    /// What is not in the file.
    rest: Vec<u8>,
    /// Blocks in `rest`.
    waiting: usize,
    /// All of `rest` should be in the file by now.
    due: bool,
    /// The file was made after the folder was synced for the run's other file.
    made: bool,
}

impl IndexFile {
    /// The index of a run that begins: no file yet.
    pub(super) fn new(fs: Arc<dyn Fs>, path: PathBuf, header: &IndexHeader) -> Self {
        let mut rest = Vec::new();
        index::write_header(header, &mut rest);
        IndexFile { fs, path, file: None, rest, waiting: 0, due: false, made: false }
    }

    /// The index of a run that goes on: `file` is empty, and lacks `rest`.
    pub(super) fn begun(
        fs: Arc<dyn Fs>,
        path: PathBuf,
        file: Box<dyn FsFile>,
        rest: Vec<u8>,
    ) -> Self {
        file.may_rest(&path);
        IndexFile {
            fs,
            path,
            file: Some(Arc::from(file)),
            rest,
            waiting: 0,
            due: true,
            made: false,
        }
    }

    /// Goes on in another file, which has all that there is to tell.
    pub(super) fn replace(&mut self, file: Box<dyn FsFile>) {
        file.may_rest(&self.path);
        self.file = Some(Arc::from(file));
        (self.rest, self.waiting, self.due) = (Vec::new(), 0, false);
    }

    /// Takes blocks that are full.
    pub(super) fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            index::write_block(block, &mut self.rest);
        }
        self.waiting += blocks.len();
        self.due |= limits::INDEX_BLOCKS_TOGETHER <= self.waiting;
    }

    /// Takes the seal, after which nothing comes.
    pub(super) fn seal(&mut self, record: &RunRecord) {
        index::write_seal(record, &mut self.rest);
        self.due = true;
    }

    /// Nothing comes for a while: whoever goes on with the run is spared to look at its entries.
    pub(super) fn hurry(&mut self) {
        self.due |= self.waiting != 0;
    }

    /// Whether the file lacks what should be in it by now.
    pub(super) fn is_behind(&self) -> bool {
        self.due
    }

    /// Writes what should be in the file by now.
    pub(super) fn write(&mut self) -> io::Result<()> {
        if !self.due {
            return Ok(());
        }
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let made: Arc<dyn FsFile> = Arc::from(self.fs.create_new(&self.path)?);
                made.may_rest(&self.path);
                self.made = true;
                Arc::clone(self.file.insert(made))
            }
        };
        drain(file.as_ref(), &mut self.rest)?;
        (self.waiting, self.due) = (0, false);
        Ok(())
    }

    /// Whether its name may not survive a power cut, although that of the entries does.
    pub(super) fn is_unnamed(&self) -> bool {
        self.made
    }

    /// What must be synced for it to survive a power cut.
    pub(super) fn target(&self) -> Option<Target> {
        Some(Target::File(self.path.clone(), Arc::clone(self.file.as_ref()?)))
    }
}
