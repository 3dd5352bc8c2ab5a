//! What questions are answered with, and what they can be about. Plain values.

use crate::plan::RunNumber;
use databuild_model::bel::record::EventRecord;
use databuild_model::bel::transition::{BuildState, PartitionState, RunState, TaskState};
use databuild_model::bel::{BuildKind, RunSummary};
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId, PartitionRef};
use databuild_model::time::Timestamp;

/// A build as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildRow {
    /// Its UUID.
    pub id: BuildId,
    /// The number that people use.
    pub number: u64,
    /// Where it is. A build whose process is gone is shown as lost, although nobody has written its
    /// last event yet.
    pub state: BuildState,
    /// Whether partitions or a single command were asked for.
    pub kind: BuildKind,
    /// Who asked.
    pub origin: String,
    /// What was asked for, as it was typed.
    pub wanted: Vec<String>,
    /// The build whose failed part it repeats.
    pub retry_of: Option<BuildId>,
    /// Whether partitions that are there were to be made again.
    pub forced: bool,
    /// When it was asked for.
    pub received_at: Timestamp,
    /// When it ended, where that was written down.
    pub ended_at: Option<Timestamp>,
    /// Its tasks, counted.
    pub tasks: TaskCounts,
    /// How many partitions were there already.
    pub up_to_date: u64,
    /// How many runs it has, all attempts.
    pub runs: u64,
    /// Entries at WARN in all runs that ended.
    pub warnings: u64,
    /// Entries above WARN in all runs that ended.
    pub errors: u64,
    /// Who asked it to stop.
    pub cancel_by: Option<String>,
    /// More than the tasks tell, for people.
    pub reason: Option<String>,
}

/// The tasks of a build by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskCounts {
    /// Nothing done yet.
    pub planned: u64,
    /// Another build makes an output.
    pub waiting: u64,
    /// A run works on it.
    pub running: u64,
    /// Made by this build.
    pub made: u64,
    /// Made by another build meanwhile.
    pub delegated: u64,
    /// The last attempt failed.
    pub failed: u64,
    /// Something that it needs failed.
    pub not_started: u64,
    /// The build was told to stop.
    pub cancelled: u64,
}

/// One task of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Its number within the build, from 0.
    pub task: u32,
    /// Where it is.
    pub state: TaskState,
    /// The job.
    pub job_label: JobLabel,
    /// What it makes.
    pub outputs: Vec<PartitionRef>,
    /// Why it is in the plan, for people.
    pub reason: String,
    /// The build that it waits for.
    pub waiting_on: Option<BuildId>,
    /// More about its end, for people.
    pub detail: Option<String>,
}

/// A job run as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its id everywhere else.
    pub id: JobRunId,
    /// The number that people use: `42.6`.
    pub number: RunNumber,
    /// The build.
    pub build_id: BuildId,
    /// The task of the build.
    pub task: u32,
    /// Which attempt at it, from 1.
    pub attempt: u32,
    /// The job.
    pub job_label: JobLabel,
    /// Whose logs these are.
    pub app: Option<AppName>,
    /// The kind of job.
    pub job_type: Option<String>,
    /// What it makes.
    pub outputs: Vec<PartitionRef>,
    /// What it reads.
    pub inputs: Vec<PartitionRef>,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Where it is. A run whose build is lost is shown as lost.
    pub state: RunState,
    /// When it got its number. The store keeps it under this day.
    pub scheduled_at: Timestamp,
    /// When its wrapper was started.
    pub started_at: Option<Timestamp>,
    /// When it was over and sealed.
    pub ended_at: Option<Timestamp>,
    /// Its end in figures.
    pub summary: Option<RunSummary>,
}

/// A partition as the events tell it; whether its file is there is another question.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionRow {
    /// The partition.
    pub partition: PartitionRef,
    /// Where it is. One whose maker is lost is shown as failed.
    pub state: PartitionState,
    /// How many times it was made.
    pub instance: u64,
    /// When it was made last.
    pub made_at: Option<Timestamp>,
    /// When the run began that made it last: its inputs count as they were then.
    pub as_of: Option<Timestamp>,
    /// The run that made it last.
    pub made_by: Option<RunNumber>,
    /// Whether the last run that tried was stopped or lost, and did not end by itself.
    pub interrupted: bool,
    /// The last run that tried.
    pub last_run: RunNumber,
    /// The id of the last run that tried.
    pub last_run_id: JobRunId,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// Some of the events, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// In the order of the log.
    pub events: Vec<EventRecord>,
    /// Ask for what comes after this next time: the place of the last event that was looked at.
    pub next_idx: u64,
    /// Whether there are more now.
    pub has_more: bool,
}

/// Which builds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuildFilter {
    /// In one of these states; any if empty.
    pub states: Vec<BuildState>,
    /// Asked for at this time or later.
    pub since: Option<Timestamp>,
    /// Only those with a number below this one: the next page.
    pub before: Option<u64>,
    /// At most so many, the newest first; [`crate::limits::ROWS_DEFAULT`] if absent.
    pub limit: Option<u32>,
}

/// Which job runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFilter {
    /// Of this job.
    pub job: Option<JobLabel>,
    /// In one of these states; any if empty.
    pub states: Vec<RunState>,
    /// Of this build.
    pub build: Option<BuildId>,
    /// That made, or tried to make, this partition.
    pub partition: Option<PartitionRef>,
    /// Scheduled at this time or later.
    pub since: Option<Timestamp>,
    /// Only those before this one: the next page.
    pub before: Option<RunNumber>,
    /// At most so many, the newest first; [`crate::limits::ROWS_DEFAULT`] if absent.
    pub limit: Option<u32>,
}

/// Which partitions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PartitionFilter {
    /// Whose ref begins so.
    pub prefix: Option<String>,
    /// In one of these states; any if empty.
    pub states: Vec<PartitionState>,
    /// Only those after this one: the next page.
    pub after: Option<PartitionRef>,
    /// At most so many, in the order of their refs; [`crate::limits::ROWS_DEFAULT`] if absent.
    pub limit: Option<u32>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFilter {
    /// Of this build.
    pub build: Option<BuildId>,
    /// Of these types, as [`databuild_model::bel::BuildEvent::type_name`] says; any if empty.
    pub types: Vec<String>,
}

impl TaskCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.open() + self.made + self.delegated + self.failed + self.not_started + self.cancelled
    }

    /// Those that are not over.
    pub fn open(&self) -> u64 {
        self.planned + self.waiting + self.running
    }

    pub(crate) fn of(&mut self, state: TaskState) -> &mut u64 {
        use databuild_model::bel::TaskEnd::{Cancelled, Delegated, Failed, Made, NotStarted};
        match state {
            TaskState::Planned => &mut self.planned,
            TaskState::Waiting => &mut self.waiting,
            TaskState::Running => &mut self.running,
            TaskState::Ended(Made) => &mut self.made,
            TaskState::Ended(Delegated) => &mut self.delegated,
            TaskState::Ended(Failed) => &mut self.failed,
            TaskState::Ended(NotStarted) => &mut self.not_started,
            TaskState::Ended(Cancelled) => &mut self.cancelled,
        }
    }
}
