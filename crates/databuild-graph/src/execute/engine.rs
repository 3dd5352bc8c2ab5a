//! The engine: the parts that a build needs, and the three things that can be asked of it.

use super::current::CurrentSpec;
use super::drive;
use super::keeper::Adoptions;
use super::needs::CommandNeeds;
use super::observe::BuildObserver;
use super::outcome::{BuildOutcome, CommandOutcome};
use super::request::{BuildRequest, CommandRequest, Wanted, WrapperCommand};
use super::states::KnownStates;
use super::stop::StopFlag;
use crate::bel::{AppendError, Bel, QueryError};

use crate::plan::{self, Changed, Force, Plan, PlanOptions, PlanProblem, Reason, Upstream, Why};
use crate::spec::ProjectSpec;
use crate::spec::wanted::RefPattern;
use databuild_logs::collect::LogCollector;
use databuild_model::bel::BuildKind;
use databuild_model::bel::transition::TaskState;
use databuild_model::clock::Clock;
use databuild_model::ids::{BuildId, PartitionRef};
use databuild_model::spool::{Capture, OnParentDeath};
use databuild_model::time::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a build is believed to be alive after its last sign of life, where its process cannot be
/// asked for. Renewed four times as often; long enough that a machine under full load does not lose
/// its builds, short enough that waiting for a dead one is bearable.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(15);

/// What an engine is made of.
pub struct EngineParts {
    /// What makes what; not needed to run a single command.
    pub spec: CurrentSpec,
    /// Where every step is recorded.
    pub bel: Arc<Bel>,
    /// Where the output of jobs goes.
    pub collector: Arc<LogCollector>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What runs a job.
    pub wrapper: WrapperCommand,
    /// A folder of ours for files that live as long as a run.
    pub state_dir: PathBuf,
    /// [`LEASE_DEFAULT`], or less in a test.
    pub lease: Duration,
    /// How the output of jobs gets to us, where a job does not say.
    pub capture: CaptureOptions,
}

/// How the output of jobs gets to us, and what becomes of jobs when we die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOptions {
    /// The folder of the collector's store, which has the spools.
    pub logs_dir: PathBuf,
    /// How output is captured.
    pub capture: Capture,
    /// Most bytes that the spool of a run holds; what the wrapper takes if absent.
    pub spool_bytes_max: Option<u64>,
    /// What becomes of a job when whoever started its wrapper dies.
    pub on_parent_death: OnParentDeath,
}

impl CaptureOptions {
    /// The usual, with spools in this store.
    pub fn new(logs_dir: PathBuf) -> Self {
        CaptureOptions {
            logs_dir,
            capture: Capture::default(),
            spool_bytes_max: None,
            on_parent_death: OnParentDeath::default(),
        }
    }
}

/// Plans and builds. Shared by any number of threads; each build has the thread that asks for it.
pub struct Engine {
    pub(super) parts: Arc<EngineParts>,
    pub(super) adopted: Adoptions,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No project was given.
    #[error("there is no project here")]
    NoProject,
    /// The request, the project or the world is such that there is none.
    #[error("there is no plan for this")]
    Problems(Vec<PlanProblem>),
    /// The build to repeat is not known.
    #[error("there is no build {0}")]
    NoBuild(BuildId),
    /// The build to repeat was one command: repeat the command.
    #[error("build {0} ran one command and has no partitions to retry")]
    NotPartitions(u64),
    /// The log could not be read.
    #[error("the state of the project cannot be read")]
    Query(#[from] QueryError),
}

impl PlanError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            PlanError::NoProject => {
                "run it in a folder with a databuild.toml, or make one with `databuild init`"
            }
            PlanError::Problems(_) => "each problem says what to change",
            PlanError::NoBuild(_) => "`databuild runs` lists the builds that there are",
            PlanError::NotPartitions(_) => "run the command again with `databuild run`",
            PlanError::Query(error) => error.remedy(),
        }
    }
}

