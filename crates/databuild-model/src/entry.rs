//! `JobLogEntry` and the contents that it can have: the record that everything else carries about.
//!
//! Field names and meanings are those of `proto/databuild/v1/databuild.proto`; the JSON form is in
//! [`crate::json`].

use crate::ids::{AppName, BuildId, JobLabel, JobRunId, PartitionRef};
use crate::level::Level;
use crate::manifest::PartitionManifest;
use crate::origin::Origin;
use crate::time::Timestamp;
use serde_json::value::RawValue;
use std::fmt;

/// Names and values in the order in which they were written. Keys are expected to differ; if they do
/// not, all are kept and the last one counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The value of the last field called `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Fields(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// Keys that this version does not know, with their JSON text as it came, so that a newer writer's
/// additions survive an older reader.
#[derive(Debug, Clone, Default)]
pub struct Unknown(pub Vec<(String, Box<RawValue>)>);

impl PartialEq for Unknown {
    fn eq(&self, other: &Self) -> bool {
        let texts = |unknown: &Unknown| -> Vec<(String, String)> {
            unknown.0.iter().map(|(k, v)| (k.clone(), v.get().to_owned())).collect()
        };
        texts(self) == texts(other)
    }
}

/// One thing that a job run printed, measured or did.
#[derive(Debug, Clone, PartialEq)]
pub struct JobLogEntry {
    /// When it happened, by the wrapper's clock.
    pub timestamp: Timestamp,
    /// The job run. Called `job_id` on the wire.
    pub job_id: JobRunId,
    /// The partitions that the run makes.
    pub outputs: Vec<PartitionRef>,
    /// Gapless from 1 within a run; 0 on an entry that did not come from a wrapper.
    pub sequence_number: u64,
    /// What happened.
    pub content: Content,
    /// The job, added by the collector.
    pub job_label: Option<JobLabel>,
    /// The kind of job, added by the collector.
    pub job_type: Option<String>,
    /// Whose logs these are, added by the collector.
    pub app: Option<AppName>,
    /// The build, added by the collector.
    pub build_id: Option<BuildId>,
    /// Top-level keys of a newer version.
    pub unknown: Unknown,
}

/// What an entry carries: exactly one of four.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A line of output, or a structured log line.
    Log(LogMessage),
    /// A measurement.
    Metric(MetricPoint),
    /// A step in the life of the run.
    JobEvent(WrapperJobEvent),
    /// What the run made; only on success.
    Manifest(PartitionManifest),
}

/// Which of the four contents an entry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Content::Log`].
    Log,
    /// [`Content::Metric`].
    Metric,
    /// [`Content::JobEvent`].
    Event,
    /// [`Content::Manifest`].
    Manifest,
}

/// An output stream of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error. A stream, not a level.
    Stderr,
}

/// A log line.
#[derive(Debug, Clone, PartialEq)]
pub struct LogMessage {
    /// How severe.
    pub level: Level,
    /// The text; for bytes that are not UTF-8 a readable rendering, with the bytes in
    /// [`field::RAW_BASE64`].
    pub message: String,
    /// Structured facts. Numbers and nested values are kept as their JSON text.
    pub fields: Fields,
    /// Where the job wrote it.
    pub origin: Origin,
    /// How many carriage returns stood before each line feed of what became the message.
    pub cr: u32,
    /// Keys of a newer version.
    pub unknown: Unknown,
}

/// Names of the fields that the wrapper itself adds to a log message.
pub mod field {
    /// The exact bytes of a message that is not UTF-8, standard base64 with padding.
    pub const RAW_BASE64: &str = "raw_base64";
    /// The number of this piece of an overlong line, from 1.
    pub const FRAGMENT: &str = "fragment";
    /// `true` on the last piece of an overlong line.
    pub const FRAGMENT_LAST: &str = "fragment_last";
    /// Why an input line was kept as it came instead of being understood.
    pub const PROBLEM: &str = "problem";
    /// How many states of a progress line stand in the entry's range of bytes and are not kept. It is
    /// there, and may be `0`, whenever bytes of a progress line are.
    pub const PROGRESS_STATES: &str = "progress_states";
}

