//! A whole run from configuration to `run_end`.

use crate::WrapOptions;
use crate::config::{self, Checked};
use crate::emit::Emitter;
use crate::exit::{OUR_FAULT, Outcome, reason};
use crate::launch::{self, Identity, LaunchFailure};
use crate::lifecycle::Exit;
use crate::lines::{Capture, Moment};
use crate::oom::MemoryWatch;
use crate::report;
use crate::signals::Signals;
use crate::sink::Output;
use crate::sys;
use crate::usage::Usage;
use crate::wrapper::{self, Finished, Surroundings, now};
use databuild_model::cause::Cause;
use databuild_model::clock::Clock;
use databuild_model::entry::Stream;
use databuild_model::ids::{IdError, JobRunId};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use uuid::Uuid;

/// Runs the job that `options` describe and returns the exit code that the wrapper should end with:
/// the job's own, 128+n for a signal, 124 after a timeout, 125 for a fault of ours or of the
/// configuration, 126 and 127 for a command that is not executable or not found.
///
/// The calling process belongs to the wrapper while this runs: signals are caught, orphans of the job
/// are adopted and every child is reaped. The job is killed if the calling thread dies.
pub fn wrap(options: WrapOptions, clock: &dyn Clock) -> i32 {
    sys::prepare_signals();
    let diagnostics = Diagnostics(&options.diagnostics);
    let output = match options.output.try_clone() {
        Ok(output) => Output::new(output),
        Err(error) => return diagnostics.fault("cannot use the output", &error),
    };
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return diagnostics.fault("cannot listen to signals", &error),
    };
    // Without it processes that leave the job's tree are not found at its end; all else works.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).ok();
    let checked = config::check(&options.config, options.run_id.as_deref());
    let started = now(clock);
    let run = match checked.run_id.clone().map_or_else(|| new_run_id(started), Ok) {
        Ok(run) => run,
        Err(error) => return diagnostics.fault("cannot make a run id", &io::Error::other(error)),
    };
    let emitter = Emitter::new(run.clone(), checked.outputs.clone());
    let mut run = Run { options: &options, clock, checked, run, started, emitter, output, signals };
    let ended = run.whole();
    if ended.delivered {
        return ended.code;
    }
    let reason = io::Error::from_raw_os_error(libc::EPIPE);
    diagnostics.fault(&format!("nobody reads the entries of run {}", run.run), &reason)
}

struct Ended {
    code: i32,
    /// Whether all entries were written.
    delivered: bool,
}

struct Diagnostics<'a>(&'a OwnedFd);

impl Diagnostics<'_> {
    /// Says what went wrong and gives the code for it.
    fn fault(&self, what: &str, error: &io::Error) -> i32 {
        let line = format!("databuild wrap: {what}: {error}\n");
        // If nobody hears this either, the code has to do.
        rustix::io::write(self.0, line.as_bytes()).ok();
        OUR_FAULT
    }
}

struct Run<'a> {
    options: &'a WrapOptions,
    clock: &'a dyn Clock,
    checked: Checked,
    run: JobRunId,
    started: Moment,
    emitter: Emitter,
    output: Output,
    signals: Signals,
}

