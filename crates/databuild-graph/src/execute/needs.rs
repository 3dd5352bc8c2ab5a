//! Runs the `needs` command of a job, which prints the partitions that a run of it needs.

use super::orphans;
use super::stop::{StopFlag, StopLevel};
use crate::limits;
use crate::plan::{NeedsRunner, TaskCommand};
use crate::spec::JobSpec;
use databuild_model::clock::Clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a `needs` command may take whose job has no timeout. It asks for names, and a plan waits
/// for it.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// How often the stop flag is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Runs them as processes, one after another.
pub(super) struct CommandNeeds<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) stop: &'a StopFlag,
}

impl NeedsRunner for CommandNeeds<'_> {
    fn needs(&mut self, job: &JobSpec, command: &TaskCommand) -> Result<Vec<String>, String> {
        let Some((program, args)) = command.args.split_first() else { return Ok(Vec::new()) };
        if StopLevel::Go < self.stop.level() {
            return Err("it was not started, because the build was stopped".to_owned());
        }
        #[expect(clippy::disallowed_methods, reason = "the executor starts `needs` commands")]
        let mut child = Command::new(program);
        // A group of its own, so that all of it can be stopped.
        let child = child
            .args(args)
            .envs(&command.env)
            .current_dir(&command.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut own = orphans::spawn(child).map_err(|error| format!("{program}: {error}"))?;
        let child = &mut own.child;
        let timeout = job.timeout.unwrap_or(TIMEOUT_DEFAULT);
        let heard = self.listen(child, timeout);
        if heard.is_err() {
            // Its number is ours until it is waited for; what it started is in its group.
            kill_process_group(Pid::from_child(child), Signal::KILL).ok();
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        drop(own);
        // What the one before left behind.
        orphans::bury();
        let Heard { stdout, stderr } = heard?;
        read(status, stdout, &stderr)
    }
}

/// What a command printed.
struct Heard {
    stdout: Vec<u8>,
    /// The end of it.
    stderr: Vec<u8>,
}

impl CommandNeeds<'_> {
    /// Reads until both streams end. An error if that is not to be waited for.
    fn listen(&self, child: &mut Child, timeout: Duration) -> Result<Heard, String> {
        let until = self.clock.mono() + timeout;
        let mut stdout = child.stdout.take().map(OwnedFd::from);
        let mut stderr = child.stderr.take().map(OwnedFd::from);
        let mut heard = Heard { stdout: Vec::new(), stderr: Vec::new() };
        while stdout.is_some() || stderr.is_some() {
            let left = until.saturating_sub(self.clock.mono());
            if left.is_zero() {
                let said = last_line(&heard.stderr);
                return Err(format!("it took longer than {} s: {said}", timeout.as_secs_f64()));
            }
            if StopLevel::Go < self.stop.level() {
                return Err("it was stopped with the build".to_owned());
            }
            let streams = [&stdout, &stderr];
            let mut fds: Vec<PollFd<'_>> = streams
                .into_iter()
                .flatten()
                .map(|stream| PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN))
                .collect();
            let patience = Timespec::try_from(left.min(LOOK)).ok();
            match poll(&mut fds, patience.as_ref()) {
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
            let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
            let mut is_ready =
                |stream: &Option<OwnedFd>| stream.is_some() && ready.next().unwrap_or_default();
            let [stdout_ready, stderr_ready] = [is_ready(&stdout), is_ready(&stderr)];
            if stdout_ready {
                take(&mut stdout, &mut heard.stdout)?;
                if limits::NEEDS_BYTES_MAX < heard.stdout.len() {
                    return Err(format!("it printed more than {} bytes", limits::NEEDS_BYTES_MAX));
                }
            }
            if stderr_ready {
                take(&mut stderr, &mut heard.stderr)?;
                let surplus = heard.stderr.len().saturating_sub(limits::NEEDS_COMPLAINT_BYTES_MAX);
                heard.stderr.drain(..surplus);
            }
        }
        Ok(heard)
    }
}

/// Reads once; a stream at its end is gone afterwards.
fn take(stream: &mut Option<OwnedFd>, to: &mut Vec<u8>) -> Result<(), String> {
    let Some(open) = stream else { return Ok(()) };
    let mut buffer = [0; 8 << 10];
    match rustix::io::read(&*open, &mut buffer) {
        Ok(0) => *stream = None,
        Ok(count) => to.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        Err(Errno::INTR) => {}
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}

/// The partitions that a command printed that has ended.
fn read(status: ExitStatus, stdout: Vec<u8>, stderr: &[u8]) -> Result<Vec<String>, String> {
    if !status.success() {
        return Err(format!("{status}: {}", last_line(stderr)));
    }
    let text = String::from_utf8(stdout).map_err(|_| "it printed no UTF-8".to_owned())?;
    let lines: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if limits::INPUTS_PER_TASK_MAX < lines.len() {
        return Err(format!("it printed {} partitions", lines.len()));
    }
    Ok(lines)
}

/// What a command said last on its standard error, which is where most say what is wrong.
fn last_line(stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.unwrap_or("it printed nothing to stderr").to_owned()
}

#[cfg(test)]
mod tests;
