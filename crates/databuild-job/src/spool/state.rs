//! `state.json`: how far the run is, for a wrapper that may have to go on in place of this one. It can
//! be written on a full disk: two files with a block each take turns under the name.

use databuild_model::spool::{STATE_FILE, SpoolState, VERSION};
use rustix::fs::{Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// The file that is not under the name.
const OTHER_FILE: &str = "state.json.other";

/// The state in the folder, as this wrapper keeps it.
#[derive(Debug)]
pub(crate) struct StateFile {
    folder: Rc<OwnedFd>,
    now: SpoolState,
    /// What is there could not be written yet.
    unwritten: bool,
}

impl StateFile {
    /// What another wrapper has left, or nothing.
    pub(super) fn open(folder: &Rc<OwnedFd>) -> StateFile {
        let bytes = super::read_file(folder, STATE_FILE).unwrap_or_default();
        let now = serde_json::from_slice(&bytes).unwrap_or_default();
        StateFile { folder: Rc::clone(folder), now, unwritten: false }
    }

    /// The state. Its version is 0 if nobody has ever written one.
    pub(crate) fn get(&self) -> &SpoolState {
        &self.now
    }

    /// Whether the last change is in no file yet.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.unwritten
    }

    /// Changes the state and writes it.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut SpoolState)) {
        let before = self.now.clone();
        change(&mut self.now);
        self.now.version = VERSION;
        if before != self.now {
            self.unwritten = true;
            self.write();
        }
    }

    /// Tries to write what is not written yet.
    pub(crate) fn write(&mut self) {
        if self.unwritten && self.try_write().is_ok() {
            self.unwritten = false;
        }
    }

    fn try_write(&self) -> Result<(), Errno> {
        let Ok(bytes) = serde_json::to_vec(&self.now) else { return Err(Errno::INVAL) };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = rustix::fs::openat(&*self.folder, OTHER_FILE, flags, mode)?;
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match rustix::io::pwrite(&file, rest, at as u64) {
                Ok(count) => at += count,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        rustix::fs::ftruncate(&file, bytes.len() as u64)?;
        self.swap()
    }

    fn swap(&self) -> Result<(), Errno> {
        let folder = &*self.folder;
        let swap = RenameFlags::EXCHANGE;
        match rustix::fs::renameat_with(folder, OTHER_FILE, folder, STATE_FILE, swap) {
            // There is none yet, or the file system cannot do it.
            Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::renameat(folder, OTHER_FILE, folder, STATE_FILE)?;
                // The second one gets its block while there is room; later will do, too.
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let mode = Mode::RUSR | Mode::WUSR;
                let other = rustix::fs::openat(folder, OTHER_FILE, flags, mode)?;
                rustix::io::pwrite(&other, b" ", 0).ok();
                Ok(())
            }
            other => other,
        }
    }
}
