//! Going on with a run whose wrapper is gone: what it was doing is in the state, what it had told is in
//! the configuration, and what the job has written meanwhile is in the spool and in the pipes.

use super::{Ended, Run};
use crate::channel::Source;
use crate::exit::{OUR_FAULT, stop_of};
use crate::identity;
use crate::job::Job;
use crate::lifecycle::Exit;
use crate::limits::{LAUNCH_LOOK, LAUNCH_SEARCH};
use crate::oom::MemoryWatch;
use crate::process_tree::{self, Process};
use crate::report;
use crate::spool::{Fifo, Segments};
use crate::usage::Usage;
use crate::wrapper::{Attended, Begun, now};
use databuild_model::cause::Cause;
use databuild_model::entry::{Stream, event};
use databuild_model::spool::{Capture, Phase, SpoolState};
use databuild_model::time::Timestamp;
use rustix::event::Timespec;
use std::io;
use std::os::fd::OwnedFd;

/// The size of a pipe that nobody has changed.
const PIPE_BYTES_USUAL: u64 = 64 << 10;

/// The streams of the run, as the wrapper before has left them.
struct Rest {
    streams: [(Segments, Option<Fifo>); 2],
}

/// What has become of the command.
enum Found {
    /// It is there, be it only as a zombie.
    Command { pid: i32, identity: String, handle: OwnedFd },
    /// It was there.
    Gone,
    /// Nothing shows that it ever was.
    Never,
}

impl Found {
    fn open(pid: i32) -> Found {
        let identity = identity::of(pid);
        match identity::open(&identity) {
            Some((pid, handle)) => Found::Command { pid, identity, handle },
            None => Found::Gone,
        }
    }
}

