//! What happens in the child before it becomes the plugin: limits on itself, then exec. A small program
//! of ours does it, since nothing between fork and exec can be done without `unsafe`.

use super::ProcessSettings;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// The program that confines itself and then becomes the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confiner {
    /// The program: ours.
    pub program: PathBuf,
    /// What makes it call [`confine`] with the arguments that follow these.
    pub args: Vec<OsString>,
}

/// The kernel prefers to kill a plugin when memory is short: 0 is as all others, 1000 always.
const OOM_SCORE: &str = "500";

/// What [`confine`] is told before the command.
pub(super) fn arguments(settings: &ProcessSettings) -> [String; 5] {
    [
        settings.memory_bytes_max.to_string(),
        settings.open_files_max.to_string(),
        settings.processes_max.to_string(),
        settings.file_bytes_max.to_string(),
        std::process::id().to_string(),
    ]
}

/// Why the process did not become the plugin.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// It was not called as it should be.
    #[error("called without four limits, the number of a process, and a command")]
    Arguments,
    /// Whoever called it is gone.
    #[error("whoever wanted it is gone")]
    Orphan,
    /// A limit cannot be set.
    #[error("cannot limit the {what} to {limit}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// To what.
        limit: u64,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// The program cannot be executed.
    #[error("cannot execute {program:?}")]
    Exec {
        /// The program.
        program: OsString,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

impl ConfineError {
    /// The exit code for it: 127 for a program that is not there, 126 for one that cannot be executed, 125
    /// for all that is ours.
    pub fn exit_code(&self) -> u8 {
        match self {
            ConfineError::Exec { source, .. } if source.kind() == ErrorKind::NotFound => 127,
            ConfineError::Exec { .. } => 126,
            ConfineError::Arguments | ConfineError::Orphan | ConfineError::Limit { .. } => 125,
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            ConfineError::Arguments | ConfineError::Orphan => {
                "this command is part of running plugins, and not for people"
            }
            ConfineError::Limit { .. } => "raise the limit, or lower that of the pipeline",
            ConfineError::Exec { .. } => {
                "is the program there, executable, and on the PATH that the plugin gets?"
            }
        }
    }
}

/// Limits this process and makes it the command. Returns only if that cannot be done.
pub fn confine(args: &[OsString]) -> ConfineError {
    match limited(args) {
        Ok((program, rest)) => {
            #[expect(clippy::disallowed_methods, reason = "this process becomes a plugin")]
            let source = Command::new(program).args(rest).exec();
            ConfineError::Exec { program: program.clone(), source }
        }
        Err(error) => error,
    }
}

/// The program and its arguments, when all limits are set.
fn limited(args: &[OsString]) -> Result<(&OsString, &[OsString]), ConfineError> {
    let [memory, files, processes, file_bytes, parent, program, rest @ ..] = args else {
        return Err(ConfineError::Arguments);
    };
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse::<u64>().ok());
    let numbers = [memory, files, processes, file_bytes, parent].map(number);
    let [Some(memory), Some(files), Some(processes), Some(file_bytes), Some(parent)] = numbers
    else {
        return Err(ConfineError::Arguments);
    };
    // It gets no events without us, and a loop of its own would never notice.
    set_parent_process_death_signal(Some(Signal::KILL)).ok();
    let ours = getppid().map(Pid::as_raw_pid).and_then(|pid| u64::try_from(pid).ok());
    if ours != Some(parent) {
        return Err(ConfineError::Orphan);
    }
    // What cannot be had of these takes a safety net away, and is no reason not to run.
    rustix::thread::set_no_new_privs(true).ok();
    fs::write("/proc/self/oom_score_adj", OOM_SCORE).ok();
    limit("core file", Resource::Core, 0)?;
    limit("memory", Resource::Data, memory)?;
    limit("open files", Resource::Nofile, files)?;
    limit("size of a file", Resource::Fsize, file_bytes)?;
    if let Some(tasks) = tasks_of_our_user() {
        limit("processes", Resource::Nproc, tasks.saturating_add(processes))?;
    }
    Ok((program, rest))
}

/// Sets a limit that cannot be raised again; one that is lower already stays.
fn limit(what: &'static str, resource: Resource, limit: u64) -> Result<(), ConfineError> {
    let ceiling = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
    setrlimit(resource, Rlimit { current: Some(ceiling), maximum: Some(ceiling) })
        .map_err(|source| ConfineError::Limit { what, limit, source: source.into() })
}

/// How many processes and threads our user has, all of which the kernel counts. `None` if /proc does not
/// say.
fn tasks_of_our_user() -> Option<u64> {
    let us = fs::metadata("/proc/self").ok()?.uid();
    let tasks = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        // A link count less two, since a task is a folder there. It may be gone by now.
        let tasks = fs::metadata(entry.path().join("task")).ok()?;
        (tasks.uid() == us).then(|| tasks.nlink().saturating_sub(2))
    });
    Some(tasks.sum())
}
