//! Which service builds into a folder of logs: one at a time. The lock is the system's, so that it ends
//! with its process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Locked by the service that builds; who that is stands in it.
const LOCK_FILE: &str = ".service.lock";

/// Longest name of a holder that is read.
const NAME_BYTES_MAX: u64 = 200;

/// The word of a service that it builds into a folder, as long as it is kept.
#[derive(Debug)]
pub(crate) struct Holder(File);

/// Who has a folder.
#[derive(Debug)]
pub(crate) enum Claim {
    /// We have.
    Ours(Holder),
    /// Another service has; what it calls itself.
    Held(String),
}

/// Asks for the folder `logs_dir`, which is made if it is missing.
pub(crate) fn claim(logs_dir: &Path) -> io::Result<Claim> {
    std::fs::create_dir_all(logs_dir)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o640);
    let mut file = options.open(logs_dir.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => {
            let mut holder = Holder(file);
            holder.write(&format!("process {}", std::process::id()))?;
            Ok(Claim::Ours(holder))
        }
        Err(TryLockError::WouldBlock) => {
            let mut name = String::new();
            (&mut file).take(NAME_BYTES_MAX).read_to_string(&mut name)?;
            Ok(Claim::Held(name.trim().to_owned()))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Holder {
    /// Writes down where the service is, for those who come later.
    pub(crate) fn serves_at(&mut self, address: SocketAddr) {
        // Who comes later learns the number of the process at least.
        self.write(&format!("process {} at http://{address}", std::process::id())).ok();
    }

    fn write(&mut self, name: &str) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.seek(SeekFrom::Start(0))?;
        writeln!(self.0, "{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, claim};

    #[test]
    fn one_has_the_folder_and_the_next_is_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let Claim::Ours(mut first) = claim(folder.path()).unwrap() else { panic!("nobody had it") };
        first.serves_at("127.0.0.1:8440".parse().unwrap());
        let Claim::Held(by) = claim(folder.path()).unwrap() else { panic!("somebody has it") };
        let pid = std::process::id();
        assert_eq!(by, format!("process {pid} at http://127.0.0.1:8440"));
        drop(first);
        assert!(matches!(claim(folder.path()).unwrap(), Claim::Ours(_)));
    }
}
