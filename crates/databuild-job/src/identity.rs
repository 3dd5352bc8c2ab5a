//! Which process that is, in a form that no other process ever has: `boot id/pid namespace/pid/start
//! time in ticks since boot`. A number alone may be somebody else's by now.

use crate::process_tree;
use rustix::process::{Pid, PidfdFlags};
use std::fs;
use std::os::fd::OwnedFd;

/// The process with the number `pid` now; an empty text if there is none.
pub(crate) fn of(pid: i32) -> String {
    process_tree::process(pid).map_or_else(String::new, |it| text(pid, it.started))
}

/// This process.
pub(crate) fn own() -> String {
    of(i32::try_from(std::process::id()).unwrap_or(0))
}

/// The number of the process that `identity` names.
pub(crate) fn pid(identity: &str) -> Option<i32> {
    identity.rsplit('/').nth(1)?.parse().ok()
}

/// The process that `identity` names, and its number, if it is there, be it only as a zombie.
pub(crate) fn open(identity: &str) -> Option<(i32, OwnedFd)> {
    let pid = pid(identity)?;
    let handle = rustix::process::pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    // Asked after it was opened: from now on the handle cannot become another process's.
    (of(pid) == identity).then_some((pid, handle))
}

fn text(pid: i32, started: u64) -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{}/{}/{pid}/{started}", boot.trim(), namespace.display())
}
