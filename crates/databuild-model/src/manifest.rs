//! What a run made, from what, and when.

use crate::entry::{Fields, Unknown};
use crate::ids::{JobLabel, PartitionRef};

/// The record of a successful run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionManifest {
    /// What was made.
    pub outputs: Vec<PartitionRef>,
    /// The manifests of what it was made from.
    pub inputs: Vec<PartitionManifest>,
    /// When the run began, in seconds since 1970.
    pub start_time: i64,
    /// When the run ended, in seconds since 1970.
    pub end_time: i64,
    /// The task that made it.
    pub task: Option<Task>,
    /// Facts about it, in words of the job.
    pub metadata: Fields,
    /// Keys of a newer version.
    pub unknown: Unknown,
}

/// A planned piece of work.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Task {
    /// The job; `task.job.label` in JSON. Added by the collector.
    pub job_label: Option<JobLabel>,
    /// Keys of a newer version.
    pub unknown: Unknown,
}
