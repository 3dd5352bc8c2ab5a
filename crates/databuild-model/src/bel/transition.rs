//! Which event may follow which: one pure function a kind of thing, each the whole diagram. The log
//! refuses what they refuse, whoever writes to it.

use super::{BuildEnd, RunEnd, TaskEnd};
use std::fmt;

/// Where a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuildState {
    /// Asked for.
    Received,
    /// What is to be made is being worked out.
    Planning,
    /// The plan stands.
    Planned,
    /// Tasks are being run.
    Executing,
    /// Over.
    Ended(BuildEnd),
}

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// In the plan, nothing done yet.
    Planned,
    /// Another build makes one of its outputs.
    Waiting,
    /// A run of this build works on it, or another attempt is due.
    Running,
    /// Over.
    Ended(TaskEnd),
}

/// Where a job run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunState {
    /// It has a number, its process does not exist yet.
    Scheduled,
    /// Its wrapper runs.
    Running,
    /// Over.
    Ended(RunEnd),
}

/// Where a partition is, by the events alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartitionState {
    /// Never made.
    Missing,
    /// A run has it to itself.
    Building,
    /// Made.
    Available,
    /// The last run that tried did not make it.
    Failed,
}

/// What happens to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildStep {
    /// `build_received`
    Receive,
    /// `build_planning`
    Plan,
    /// `tasks_planned`
    AddTasks,
    /// `build_planned`
    FinishPlan,
    /// `build_executing`
    Execute,
    /// `build_cancel_requested`
    RequestCancel,
    /// `build_ended`
    End(BuildEnd),
}

/// What happens to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStep {
    /// `tasks_planned`
    Plan,
    /// `task_waiting`
    Wait,
    /// `run_scheduled` for it
    Attempt,
    /// `task_ended`
    End(TaskEnd),
}

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStep {
    /// `run_scheduled`
    Schedule,
    /// `run_started`
    Start,
    /// `run_ended`
    End(RunEnd),
}

/// What happens to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionStep {
    /// `partitions_claimed`
    Claim,
    /// `partitions_made`
    Make,
    /// `partitions_failed`
    Fail,
    /// `partitions_released`, with what it was when it was claimed
    Release {
        /// The state before the claim.
        back_to: Settled,
    },
}

/// The states of a partition that nobody is working on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settled {
    /// As [`PartitionState::Missing`].
    Missing,
    /// As [`PartitionState::Available`].
    Available,
    /// As [`PartitionState::Failed`].
    Failed,
}

/// A step that the diagram does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {what} that is {state} cannot {step}")]
pub struct Illegal {
    /// `build`, `task`, `job run`, `partition`.
    pub what: &'static str,
    /// Where it is.
    pub state: String,
    /// What was asked for.
    pub step: String,
}

fn refuse<S: fmt::Display, T: fmt::Debug>(
    what: &'static str,
    state: Option<S>,
    step: T,
) -> Illegal {
    let state = state.map_or_else(|| "unknown".to_owned(), |state| state.to_string());
    Illegal { what, state, step: format!("{step:?}").to_lowercase() }
}

/// The state of a build after `step`; `None` is a build that was never heard of.
pub fn build(state: Option<BuildState>, step: BuildStep) -> Result<BuildState, Illegal> {
    use BuildState::{Ended, Executing, Planned, Planning, Received};
    match (state, step) {
        (None, BuildStep::Receive) => Ok(Received),
        (Some(Received), BuildStep::Plan) => Ok(Planning),
        (Some(Planning), BuildStep::AddTasks) => Ok(Planning),
        (Some(Planning), BuildStep::FinishPlan) => Ok(Planned),
        (Some(Planned), BuildStep::Execute) => Ok(Executing),
        (Some(live @ (Received | Planning | Planned | Executing)), BuildStep::RequestCancel) => {
            Ok(live)
        }
        // There may be nothing to do, but not before that was found out.
        (Some(Planned | Executing), BuildStep::End(BuildEnd::Completed)) => {
            Ok(Ended(BuildEnd::Completed))
        }
        (
            Some(Received | Planning | Planned | Executing),
            BuildStep::End(end @ (BuildEnd::Failed | BuildEnd::Cancelled | BuildEnd::Lost)),
        ) => Ok(Ended(end)),
        (state, step) => Err(refuse("build", state, step)),
    }
}

/// The state of a task after `step`; `None` is a task that is in no plan.
pub fn task(state: Option<TaskState>, step: TaskStep) -> Result<TaskState, Illegal> {
    use TaskState::{Ended, Planned, Running, Waiting};
    match (state, step) {
        (None, TaskStep::Plan) => Ok(Planned),
        // Between two attempts another build may have taken the partition.
        (Some(Planned | Waiting | Running), TaskStep::Wait) => Ok(Waiting),
        (Some(Planned | Waiting | Running), TaskStep::Attempt) => Ok(Running),
        (Some(Running), TaskStep::End(end @ (TaskEnd::Made | TaskEnd::Failed))) => Ok(Ended(end)),
        (Some(Planned | Waiting), TaskStep::End(TaskEnd::NotStarted)) => {
            Ok(Ended(TaskEnd::NotStarted))
        }
        (
            Some(Planned | Waiting | Running),
            TaskStep::End(end @ (TaskEnd::Delegated | TaskEnd::Cancelled)),
        ) => Ok(Ended(end)),
        (state, step) => Err(refuse("task", state, step)),
    }
}

