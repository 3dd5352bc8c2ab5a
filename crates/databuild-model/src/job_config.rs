//! What the graph tells the wrapper: one JSON object. Page: `docs/formats/job-config.md`.

use crate::spool::{Capture, OnParentDeath, Resume};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One job run, ready to be started.
///
/// `outputs`, `inputs`, `args` and `env` are those of the job interface; the rest is how to run it.
/// Unknown keys are ignored, so that a newer graph can drive an older wrapper.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobConfig {
    /// The partitions that the run makes.
    #[serde(default)]
    pub outputs: Vec<RefText>,
    /// The partitions that it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<DataDep>,
    /// The command and its arguments. Empty is legal: nothing is started and the run succeeds.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables added to the environment of the command.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The folder that the command starts in; the wrapper's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The run's id; `DATABUILD_JOB_RUN_ID` wins over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_run_id: Option<String>,
    /// The job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_label: Option<String>,
    /// The kind of job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_type: Option<String>,
    /// The build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Which attempt this is, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// After this many milliseconds the command is stopped; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Milliseconds between a polite signal and SIGKILL; 10,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
    /// Milliseconds to wait for output of processes that outlive the command; 5,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_ms: Option<u64>,
    /// Milliseconds between heartbeats; 30,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_interval_ms: Option<u64>,
    /// The spool folder of the run, made by whoever starts the wrapper; without it `capture` is `pipe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool_dir: Option<String>,
    /// How output is captured; `spool` if absent and there is a spool folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
    /// Most bytes that the spool holds, after which the job waits; 64 MiB if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool_bytes_max: Option<u64>,
    /// What becomes of the job when whoever started the wrapper dies; `continue` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_parent_death: Option<OnParentDeath>,
    /// Most bytes a second that are taken from the job, which waits; no bound if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes_per_second_max: Option<u64>,
    /// Log lines a second that are kept; what is left out is counted and named. All if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_lines_per_second: Option<u64>,
    /// Go on with a run whose wrapper is gone, from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
}

/// A partition ref as it stands in JSON: `{"path": …}`, `{"str": …}` or a bare string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefText {
    /// The ref.
    pub path: String,
}

/// A partition that a run reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataDep {
    /// `materialize` (must be there) or `query` (read if there).
    #[serde(default = "materialize")]
    pub dep_type_name: String,
    /// The partition.
    pub partition_ref: RefText,
}

fn materialize() -> String {
    "materialize".to_owned()
}

impl<'de> Deserialize<'de> for RefText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Keyed {
            #[serde(alias = "str")]
            path: String,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Bare(String),
            Keyed(Keyed),
        }
        let (Form::Bare(path) | Form::Keyed(Keyed { path })) = Form::deserialize(deserializer)?;
        Ok(RefText { path })
    }
}

#[cfg(test)]
mod tests;
