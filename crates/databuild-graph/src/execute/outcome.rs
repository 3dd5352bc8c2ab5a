//! What came of a build, with all that a person needs to see at its end.

use crate::plan::RunNumber;
use databuild_model::bel::{BuildEnd, RunSummary};
use databuild_model::ids::{BuildId, JobLabel, JobRunId, PartitionRef};
use std::time::Duration;

/// What came of a build.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildOutcome {
    /// Its UUID.
    pub build: BuildId,
    /// The number that people use.
    pub number: u64,
    /// How it ended.
    pub end: BuildEnd,
    /// More about that, for people.
    pub reason: Option<String>,
    /// From being asked to the end.
    pub duration: Duration,
    /// Tasks that were made.
    pub made: u64,
    /// Tasks that another build made meanwhile.
    pub delegated: u64,
    /// Partitions that were there already.
    pub up_to_date: u64,
    /// Entries at WARN of all runs.
    pub warnings: u64,
    /// Tasks whose last attempt failed, in the order in which they did.
    pub failed: Vec<FailedTask>,
    /// Tasks that were not started, or stopped.
    pub not_started: Vec<NotStartedTask>,
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedTask {
    /// The task within the build.
    pub task: usize,
    /// The job.
    pub job_label: JobLabel,
    /// What was to be made.
    pub outputs: Vec<PartitionRef>,
    /// The last attempt.
    pub run: RunNumber,
    /// The id of the last attempt.
    pub job_run_id: JobRunId,
    /// Which attempt that was, from 1.
    pub attempt: u32,
    /// How many attempts there may be.
    pub attempts: u32,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// How it ended.
    pub summary: RunSummary,
}

/// A task that did not come to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct NotStartedTask {
    /// The task within the build.
    pub task: usize,
    /// The job.
    pub job_label: JobLabel,
    /// What was to be made.
    pub outputs: Vec<PartitionRef>,
    /// The failed task that it needs, directly or not; `None` if the build was stopped.
    pub needs_failed: Option<usize>,
    /// The run that was stopped, if one had begun.
    pub run: Option<RunNumber>,
}

/// What came of one command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandOutcome {
    /// The build that records it.
    pub build: BuildId,
    /// The last attempt.
    pub run: RunNumber,
    /// The id of the last attempt.
    pub job_run_id: JobRunId,
    /// Which attempt that was, from 1.
    pub attempt: u32,
    /// How it ended.
    pub end: BuildEnd,
    /// How the last attempt ended, in figures.
    pub summary: RunSummary,
    /// The exit code to pass on: the command's own, 128+n for a signal, 124 for a timeout,
    /// 125 to 127 if it could not be run.
    pub exit_code: i32,
}
