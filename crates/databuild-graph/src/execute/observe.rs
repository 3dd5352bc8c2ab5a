//! What a build tells while it runs.

use super::outcome::BuildOutcome;
use crate::plan::RunNumber;
use databuild_model::bel::{RunEnd, RunSummary, TaskEnd};
use databuild_model::ids::{BuildId, JobLabel, JobRunId, PartitionRef};
use std::sync::Arc;
use std::time::Duration;

/// Sees a build as it goes on. Called on the thread that builds, one call at a time: what it does
/// delays the build.
pub trait BuildObserver {
    /// Something happened.
    fn on_progress(&self, progress: &Progress);
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The build got its number.
    Received {
        /// Its UUID.
        build: BuildId,
        /// The number that people use.
        number: u64,
    },
    /// A build before this one had lost its process; it was ended.
    LostBuildEnded {
        /// That build.
        number: u64,
    },
    /// A run of a build that had lost its process goes on in our care.
    RunAdopted {
        /// The number of the run.
        run: RunNumber,
        /// The job.
        job_label: JobLabel,
        /// What it makes.
        outputs: Vec<PartitionRef>,
    },
    /// A run that we had taken over is over and recorded.
    AdoptedEnded {
        /// The number of the run.
        run: RunNumber,
        /// How it ended.
        end: RunEnd,
        /// Its end in figures.
        summary: RunSummary,
    },
    /// The plan stands.
    Planned {
        /// Partitions asked for.
        wanted: u64,
        /// Tasks to run.
        tasks: u64,
        /// Partitions that are there.
        up_to_date: u64,
    },
    /// A run of a task was started.
    TaskStarted {
        /// The task.
        task: Arc<TaskInfo>,
        /// The number of the run.
        run: RunNumber,
        /// The id of the run.
        job_run_id: JobRunId,
        /// Which attempt, from 1.
        attempt: u32,
        /// How long the job usually takes.
        usual: Option<Duration>,
    },
    /// A run said something worth showing. Counts are of the run so far.
    TaskNote {
        /// The task.
        task: Arc<TaskInfo>,
        /// The number of the run.
        run: RunNumber,
        /// How far it is, in its own words.
        progress: Option<String>,
        /// Entries at WARN.
        warnings: u64,
        /// Entries above WARN.
        errors: u64,
        /// Rows processed.
        rows: Option<u64>,
    },
    /// Another build makes an output of the task.
    TaskWaiting {
        /// The task.
        task: Arc<TaskInfo>,
        /// The number of the other build.
        on: u64,
    },
    /// An attempt failed, and there will be another.
    RetryScheduled {
        /// The task.
        task: Arc<TaskInfo>,
        /// The run that failed.
        run: RunNumber,
        /// Which attempt that was, from 1.
        attempt: u32,
        /// How many there may be.
        attempts: u32,
        /// How it ended.
        summary: RunSummary,
    },
    /// Nothing more will be done for a task.
    TaskFinished {
        /// The task.
        task: Arc<TaskInfo>,
        /// How it ended.
        end: TaskEnd,
        /// The last run, if there was one.
        run: Option<RunNumber>,
        /// How the last run ended, if there was one.
        summary: Option<RunSummary>,
        /// More about the end, for people.
        reason: Option<String>,
    },
    /// The build was told to stop.
    Stopping {
        /// Whether jobs are killed instead of asked.
        at_once: bool,
    },
    /// The build is over.
    Finished(Box<BuildOutcome>),
}

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// Its number within the build.
    pub task: usize,
    /// The job.
    pub job_label: JobLabel,
    /// What it makes.
    pub outputs: Vec<PartitionRef>,
}

/// Sees nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl BuildObserver for Unobserved {
    fn on_progress(&self, _progress: &Progress) {}
}
