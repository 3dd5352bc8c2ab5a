//! The one system call without a safe door: it has a file system forget all that it has not written.

#![expect(unsafe_code, reason = "an ioctl; see the block")]

use rustix::ioctl::{Setter, ioctl, opcode};
use std::fs::File;
use std::io;
use std::path::Path;

/// What becomes of the journal of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journal {
    /// What it has not written is lost as well: the power is gone.
    Lost,
    /// It is written first, and nothing else is: names survive that have no data.
    Kept,
}

/// What ext4 and XFS call `SHUTDOWN`.
const SHUTDOWN: rustix::ioctl::Opcode = opcode::read::<u32>(b'X', 125);

/// Cuts the file system off that `mounted` is the root of: from here on nothing of it reaches the disk.
///
/// # Errors
/// It is of a kind that cannot do that, or we may not.
pub(crate) fn shut_down(mounted: &Path, journal: Journal) -> io::Result<()> {
    let how = match journal {
        Journal::Kept => 1u32,
        Journal::Lost => 2,
    };
    let root = File::open(mounted)?;
    // SAFETY: the call reads one u32 at the address that `Setter` gives it, and keeps nothing.
    unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(how))? };
    Ok(())
}