impl Run<'_> {
    pub(super) fn take_over(&mut self) -> Ended {
        let resume = self.told.resume();
        self.emitter.go_on_from(&resume);
        let state = self.keeping.as_ref().map(|it| it.state().clone()).unwrap_or_default();
        if self.told.has(event::RUN_END) {
            // All was told; only its end as a process is missing.
            return Ended { code: code_of(&state), delivered: true };
        }
        if let Some(keeping) = &mut self.keeping {
            keeping.change(|state| {
                state.wrapper = identity::own();
                state.wrapper_restarts = state.wrapper_restarts.saturating_add(1);
            });
        }
        let failed_to_launch = state.stopped_for.as_deref() == Some(Cause::LaunchFailed.as_str());
        if failed_to_launch && self.told.has(event::TASK_LAUNCH_FAIL) {
            self.tell_of_restart("ended");
            return self.not_started(Cause::LaunchFailed, code_of(&state), "see task_launch_fail");
        }
        let was_launched = state.job.is_some() || self.told.has(event::TASK_LAUNCHED);
        let may_have_begun = was_launched || state.launched_at_ns.is_some();
        if state.phase == Phase::Ended && !may_have_begun {
            self.tell_beginning("ended");
            return self.not_started(
                Cause::Cancelled,
                OUR_FAULT,
                "was told to stop before it began",
            );
        }
        match self.rest() {
            _ if failed_to_launch => self.begin(),
            Ok(rest) => self.go_on(&state, was_launched, rest),
            Err(_) if was_launched => self.go_on_without(&state),
            Err(_) => self.begin(),
        }
    }

    fn rest(&self) -> io::Result<Rest> {
        let resume = self.told.resume();
        let Some(keeping) = &self.keeping else { return Err(io::ErrorKind::NotFound.into()) };
        let stdout = keeping.spool.rest_of(Stream::Stdout, resume.stdout_consumed)?;
        let stderr = keeping.spool.rest_of(Stream::Stderr, resume.stderr_consumed)?;
        Ok(Rest { streams: [stdout, stderr] })
    }

    fn go_on(&mut self, state: &SpoolState, was_launched: bool, rest: Rest) -> Ended {
        let found =
            match &state.job {
                Some(job) => identity::open(job).map_or(Found::Gone, |(pid, handle)| {
                    Found::Command { pid, identity: job.clone(), handle }
                }),
                None if state.version == 0 && !was_launched => Found::Never,
                None => self.search(&rest),
            };
        let run = self.run.clone();
        let job = match (found, state.phase) {
            (Found::Command { pid, identity, handle }, Phase::Running | Phase::Launching) => {
                Job::Adopted { pid, identity, handle, run }
            }
            (Found::Never, Phase::Launching) if !was_launched && !rest.has_begun() => {
                return self.begin();
            }
            (Found::Command { .. } | Found::Gone | Found::Never, _) => Job::Gone { run },
        };
        let known = match &job {
            Job::Adopted { identity, .. } => Some(identity.clone()),
            Job::Child { .. } | Job::Gone { .. } => state.job.clone(),
        };
        let lives = matches!(job, Job::Adopted { .. });
        if let (Some(keeping), Some(identity), true) = (&mut self.keeping, &known, lives) {
            keeping.change(|state| {
                state.phase = Phase::Running;
                state.job = Some(identity.clone());
            });
        }
        self.tell_beginning(if lives { "running" } else { "ended" });
        if !self.told.has(event::TASK_LAUNCHED) {
            let when = launched_at(state, self.started.wall);
            let pid = known.as_deref().and_then(identity::pid).unwrap_or(0);
            report::launched(&mut self.emitter, when, &self.checked, pid);
        }
        // What was in a pipe when nobody had it open is gone, and nobody can say how much it was.
        let held = self.keeping.as_ref().is_some_and(|it| {
            let pid = job.pid();
            let keeps = |stream| pid.is_some_and(|pid| it.spool.is_kept_by(pid, stream));
            it.same_executor(state) || keeps(Stream::Stdout) && keeps(Stream::Stderr)
        });
        let broken = !held
            && !state.drained
            && state.pipe_bytes.is_some_and(|bytes| !rest.same_pipes(bytes));
        self.attend_rest(state, job, rest.sources(), broken)
    }

    fn attend_rest(
        &mut self,
        state: &SpoolState,
        job: Job,
        sources: [Source; 2],
        broken: bool,
    ) -> Ended {
        let at = now(self.clock);
        let launched = launched_at(state, at.wall);
        let ended = matches!(job, Job::Gone { .. }).then(|| {
            let ended = state.ended_at_ns.map_or(at.wall, Timestamp::from_nanos);
            (exit_of(state), ended.since(launched))
        });
        let mut usage = Usage::start(at.mono);
        usage.go_on(state);
        let attended = Attended {
            job,
            channels: self.channels(sources),
            terminal: None,
            begun: Begun { at, before: at.wall.since(launched) },
            ended,
            stop: stop_of(state.stopped_for.as_deref()),
            broken,
            usage,
        };
        self.attend(attended, MemoryWatch::start())
    }
}

