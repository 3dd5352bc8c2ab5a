//! The last entries of a run, whatever its end is. What is stored already is not told again.

use super::{Ended, Run};
use crate::exit::{OUR_FAULT, Outcome, reason};
use crate::launch::LaunchFailure;
use crate::lifecycle::Exit;
use crate::lines::{Capture, Moment};
use crate::report;
use crate::usage::Usage;
use crate::wrapper::{self, Begun, Finished, now};
use databuild_model::cause::Cause;
use databuild_model::entry::event;
use databuild_model::spool::{self, Phase};
use databuild_model::time::Timestamp;
use std::time::Duration;

impl Run<'_> {
    pub(super) fn config_invalid(&mut self) -> Ended {
        let problems = std::mem::take(&mut self.checked.problems);
        if !self.told.has(event::CONFIG_VALIDATE_FAIL) {
            report::config_invalid(&mut self.emitter, self.started.wall, &problems);
        }
        self.not_started(Cause::ConfigInvalid, OUR_FAULT, &problems.join("; "))
    }

    pub(super) fn launch_failed(&mut self, failure: &LaunchFailure) -> Ended {
        if let Some(keeping) = &mut self.keeping {
            keeping.change(|state| {
                state.phase = Phase::Ended;
                state.exit_code = Some(failure.code);
                state.stopped_for = Some(Cause::LaunchFailed.as_str().to_owned());
            });
        }
        report::launch_failed(&mut self.emitter, now(self.clock).wall, failure);
        self.not_started(Cause::LaunchFailed, failure.code, &failure.reason)
    }

    pub(super) fn not_started(&mut self, cause: Cause, wrapper_code: i32, reason: &str) -> Ended {
        let outcome = Outcome { cause, exit_code: None, signal: None, wrapper_code };
        let at = now(self.clock);
        if !self.told.has(event::JOB_EXEC_FAIL) {
            report::failed(&mut self.emitter, at.wall, &outcome, reason);
        }
        self.end(&outcome, Duration::ZERO, &self.told.captures(), None, true, at)
    }

    /// No command is a command that has done all that it had to do.
    pub(super) fn nothing_to_do(&mut self) -> Ended {
        let at = now(self.clock);
        let outcome = crate::exit::outcome(Some(Exit::Code(0)), None, false);
        let usage = Usage::start(at.mono);
        self.tell_end(&outcome, Duration::ZERO, at);
        self.tell_result(&outcome, Duration::ZERO, &usage, self.started.wall, at);
        self.end(&outcome, Duration::ZERO, &self.told.captures(), None, true, at)
    }

    pub(super) fn conclude(&mut self, finished: &Finished, begun: Begun) -> Ended {
        let at = now(self.clock);
        let Finished { outcome, duration, usage, .. } = finished;
        if finished.lost && self.keeping.is_some() {
            // Whoever goes on with the run finds everything in the spool.
            return Ended { code: outcome.wrapper_code, delivered: false };
        }
        self.tell_end(outcome, *duration, at);
        if let Some(left) = finished.left.as_ref().filter(|_| !self.told.has(event::PROCESSES_LEFT))
        {
            report::processes_left(&mut self.emitter, at.wall, left, self.checked.times.grace);
        }
        let launched = begun.at.wall.saturating_sub(begun.before);
        self.tell_result(outcome, *duration, usage, launched, at);
        let complete = !finished.cut && !finished.lost && outcome.cause != Cause::WrapperLost;
        let capture = Some(finished.capture);
        let ended = self.end(outcome, *duration, &finished.captures, capture, complete, at);
        Ended { delivered: ended.delivered && !finished.lost, ..ended }
    }

    fn tell_end(&mut self, outcome: &Outcome, duration: Duration, at: Moment) {
        if !self.told.has_end() {
            report::ended(&mut self.emitter, at.wall, outcome, duration);
        }
    }

    fn tell_result(
        &mut self,
        outcome: &Outcome,
        duration: Duration,
        usage: &Usage,
        launched: Timestamp,
        at: Moment,
    ) {
        let to = &mut self.emitter;
        report::measurements(to, at.wall, usage, duration, self.told.measured());
        report::lines_left_out(to, at.wall, self.told.measured());
        if outcome.cause == Cause::Success {
            if !self.told.has_manifest() {
                report::manifest(to, launched, at.wall, &self.checked);
            }
        } else if !self.told.has(event::JOB_EXEC_FAIL) {
            report::failed(to, at.wall, outcome, &reason(outcome));
        }
    }

    fn end(
        &mut self,
        outcome: &Outcome,
        duration: Duration,
        captures: &[Capture; 2],
        capture: Option<spool::Capture>,
        complete: bool,
        at: Moment,
    ) -> Ended {
        let [stdout, stderr] = captures;
        let of_run = report::RunFacts {
            duration,
            captures: [stdout, stderr],
            capture,
            restarts: self.keeping.as_ref().map_or(0, |it| it.state().wrapper_restarts),
            complete,
            left_out: self.emitter.tell_left_out(at.wall),
        };
        report::run_end(&mut self.emitter, at.wall, outcome, &of_run);
        let grace = self.checked.times.grace;
        let delivered =
            wrapper::drive(&mut self.output, &mut self.emitter, &self.signals, self.clock, grace);
        Ended { code: outcome.wrapper_code, delivered }
    }
}
