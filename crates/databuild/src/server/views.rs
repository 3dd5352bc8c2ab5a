//! What the service says about builds, job runs and partitions: its own words for the rows of the build
//! event log and the seals of the store. A promise to clients, so keys are only added.

pub(crate) mod saver;
mod spool;

use databuild_graph::bel::rows;
use databuild_graph::execute::view::Spooled;
use databuild_logs::read::RunInfo;
use databuild_model::bel::{BuildKind, RunSummary};
use databuild_model::entry::{Kind, MetricPoint};
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use serde::Serialize;
use spool::Spool;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Some of the items of a list, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// What to give as `cursor` for the next ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// Whether there are more.
    pub(crate) has_more: bool,
}

/// A build.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Build {
    /// Its id.
    build_id: String,
    /// The number that people use.
    number: u64,
    /// `received`, `planning`, `planned`, `executing`, or how it ended.
    state: String,
    /// `partitions`, or `command` for a single recorded command.
    kind: &'static str,
    /// Who asked: `cli` or `service`.
    origin: String,
    /// What was asked for.
    wanted: Vec<String>,
    /// The build that it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_of: Option<String>,
    /// Whether partitions that are there were to be made again.
    forced: bool,
    /// RFC 3339.
    received_at: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Its tasks by state.
    tasks: Tasks,
    /// Partitions that were there already.
    up_to_date: u64,
    /// Job runs, all attempts.
    runs: u64,
    /// Entries at WARN.
    warnings: u64,
    /// Entries above WARN.
    errors: u64,
    /// Who asked it to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_requested_by: Option<String>,
    /// More about its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The tasks of a build, counted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tasks {
    planned: u64,
    waiting: u64,
    running: u64,
    made: u64,
    delegated: u64,
    failed: u64,
    not_started: u64,
    cancelled: u64,
}

/// A job run. What is not known is left out: a run that another program stored has only a log.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Run {
    /// Its id.
    job_run_id: String,
    /// The number that people use, such as `42.6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    /// The build.
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<String>,
    /// Which attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// The job.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_label: Option<String>,
    /// The kind of job.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_type: Option<String>,
    /// Whose logs these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    /// `scheduled`, `running`, or how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// What it makes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<String>,
    /// What it reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<String>,
    /// The command and its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    command: Vec<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// How its output is captured, what becomes of it when its build is killed, and who sees to it; as
    /// long as it has a spool.
    #[serde(skip_serializing_if = "Option::is_none")]
    spool: Option<Spool>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<End>,
    /// Its log; only where one run is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Log>,
}

/// How a job run ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct End {
    /// `success`, `exit`, `signal`, `oom`, `timeout`, `cancelled` …
    cause: &'static str,
    /// The exit code, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// The signal, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    /// How long it took.
    duration_seconds: f64,
    /// Rows that the job said it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What is known about the log of a run without reading it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Log {
    /// `running`, `complete`, or `incomplete` with what is missing.
    state: String,
    /// Stored lines.
    lines: u64,
    /// Bytes of these.
    bytes: u64,
    /// The highest sequence number.
    last_sequence: u64,
    /// Log entries by level.
    levels: BTreeMap<&'static str, u64>,
    /// Entries by kind.
    kinds: BTreeMap<&'static str, u64>,
    /// The earliest timestamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_time: Option<String>,
    /// The latest timestamp.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_time: Option<String>,
    /// The line of the first entry at ERROR or above, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error_line: Option<u64>,
    /// Whether the file is sealed: its bytes cannot change any more.
    sealed: bool,
}

/// A measurement of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Metric {
    /// Its name, as the job spelt it.
    name: String,
    /// A number, or one of "NaN", "Infinity", "-Infinity".
    #[schema(value_type = f64)]
    value: serde_json::Value,
    /// Its labels.
    labels: BTreeMap<String, String>,
    /// Its unit; empty if the job gave none.
    unit: String,
}

/// A partition, as the build event log knows it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Partition {
    /// The ref.
    partition: String,
    /// `missing`, `building`, `available`, `failed`.
    state: String,
    /// How many times it was made.
    instance: u64,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    made_at: Option<String>,
    /// The run that made it last, such as `42.6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    made_by: Option<String>,
    /// The last run that tried, such as `42.6`.
    last_run: String,
    /// The id of that run.
    last_run_id: String,
    /// RFC 3339.
    changed_at: String,
    /// The runs that made it or tried, the newest first; only where one partition is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<Run>>,
}

fn text(time: Timestamp) -> String {
    time.to_string()
}

fn texts<T: ToString>(things: &[T]) -> Vec<String> {
    things.iter().map(ToString::to_string).collect()
}

