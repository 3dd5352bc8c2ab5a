//! Space kept back for records and ends, so that a full disk does not keep a run from ending in order
//! nor the journal from telling of it. What jobs say never gets it.

use super::run::Run;
use crate::fs::Fs;
use crate::limits;
use databuild_policy::naming;
use std::io;
use std::path::{Path, PathBuf};

/// The file that takes the space.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    standing: bool,
}

impl Reserve {
    /// Takes the space, if there is some: of a small disk only a small part.
    pub(super) fn raise(fs: &dyn Fs, logs_dir: &Path) -> Reserve {
        let path = logs_dir.join(naming::JOURNAL_DIR).join("reserve");
        let capacity = fs.capacity(logs_dir).unwrap_or_default();
        let bytes = limits::RESERVE_BYTES.min(capacity / limits::RESERVE_PART);
        let mut reserve = Reserve { path, bytes, standing: false };
        reserve.restore(fs).ok();
        reserve
    }

    /// Takes the space again, if it was given away. Nothing that can wait is written before.
    pub(super) fn restore(&mut self, fs: &dyn Fs) -> io::Result<()> {
        if !self.standing && 0 < self.bytes {
            match fs.allocate(&self.path, self.bytes) {
                Ok(()) => self.standing = true,
                Err(error) if Run::is_full(&error) => {
                    self.give(fs);
                    return Err(error);
                }
                // Space cannot be kept back here: nobody has to wait for that.
                Err(_) => self.bytes = 0,
            }
        }
        Ok(())
    }

    /// Whether the space was given away and is not back yet.
    pub(super) fn is_given(&self) -> bool {
        !self.standing && 0 < self.bytes
    }

    /// Gives the space away. `false` if there is none to give.
    pub(super) fn release(&mut self, fs: &dyn Fs) -> bool {
        std::mem::take(&mut self.standing) && self.give(fs)
    }

    fn give(&self, fs: &dyn Fs) -> bool {
        fs.open_append(&self.path).and_then(|file| file.truncate(0)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Reserve;
    use crate::fs::Fs;
    use crate::fs::faulty::{Faults, FaultyFs};
    use std::path::Path;

    #[test]
    fn space_is_given_away_once_and_taken_again_when_there_is_some() {
        let fs = FaultyFs::default();
        let dir = Path::new("/logs/.journal");
        fs.create_dir_all(dir).unwrap();
        fs.set(Faults { capacity: Some(1_600), ..Faults::default() });
        let mut reserve = Reserve::raise(&fs, Path::new("/logs"));
        let used = || fs.dump().values().map(Vec::len).sum::<usize>();
        assert_eq!(used(), 100);
        assert!(reserve.release(&fs));
        assert!(!reserve.release(&fs));
        assert_eq!(used(), 0);
        let file = fs.create_new(&dir.join("other")).unwrap();
        assert_eq!(file.append(&[0; 1_550]).unwrap(), 1_550);
        assert!(reserve.restore(&fs).is_err());
        file.truncate(1_000).unwrap();
        reserve.restore(&fs).unwrap();
        assert_eq!(used(), 1_100);
    }
}
