//! From the bytes of a `JobConfig` to a run that can be started, or to everything that is wrong with
//! it. Pure.

use crate::lifecycle::Times;
use crate::limits::{DRAIN_DEFAULT, GRACE_DEFAULT, HEARTBEAT_DEFAULT, HEARTBEAT_MIN, TIME_MAX};
use databuild_model::ids::{JobRunId, PartitionRef};
use databuild_model::job_config::JobConfig;
use std::time::Duration;

/// What the configuration says, as far as it can be used.
#[derive(Debug)]
pub(crate) struct Checked {
    /// As it was read; empty if it could not be.
    pub(crate) config: JobConfig,
    /// The run, if an id was given and is valid.
    pub(crate) run_id: Option<JobRunId>,
    /// The outputs that are valid.
    pub(crate) outputs: Vec<PartitionRef>,
    /// The inputs that are valid.
    pub(crate) inputs: Vec<PartitionRef>,
    /// How long things may take.
    pub(crate) times: Times,
    /// Everything that is wrong; the job is started only if there is nothing.
    pub(crate) problems: Vec<String>,
}

/// Reads and checks `bytes`. `run_id` wins over the id in the configuration.
pub(crate) fn check(bytes: &[u8], run_id: Option<&str>) -> Checked {
    let mut problems = Vec::new();
    let config: JobConfig = serde_json::from_slice(bytes).unwrap_or_else(|error| {
        problems.push(format!("not a job configuration: {error}"));
        JobConfig::default()
    });
    let run_id = run_id.or(config.job_run_id.as_deref()).and_then(|text| {
        JobRunId::parse(text).map_err(|error| problems.push(format!("job_run_id: {error}"))).ok()
    });
    let mut refs = |texts: Vec<&String>, what: &str| -> Vec<PartitionRef> {
        let parse = |text: &String| {
            PartitionRef::parse(text.as_str())
                .map_err(|error| problems.push(format!("{what}: {error}")))
                .ok()
        };
        texts.into_iter().filter_map(parse).collect()
    };
    let outputs = refs(config.outputs.iter().map(|it| &it.path).collect(), "outputs");
    let inputs = refs(config.inputs.iter().map(|it| &it.partition_ref.path).collect(), "inputs");
    check_command(&config, &mut problems);
    if config.timeout_ms == Some(0) {
        problems.push("timeout_ms: must be above 0; leave it out for no limit".to_owned());
    }
    if config.sample_lines_per_second == Some(0) {
        problems
            .push("sample_lines_per_second: must be above 0; leave it out to keep all".to_owned());
    }
    let times = times(&config);
    Checked { config, run_id, outputs, inputs, times, problems }
}

/// What execve(2) cannot take.
fn check_command(config: &JobConfig, problems: &mut Vec<String>) {
    if config.args.first().is_some_and(String::is_empty) {
        problems.push("args: the command is an empty string".to_owned());
    }
    for (n, arg) in config.args.iter().enumerate() {
        if arg.contains('\0') {
            problems.push(format!("args[{n}]: contains a NUL character"));
        }
    }
    for (name, value) in &config.env {
        if name.is_empty() || name.contains(['=', '\0']) {
            problems.push(format!("env: {name:?} cannot be the name of a variable"));
        }
        if value.contains('\0') {
            problems.push(format!("env.{name}: contains a NUL character"));
        }
    }
    if config.cwd.as_deref().is_some_and(|cwd| cwd.is_empty() || cwd.contains('\0')) {
        problems.push("cwd: is not a path".to_owned());
    }
}

fn times(config: &JobConfig) -> Times {
    let time = |millis: Option<u64>| millis.map(|it| Duration::from_millis(it).min(TIME_MAX));
    let heartbeat = time(config.heartbeat_interval_ms).unwrap_or(HEARTBEAT_DEFAULT);
    Times {
        timeout: time(config.timeout_ms),
        grace: time(config.grace_ms).unwrap_or(GRACE_DEFAULT),
        drain: time(config.drain_ms).unwrap_or(DRAIN_DEFAULT),
        heartbeat: heartbeat.max(HEARTBEAT_MIN),
    }
}

#[cfg(test)]
mod tests;