/// The state of a job run after `step`; `None` is a run that was never heard of.
pub fn run(state: Option<RunState>, step: RunStep) -> Result<RunState, Illegal> {
    use RunState::{Ended, Running, Scheduled};
    match (state, step) {
        (None, RunStep::Schedule) => Ok(Scheduled),
        (Some(Scheduled), RunStep::Start) => Ok(Running),
        // A wrapper that cannot be started fails its run without ever running.
        (
            Some(Scheduled | Running),
            RunStep::End(end @ (RunEnd::Failed | RunEnd::Cancelled | RunEnd::Lost)),
        ) => Ok(Ended(end)),
        (Some(Running), RunStep::End(RunEnd::Completed)) => Ok(Ended(RunEnd::Completed)),
        (state, step) => Err(refuse("job run", state, step)),
    }
}

/// The state of a partition after `step`; one that was never heard of is missing.
pub fn partition(state: PartitionState, step: PartitionStep) -> Result<PartitionState, Illegal> {
    use PartitionState::{Available, Building, Failed, Missing};
    match (state, step) {
        (Missing | Available | Failed, PartitionStep::Claim) => Ok(Building),
        (Building, PartitionStep::Make) => Ok(Available),
        (Building, PartitionStep::Fail) => Ok(Failed),
        (Building, PartitionStep::Release { back_to: Settled::Missing }) => Ok(Missing),
        (Building, PartitionStep::Release { back_to: Settled::Available }) => Ok(Available),
        (Building, PartitionStep::Release { back_to: Settled::Failed }) => Ok(Failed),
        (state, step) => Err(refuse("partition", Some(state), step)),
    }
}

impl BuildState {
    /// All states, in the order of a build's life.
    pub const ALL: [BuildState; 8] = [
        BuildState::Received,
        BuildState::Planning,
        BuildState::Planned,
        BuildState::Executing,
        BuildState::Ended(BuildEnd::Completed),
        BuildState::Ended(BuildEnd::Failed),
        BuildState::Ended(BuildEnd::Cancelled),
        BuildState::Ended(BuildEnd::Lost),
    ];

    /// The word in records and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            BuildState::Received => "received",
            BuildState::Planning => "planning",
            BuildState::Planned => "planned",
            BuildState::Executing => "executing",
            BuildState::Ended(BuildEnd::Completed) => "completed",
            BuildState::Ended(BuildEnd::Failed) => "failed",
            BuildState::Ended(BuildEnd::Cancelled) => "cancelled",
            BuildState::Ended(BuildEnd::Lost) => "lost",
        }
    }

    /// Reads the word of a state.
    pub fn parse(text: &str) -> Option<BuildState> {
        BuildState::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether more may happen.
    pub fn is_live(self) -> bool {
        !matches!(self, BuildState::Ended(_))
    }
}

impl TaskState {
    /// All states.
    pub const ALL: [TaskState; 8] = [
        TaskState::Planned,
        TaskState::Waiting,
        TaskState::Running,
        TaskState::Ended(TaskEnd::Made),
        TaskState::Ended(TaskEnd::Delegated),
        TaskState::Ended(TaskEnd::Failed),
        TaskState::Ended(TaskEnd::NotStarted),
        TaskState::Ended(TaskEnd::Cancelled),
    ];

    /// The word in records and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Planned => "planned",
            TaskState::Waiting => "waiting",
            TaskState::Running => "running",
            TaskState::Ended(TaskEnd::Made) => "made",
            TaskState::Ended(TaskEnd::Delegated) => "delegated",
            TaskState::Ended(TaskEnd::Failed) => "failed",
            TaskState::Ended(TaskEnd::NotStarted) => "not_started",
            TaskState::Ended(TaskEnd::Cancelled) => "cancelled",
        }
    }

    /// Reads the word of a state.
    pub fn parse(text: &str) -> Option<TaskState> {
        TaskState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl RunState {
    /// All states.
    pub const ALL: [RunState; 6] = [
        RunState::Scheduled,
        RunState::Running,
        RunState::Ended(RunEnd::Completed),
        RunState::Ended(RunEnd::Failed),
        RunState::Ended(RunEnd::Cancelled),
        RunState::Ended(RunEnd::Lost),
    ];

    /// The word in records and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Scheduled => "scheduled",
            RunState::Running => "running",
            RunState::Ended(RunEnd::Completed) => "completed",
            RunState::Ended(RunEnd::Failed) => "failed",
            RunState::Ended(RunEnd::Cancelled) => "cancelled",
            RunState::Ended(RunEnd::Lost) => "lost",
        }
    }

    /// Reads the word of a state.
    pub fn parse(text: &str) -> Option<RunState> {
        RunState::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether more may happen.
    pub fn is_live(self) -> bool {
        !matches!(self, RunState::Ended(_))
    }
}

impl PartitionState {
    /// All states.
    pub const ALL: [PartitionState; 4] = [
        PartitionState::Missing,
        PartitionState::Building,
        PartitionState::Available,
        PartitionState::Failed,
    ];

    /// The word in records and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            PartitionState::Missing => "missing",
            PartitionState::Building => "building",
            PartitionState::Available => "available",
            PartitionState::Failed => "failed",
        }
    }

    /// Reads the word of a state.
    pub fn parse(text: &str) -> Option<PartitionState> {
        PartitionState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

macro_rules! shown_by_word {
    ($($name:ident)*) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )* };
}

shown_by_word! { BuildState TaskState RunState PartitionState }