impl Run<'_> {
    fn whole(&mut self) -> Ended {
        let inherited = self.options.traceparent.clone();
        let own = self.checked.config.env.get("TRACEPARENT").cloned();
        let traceparent = own.or(inherited).unwrap_or_else(new_traceparent);
        report::config_started(&mut self.emitter, self.started.wall, &self.checked, &traceparent);
        if !self.checked.problems.is_empty() {
            let problems = std::mem::take(&mut self.checked.problems);
            report::config_invalid(&mut self.emitter, self.started.wall, &problems);
            return self.not_started(Cause::ConfigInvalid, OUR_FAULT, &problems.join("; "));
        }
        if self.checked.config.args.is_empty() {
            return self.nothing_to_do();
        }
        let memory = MemoryWatch::start();
        let at = now(self.clock);
        let identity = Identity { run: &self.run, traceparent: &traceparent };
        match launch::launch(&self.checked, &identity, self.options) {
            Err(failure) => self.launch_failed(&failure),
            Ok(launched) => {
                report::launched(
                    &mut self.emitter,
                    now(self.clock).wall,
                    &self.checked,
                    launched.pid,
                );
                let finished = wrapper::attend(
                    launched,
                    at,
                    Surroundings {
                        clock: self.clock,
                        emitter: &mut self.emitter,
                        output: &mut self.output,
                        signals: &self.signals,
                        checked: &self.checked,
                        memory,
                    },
                );
                self.conclude(&finished, at)
            }
        }
    }

    fn launch_failed(&mut self, failure: &LaunchFailure) -> Ended {
        report::launch_failed(&mut self.emitter, now(self.clock).wall, failure);
        self.not_started(Cause::LaunchFailed, failure.code, &failure.reason)
    }

    fn not_started(&mut self, cause: Cause, wrapper_code: i32, reason: &str) -> Ended {
        let outcome = Outcome { cause, exit_code: None, signal: None, wrapper_code };
        let at = now(self.clock);
        report::failed(&mut self.emitter, at.wall, &outcome, reason);
        self.end(&outcome, Duration::ZERO, &unread(), true, at)
    }

    /// No command is a command that has done all that it had to do.
    fn nothing_to_do(&mut self) -> Ended {
        let at = now(self.clock);
        let outcome = crate::exit::outcome(Some(Exit::Code(0)), None, false);
        report::ended(&mut self.emitter, at.wall, &outcome, Duration::ZERO);
        let usage = Usage::start(at.mono);
        report::measurements(&mut self.emitter, at.wall, &usage, Duration::ZERO);
        report::manifest(&mut self.emitter, self.started.wall, at.wall, &self.checked);
        self.end(&outcome, Duration::ZERO, &unread(), true, at)
    }

    fn conclude(&mut self, finished: &Finished, launched: Moment) -> Ended {
        let at = now(self.clock);
        let Finished { outcome, duration, usage, .. } = finished;
        let to = &mut self.emitter;
        report::ended(to, at.wall, outcome, *duration);
        if let Some(left) = &finished.left {
            report::processes_left(to, at.wall, left, self.checked.times.grace);
        }
        for (stream, read) in &finished.cut {
            report::gap(to, at.wall, *stream, *read);
        }
        report::measurements(to, at.wall, usage, *duration);
        if outcome.cause == Cause::Success {
            report::manifest(to, launched.wall, at.wall, &self.checked);
        } else {
            report::failed(to, at.wall, outcome, &reason(outcome));
        }
        let complete = finished.cut.is_empty() && !finished.lost;
        let ended = self.end(outcome, *duration, &finished.captures, complete, at);
        Ended { delivered: ended.delivered && !finished.lost, ..ended }
    }

    fn end(
        &mut self,
        outcome: &Outcome,
        duration: Duration,
        captures: &[Capture; 2],
        complete: bool,
        at: Moment,
    ) -> Ended {
        report::run_end(&mut self.emitter, at.wall, outcome, duration, captures, complete);
        let grace = self.checked.times.grace;
        let delivered =
            wrapper::drive(&mut self.output, &mut self.emitter, &self.signals, self.clock, grace);
        Ended { code: outcome.wrapper_code, delivered }
    }
}

/// Streams of a command that was never started.
fn unread() -> [Capture; 2] {
    [Capture::new(Stream::Stdout), Capture::new(Stream::Stderr)]
}

fn new_run_id(at: Moment) -> Result<JobRunId, IdError> {
    let nanos = u64::try_from(at.wall.as_nanos()).unwrap_or(0);
    let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let time = uuid::Timestamp::from_unix(
        uuid::NoContext,
        seconds,
        u32::try_from(rest).unwrap_or_default(),
    );
    let id = Uuid::new_v7(time).to_string();
    JobRunId::parse(id)
}

/// A trace of its own for a job that was not given one: W3C trace context, version 00, sampled.
fn new_traceparent() -> String {
    let span = Uuid::new_v4().simple().to_string();
    format!("00-{}-{}-01", Uuid::new_v4().simple(), span.get(..16).unwrap_or("0000000000000001"))
}
