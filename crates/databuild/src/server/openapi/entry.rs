//! The JSON form of an entry, for the description only: answers copy stored lines. A test reads the
//! model's own goldens into these types, so that they cannot differ from what is stored.

use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

macro_rules! described {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident : $kind:ty),* $(,)? })*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Deserialize, ToSchema)]
            #[expect(dead_code, reason = "described, and filled by a test only")]
            pub(crate) struct $name { $($(#[$field_meta])* $field: $kind),* }
        )*
    };
}

described! {
    /// One thing that a job run printed, measured or did.
    JobLogEntry {
        /// RFC 3339, UTC, up to nanoseconds.
        timestamp: String,
        /// The job run.
        job_id: String,
        /// The partitions that the run makes.
        outputs: Vec<PartitionRef>,
        /// Gapless from 1 within a run.
        sequence_number: u64,
        /// Exactly one of its keys is there.
        content: Content,
        /// The job.
        job_label: Option<String>,
        /// The kind of job.
        job_type: Option<String>,
        /// Whose logs these are.
        app: Option<String>,
        /// The build.
        build_id: Option<String>,
    }

    /// A partition.
    PartitionRef {
        /// Its ref.
        path: String,
    }

    /// What an entry carries: exactly one of four.
    Content {
        /// A line of output, or a structured log line.
        log: Option<LogMessage>,
        /// A measurement.
        metric: Option<MetricPoint>,
        /// A step in the life of the run.
        job_event: Option<WrapperJobEvent>,
        /// What the run made.
        #[schema(value_type = Option<Object>)]
        manifest: Option<serde_json::Value>,
    }

    /// A log line.
    LogMessage {
        /// TRACE, DEBUG, INFO, WARN, ERROR or FATAL.
        level: String,
        /// The text.
        message: String,
        /// Structured facts; numbers and nested values as their JSON text.
        #[serde(default)]
        fields: BTreeMap<String, String>,
        /// `stdout` or `stderr`.
        stream: Option<String>,
        /// Where in that stream the bytes begin that the entry stands for.
        offset: Option<u64>,
        /// How many they are, line ends included; ranges of a stream follow one another without a gap.
        bytes: Option<u64>,
        /// Carriage returns before each line feed of them, absent if none.
        cr: Option<u32>,
    }

    /// A measurement.
    MetricPoint {
        /// Its name, as the job spelt it.
        name: String,
        /// A number, or one of the strings "NaN", "Infinity", "-Infinity".
        #[schema(value_type = f64)]
        value: serde_json::Value,
        /// Its labels.
        #[serde(default)]
        labels: BTreeMap<String, String>,
        /// Its unit; empty if the job gave none.
        unit: String,
        /// The stream of the job that it was written to; absent if the wrapper says it.
        stream: Option<String>,
        /// Where in that stream its bytes begin.
        offset: Option<u64>,
        /// How many they are.
        bytes: Option<u64>,
    }

    /// A step in the life of the run.
    WrapperJobEvent {
        /// Such as `task_launched` or `run_end`.
        event_type: String,
        /// Facts about it.
        #[serde(default)]
        metadata: BTreeMap<String, String>,
        /// The exit code, where there is one.
        exit_code: Option<i32>,
        /// The stream of the job that it was written to; absent if the wrapper says it.
        stream: Option<String>,
        /// Where in that stream its bytes begin.
        offset: Option<u64>,
        /// How many they are.
        bytes: Option<u64>,
        /// The job.
        job_label: Option<String>,
    }
}