/// A measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    /// Its name, as the job spelt it.
    pub name: String,
    /// Its value. In JSON a whole number has no decimal point, and what JSON numbers cannot say is a
    /// string: `"NaN"`, `"Infinity"`, `"-Infinity"`.
    pub value: f64,
    /// Its labels.
    pub labels: Fields,
    /// Its unit, in words of the job; empty if it gave none.
    pub unit: String,
    /// Where the job wrote it; none for what the wrapper measured.
    pub origin: Origin,
    /// Keys of a newer version.
    pub unknown: Unknown,
}

/// A step in the life of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct WrapperJobEvent {
    /// One of [`event`], or what another wrapper says.
    pub event_type: String,
    /// Facts about it.
    pub metadata: Fields,
    /// The exit code, where there is one.
    pub exit_code: Option<i32>,
    /// Where the job wrote it; none for the wrapper's own events.
    pub origin: Origin,
    /// The job, added by the collector.
    pub job_label: Option<JobLabel>,
    /// Keys of a newer version.
    pub unknown: Unknown,
}

/// The event types of the wrapper protocol. Page: `docs/formats/wrapper-protocol.md`.
pub mod event {
    /// Always the first entry.
    pub const JOB_CONFIG_STARTED: &str = "job_config_started";
    /// The configuration cannot be run; `job_exec_fail` follows.
    pub const CONFIG_VALIDATE_FAIL: &str = "config_validate_fail";
    /// The command runs.
    pub const TASK_LAUNCHED: &str = "task_launched";
    /// The command could not be started; `job_exec_fail` follows.
    pub const TASK_LAUNCH_FAIL: &str = "task_launch_fail";
    /// Still alive; resource use so far.
    pub const HEARTBEAT: &str = "heartbeat";
    /// The job told how far it is.
    pub const PROGRESS: &str = "progress";
    /// The command ended with code 0.
    pub const TASK_COMPLETED: &str = "task_completed";
    /// The command ended otherwise.
    pub const TASK_FAILED: &str = "task_failed";
    /// The command was told to stop.
    pub const TASK_CANCELLED: &str = "task_cancelled";
    /// The command took longer than it may.
    pub const TASK_TIMEOUT: &str = "task_timeout";
    /// Processes of the job that outlived it, and what was done about them.
    pub const PROCESSES_LEFT: &str = "processes_left";
    /// Something is missing from the record: how much, and why.
    pub const GAP: &str = "gap";
    /// The wall clock was set, by so much that times before and after do not compare.
    pub const CLOCK_STEP: &str = "clock_step";
    /// The wrapper was lost, and another one goes on.
    pub const WRAPPER_RESTARTED: &str = "wrapper_restarted";
    /// Nobody had read what the wrapper told, and somebody does again.
    pub const CAPTURE_RESUMED: &str = "capture_resumed";
    /// The collector cut off, left out or wrote anew something of the stored entries; nothing is missing.
    pub const STORE_REPAIRED: &str = "store_repaired";
    /// The run failed; the last word before `run_end`.
    pub const JOB_EXEC_FAIL: &str = "job_exec_fail";
    /// Always the last entry.
    pub const RUN_END: &str = "run_end";

    /// Names of the metadata of a [`STORE_REPAIRED`], beside those of a [`GAP`].
    pub mod repair {
        /// `rewritten`, `cut` or `repeated`.
        pub const WHAT: &str = "what";
        /// The first entry that it is about.
        pub const ENTRIES_FROM: &str = "entries_from";
        /// The last.
        pub const ENTRIES_TO: &str = "entries_to";
        /// How many bytes were cut off.
        pub const BYTES: &str = "bytes";
        /// The name of the file that was replaced.
        pub const SUSPECT: &str = "suspect";
    }

