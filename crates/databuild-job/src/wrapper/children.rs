//! The job's processes: which of them have ended, who is left, and how they are told to go.

use super::Wrapper;
use crate::job::Job;
use crate::lifecycle::{Event, Exit, StopSignal};
use crate::limits::LEFT_LOOK;
use crate::lines::Moment;
use crate::process_tree;
use crate::report::Left;
use crate::sys::{self, ChildNews, What};
use databuild_model::entry::Stream;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::path::PathBuf;
use std::time::Duration;

/// Most children that died of SIGKILL and are remembered, to find them in the kernel's log.
const KILLED_MAX: usize = 64;

impl Wrapper<'_> {
    /// Takes in all children that have ended.
    pub(super) fn reap(&mut self, at: Moment) {
        let mut command = None;
        let left = loop {
            match sys::child_news(self.terminal.is_some()) {
                Ok(Some(news)) => {
                    let exit = self.take_news(news, at);
                    command = command.or(exit);
                    collect(news);
                }
                Ok(None) => break true,
                Err(Errno::INTR) => {}
                // There are no children.
                Err(_) => break false,
            }
        };
        // Children that came from elsewhere say nothing of a job that another wrapper has started.
        if !self.job.is_of_another() {
            self.ended_or_left(command, left, at);
        }
    }

    /// What is to be done before the child is reaped.
    fn take_news(&mut self, news: ChildNews, at: Moment) -> Option<Exit> {
        let is_command = matches!(self.job, Job::Child { pid } if pid == news.pid);
        let exit = match news.what {
            What::Exited(code) => Exit::Code(code),
            What::Killed(signal) => Exit::Signal(signal),
            What::Stopped(signal) => {
                // A Ctrl-Z. Nobody else could take the terminal now, so nobody could wake it.
                if is_command && signal == libc::SIGTSTP {
                    self.signal_group(Signal::CONT);
                }
                return None;
            }
        };
        if exit == Exit::Signal(libc::SIGKILL) && self.killed.len() < KILLED_MAX {
            self.killed.push(news.pid);
        }
        if !is_command {
            return None;
        }
        self.ended_at = Some(self.elapsed(at));
        self.write_down(exit, at);
        if let Some(terminal) = &self.terminal {
            terminal.take_back();
        }
        Some(exit)
    }

    /// The state says how the command ended before anybody can forget it.
    fn write_down(&mut self, exit: Exit, at: Moment) {
        if self.keeping.is_some() {
            self.usage.sample(&self.job, self.own, at.mono);
        }
        if let Some(keeping) = &mut self.keeping {
            keeping.ended(exit, at.wall, &self.usage);
        }
    }

    /// The command of another wrapper has ended, `after` so long.
    pub(super) fn has_ended(&mut self, exit: Exit, after: Duration, at: Moment) {
        self.ended_at = Some(after);
        self.write_down(exit, at);
        let left = !self.job.members(self.own).is_empty();
        self.look_at = left.then_some(at.mono + LEFT_LOOK);
        self.ended_or_left(Some(exit), left, at);
    }

    /// Looks again who is left of a job that another wrapper has started.
    pub(super) fn look_who_is_left(&mut self, at: Moment) {
        let left = !self.job.members(self.own).is_empty();
        self.look_at = left.then_some(at.mono + LEFT_LOOK);
        self.ended_or_left(None, left, at);
    }

    fn ended_or_left(&mut self, command: Option<Exit>, left: bool, at: Moment) {
        if !left && (command.is_some() || self.life.exit().is_some()) {
            for channel in &mut self.channels {
                channel.close_file();
            }
        }
        self.happened(Event::Reaped { command, left }, at);
    }

    pub(super) fn ask(&self, signal: StopSignal) {
        let signal = match signal {
            StopSignal::Interrupt => Signal::INT,
            StopSignal::Terminate => Signal::TERM,
            StopSignal::Hangup => Signal::HUP,
        };
        self.signal_group(signal);
        // A stopped process would keep the signal and never see it.
        self.signal_group(Signal::CONT);
    }

    /// Only while the command is not reaped: its number is ours until then.
    fn signal_group(&self, signal: Signal) {
        if self.life.exit().is_none() {
            self.job.signal_group(signal);
        }
    }

    pub(super) fn ask_left(&self) {
        for process in self.job.members(self.own) {
            self.job.signal_member(process.pid, Signal::TERM);
            self.job.signal_member(process.pid, Signal::CONT);
        }
    }

    pub(super) fn kill(&self) {
        self.signal_group(Signal::KILL);
        for process in self.job.members(self.own) {
            self.job.signal_member(process.pid, Signal::KILL);
        }
    }

    pub(super) fn name_left(&mut self) {
        let streams = self.stream_links();
        let mut left: Vec<Left> = self
            .job
            .members(self.own)
            .into_iter()
            .map(|it| it.pid)
            .map(|pid| Left {
                pid,
                command: process_tree::command(pid),
                holds: Vec::new(),
                ours: true,
            })
            .collect();
        for (pid, stream) in process_tree::holders(&streams) {
            if let Some(known) = left.iter_mut().find(|it| it.pid == pid) {
                known.holds.push(stream);
            } else {
                let command = process_tree::command(pid);
                left.push(Left { pid, command, holds: vec![stream], ours: false });
            }
        }
        self.left = (!left.is_empty()).then_some(left);
    }

    /// The streams that are not at their end, as /proc shows them.
    fn stream_links(&self) -> Vec<(Stream, PathBuf)> {
        let open = self.channels.iter().filter(|it| !it.is_closed());
        open.filter_map(|channel| {
            let link = match (channel.pipe(), &self.keeping) {
                (Some(pipe), _) => {
                    PathBuf::from(format!("pipe:[{}]", rustix::fs::fstat(pipe).ok()?.st_ino))
                }
                (None, Some(keeping)) => keeping.spool.stream_path(channel.stream),
                (None, None) => return None,
            };
            Some((channel.stream, link))
        })
        .collect()
    }
}

/// Takes the news away, so that the next can come.
fn collect(news: ChildNews) {
    let kind = match news.what {
        What::Exited(_) | What::Killed(_) => WaitIdOptions::EXITED,
        What::Stopped(_) => WaitIdOptions::STOPPED,
    };
    if let Some(pid) = Pid::from_raw(news.pid) {
        // It was there a moment ago, and nobody but us can take it.
        rustix::process::waitid(WaitId::Pid(pid), kind | WaitIdOptions::NOHANG).ok();
    }
}
