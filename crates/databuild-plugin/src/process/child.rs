//! The child of a plugin: its pipes, none of which is ever waited for alone, and its end. One thread does
//! all, so nothing has to be joined, and what another process holds open cannot hold us.

use super::failure::ProcessFailure;
use super::{Complaints, Confiner, ProcessSettings};
use crate::limits;
use databuild_model::plugin_frame::FromPlugin;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How much is read from a pipe before the others get their turn: as much as it holds.
const TURN_BYTES: usize = 64 << 10;

/// What is still taken from the pipes of a process that has ended; others may hold them and go on.
const LAST_WORDS_BYTES_MAX: usize = 1 << 20;

/// How long the kernel may take to end a process that was killed. One that waits for a dead disk takes
/// longer, and is left to whoever is our parent.
const REAP_TIME_MAX: Duration = Duration::from_secs(5);

/// A process that runs. Dropped, it is killed with its whole group, and reaped.
pub(super) struct PluginChild {
    child: Child,
    pid: Pid,
    /// Readable when it has ended.
    ended: OwnedFd,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// What is to be written, and how much of it is.
    to_write: Vec<u8>,
    written: usize,
    /// The beginning of a frame.
    frame: Vec<u8>,
    /// The beginning of a line of its standard error.
    complaint: Vec<u8>,
    last_complaint: String,
    complaints: Complaints,
    status: Option<ExitStatus>,
}

impl PluginChild {
    pub(super) fn start(
        settings: &ProcessSettings,
        confiner: &Confiner,
        complaints: Complaints,
    ) -> Result<PluginChild, ProcessFailure> {
        if settings.command.is_empty() {
            return Err(ProcessFailure::NoCommand);
        }
        if !settings.folder.is_dir() {
            return Err(ProcessFailure::NoFolder { folder: settings.folder.clone() });
        }
        #[expect(clippy::disallowed_methods, reason = "this is where plugins are started")]
        let mut command = Command::new(&confiner.program);
        command
            .args(&confiner.args)
            .args(super::confine::arguments(settings))
            .args(&settings.command)
            .env_clear()
            .envs(&settings.environment)
            .current_dir(&settings.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = command.spawn().map_err(|source| ProcessFailure::Start { source })?;
        PluginChild::over(child, complaints).map_err(|source| ProcessFailure::Pipe { source })
    }

    fn over(mut child: Child, complaints: Complaints) -> io::Result<PluginChild> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let ended = pid
            .ok_or(io::Error::from(ErrorKind::InvalidData))
            .and_then(|pid| Ok((pid, pidfd_open(pid, PidfdFlags::empty())?)));
        let (pid, ended) = match ended {
            Ok(both) => both,
            Err(error) => {
                // Without it nothing is known of the end, so there shall be no beginning.
                child.kill()?;
                child.wait()?;
                return Err(error);
            }
        };
        let plugin = PluginChild {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
            pid,
            ended,
            to_write: Vec::new(),
            written: 0,
            frame: Vec::new(),
            complaint: Vec::new(),
            last_complaint: String::new(),
            complaints,
            status: None,
        };
        for end in [
            plugin.stdin.as_ref().map(AsFd::as_fd),
            plugin.stdout.as_ref().map(AsFd::as_fd),
            plugin.stderr.as_ref().map(AsFd::as_fd),
        ] {
            fcntl_setfl(end.ok_or(ErrorKind::BrokenPipe)?, OFlags::NONBLOCK)?;
        }
        Ok(plugin)
    }

    /// Where frames are put that are to be written; [`PluginChild::turn`] writes.
    pub(super) fn outbox(&mut self) -> &mut Vec<u8> {
        if self.written == self.to_write.len() {
            self.to_write.clear();
            self.written = 0;
        }
        &mut self.to_write
    }

    /// Ends its input, as it ends when we die.
    pub(super) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Whether there is something to be written and somebody who may read it.
    pub(super) fn is_writing(&self) -> bool {
        self.stdin.is_some() && self.written < self.to_write.len()
    }

    /// Waits for at most `patience` until something can be done, and does it: writes, collects frames and
    /// complaints, sees the end. Frames that came before what is wrong are collected too.
    pub(super) fn turn(
        &mut self,
        patience: Duration,
        frames: &mut Vec<FromPlugin>,
    ) -> Result<(), ProcessFailure> {
        let ended = self.wait(patience).map_err(|source| ProcessFailure::Pipe { source })?;
        self.write();
        if ended {
            return self.take_leave(frames);
        }
        let open = self.read_frames(TURN_BYTES, frames)?;
        self.read_complaints(TURN_BYTES);
        if open { Ok(()) } else { self.closed(frames) }
    }

