//! Which process that is, in a form that no other process ever has: a number alone may be somebody
//! else's by now. Reads `/proc`; signals nobody.

use std::fs;

/// A process, for ever: `boot id / pid namespace / pid / start time in ticks since boot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(pub String);

/// What this machine knows of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It is there.
    Alive,
    /// It was here and is not any more.
    Gone,
    /// It is or was elsewhere: another machine, container or boot.
    Unknown,
}

impl Owner {
    /// This process.
    pub fn this_process() -> Owner {
        Owner::of(std::process::id())
    }

    /// The process with this number now.
    pub fn of(pid: u32) -> Owner {
        let start = start_ticks(pid).unwrap_or(0);
        Owner(format!("{}/{pid}/{start}", this_machine()))
    }

    /// Whether that process is still there.
    pub fn liveness(&self) -> Liveness {
        let Some((machine, pid, start)) = self.parts() else { return Liveness::Unknown };
        if machine != this_machine() {
            return Liveness::Unknown;
        }
        if start_ticks(pid) == Some(start) { Liveness::Alive } else { Liveness::Gone }
    }

    /// Its number, if it is of this machine and still there.
    pub fn pid_here(&self) -> Option<u32> {
        let (_, pid, _) = self.parts()?;
        (self.liveness() == Liveness::Alive).then_some(pid)
    }

    fn parts(&self) -> Option<(&str, u32, u64)> {
        let mut parts = self.0.rsplitn(3, '/');
        let start = parts.next()?.parse().ok()?;
        let pid = parts.next()?.parse().ok()?;
        Some((parts.next()?, pid, start))
    }
}

/// Where process numbers mean what they mean here: this boot of this machine, this namespace.
fn this_machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{}/{}", boot.trim(), namespace.display())
}

/// When a process was started, in ticks since boot; `None` if there is none, or only its remains.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may contain anything, so count from behind it: the state is field 3,
    // the start time field 22.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}