/// Why a build could not go on. Failed jobs are no error: they are in the outcome.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no plan. If the build has a number by then, it ended as failed.
    #[error("the build was not planned")]
    Plan(#[from] PlanError),
    /// The log refuses to record it. Running jobs were stopped.
    #[error("the build cannot be recorded")]
    Record(#[from] AppendError),
    /// The log could not be read. Running jobs were stopped.
    #[error("the state of the build cannot be read")]
    Query(#[from] QueryError),
    /// Another process took it for dead and ended it. Running jobs were stopped.
    #[error("build {number} was ended by another process, which took this one for dead")]
    TakenOver {
        /// Its number.
        number: u64,
    },
    /// It was told to stop before anything was started.
    #[error("the command was not started")]
    NotStarted,
    /// There is a build of this id already.
    #[error("there is a build {0} already")]
    Exists(BuildId),
}

impl BuildError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            BuildError::Plan(error) => error.remedy(),
            BuildError::Record(error) => error.remedy(),
            BuildError::Query(error) => error.remedy(),
            BuildError::TakenOver { .. } => {
                "this process was stopped or starved for longer than its lease; repeat the command"
            }
            BuildError::NotStarted => "repeat the command",
            BuildError::Exists(_) => "leave the id out, or choose another",
        }
    }
}

impl Engine {
    /// An engine of these parts. Nothing is started.
    pub fn new(parts: EngineParts) -> Engine {
        Engine { parts: Arc::new(parts), adopted: Adoptions::default() }
    }

    /// The log that it records in.
    pub fn bel(&self) -> &Arc<Bel> {
        &self.parts.bel
    }

    /// The project as it is now, if there is one.
    pub fn spec(&self) -> Option<Arc<ProjectSpec>> {
        self.parts.spec.get()
    }

    /// From now on the project is this one; builds that have begun go on with theirs.
    pub fn take_spec(&self, spec: Option<Arc<ProjectSpec>>) {
        self.parts.spec.set(spec);
    }

    /// What a build would do, and why. Starts nothing but `needs` commands, which end when `stop` is
    /// raised, and records nothing. The plan names jobs by their place in the project that comes with it,
    /// which need not be the one of the next moment.
    pub fn plan(
        &self,
        request: &BuildRequest,
        stop: &StopFlag,
    ) -> Result<(Plan, Arc<ProjectSpec>), PlanError> {
        let (spec, wanted) = self.prepare(request)?;
        let (states, now) = (self.states(&spec), self.parts.clock.wall());
        let plan = self.plan_from(&states, &spec, &wanted, request, now, stop)?;
        drop(states);
        Ok((plan, spec))
    }

    /// What a question is answered from: runs that go on although their build was killed are being made,
    /// because a build would go on with them.
    fn states<'a>(&'a self, spec: &'a ProjectSpec) -> KnownStates<'a> {
        KnownStates::new(spec, &self.parts.bel).with_runs_in(&self.parts.capture.logs_dir)
    }

    /// Why a partition is up to date, or would be made. Starts nothing but `needs` commands, which
    /// end when `stop` is raised.
    pub fn why(&self, partition: &PartitionRef, stop: &StopFlag) -> Result<Why, PlanError> {
        let spec = &*self.spec().ok_or(PlanError::NoProject)?;
        let states = self.states(spec);
        let mut needs = CommandNeeds { clock: &*self.parts.clock, stop };
        plan::why(spec, partition, &states, &mut needs, &self.as_it_is())
            .map_err(PlanError::Problems)
    }

    /// A partition and all that it is made from, each with why it would be made. Starts nothing but
    /// `needs` commands, which end when `stop` is raised.
    pub fn upstream(
        &self,
        partition: &PartitionRef,
        stop: &StopFlag,
    ) -> Result<Upstream, PlanError> {
        let spec = &*self.spec().ok_or(PlanError::NoProject)?;
        let states = self.states(spec);
        let mut needs = CommandNeeds { clock: &*self.parts.clock, stop };
        plan::upstream(spec, partition, &states, &mut needs, &self.as_it_is())
            .map_err(PlanError::Problems)
    }

