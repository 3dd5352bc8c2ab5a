//! Whether the kernel killed for memory: the counter of our memory control group, and where it may be
//! read, the kernel's own log.

use crate::limits::KERNEL_RECORDS_MAX;
use rustix::fs::{Mode, OFlags, SeekFrom};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A look at memory kills from one moment on.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    counter: Option<PathBuf>,
    before: u64,
    kernel_log: Option<OwnedFd>,
}

impl MemoryWatch {
    /// From now on.
    pub(crate) fn start() -> Self {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let counter = counter_files(&groups).into_iter().find(|path| count(path).is_some());
        let before = counter.as_deref().and_then(count).unwrap_or(0);
        MemoryWatch { counter, before, kernel_log: open_kernel_log() }
    }

    /// How many processes of our control group were killed since.
    pub(crate) fn kills(&self) -> u64 {
        self.counter.as_deref().and_then(count).unwrap_or(0).saturating_sub(self.before)
    }

    /// Whether one of `pids` was killed for memory since, by the kernel's word.
    pub(crate) fn kernel_named(&self, pids: &[i32]) -> bool {
        let Some(log) = &self.kernel_log else { return false };
        let mut record = [0_u8; 8192];
        for _ in 0..KERNEL_RECORDS_MAX {
            match rustix::io::read(log, &mut record) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(record.get(..length).unwrap_or_default());
                    if killed_pid(&text).is_some_and(|pid| pids.contains(&pid)) {
                        return true;
                    }
                }
                // Older records were overwritten; the next read goes on.
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

fn open_kernel_log() -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let log = rustix::fs::open("/dev/kmsg", flags, Mode::empty()).ok()?;
    rustix::fs::seek(&log, SeekFrom::End(0)).ok()?;
    Some(log)
}

/// Where the counter may stand, given `/proc/self/cgroup`. In a container with a namespace of its own
/// the group is mounted as the root.
fn counter_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
                files.push(PathBuf::from(root).join(path).join("memory.events"));
            }
        } else if controllers.split(',').any(|it| it == "memory") {
            for path in [path, ""] {
                let root = PathBuf::from("/sys/fs/cgroup/memory");
                files.push(root.join(path).join("memory.oom_control"));
            }
        }
    }
    files
}

fn count(path: impl AsRef<std::path::Path>) -> Option<u64> {
    parse_count(&fs::read_to_string(path).ok()?)
}

fn parse_count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// The process that a record says was killed for memory.
fn killed_pid(record: &str) -> Option<i32> {
    let at = record.find("Killed process ")?;
    let number = record.get(at + "Killed process ".len()..)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests;
