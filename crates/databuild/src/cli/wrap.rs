//! Hidden `databuild wrap`: hands the program's own streams and environment to the job wrapper.

use super::args::WrapArgs;
use super::context::Context;
use super::outcome::{Exit, Failure};
use databuild_job::{JobStdin, WrapOptions, wrap};
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;

/// Largest job configuration that is read, in bytes: 16 times that of a job with 100,000 inputs
/// of 100 bytes each.
const CONFIG_BYTES_MAX: u64 = 160 << 20;

/// Runs the wrapper and ends with its code.
pub(crate) fn run(args: WrapArgs, context: &Context) -> Result<Exit, Failure> {
    let run_id = run_id(args.job_run_id)?;
    if let Some(open_files) = args.open_files {
        crate::descriptors::lower(open_files);
    }
    let (config, job_stdin) = match &args.config {
        Some(path) => {
            let file =
                std::fs::File::open(path).map_err(|error| unreadable(error, &path.display()))?;
            (read(file, &path.display())?, JobStdin::Inherit)
        }
        None => (read(std::io::stdin().lock(), &"standard input")?, JobStdin::Null),
    };
    let options = WrapOptions {
        config,
        run_id,
        output: std::io::stdout().as_fd().try_clone_to_owned()?,
        diagnostics: std::io::stderr().as_fd().try_clone_to_owned()?,
        job_stdin,
        search_path: variable("PATH"),
        traceparent: variable("TRACEPARENT").and_then(|value| value.into_string().ok()),
    };
    let code = wrap(options, context.clock.as_ref());
    Ok(Exit::Child(u8::try_from(code).unwrap_or(125)))
}

/// The flag, else the variable. Whoever started us gets 125 for what cannot be an id, as for all that
/// is wrong with the wrapper and not with the job.
fn run_id(flag: Option<OsString>) -> Result<Option<String>, Failure> {
    let (name, value) = match (flag, variable("DATABUILD_JOB_RUN_ID")) {
        (Some(value), _) => ("--job-run-id", value),
        (None, Some(value)) => ("DATABUILD_JOB_RUN_ID", value),
        (None, None) => return Ok(None),
    };
    value.into_string().map(Some).map_err(|value| {
        let message = format!("{name} is not UTF-8: {value:?}");
        Failure::text(Exit::Child(125), message)
            .remedy("a run's id is 1 to 128 of A-Z a-z 0-9 . _ -, best a UUID of version 7")
    })
}

fn read(input: impl Read, name: &dyn std::fmt::Display) -> Result<Vec<u8>, Failure> {
    let mut config = Vec::new();
    input
        .take(CONFIG_BYTES_MAX)
        .read_to_end(&mut config)
        .map_err(|error| unreadable(error, name))?;
    Ok(config)
}

/// 125: to whoever started us, the wrapper failed and not the job.
fn unreadable(error: std::io::Error, name: &dyn std::fmt::Display) -> Failure {
    let error = anyhow::Error::new(error)
        .context(format!("cannot read the job's configuration from {name}"));
    Failure::new(Exit::Child(125), error)
}

#[expect(clippy::disallowed_methods, reason = "what the wrapper hands on to the job as it got it")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