    /// What of a partition's recipe is not as it was when it was made, if it is there. Starts nothing
    /// but `needs` commands, which end when `stop` is raised.
    pub fn changed(
        &self,
        partition: &PartitionRef,
        stop: &StopFlag,
    ) -> Result<Option<Changed>, PlanError> {
        let wanted = Wanted::Partitions(vec![RefPattern::exact(partition)]);
        let request = BuildRequest { changed: true, ..BuildRequest::new("why", wanted) };
        let (plan, _spec) = self.plan(&request, stop)?;
        let id = plan.wanted.first();
        let task = plan.tasks.iter().find(|task| id.is_some_and(|id| task.outputs.contains(id)));
        Ok(task.and_then(|task| match task.reason {
            Reason::Changed { what, .. } => Some(what),
            Reason::Missing
            | Reason::FailedBefore { .. }
            | Reason::InterruptedBefore { .. }
            | Reason::BeingMade { .. }
            | Reason::Stale { .. }
            | Reason::InputPlanned { .. }
            | Reason::Forced
            | Reason::TooOld { .. } => None,
        }))
    }

    fn as_it_is(&self) -> PlanOptions {
        let now = self.parts.clock.wall();
        PlanOptions { now, force: Force::Nothing, max_age: None, changed: false }
    }

    /// Makes what is wanted, and says how that went. Returns when every job has ended and every
    /// entry that it printed is stored.
    pub fn build(
        &self,
        request: &BuildRequest,
        observer: &dyn BuildObserver,
        stop: &StopFlag,
    ) -> Result<BuildOutcome, BuildError> {
        let (spec, wanted) = self.prepare(request)?;
        drive::build(self, request, &spec, &wanted, observer, stop)
    }

    /// Runs one command as a build with one task. Needs no project.
    pub fn run_command(
        &self,
        request: &CommandRequest,
        observer: &dyn BuildObserver,
        stop: &StopFlag,
    ) -> Result<CommandOutcome, BuildError> {
        drive::command(self, request, observer, stop)
    }

    /// What is wanted as patterns, and the project: everything that can be wrong with a request
    /// before it is worth a number.
    fn prepare(
        &self,
        request: &BuildRequest,
    ) -> Result<(Arc<ProjectSpec>, Vec<RefPattern>), PlanError> {
        let spec = self.spec().ok_or(PlanError::NoProject)?;
        let build = match &request.wanted {
            Wanted::Partitions(patterns) => return Ok((spec, patterns.clone())),
            Wanted::RestOf(build) => build,
        };
        let row = self.parts.bel.build(build)?.ok_or_else(|| PlanError::NoBuild(build.clone()))?;
        if row.kind == BuildKind::Command {
            return Err(PlanError::NotPartitions(row.number));
        }
        use databuild_model::bel::TaskEnd::{Delegated, Made};
        let tasks = self.parts.bel.tasks(build, &[])?;
        if tasks.is_empty() {
            // It ended before it had a plan: all of it is the rest.
            let patterns = row.wanted.iter().filter_map(|text| RefPattern::parse(text).ok());
            return Ok((spec, patterns.collect()));
        }
        let rest =
            tasks.iter().filter(|task| !matches!(task.state, TaskState::Ended(Made | Delegated)));
        Ok((spec, rest.flat_map(|task| &task.outputs).map(RefPattern::exact).collect()))
    }

    pub(super) fn plan_at(
        &self,
        spec: &ProjectSpec,
        wanted: &[RefPattern],
        request: &BuildRequest,
        now: Timestamp,
        stop: &StopFlag,
    ) -> Result<Plan, PlanError> {
        let states = KnownStates::new(spec, &self.parts.bel);
        self.plan_from(&states, spec, wanted, request, now, stop)
    }

    fn plan_from(
        &self,
        states: &KnownStates<'_>,
        spec: &ProjectSpec,
        wanted: &[RefPattern],
        request: &BuildRequest,
        now: Timestamp,
        stop: &StopFlag,
    ) -> Result<Plan, PlanError> {
        let BuildRequest { force, max_age, changed, .. } = *request;
        let options = PlanOptions { now, force, max_age, changed };
        let mut needs = CommandNeeds { clock: &*self.parts.clock, stop };
        plan::plan(spec, wanted, states, &mut needs, &options).map_err(PlanError::Problems)
    }
}
