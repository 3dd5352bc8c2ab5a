//! One build from its number to its last event: asks for a number, plans, runs, and writes the end,
//! whatever happens between.

use super::engine::{BuildError, Engine, PlanError};
use super::floor::{Floor, Tally};
use super::heartbeat::{Heartbeat, Pulse};
use super::observe::{BuildObserver, Progress};
use super::outcome::{BuildOutcome, CommandOutcome};
use super::request::{BuildRequest, CommandRequest, OnFailure, Wanted};
use super::stop::{StopFlag, StopLevel};
use super::work::Work;
use crate::bel::lease::owner::Owner;
use crate::bel::{AppendError, Bel};
use crate::limits;
use crate::plan::Force;
use crate::spec::ProjectSpec;
use crate::spec::wanted::RefPattern;
use databuild_model::bel::{BuildEnd, BuildEnded, BuildEvent, BuildKind, BuildReceived};
use databuild_model::ids::BuildId;
use databuild_model::time::Timestamp;
use std::num::NonZeroUsize;
use std::time::Duration;

/// A build that has a number.
pub(super) struct Begun<'a> {
    pub(super) engine: &'a Engine,
    pub(super) build: &'a BuildId,
    pub(super) number: u64,
    pub(super) observer: &'a dyn BuildObserver,
    pub(super) stop: &'a StopFlag,
    pub(super) heartbeat: &'a Heartbeat,
}

/// What a build is to do besides its tasks.
pub(super) struct Manner {
    pub(super) parallel: Option<NonZeroUsize>,
    pub(super) on_failure: OnFailure,
    pub(super) up_to_date: u64,
    pub(super) wanted: u64,
    pub(super) planned_at: Timestamp,
}

pub(super) fn build(
    engine: &Engine,
    request: &BuildRequest,
    spec: &ProjectSpec,
    wanted: &[RefPattern],
    observer: &dyn BuildObserver,
    stop: &StopFlag,
) -> Result<BuildOutcome, BuildError> {
    let received = BuildReceived {
        number: 0,
        kind: BuildKind::Partitions,
        origin: request.origin.clone(),
        wanted: wanted
            .iter()
            .take(limits::WANTED_RECORDED_MAX)
            .map(|pattern| pattern.as_str().to_owned())
            .collect(),
        retry_of: match &request.wanted {
            Wanted::Partitions(_) => None,
            Wanted::RestOf(build) => Some(build.clone()),
        },
        forced: request.force != Force::Nothing,
    };
    let began = engine.parts.clock.mono();
    let (mut outcome, _) =
        conduct(engine, request.id.clone(), received, observer, stop, |begun| {
            let planned_at = engine.parts.clock.wall();
            let plan = match engine.plan_at(spec, wanted, request, planned_at, stop) {
                Err(PlanError::Problems(_)) if StopLevel::Go < stop.level() => {
                    return begun.stopped_planning();
                }
                plan => plan?,
            };
            let manner = Manner {
                parallel: request.parallel,
                on_failure: request.on_failure,
                up_to_date: plan.up_to_date.len() as u64,
                wanted: plan.wanted.len() as u64,
                planned_at,
            };
            begun.execute(&Work::Plan { spec, plan: &plan }, &manner)
        })?;
    outcome.duration = engine.parts.clock.mono().saturating_sub(began);
    observer.on_progress(&Progress::Finished(Box::new(outcome.clone())));
    Ok(outcome)
}

pub(super) fn command(
    engine: &Engine,
    request: &CommandRequest,
    observer: &dyn BuildObserver,
    stop: &StopFlag,
) -> Result<CommandOutcome, BuildError> {
    let received = BuildReceived {
        number: 0,
        kind: BuildKind::Command,
        origin: request.origin.clone(),
        wanted: request.outputs.iter().map(ToString::to_string).collect(),
        retry_of: None,
        forced: true,
    };
    let began = engine.parts.clock.mono();
    let (mut outcome, last) =
        conduct(engine, request.id.clone(), received, observer, stop, |begun| {
            let manner = Manner {
                parallel: None,
                on_failure: OnFailure::KeepGoing,
                up_to_date: 0,
                wanted: request.outputs.len() as u64,
                // A command is run because it was asked for: nothing that others made replaces it.
                planned_at: Timestamp::MAX,
            };
            begun.execute(&Work::Command(request), &manner)
        })?;
    outcome.duration = engine.parts.clock.mono().saturating_sub(began);
    observer.on_progress(&Progress::Finished(Box::new(outcome.clone())));
    last.map(|last| last.command_outcome(&outcome)).ok_or(BuildError::NotStarted)
}

type Done = (BuildOutcome, Option<Tally>);

