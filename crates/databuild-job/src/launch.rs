//! Starts the command: pipes, environment, process group; and says what is wrong if it cannot be
//! started.

mod diagnose;

use crate::channel::Source;
use crate::config::Checked;
use crate::limits::PIPE_BYTES;
use crate::process_tree::RUN_VARIABLE;
use crate::spool::{Fifo, Spool};
use crate::sys::{self, Bonds};
use crate::terminal::{self, Standing, Terminal};
use crate::{JobStdin, WrapOptions};
use databuild_model::entry::Stream;
use databuild_model::ids::JobRunId;
use databuild_model::spool::Resume;
use diagnose::diagnose;
use rustix::pipe::PipeFlags;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A command that runs.
#[derive(Debug)]
pub(crate) struct Launched {
    /// Its process, and its process group.
    pub(crate) pid: i32,
    /// Where standard output and standard error come from.
    pub(crate) sources: [Source; 2],
    /// How much the named pipes hold, if there are any.
    pub(crate) pipe_bytes: Option<u64>,
    /// The terminal that its group has.
    pub(crate) terminal: Option<Terminal>,
}

/// Why a command could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaunchFailure {
    /// One sentence for people.
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) hint: String,
    /// The name of the error number, `ENOENT` and so on.
    pub(crate) errno: &'static str,
    /// What the wrapper ends with.
    pub(crate) code: i32,
}

/// What the job is told about its run, in its environment.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) run: &'a JobRunId,
    pub(crate) traceparent: &'a str,
}

/// Starts the command of `checked`, which has at least one argument.
pub(crate) fn launch(
    checked: &Checked,
    identity: &Identity<'_>,
    options: &WrapOptions,
    spool: Option<(&Spool, Resume)>,
) -> Result<Launched, LaunchFailure> {
    let config = &checked.config;
    let search_path = config.env.get("PATH").map(OsStr::new).or(options.search_path.as_deref());
    if let Some(failure) = config.cwd.as_deref().and_then(diagnose::bad_cwd) {
        return Err(failure);
    }
    let standing = match options.job_stdin {
        JobStdin::Null => Standing::Background,
        JobStdin::Inherit => terminal::standing(),
    };
    let prepared = match &spool {
        Some((spool, from)) => spooled(spool, from),
        None => pipes(),
    };
    let streams = prepared.map_err(|error| diagnose::ours("cannot make pipes", &error))?;
    let Streams { sources, writers, pipe_bytes, dies_with_us } = streams;
    // Without it only a wrapper that is killed at this very moment is harder to go on for.
    let note = spool.and_then(|(spool, _)| spool.note_launch().ok());
    let mut command = prepare(checked, identity, &standing, writers);
    let terminal = matches!(standing, Standing::Ours(_));
    let number = note.as_ref().map(AsRawFd::as_raw_fd);
    sys::isolate(&mut command, Bonds { terminal, dies_with_us, note: number });
    // Standard library and kernel both report a failed execve(2) here.
    let child = command.spawn();
    // The writing ends live in the command; ours must go, or the streams would never end.
    drop((command, note));
    let terminal = match standing {
        Standing::Ours(terminal) => Some(terminal),
        Standing::Open | Standing::Background => None,
    };
    match child {
        Ok(child) => {
            let pid = i32::try_from(child.id()).unwrap_or(0);
            Ok(Launched { pid, sources, pipe_bytes, terminal })
        }
        Err(error) => {
            if let Some(terminal) = terminal {
                terminal.take_back();
            }
            let cwd = config.cwd.as_deref().map(Path::new);
            let name = config.args.first().map_or("", String::as_str);
            Err(diagnose(name, cwd, search_path, &error))
        }
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reading, writing) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    // A smaller pipe is only slower.
    rustix::pipe::fcntl_setpipe_size(&reading, PIPE_BYTES).ok();
    // Only our end: the job shall find an ordinary, blocking descriptor.
    rustix::io::ioctl_fionbio(&reading, true)?;
    Ok((reading, writing))
}

/// The streams of a job that is to be started.
struct Streams {
    sources: [Source; 2],
    writers: [OwnedFd; 2],
    pipe_bytes: Option<u64>,
    /// What it writes has nowhere to go without us.
    dies_with_us: bool,
}

fn pipes() -> io::Result<Streams> {
    let (stdout, stdout_writer) = pipe()?;
    let (stderr, stderr_writer) = pipe()?;
    Ok(Streams {
        sources: [Source::Pipe(Some(stdout)), Source::Pipe(Some(stderr))],
        writers: [stdout_writer, stderr_writer],
        pipe_bytes: None,
        dies_with_us: true,
    })
}

fn spooled(spool: &Spool, from: &Resume) -> io::Result<Streams> {
    let stdout = spool.stream(Stream::Stdout, from.stdout_consumed)?;
    let stderr = spool.stream(Stream::Stderr, from.stderr_consumed)?;
    let sizes = [&stdout, &stderr].map(|it| it.fifo.as_ref().map(Fifo::enlarge));
    // One size stands for both; if they differ, neither is a sign of anything.
    let pipe_bytes = sizes.into_iter().min().flatten();
    let source = |segments, fifo| match fifo {
        Some(fifo) => Source::spool(segments, fifo),
        None => Source::file(segments),
    };
    Ok(Streams {
        sources: [source(stdout.segments, stdout.fifo), source(stderr.segments, stderr.fifo)],
        writers: [stdout.writer, stderr.writer],
        pipe_bytes,
        dies_with_us: false,
    })
}

fn prepare(
    checked: &Checked,
    identity: &Identity<'_>,
    standing: &Standing,
    [stdout, stderr]: [OwnedFd; 2],
) -> Command {
    let mut args = checked.config.args.iter();
    #[expect(clippy::disallowed_methods, reason = "this is where jobs are started")]
    let mut command = Command::new(args.next().map_or("", String::as_str));
    command.args(args);
    command.process_group(0);
    command.stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
    match standing {
        Standing::Background => command.stdin(Stdio::null()),
        Standing::Open | Standing::Ours(_) => command.stdin(Stdio::inherit()),
    };
    if let Some(cwd) = &checked.config.cwd {
        command.current_dir(cwd);
    }
    set_environment(&mut command, checked, identity);
    command
}

fn set_environment(command: &mut Command, checked: &Checked, identity: &Identity<'_>) {
    let config = &checked.config;
    command.env("TRACEPARENT", identity.traceparent);
    command.envs(&config.env);
    command.env(RUN_VARIABLE, identity.run.as_str());
    let attempt = config.attempt.map(|attempt| attempt.to_string());
    for (name, value) in [
        ("DATABUILD_JOB_LABEL", &config.job_label),
        ("DATABUILD_BUILD_ID", &config.build_id),
        ("DATABUILD_ATTEMPT", &attempt),
    ] {
        // Absent is absent: a wrapper within a job must not pass the outer run's on.
        match value {
            Some(value) => command.env(name, value.replace('\0', "")),
            None => command.env_remove(name),
        };
    }
    let outputs: Vec<&str> = checked.outputs.iter().map(|output| output.as_str()).collect();
    command.env("DATABUILD_OUTPUTS", serde_json::Value::from(outputs).to_string());
}
