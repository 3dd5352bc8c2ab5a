//! What /proc knows: the descendants of this process, what they use, and who holds a pipe.
//!
//! Everything here is a look at a moving thing: a process may be gone before the next line is read,
//! which is why nothing is an error.

use crate::limits::{COMMAND_BYTES_MAX, TREE_PROCESSES_MAX};
use crate::sys;
use databuild_model::entry::Stream;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::collections::HashSet;
use std::fs;
use std::time::Duration;

/// One process, as `/proc/PID/stat` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) zombie: bool,
    /// User and system time, of itself and of the children it has waited for.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) memory: u64,
}

/// All descendants of the process `root`, without it, parents before children.
pub(crate) fn descendants(root: i32) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    let mut waiting = children(root);
    let mut seen = HashSet::new();
    while let Some(pid) = waiting.pop() {
        if TREE_PROCESSES_MAX <= found.len() || !seen.insert(pid) {
            continue;
        }
        found.extend(process(pid));
        waiting.extend(children(pid));
    }
    found
}

/// The children of all threads of `pid`.
fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads
        .filter_map(Result::ok)
        .map(|thread| fs::read_to_string(thread.path().join("children")));
    let mut found = Vec::new();
    for list in lists {
        match list {
            Ok(list) => {
                found.extend(list.split_whitespace().filter_map(|it| it.parse::<i32>().ok()));
            }
            // Gone, or a kernel without these lists.
            Err(_) => return children_by_search(pid),
        }
    }
    found
}

fn children_by_search(parent: i32) -> Vec<i32> {
    all_pids().filter_map(process).filter(|it| it.parent == parent).map(|it| it.pid).collect()
}

fn all_pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).take(TREE_PROCESSES_MAX)
}

/// The process `pid`, if there is one.
pub(crate) fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(pid, &stat)
}

fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    // The name in parentheses may contain anything, parentheses and blanks included.
    let rest = stat.get(stat.rfind(')')? + 1..)?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // `rest` begins with field 3 of proc(5).
    let number = |field: usize| -> Option<u64> { fields.get(field - 3)?.parse().ok() };
    let ticks: u64 = (14..=17).filter_map(number).sum();
    let per_second = sys::ticks_per_second();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        zombie: matches!(fields.first(), Some(&("Z" | "X"))),
        cpu: Duration::from_millis(ticks.saturating_mul(1000) / per_second),
        memory: number(24)?.saturating_mul(sys::page_bytes()),
    })
}

/// The command line of `pid`, for people.
pub(crate) fn command(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let shown = line.get(..COMMAND_BYTES_MAX).unwrap_or(&line);
    let text = String::from_utf8_lossy(shown).replace('\0', " ");
    let text = text.trim();
    if text.is_empty() {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        format!("[{}]", name.trim())
    } else {
        text.to_owned()
    }
}

/// Who has one of `pipes` open, apart from us. A pipe is known by its inode.
pub(crate) fn holders(pipes: &[(Stream, u64)]) -> Vec<(i32, Stream)> {
    let targets: Vec<(Stream, String)> =
        pipes.iter().map(|(stream, inode)| (*stream, format!("pipe:[{inode}]"))).collect();
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let mut found = Vec::new();
    if targets.is_empty() {
        return found;
    }
    for pid in all_pids().filter(|pid| *pid != own) {
        let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for link in open.filter_map(Result::ok).filter_map(|it| fs::read_link(it.path()).ok()) {
            for (stream, target) in &targets {
                if link.as_os_str() == target.as_str() && !found.contains(&(pid, *stream)) {
                    found.push((pid, *stream));
                }
            }
        }
    }
    found
}

/// Sends `signal` to `pid` if it still descends from us: between the look at the tree and now it may
/// have gone, and its number may belong to a stranger.
pub(crate) fn signal_descendant(pid: i32, signal: Signal) {
    let Some(handle) = Pid::from_raw(pid) else { return };
    let Ok(pidfd) = rustix::process::pidfd_open(handle, PidfdFlags::empty()) else { return };
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let mut ancestor = pid;
    for _ in 0..TREE_PROCESSES_MAX {
        match process(ancestor) {
            Some(it) if it.parent == own => {
                // It may have gone just now, which is what we want.
                rustix::process::pidfd_send_signal(&pidfd, signal).ok();
                return;
            }
            Some(it) if 1 < it.parent => ancestor = it.parent,
            Some(_) | None => return,
        }
    }
}

#[cfg(test)]
mod tests;
