//! A whole run from configuration to `run_end`.

mod ends;
mod takeover;

use crate::WrapOptions;
use crate::channel::{Channel, Source};
use crate::config::{self, Checked};
use crate::emit::Emitter;
use crate::exit::OUR_FAULT;
use crate::identity;
use crate::job::Job;
use crate::launch::{self, Identity, Launched};
use crate::lines::Moment;
use crate::oom::MemoryWatch;
use crate::report;
use crate::sample::Sample;
use crate::signals::Signals;
use crate::sink::Output;
use crate::spool::Spool;
use crate::sys;
use crate::told::Told;
use crate::usage::Usage;
use crate::wrapper::{self, Attended, Begun, Keeping, Surroundings, now};
use databuild_model::cause::Cause;
use databuild_model::clock::Clock;
use databuild_model::entry::{Stream, event};
use databuild_model::ids::{IdError, JobRunId};
use databuild_model::spool::{OnParentDeath, Phase};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use uuid::Uuid;

/// Runs the job that `options` describe and returns the exit code that the wrapper should end with:
/// the job's own, 128+n for a signal, 124 after a timeout, 125 for a fault of ours or of the
/// configuration, 126 and 127 for a command that is not executable or not found.
///
/// The calling process belongs to the wrapper while this runs: signals are caught, orphans of the job
/// are adopted and every child is reaped. Without a spool the job is killed if the calling thread dies.
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
    let keeping = match Spool::open(&checked.config) {
        Ok(spool) => spool,
        Err(error) => {
            diagnostics.fault("cannot use the spool folder, so output goes without", &error);
            None
        }
    };
    let inherited = options.traceparent.clone();
    let own = checked.config.env.get("TRACEPARENT").cloned();
    let traceparent = own.or(inherited).unwrap_or_else(new_traceparent);
    let told = Told::new(checked.config.resume.clone());
    let keeping = keeping.map(|spool| Keeping::new(spool, told.clone(), traceparent.clone()));
    let mut emitter = Emitter::new(run.clone(), checked.outputs.clone());
    if let Some(lines) = checked.config.sample_lines_per_second {
        emitter.keep_only(Sample::new(lines, started.mono));
    }
    let mut run = Run {
        options: &options,
        clock,
        checked,
        run,
        started,
        emitter,
        output,
        signals,
        keeping,
        told,
        traceparent,
    };
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
    keeping: Option<Keeping>,
    /// What a wrapper before has told, if this one goes on in its place.
    told: Told,
    traceparent: String,
}

impl Run<'_> {
    fn whole(&mut self) -> Ended {
        if self.told.goes_on() {
            return self.take_over();
        }
        self.begin()
    }

    /// Everything up to the launch, and all that follows.
    fn begin(&mut self) -> Ended {
        if !self.told.has(event::JOB_CONFIG_STARTED) {
            let when = self.started.wall;
            report::config_started(&mut self.emitter, when, &self.checked, &self.traceparent);
        }
        self.tell_of_restart("not_launched");
        if !self.checked.problems.is_empty() {
            return self.config_invalid();
        }
        if self.checked.config.args.is_empty() {
            return self.nothing_to_do();
        }
        if self.may_not_begin() {
            if let Some(keeping) = &mut self.keeping {
                keeping.change(|state| {
                    state.phase = Phase::Ended;
                    state.stopped_for = Some(Cause::Cancelled.as_str().to_owned());
                });
            }
            return Ended { code: OUR_FAULT, delivered: false };
        }
        self.launch()
    }

    /// Whoever started us was gone before the job was there, and wanted it to end then.
    fn may_not_begin(&self) -> bool {
        self.keeping.as_ref().is_some_and(|it| it.executor_gone)
            && self.checked.config.on_parent_death.unwrap_or_default() == OnParentDeath::Stop
    }

    fn launch(&mut self) -> Ended {
        let memory = MemoryWatch::start();
        let at = now(self.clock);
        if let Some(keeping) = &mut self.keeping {
            keeping.change(|state| {
                state.phase = Phase::Launching;
                state.wrapper = identity::own();
                state.launched_at_ns = Some(at.wall.as_nanos());
            });
        }
        let identity = Identity { run: &self.run, traceparent: &self.traceparent };
        let spool = self.keeping.as_ref().map(|it| (&it.spool, self.told.resume()));
        let launched = match launch::launch(&self.checked, &identity, self.options, spool) {
            Err(failure) => return self.launch_failed(&failure),
            Ok(launched) => launched,
        };
        let Launched { pid, sources, terminal, pipe_bytes } = launched;
        if let Some(keeping) = &mut self.keeping {
            let executor = keeping.executor_name.clone();
            keeping.change(|state| {
                state.phase = Phase::Running;
                state.job = Some(identity::of(pid));
                state.pipe_bytes = pipe_bytes;
                state.executor = executor;
            });
        }
        if !self.told.has(event::TASK_LAUNCHED) {
            report::launched(&mut self.emitter, now(self.clock).wall, &self.checked, pid);
        }
        let attended = Attended {
            job: Job::Child { pid },
            channels: self.channels(sources),
            terminal,
            begun: Begun { at, before: Duration::ZERO },
            ended: None,
            stop: None,
            broken: false,
            usage: Usage::start(at.mono),
        };
        self.attend(attended, memory)
    }

    fn attend(&mut self, attended: Attended, memory: MemoryWatch) -> Ended {
        let begun = attended.begun;
        let finished = wrapper::attend(
            attended,
            Surroundings {
                clock: self.clock,
                emitter: &mut self.emitter,
                output: &mut self.output,
                signals: &self.signals,
                checked: &self.checked,
                keeping: self.keeping.as_mut(),
                memory,
            },
        );
        if let Some(keeping) = &self.keeping {
            self.told = keeping.told.clone();
        }
        self.conclude(&finished, begun)
    }

    fn channels(&self, sources: [Source; 2]) -> [Channel; 2] {
        let [stdout, stderr] = sources;
        let [out, err] = self.told.captures();
        [Channel::new(out, Stream::Stdout, stdout), Channel::new(err, Stream::Stderr, stderr)]
    }
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
