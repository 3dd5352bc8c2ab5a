//! How a run stands, and what is known about it without reading all of it.

use crate::format::{RunEnd, RunRecord};
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId};
use databuild_model::time::{Day, Timestamp};
use std::fmt;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Its entries are still being written.
    Running,
    /// It has ended, and all that it said is there.
    Complete,
    /// It has ended, and something is missing.
    Incomplete {
        /// What.
        why: Missing,
    },
}

/// What is missing from the record of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The wrapper, or whoever stored its words, died before the run's end.
    End,
    /// The wrapper could not keep every byte of the job's output.
    Output,
    /// Entries between others, by their sequence numbers.
    Entries,
}

impl RunState {
    /// Whether more may come.
    pub fn is_running(self) -> bool {
        self == RunState::Running
    }

    pub(super) fn of_record(record: &RunRecord) -> Self {
        match record.end {
            None => RunState::Incomplete { why: Missing::End },
            Some(end) if !end.complete => RunState::Incomplete { why: Missing::Output },
            Some(_) if !record.is_complete() => RunState::Incomplete { why: Missing::Entries },
            Some(_) => RunState::Complete,
        }
    }

    /// The state of a run that nobody writes any more and nobody sealed.
    pub(super) fn of_end(end: Option<RunEnd>) -> Self {
        match end {
            None => RunState::Incomplete { why: Missing::End },
            Some(end) if !end.complete => RunState::Incomplete { why: Missing::Output },
            Some(_) => RunState::Complete,
        }
    }
}

/// `running`, `complete`, `incomplete (wrapper lost)` …
impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            RunState::Running => "running",
            RunState::Complete => "complete",
            RunState::Incomplete { why: Missing::End } => "incomplete (wrapper lost)",
            RunState::Incomplete { why: Missing::Output } => "incomplete (output lost)",
            RunState::Incomplete { why: Missing::Entries } => "incomplete (entries lost)",
        })
    }
}

/// What is known about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    /// The run.
    pub job_run_id: JobRunId,
    /// The folder of its files: the day, in UTC, on which it began.
    pub day: Day,
    /// How it stands.
    pub state: RunState,
    /// The job, if known.
    pub job_label: Option<JobLabel>,
    /// The kind of job, if known.
    pub job_type: Option<String>,
    /// Whose logs these are, if known.
    pub app: Option<AppName>,
    /// The build, if known.
    pub build_id: Option<BuildId>,
    /// Finished lines of the file.
    pub lines: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Log entries by level; the place is that of `Level::ALL`.
    pub level_counts: [u64; 6],
    /// Entries by kind; the place is that of `Kind::ALL`.
    pub kind_counts: [u64; 4],
    /// The highest sequence number.
    pub last_sequence: u64,
    /// The earliest timestamp.
    pub first_time: Option<Timestamp>,
    /// The latest timestamp.
    pub last_time: Option<Timestamp>,
    /// The line of the first entry of level ERROR or above, counted from 0.
    pub first_error_line: Option<u64>,
    /// How it ended, if its wrapper could tell.
    pub end: Option<RunEnd>,
    /// The seal, once there is one: all of the above, checked, with the hash of the file.
    pub seal: Option<RunRecord>,
}