impl Run<'_> {
    /// The first entry if it is not stored, and that a wrapper has taken over.
    fn tell_beginning(&mut self, job: &str) {
        if !self.told.has(event::JOB_CONFIG_STARTED) {
            let when = self.started.wall;
            report::config_started(&mut self.emitter, when, &self.checked, &self.traceparent);
        }
        self.tell_of_restart(job);
    }

    /// Says that this wrapper goes on for another, if it does; `job` is what it found the command to be.
    pub(super) fn tell_of_restart(&mut self, job: &str) {
        if self.told.goes_on() {
            let restarts = self.keeping.as_ref().map_or(1, |it| it.state().wrapper_restarts);
            let resume = self.told.resume();
            report::restarted(&mut self.emitter, self.started.wall, job, restarts, &resume);
        }
    }

    /// Looks for a command that was just being started when its wrapper died: it has written its number
    /// down, and has our run in its environment, or will have both for as long as somebody has its
    /// streams open.
    fn search(&self, rest: &Rest) -> Found {
        let until = self.clock.mono() + LAUNCH_SEARCH;
        loop {
            let noted = self.keeping.as_ref().and_then(|it| it.spool.launched());
            let process = noted.and_then(process_tree::process);
            let is_it = process.is_some_and(|it| self.is_command(&it));
            if let Some(pid) = noted.filter(|_| is_it) {
                return Found::open(pid);
            }
            if noted.is_some() && process.is_none_or(|it| it.zombie) {
                return Found::Gone;
            }
            let marked = process_tree::marked(&self.run);
            let is_root = |it: &&Process| marked.iter().all(|other| other.pid != it.parent);
            let leaders = marked.iter().filter(|it| it.group == it.pid).filter(is_root);
            if let Some(found) = leaders.min_by_key(|it| it.started) {
                return Found::open(found.pid);
            }
            if !self.has_writer(rest) || until <= self.clock.mono() {
                return if noted.is_some() { Found::Gone } else { Found::Never };
            }
            let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(LAUNCH_LOOK.subsec_nanos()) };
            rustix::event::poll(&mut [], Some(&pause)).ok();
        }
    }

    /// Whether `process`, whose number the command wrote down, is the command still. Of a dead one
    /// nothing is left to be known by but whose child it is: of whoever started us both.
    fn is_command(&self, process: &Process) -> bool {
        if process.zombie {
            let parent = rustix::process::getppid().map(|it| it.as_raw_nonzero().get());
            parent == Some(process.parent)
        } else {
            process_tree::is_marked(process.pid, &self.run)
        }
    }

    /// Whether somebody has the job's streams open for writing.
    fn has_writer(&self, rest: &Rest) -> bool {
        let Some(keeping) = self.keeping.as_ref().filter(|it| it.spool.capture == Capture::File)
        else {
            return rest.has_writer();
        };
        let path = |stream| (stream, keeping.spool.stream_path(stream));
        let streams = [Stream::Stdout, Stream::Stderr].map(path);
        !process_tree::holders(&streams).is_empty()
    }

    /// Without a spool: the command was killed with its wrapper, and what that had in its memory is
    /// gone.
    fn go_on_without(&mut self, state: &SpoolState) -> Ended {
        self.tell_beginning("ended");
        let streams = [Source::Pipe(None), Source::Pipe(None)];
        let job = Job::Gone { run: self.run.clone() };
        self.attend_rest(state, job, streams, true)
    }
}

impl Rest {
    fn pipes(&self) -> impl Iterator<Item = &Fifo> {
        self.streams.iter().filter_map(|it| it.1.as_ref())
    }

    /// Whether somebody can write into one of the pipes.
    fn has_writer(&self) -> bool {
        self.pipes().any(|pipe| pipe.is_open())
    }

    /// Whether the command has shown itself.
    fn has_begun(&self) -> bool {
        self.has_writer() || self.streams.iter().any(|it| 0 < it.0.written())
    }

    /// Whether the pipes are those that the wrapper before had: a new one has another size.
    fn same_pipes(&self, bytes: u64) -> bool {
        bytes != PIPE_BYTES_USUAL && self.pipes().all(|pipe| pipe.size() == bytes)
    }

    fn sources(self) -> [Source; 2] {
        self.streams.map(|(mut segments, pipe)| match pipe {
            Some(pipe) => Source::spool(segments, pipe),
            None => {
                segments.look();
                Source::file(segments)
            }
        })
    }
}

fn launched_at(state: &SpoolState, now: Timestamp) -> Timestamp {
    state.launched_at_ns.map_or(now, Timestamp::from_nanos)
}

fn exit_of(state: &SpoolState) -> Exit {
    match (state.exit_code, state.signal) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}

fn code_of(state: &SpoolState) -> i32 {
    match exit_of(state) {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
        Exit::Unknown => OUR_FAULT,
    }
}
