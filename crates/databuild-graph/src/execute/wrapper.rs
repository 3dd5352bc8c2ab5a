//! A wrapper's process: started by us, or found. It is given its configuration and waited for; what it
//! tells is the collector's business.

use super::engine::EngineParts;
use super::orphans::{self, Own, Settling};
use super::process;
use super::request::CommandStdin;
use crate::limits;
use databuild_model::ids::JobRunId;
use databuild_model::job_config::JobConfig;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A wrapper that runs, or did.
pub(super) struct Wrapper {
    process: Process,
    /// What it complains about; nothing is known of one that somebody else started.
    diagnostics: Option<File>,
    /// Its configuration, where that is a file.
    scratch: Option<PathBuf>,
}

enum Process {
    Ours(Own),
    Others(OwnedFd),
}

/// How a wrapper ended.
#[derive(Debug, Default)]
pub(super) struct WrapperEnd {
    /// Its exit code, or 128 and its signal; nothing is known of one that somebody else started.
    pub(super) exit: Option<i32>,
    /// Whether a signal ended it.
    pub(super) by_signal: bool,
    /// The last line of its complaints.
    pub(super) complaint: Option<String>,
}

/// A wrapper that waits for its configuration, and its entries.
pub(super) struct Started {
    pub(super) wrapper: Wrapper,
    pub(super) entries: OwnedFd,
    pub(super) pid: u32,
}

impl Wrapper {
    /// Starts a wrapper for `run`. Unless the job inherits our standard input, it does nothing until
    /// [`Wrapper::configure`].
    pub(super) fn start(
        parts: &EngineParts,
        run: &JobRunId,
        stdin: CommandStdin,
        config: &JobConfig,
    ) -> Result<Started, String> {
        let cannot = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| format!("{what}: {error}")
        };
        let complaints = "no room for what the wrapper may complain about";
        let diagnostics = memory_file().map_err(cannot(complaints))?;
        let stderr = diagnostics.try_clone().map_err(cannot(complaints))?;
        #[expect(clippy::disallowed_methods, reason = "the executor starts wrappers")]
        let mut command = Command::new(&parts.wrapper.program);
        command.args(&parts.wrapper.args);
        let mut scratch = None;
        match stdin {
            CommandStdin::Null => command.stdin(Stdio::piped()),
            CommandStdin::Inherit => {
                let path = write_config(&parts.state_dir, run, config)
                    .map_err(cannot("cannot write the configuration of the run"))?;
                command.arg("--config").arg(&path);
                scratch = Some(path);
                command.stdin(Stdio::inherit())
            }
        };
        // A group of its own: a Ctrl-C on the terminal is for us, who stop it in order.
        command
            .env("DATABUILD_JOB_RUN_ID", run.as_str())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .process_group(0);
        let program = parts.wrapper.program.display();
        let own = orphans::spawn(&mut command).map_err(cannot(&format!("cannot start {program}")));
        let mut own = own.inspect_err(|_| remove(scratch.as_deref()))?;
        let pid = own.child.id();
        let entries = own.child.stdout.take().map(OwnedFd::from);
        let wrapper =
            Wrapper { process: Process::Ours(own), diagnostics: Some(diagnostics), scratch };
        match entries {
            Some(entries) => Ok(Started { wrapper, entries, pid }),
            None => {
                wrapper.discard();
                Err("no pipe".to_owned())
            }
        }
    }

    /// A wrapper that somebody else started.
    pub(super) fn found(process: OwnedFd) -> Wrapper {
        Wrapper { process: Process::Others(process), diagnostics: None, scratch: None }
    }

    /// Gives it its configuration, if it has none yet.
    pub(super) fn configure(&mut self, config: &JobConfig) {
        let Process::Ours(own) = &mut self.process else { return };
        if let (Some(mut stdin), Ok(config)) = (own.child.stdin.take(), serde_json::to_vec(config))
        {
            // A wrapper that does not read it says why, or ends without a word: both are seen.
            stdin.write_all(&config).ok();
        }
    }

    /// Ends one that got no configuration, so it started nothing.
    pub(super) fn discard(self) {
        if let Process::Ours(mut own) = self.process {
            own.child.kill().ok();
            own.child.wait().ok();
        }
        remove(self.scratch.as_deref());
    }

    /// Waits until it has ended. What is left of its job comes to us if it was killed, and is kept as
    /// long as the answer is.
    pub(super) fn wait_for_end(&self) -> Option<Settling> {
        match &self.process {
            Process::Ours(own) => own.wait_for_end(),
            Process::Others(_) => None,
        }
    }

    /// Waits until it is gone.
    pub(super) fn wait(self) -> WrapperEnd {
        let status = match self.process {
            Process::Ours(mut own) => own.child.wait().ok(),
            Process::Others(process) => {
                process::wait_for_end(&process);
                None
            }
        };
        remove(self.scratch.as_deref());
        let signal = status.and_then(|status| status.signal());
        WrapperEnd {
            exit: status.and_then(|status| status.code()).or(signal.map(|signal| 128 + signal)),
            by_signal: signal.is_some(),
            complaint: self.diagnostics.and_then(last_line),
        }
    }
}

fn remove(scratch: Option<&Path>) {
    if let Some(path) = scratch {
        // A file that stays is a few hundred bytes in a folder of ours.
        std::fs::remove_file(path).ok();
    }
}

fn memory_file() -> io::Result<File> {
    Ok(File::from(memfd_create("wrapper-stderr", MemfdFlags::CLOEXEC)?))
}

fn last_line(mut file: File) -> Option<String> {
    let end = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(end.saturating_sub(limits::COMPLAINT_BYTES_MAX))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

fn write_config(folder: &Path, run: &JobRunId, config: &JobConfig) -> io::Result<PathBuf> {
    let folder = folder.join("run-configs");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{run}.json"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(&serde_json::to_vec(config)?)?;
    Ok(path)
}
