//! What /proc knows: the descendants of this process, what they use, and who holds a pipe.
//!
//! Everything here is a look at a moving thing: a process may be gone before the next line is read,
//! which is why nothing is an error.

use crate::limits::{COMMAND_BYTES_MAX, TREE_PROCESSES_MAX};
use crate::sys;
use databuild_model::entry::Stream;
use databuild_model::ids::JobRunId;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Names the run in the environment of the job.
pub(crate) const RUN_VARIABLE: &str = "DATABUILD_JOB_RUN_ID";

/// One process, as `/proc/PID/stat` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) zombie: bool,
    /// Its process group.
    pub(crate) group: i32,
    /// When it was started, in ticks since boot.
    pub(crate) started: u64,
    /// How it ended, as waitpid(2) would say it; of a zombie, and only if we may know.
    pub(crate) status: Option<i32>,
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
    let zombie = matches!(fields.first(), Some(&("Z" | "X")));
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        zombie,
        group: fields.get(2)?.parse().ok()?,
        started: number(22)?,
        status: number(52).and_then(|it| i32::try_from(it).ok()).filter(|_| zombie),
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

/// All processes that have `run` in the environment that they were started with, without this one:
/// how those of a job are known when another wrapper has started it.
pub(crate) fn marked(run: &JobRunId) -> Vec<Process> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let pids = all_pids().filter(|pid| *pid != own && is_marked(*pid, run));
    pids.filter_map(process).filter(|it| !it.zombie).collect()
}

/// Whether `pid` has `run` in the environment that it was started with.
pub(crate) fn is_marked(pid: i32, run: &JobRunId) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mark = format!("{RUN_VARIABLE}={run}");
    environment.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
}

/// Sends `signal` to `pid` if it is marked with `run`.
pub(crate) fn signal_marked(pid: i32, run: &JobRunId, signal: Signal) {
    let Some(handle) = Pid::from_raw(pid) else { return };
    // Asked through a handle, which cannot become another process's.
    if let Ok(pidfd) = rustix::process::pidfd_open(handle, PidfdFlags::empty())
        && is_marked(pid, run)
    {
        rustix::process::pidfd_send_signal(&pidfd, signal).ok();
    }
}

/// Who can write into one of `streams`, apart from us; each as its links in /proc read: `pipe:[inode]`,
/// or the path of a named pipe or file.
pub(crate) fn holders(targets: &[(Stream, PathBuf)]) -> Vec<(i32, Stream)> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let mut found = Vec::new();
    if targets.is_empty() {
        return found;
    }
    for pid in all_pids().filter(|pid| *pid != own) {
        let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for entry in open.filter_map(Result::ok) {
            let Ok(link) = fs::read_link(entry.path()) else { continue };
            for (stream, target) in targets {
                if link == *target
                    && !found.contains(&(pid, *stream))
                    && writes(pid, &entry.file_name())
                {
                    found.push((pid, *stream));
                }
            }
        }
    }
    found
}

/// Whether `pid` itself holds the named pipe `path` open, to read and to write.
pub(crate) fn keeps(pid: i32, path: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut pipes = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|it| it == path));
    pipes.any(|entry| access(pid, &entry.file_name()) == Some(libc::O_RDWR))
}

/// Whether a descriptor of `pid` is open for writing; `true` if that is not known.
fn writes(pid: i32, descriptor: &OsStr) -> bool {
    access(pid, descriptor).is_none_or(|way| way != libc::O_RDONLY)
}

/// How a descriptor of `pid` is open.
fn access(pid: i32, descriptor: &OsStr) -> Option<i32> {
    let path = format!("/proc/{pid}/fdinfo/{}", descriptor.display());
    let info = fs::read_to_string(path).ok()?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    Some(i32::from_str_radix(flags.trim(), 8).ok()? & libc::O_ACCMODE)
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
