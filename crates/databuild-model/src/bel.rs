//! The build event log's vocabulary: one variant a fact, and no other. Page:
//! `docs/formats/build-event-log.md`.
//!
//! Events are appended and never changed; what is known of a build, a task, a run or a partition is
//! what its events say. Which event may follow which is in [`transition`]. The log never carries
//! what a job printed.

pub mod record;
pub mod transition;

use crate::cause::Cause;
use crate::ids::{AppName, BuildId, JobLabel, JobRunId, PartitionRef};
use serde::{Deserialize, Serialize};

/// The version of the JSON form of every event that this version writes.
pub const EVENT_VERSION: u32 = 1;

/// A fact about a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
pub enum BuildEvent {
    /// Somebody asked for partitions. Always the first event of a build.
    BuildReceived(BuildReceived),
    /// What is to be made is being worked out.
    BuildPlanning {},
    /// Some of the tasks of the plan; a large plan is told in several events.
    TasksPlanned {
        /// The tasks, each with its number within the build.
        tasks: Vec<PlannedTask>,
    },
    /// The plan is complete.
    BuildPlanned {
        /// How many tasks it has.
        tasks: u32,
        /// How many partitions were there already.
        up_to_date: u64,
    },
    /// Tasks are being run.
    BuildExecuting {},
    /// Somebody asked the build to stop.
    BuildCancelRequested {
        /// Who: `cli`, `service`, or what a caller said.
        by: String,
    },
    /// The build is over. Always its last event.
    BuildEnded(BuildEnded),

    /// The task waits for another build that makes one of its outputs.
    TaskWaiting {
        /// The task.
        task: u32,
        /// The other build.
        on: BuildId,
    },
    /// Nothing more will be done for the task.
    TaskEnded(TaskEnded),

    /// An attempt at a task got its run id and its number.
    RunScheduled(RunScheduled),
    /// The wrapper of the run was started.
    RunStarted {
        /// The number of the run within the build.
        run: u32,
        /// Which process that is; its form is the executor's own.
        process: String,
    },
    /// The run is over and what it said is sealed.
    RunEnded(RunEnded),

    /// A run has these partitions to itself until it has made them or not.
    PartitionsClaimed(PartitionSet),
    /// The run made them.
    PartitionsMade(PartitionSet),
    /// The run ended without making them.
    PartitionsFailed(PartitionSet),
    /// The run was never started, so they are what they were before.
    PartitionsReleased(PartitionSet),
}

/// Payload of [`BuildEvent::BuildReceived`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildReceived {
    /// The number that people use, from 1, in order of arrival.
    pub number: u64,
    /// Whether partitions or a single command were asked for.
    pub kind: BuildKind,
    /// Who asked: `cli`, `service`, or what a caller said.
    pub origin: String,
    /// What was asked for, as it was typed.
    pub wanted: Vec<String>,
    /// The build whose failed part this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<BuildId>,
    /// Whether partitions that are there were to be made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
}

/// What kind of request a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildKind {
    /// Make partitions.
    Partitions,
    /// Run one command.
    Command,
}

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// Its number within the build, from 0; a task comes after all that it needs.
    pub task: u32,
    /// The job.
    pub job_label: JobLabel,
    /// What it makes.
    pub outputs: Vec<PartitionRef>,
    /// Why it is in the plan, for people.
    pub reason: String,
}

/// Payload of [`BuildEvent::BuildEnded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildEnded {
    /// How.
    pub end: BuildEnd,
    /// More than the tasks tell, for people; `None` where there is nothing to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildEnd {
    /// All that was wanted is there.
    Completed,
    /// Something that was wanted is not there.
    Failed,
    /// It was told to stop.
    Cancelled,
    /// Its process is gone; somebody else noticed.
    Lost,
}

/// Payload of [`BuildEvent::TaskEnded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEnded {
    /// The task.
    pub task: u32,
    /// How.
    pub end: TaskEnd,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskEnd {
    /// A run of this build made its outputs.
    Made,
    /// Another build made its outputs meanwhile.
    Delegated,
    /// Its last attempt failed.
    Failed,
    /// Something that it needs failed, or the build stopped at the first failure.
    NotStarted,
    /// The build was told to stop.
    Cancelled,
}

/// Payload of [`BuildEvent::RunScheduled`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunScheduled {
    /// Its number within the build, from 1: the 6 of `42.6`.
    pub run: u32,
    /// Its id everywhere else.
    pub job_run_id: JobRunId,
    /// The task that it is an attempt at.
    pub task: u32,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The job.
    pub job_label: JobLabel,
    /// Whose logs these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppName>,
    /// The kind of job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_type: Option<String>,
    /// What it makes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<PartitionRef>,
    /// What it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<PartitionRef>,
    /// The command and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

/// Payload of [`BuildEvent::RunEnded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnded {
    /// The number of the run within the build.
    pub run: u32,
    /// How.
    pub end: RunEnd,
    /// What is known of it.
    #[serde(flatten)]
    pub summary: RunSummary,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// The command succeeded and all outputs are there.
    Completed,
    /// It did not.
    Failed,
    /// It was told to stop.
    Cancelled,
    /// The process that looked after it is gone; how the command ended is not known.
    Lost,
}

/// The end of a run in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Why it ended.
    pub cause: Cause,
    /// The exit code of the command, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the command, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Seconds from launch to end.
    pub duration_seconds: f64,
    /// Entries stored.
    pub entries: u64,
    /// Entries at WARN.
    pub warnings: u64,
    /// Entries above WARN.
    pub errors: u64,
    /// Rows processed, where the job said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// What went wrong, for people, where the exit code does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Partitions that share a fate, because one run makes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionSet {
    /// The number of the run within the build.
    pub run: u32,
    /// The partitions.
    pub partitions: Vec<PartitionRef>,
}

impl RunSummary {
    /// A summary of a run of which only the cause is known.
    pub fn of(cause: Cause) -> Self {
        RunSummary {
            cause,
            exit_code: None,
            signal: None,
            duration_seconds: 0.0,
            entries: 0,
            warnings: 0,
            errors: 0,
            rows: None,
            reason: None,
        }
    }
}

impl BuildEvent {
    /// The word that stands for the variant in JSON and in the `type` column.
    pub fn type_name(&self) -> &'static str {
        match self {
            BuildEvent::BuildReceived(_) => "build_received",
            BuildEvent::BuildPlanning {} => "build_planning",
            BuildEvent::TasksPlanned { .. } => "tasks_planned",
            BuildEvent::BuildPlanned { .. } => "build_planned",
            BuildEvent::BuildExecuting {} => "build_executing",
            BuildEvent::BuildCancelRequested { .. } => "build_cancel_requested",
            BuildEvent::BuildEnded(_) => "build_ended",
            BuildEvent::TaskWaiting { .. } => "task_waiting",
            BuildEvent::TaskEnded(_) => "task_ended",
            BuildEvent::RunScheduled(_) => "run_scheduled",
            BuildEvent::RunStarted { .. } => "run_started",
            BuildEvent::RunEnded(_) => "run_ended",
            BuildEvent::PartitionsClaimed(_) => "partitions_claimed",
            BuildEvent::PartitionsMade(_) => "partitions_made",
            BuildEvent::PartitionsFailed(_) => "partitions_failed",
            BuildEvent::PartitionsReleased(_) => "partitions_released",
        }
    }
}

#[cfg(test)]
mod tests;