impl From<rows::BuildRow> for Build {
    fn from(row: rows::BuildRow) -> Self {
        Build {
            build_id: row.id.to_string(),
            number: row.number,
            state: row.state.to_string(),
            kind: match row.kind {
                BuildKind::Partitions => "partitions",
                BuildKind::Command => "command",
            },
            origin: row.origin,
            wanted: row.wanted,
            retry_of: row.retry_of.as_ref().map(ToString::to_string),
            forced: row.forced,
            received_at: text(row.received_at),
            ended_at: row.ended_at.map(text),
            tasks: Tasks {
                planned: row.tasks.planned,
                waiting: row.tasks.waiting,
                running: row.tasks.running,
                made: row.tasks.made,
                delegated: row.tasks.delegated,
                failed: row.tasks.failed,
                not_started: row.tasks.not_started,
                cancelled: row.tasks.cancelled,
            },
            up_to_date: row.up_to_date,
            runs: row.runs,
            warnings: row.warnings,
            errors: row.errors,
            cancel_requested_by: row.cancel_by,
            reason: row.reason,
        }
    }
}

impl From<rows::RunRow> for Run {
    fn from(row: rows::RunRow) -> Self {
        Run {
            job_run_id: row.id.to_string(),
            number: Some(row.number.to_string()),
            build_id: Some(row.build_id.to_string()),
            attempt: Some(row.attempt),
            job_label: Some(row.job_label.to_string()),
            job_type: row.job_type,
            app: row.app.as_ref().map(ToString::to_string),
            state: Some(row.state.to_string()),
            outputs: texts(&row.outputs),
            inputs: texts(&row.inputs),
            command: row.command,
            scheduled_at: Some(text(row.scheduled_at)),
            started_at: row.started_at.map(text),
            ended_at: row.ended_at.map(text),
            spool: None,
            end: row.summary.map(End::from),
            log: None,
        }
    }
}

impl Run {
    /// A run of which only the id is known.
    pub(crate) fn stored(id: String) -> Self {
        Run { job_run_id: id, ..Run::default() }
    }

    /// Adds what its spool tells, as long as it has one.
    pub(crate) fn with_spool(mut self, spooled: Option<Spooled>) -> Self {
        self.spool = spooled.map(Spool::from);
        self
    }

    /// Adds what the store knows.
    pub(crate) fn with_log(mut self, info: &RunInfo) -> Self {
        self.log = Some(Log::from(info));
        self.job_label =
            self.job_label.or_else(|| info.job_label.as_ref().map(ToString::to_string));
        self.job_type = self.job_type.or_else(|| info.job_type.clone());
        self.app = self.app.or_else(|| info.app.as_ref().map(ToString::to_string));
        self.build_id = self.build_id.or_else(|| info.build_id.as_ref().map(ToString::to_string));
        self.end = self.end.or_else(|| {
            info.end.map(|end| End {
                cause: end.cause.as_str(),
                exit_code: end.exit_code,
                signal: end.signal,
                duration_seconds: end.duration_seconds,
                rows: None,
                reason: None,
            })
        });
        self
    }
}

impl From<RunSummary> for End {
    fn from(summary: RunSummary) -> Self {
        End {
            cause: summary.cause.as_str(),
            exit_code: summary.exit_code,
            signal: summary.signal,
            duration_seconds: summary.duration_seconds,
            rows: summary.rows,
            reason: summary.reason,
        }
    }
}

impl From<&RunInfo> for Log {
    fn from(info: &RunInfo) -> Self {
        let levels = Level::ALL.iter().map(|level| level.as_str()).zip(info.level_counts);
        let kinds = Kind::ALL.iter().map(|kind| kind.as_str()).zip(info.kind_counts);
        Log {
            state: info.state.to_string(),
            lines: info.lines,
            bytes: info.bytes,
            last_sequence: info.last_sequence,
            levels: levels.collect(),
            kinds: kinds.collect(),
            first_time: info.first_time.map(text),
            last_time: info.last_time.map(text),
            first_error_line: info.first_error_line,
            sealed: info.seal.is_some(),
        }
    }
}

impl From<MetricPoint> for Metric {
    fn from(point: MetricPoint) -> Self {
        let value = match point.value {
            value if value.is_nan() => "NaN".into(),
            f64::INFINITY => "Infinity".into(),
            f64::NEG_INFINITY => "-Infinity".into(),
            value => value.into(),
        };
        Metric {
            name: point.name,
            value,
            labels: point.labels.0.into_iter().collect(),
            unit: point.unit,
        }
    }
}

impl From<rows::PartitionRow> for Partition {
    fn from(row: rows::PartitionRow) -> Self {
        Partition {
            partition: row.partition.to_string(),
            state: row.state.to_string(),
            instance: row.instance,
            made_at: row.made_at.map(text),
            made_by: row.made_by.map(|run| run.to_string()),
            last_run: row.last_run.to_string(),
            last_run_id: row.last_run_id.to_string(),
            changed_at: text(row.changed_at),
            history: None,
        }
    }
}

impl Partition {
    /// Adds the runs that made it or tried.
    pub(crate) fn with_history(mut self, runs: Vec<Run>) -> Self {
        self.history = Some(runs);
        self
    }
}