/// Gives the build its number and its sign of life, does `work`, and sees to it that there is a last
/// event.
fn conduct(
    engine: &Engine,
    id: Option<BuildId>,
    received: BuildReceived,
    observer: &dyn BuildObserver,
    stop: &StopFlag,
    work: impl FnOnce(&Begun<'_>) -> Result<Done, BuildError>,
) -> Result<Done, BuildError> {
    let parts = &engine.parts;
    let build = match id {
        Some(id) => id,
        None => BuildId::parse(crate::bel::uuid_v7(parts.clock.wall()))
            .map_err(|error| AppendError::Damaged { what: error.to_string() })?,
    };
    let until = parts.clock.wall().saturating_add(parts.lease);
    let number = match parts.bel.receive(&build, received, &Owner::this_process(), until) {
        Ok(number) => number,
        Err(AppendError::Illegal { .. }) => return Err(BuildError::Exists(build)),
        Err(error) => return Err(error.into()),
    };
    observer.on_progress(&Progress::Received { build: build.clone(), number });
    let heartbeat = Heartbeat::default();
    let heart = &heartbeat;
    let begun = Begun { engine, build: &build, number, observer, stop, heartbeat: heart };
    let done = std::thread::scope(|scope| {
        let kept = &engine.adopted.leases;
        let pulse = Pulse { bel: &parts.bel, clock: &*parts.clock, lease: parts.lease, kept };
        heartbeat.start(scope, &build, pulse);
        let done = begun.prepare().and_then(|()| work(&begun));
        heartbeat.end();
        done
    });
    if let Err(error) = &done {
        let mut reason = error.to_string();
        if let BuildError::Plan(PlanError::Problems(problems)) = error
            && let Some(first) = problems.first()
        {
            reason = first.to_string();
        }
        // If the log cannot be written the build ends as lost, by whoever comes next.
        drop(parts.bel.end_failed(&build, &reason));
    }
    engine.settle(observer)?;
    done
}

impl Begun<'_> {
    pub(super) fn bel(&self) -> &Bel {
        &self.engine.parts.bel
    }

    /// Takes over what dead builds left, and ends those that left nothing. Planning sees what they were
    /// making as being made.
    fn prepare(&self) -> Result<(), BuildError> {
        self.engine.take_all(self.observer)?;
        self.append([BuildEvent::BuildPlanning {}])
    }

    /// Takes over what a build left whose process died meanwhile.
    pub(super) fn take_over(&self, lost: &BuildId) -> Result<(), BuildError> {
        Ok(self.engine.take(self.observer, lost)?)
    }

    /// What is due for runs that were taken over.
    pub(super) fn go_on_with_kept(&self) -> Result<(), BuildError> {
        Ok(self.engine.go_on_with_kept(self.observer)?)
    }

    pub(super) fn append(
        &self,
        events: impl IntoIterator<Item = BuildEvent>,
    ) -> Result<(), BuildError> {
        self.bel().append(self.build, events).map(drop).map_err(|error| self.explain(error))
    }

    /// A refusal after the build was ended by somebody else says so.
    pub(super) fn explain(&self, error: AppendError) -> BuildError {
        let ended = || self.bel().build(self.build).ok().flatten().and_then(|row| row.ended_at);
        let refused = matches!(error, AppendError::Illegal { .. } | AppendError::NotHeld { .. });
        if refused && ended().is_some() {
            return BuildError::TakenOver { number: self.number };
        }
        BuildError::Record(error)
    }

    /// Writes the end of a build that was told to stop before it had a plan.
    fn stopped_planning(&self) -> Result<Done, BuildError> {
        let reason = Some("it was stopped while it was planned".to_owned());
        let outcome = BuildOutcome { end: BuildEnd::Cancelled, reason, ..self.outcome(0) };
        let ended = BuildEnded { end: outcome.end, reason: outcome.reason.clone() };
        self.append([BuildEvent::BuildEnded(ended)])?;
        Ok((outcome, None))
    }

    fn outcome(&self, up_to_date: u64) -> BuildOutcome {
        BuildOutcome {
            build: self.build.clone(),
            number: self.number,
            end: BuildEnd::Completed,
            reason: None,
            duration: Duration::ZERO,
            made: 0,
            delegated: 0,
            up_to_date,
            warnings: 0,
            failed: Vec::new(),
            not_started: Vec::new(),
        }
    }

    /// Records the plan, runs it, and writes the end.
    fn execute(&self, work: &Work<'_>, manner: &Manner) -> Result<Done, BuildError> {
        let n_tasks = work.len();
        let mut from = 0;
        while from < n_tasks {
            let to = n_tasks.min(from + limits::TASKS_PER_EVENT_MAX);
            let tasks = (from..to).filter_map(|index| work.planned(index)).collect();
            self.append([BuildEvent::TasksPlanned { tasks }])?;
            from = to;
        }
        let tasks = u32::try_from(n_tasks).unwrap_or(u32::MAX);
        self.append([BuildEvent::BuildPlanned { tasks, up_to_date: manner.up_to_date }])?;
        self.observer.on_progress(&Progress::Planned {
            wanted: manner.wanted,
            tasks: u64::from(tasks),
            up_to_date: manner.up_to_date,
        });
        let mut outcome = self.outcome(manner.up_to_date);
        let mut last = None;
        if 0 < n_tasks {
            self.append([BuildEvent::BuildExecuting {}])?;
            last = Floor::run(self, work, manner, &mut outcome)?;
        }
        outcome.end = self.end_of(&outcome);
        let ended = BuildEnded { end: outcome.end, reason: outcome.reason.clone() };
        self.append([BuildEvent::BuildEnded(ended)])?;
        Ok((outcome, last))
    }

    fn end_of(&self, outcome: &BuildOutcome) -> BuildEnd {
        if outcome.failed.is_empty() && outcome.not_started.is_empty() {
            BuildEnd::Completed
        } else if StopLevel::Go < self.stop.level() || outcome.failed.is_empty() {
            // Without a failure there was a stop, if only of one job: a Ctrl-C in its terminal.
            BuildEnd::Cancelled
        } else {
            BuildEnd::Failed
        }
    }
}