    /// Names of the metadata of a [`GAP`].
    pub mod gap {
        /// `stdout` or `stderr`.
        pub const STREAM: &str = "stream";
        /// Where in the stream the first byte is missing.
        pub const FROM: &str = "from";
        /// Where the next byte is that is not missing; absent if nobody knows.
        pub const TO: &str = "to";
        /// Why.
        pub const REASON: &str = "reason";
        /// How many lines end in it, if they were left out on purpose.
        pub const LINES: &str = "lines";
        /// How many bytes they are.
        pub const BYTES: &str = "bytes";
    }
}

impl Content {
    /// Which of the four this is.
    pub fn kind(&self) -> Kind {
        match self {
            Content::Log(_) => Kind::Log,
            Content::Metric(_) => Kind::Metric,
            Content::JobEvent(_) => Kind::Event,
            Content::Manifest(_) => Kind::Manifest,
        }
    }

    /// Which bytes of the job's output this stands for.
    pub fn origin(&self) -> Origin {
        match self {
            Content::Log(log) => log.origin,
            Content::Metric(metric) => metric.origin,
            Content::JobEvent(event) => event.origin,
            Content::Manifest(_) => Origin::default(),
        }
    }
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Kind::Log, Kind::Metric, Kind::Event, Kind::Manifest];

    /// The name in queries: `log`, `metric`, `event`, `manifest`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Log => "log",
            Kind::Metric => "metric",
            Kind::Event => "event",
            Kind::Manifest => "manifest",
        }
    }

    /// The key under `content` in JSON: as [`Kind::as_str`], but `job_event`.
    pub fn content_key(self) -> &'static str {
        match self {
            Kind::Event => "job_event",
            Kind::Log | Kind::Metric | Kind::Manifest => self.as_str(),
        }
    }

    /// Reads a name of a kind, in either spelling.
    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| text == kind.as_str() || text == kind.content_key())
    }

    /// This kind's place in a set of kinds: bit 0 is `log`.
    pub fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Stream {
    /// `stdout` or `stderr`.
    pub fn as_str(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }

    /// Reads `stdout` or `stderr`.
    pub fn parse(text: &str) -> Option<Stream> {
        [Stream::Stdout, Stream::Stderr].into_iter().find(|stream| stream.as_str() == text)
    }
}

impl JobLogEntry {
    /// An entry with nothing but what every entry has.
    pub fn new(
        timestamp: Timestamp,
        job_id: JobRunId,
        sequence_number: u64,
        content: Content,
    ) -> Self {
        JobLogEntry {
            timestamp,
            job_id,
            outputs: Vec::new(),
            sequence_number,
            content,
            job_label: None,
            job_type: None,
            app: None,
            build_id: None,
            unknown: Unknown::default(),
        }
    }
}

impl LogMessage {
    /// A message without fields or origin.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        LogMessage {
            level,
            message: message.into(),
            fields: Fields::default(),
            origin: Origin::default(),
            cr: 0,
            unknown: Unknown::default(),
        }
    }
}

impl MetricPoint {
    /// A measurement without labels.
    pub fn new(name: impl Into<String>, value: f64, unit: impl Into<String>) -> Self {
        MetricPoint {
            name: name.into(),
            value,
            labels: Fields::default(),
            unit: unit.into(),
            origin: Origin::default(),
            unknown: Unknown::default(),
        }
    }
}

impl WrapperJobEvent {
    /// An event of `event_type`, one of [`event`].
    pub fn new(event_type: impl Into<String>, metadata: Fields) -> Self {
        WrapperJobEvent {
            event_type: event_type.into(),
            metadata,
            exit_code: None,
            origin: Origin::default(),
            job_label: None,
            unknown: Unknown::default(),
        }
    }
}