    /// Whether it has ended.
    fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let mut polled = vec![PollFd::new(&self.ended, PollFlags::IN)];
        if let Some(stdin) = self.stdin.as_ref().filter(|_| self.is_writing()) {
            polled.push(PollFd::new(stdin, PollFlags::OUT));
        }
        if let Some(stdout) = &self.stdout {
            polled.push(PollFd::new(stdout, PollFlags::IN));
        }
        if let Some(stderr) = &self.stderr {
            polled.push(PollFd::new(stderr, PollFlags::IN));
        }
        let patience = Timespec::try_from(patience).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut polled, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(polled.first().is_some_and(|ended| !ended.revents().is_empty()))
    }

    fn write(&mut self) {
        while let Some(stdin) = self.stdin.as_mut().filter(|_| self.written < self.to_write.len()) {
            match stdin.write(self.to_write.get(self.written..).unwrap_or_default()) {
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // It does not read any more. Why, it may have said, or its end says.
                Err(_) => self.stdin = None,
            }
        }
    }

    /// Whether its standard output is still open.
    fn read_frames(
        &mut self,
        bytes_max: usize,
        frames: &mut Vec<FromPlugin>,
    ) -> Result<bool, ProcessFailure> {
        let mut buffer = vec![0; 16 << 10];
        let mut left = bytes_max;
        while left > 0 {
            let Some(stdout) = &mut self.stdout else { return Ok(false) };
            let Some(bytes) = read_some(stdout, &mut buffer) else { return Ok(true) };
            if bytes == 0 {
                self.stdout = None;
                return Ok(false);
            }
            left = left.saturating_sub(bytes);
            for piece in pieces(buffer.get(..bytes).unwrap_or_default()) {
                self.frame.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    let frame = FromPlugin::read(&self.frame);
                    self.frame.clear();
                    frames.push(frame.map_err(|source| ProcessFailure::Garbage { source })?);
                } else if self.frame.len() > limits::ANSWER_BYTES_MAX {
                    return Err(ProcessFailure::TooLong { bytes_max: limits::ANSWER_BYTES_MAX });
                }
            }
        }
        Ok(true)
    }

    fn read_complaints(&mut self, bytes_max: usize) {
        let mut buffer = vec![0; 16 << 10];
        let mut left = bytes_max;
        while left > 0 {
            let Some(stderr) = &mut self.stderr else { return };
            let Some(bytes) = read_some(stderr, &mut buffer) else { return };
            if bytes == 0 {
                self.stderr = None;
            }
            left = left.saturating_sub(bytes);
            for piece in pieces(buffer.get(..bytes).unwrap_or_default()) {
                self.complaint.extend_from_slice(piece);
                if piece.ends_with(b"\n") || self.complaint.len() >= limits::COMPLAINT_BYTES_MAX {
                    self.pass_on_complaint();
                }
            }
        }
    }

    fn pass_on_complaint(&mut self) {
        let line = std::mem::take(&mut self.complaint);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        for piece in line.chunks(limits::COMPLAINT_BYTES_MAX) {
            (self.complaints)(piece);
        }
        let text = String::from_utf8_lossy(line);
        if !text.trim().is_empty() {
            self.last_complaint = text.trim().chars().take(LAST_WORDS_CHARS_MAX).collect();
        }
    }

    /// It has closed its standard output: then it is about to end, or will never say anything again.
    fn closed(&mut self, frames: &mut Vec<FromPlugin>) -> Result<(), ProcessFailure> {
        if self.poll_end(CLOSING_TIME_MAX) {
            self.take_leave(frames)
        } else {
            Err(ProcessFailure::Closed)
        }
    }

    /// It has ended: takes what it said last.
    fn take_leave(&mut self, frames: &mut Vec<FromPlugin>) -> Result<(), ProcessFailure> {
        let said = self.read_frames(LAST_WORDS_BYTES_MAX, frames);
        self.reap();
        said?;
        let last_words = match self.last_complaint.as_str() {
            "" => String::new(),
            last => format!(": {last}"),
        };
        match self.status {
            Some(status) => Err(ProcessFailure::Ended { status, last_words }),
            None => Err(ProcessFailure::Closed),
        }
    }

    /// How it ended, if it has.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Says something in the place where the process complains.
    pub(super) fn remark(&mut self, line: &str) {
        (self.complaints)(line.as_bytes());
    }

    /// Asks the whole group to end.
    pub(super) fn ask_to_end(&mut self) {
        if self.status.is_none() {
            // Nobody is there any more if it fails.
            kill_process_group(self.pid, Signal::TERM).ok();
        }
    }

    fn poll_end(&self, patience: Duration) -> bool {
        let mut polled = [PollFd::new(&self.ended, PollFlags::IN)];
        let patience = Timespec::try_from(patience).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        poll(&mut polled, Some(&patience)).is_ok_and(|ready| ready > 0)
    }

    /// Kills what is left of the group and reaps the process. Its group keeps its number as long as the
    /// process is not reaped, so nobody else can be meant.
    fn reap(&mut self) {
        if self.status.is_some() {
            return;
        }
        kill_process_group(self.pid, Signal::KILL).ok();
        if self.poll_end(REAP_TIME_MAX) {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.read_complaints(LAST_WORDS_BYTES_MAX);
        if !self.complaint.is_empty() {
            self.pass_on_complaint();
        }
    }
}

/// Longest excerpt of what a process said last.
const LAST_WORDS_CHARS_MAX: usize = 200;

/// How long a process may live on after it has closed its standard output: that of an interpreter that
/// tidies up.
const CLOSING_TIME_MAX: Duration = Duration::from_secs(1);

impl Drop for PluginChild {
    fn drop(&mut self) {
        self.reap();
    }
}

/// What could be read, 0 at the end; `None` if there is nothing now.
fn read_some(pipe: &mut impl Read, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match pipe.read(buffer) {
            Ok(bytes) => return Some(bytes),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(_) => return Some(0),
        }
    }
}

/// The bytes in pieces that end with a line feed, but for the last one. Over what may be a gigabyte.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
