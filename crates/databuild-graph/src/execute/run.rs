//! One job run, from the start of its wrapper to the seal of its entries. Runs on a thread of its
//! own and decides nothing.

use super::engine::EngineParts;
use super::process::{self, Control};
use super::request::CommandStdin;
use super::verdict::{self, Evidence};
use super::work::Launch;
use crate::bel::AppendError;
use crate::bel::lease::owner::Owner;
use crate::limits;
use databuild_logs::collect::{BatchNote, RunContext, RunTicket, RunWatch};
use databuild_logs::format::RunRecord;
use databuild_model::bel::{BuildEvent, RunEnd, RunSummary};
use databuild_model::cause::Cause;
use databuild_model::ids::{BuildId, JobRunId, PartitionRef};
use databuild_model::job_config::{DataDep, JobConfig, RefText};
use databuild_model::time::Timestamp;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A run to be done.
pub(super) struct Run {
    pub(super) build: BuildId,
    pub(super) task: usize,
    pub(super) run: u32,
    pub(super) job_run_id: JobRunId,
    pub(super) attempt: u32,
    pub(super) started_at: Timestamp,
    pub(super) launch: Launch,
    pub(super) control: Arc<Control>,
    pub(super) note: Arc<Mutex<Note>>,
}

/// What a run said so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Note {
    pub(super) progress: Option<String>,
    pub(super) warnings: u64,
    pub(super) errors: u64,
    pub(super) rows: Option<u64>,
}

/// How a run ended.
pub(super) struct RunResult {
    pub(super) task: usize,
    pub(super) end: RunEnd,
    pub(super) summary: RunSummary,
    /// What the wrapper ended with, which is what whoever ran one command gets.
    pub(super) wrapper_exit: Option<i32>,
    /// The log refused to hear that the run started: the build is not ours any more.
    pub(super) refused: Option<AppendError>,
}

/// Adds up what the collector tells.
struct Tally {
    note: Arc<Mutex<Note>>,
    made: Arc<Mutex<Made>>,
}

/// The outputs that the manifest of a run names, if there is one.
type Made = Option<Vec<PartitionRef>>;

impl RunWatch for Tally {
    fn on_batch(&mut self, batch: &BatchNote) {
        if let Some(outputs) = &batch.made {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.get_or_insert_default().extend_from_slice(outputs);
        }
        let mut note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        note.warnings += batch.warnings;
        note.errors += batch.errors;
        if batch.last_progress.is_some() {
            note.progress.clone_from(&batch.last_progress);
        }
        for point in batch.metrics.iter().filter(|point| point.name == ROWS_METRIC) {
            *note.rows.get_or_insert(0) += whole(point.value);
        }
    }
}

/// The metric by which a job says how many rows it worked through.
const ROWS_METRIC: &str = "rows_processed";

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
fn whole(value: f64) -> u64 {
    if value.is_finite() { value.clamp(0.0, 2f64.powi(53)) as u64 } else { 0 }
}

/// Why a run could not begin.
enum Stillborn {
    Launch(String),
    Refused(AppendError),
}

/// Does the run. Nothing of it is left when this returns: no process, no open pipe.
pub(super) fn perform(parts: &EngineParts, run: &Run) -> RunResult {
    let began = parts.clock.mono();
    let took = || parts.clock.mono().saturating_sub(began);
    let failed = |reason: Option<String>, refused| RunResult {
        task: run.task,
        end: if run.control.was_asked() { RunEnd::Cancelled } else { RunEnd::Failed },
        summary: RunSummary {
            duration_seconds: took().as_secs_f64(),
            reason,
            ..RunSummary::of(Cause::LaunchFailed)
        },
        wrapper_exit: Some(125),
        refused,
    };
    let mut scratch = None;
    let begun = begin(parts, run, &mut scratch);
    let result = match begun {
        Ok(begun) => finish(run, begun, took),
        Err(Stillborn::Launch(reason)) => failed(Some(reason), None),
        Err(Stillborn::Refused(error)) => failed(None, Some(error)),
    };
    if let Some(path) = scratch {
        // A file that stays is a few hundred bytes in a folder of ours.
        std::fs::remove_file(path).ok();
    }
    result
}

/// A wrapper that runs.
struct Begun {
    child: Child,
    ticket: RunTicket,
    made: Arc<Mutex<Made>>,
    diagnostics: File,
}

fn begin(
    parts: &EngineParts,
    run: &Run,
    scratch: &mut Option<PathBuf>,
) -> Result<Begun, Stillborn> {
    let config = serde_json::to_vec(&job_config(run))
        .map_err(|error| Stillborn::Launch(error.to_string()))?;
    let cannot = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| Stillborn::Launch(format!("{what}: {error}"))
    };
    let diagnostics =
        memory_file().map_err(cannot("no room for what the wrapper may complain about"))?;
    #[expect(clippy::disallowed_methods, reason = "the executor starts wrappers")]
    let mut command = Command::new(&parts.wrapper.program);
    command.args(&parts.wrapper.args);
    match run.launch.stdin {
        CommandStdin::Null => command.stdin(Stdio::piped()),
        CommandStdin::Inherit => {
            let path = write_config(&parts.state_dir, &run.job_run_id, &config)
                .map_err(cannot("cannot write the configuration of the run"))?;
            command.arg("--config").arg(&path);
            *scratch = Some(path);
            command.stdin(Stdio::inherit())
        }
    };
    let stderr = diagnostics
        .try_clone()
        .map_err(cannot("no room for what the wrapper may complain about"))?;
    // A group of its own: a Ctrl-C on the terminal is for us, who stop it in order.
    command
        .env("DATABUILD_JOB_RUN_ID", run.job_run_id.as_str())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .process_group(0);
    let program = parts.wrapper.program.display();
    let mut child = command.spawn().map_err(cannot(&format!("cannot start {program}")))?;
    let made = Arc::default();
    let started = start(parts, run, &mut child, &config, Arc::clone(&made));
    match started {
        Ok(ticket) => Ok(Begun { child, ticket, made, diagnostics }),
        Err(error) => {
            // It has no configuration yet, so it started nothing.
            child.kill().ok();
            child.wait().ok();
            run.control.detach();
            Err(error)
        }
    }
}

fn start(
    parts: &EngineParts,
    run: &Run,
    child: &mut Child,
    config: &[u8],
    made: Arc<Mutex<Made>>,
) -> Result<RunTicket, Stillborn> {
    let stdout = child.stdout.take().map(OwnedFd::from);
    let stdout = stdout.ok_or_else(|| Stillborn::Launch("no pipe".to_owned()))?;
    let context = RunContext {
        job_run_id: run.job_run_id.clone(),
        job_label: Some(run.launch.job_label.clone()),
        job_type: run.launch.job_type.clone(),
        app: run.launch.app.clone(),
        build_id: Some(run.build.clone()),
        started_at: run.started_at,
        continues: false,
        stored_mark: None,
    };
    let watch = Box::new(Tally { note: Arc::clone(&run.note), made });
    let ticket = parts
        .collector
        .consume_job_output(context, stdout, Some(watch))
        .map_err(|error| Stillborn::Launch(chain(&error)))?;
    // Recorded before it gets its configuration: a job that runs has a wrapper that can be found.
    let process = Owner::of(child.id()).0;
    parts
        .bel
        .append(&run.build, [BuildEvent::RunStarted { run: run.run, process }])
        .map_err(Stillborn::Refused)?;
    run.control.attach(child.id());
    if let Some(mut stdin) = child.stdin.take() {
        // A wrapper that does not read it says why, or ends without a word: both are seen.
        stdin.write_all(config).ok();
    }
    Ok(ticket)
}

fn finish(run: &Run, begun: Begun, took: impl Fn() -> Duration) -> RunResult {
    let Begun { mut child, ticket, made, diagnostics } = begun;
    let status = child.wait();
    run.control.detach();
    let took = took();
    let record = ticket.wait();
    if record.as_ref().is_ok_and(|record| record.end.is_none()) {
        process::kill_left_by(&run.job_run_id);
    }
    let missing = match &record {
        Ok(record) if succeeded(record) => run.launch.missing_outputs(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let rows = run.note.lock().unwrap_or_else(PoisonError::into_inner).rows;
    let (end, summary) = verdict::judge(Evidence {
        record: record.as_ref().map_err(|error| chain(error)),
        complaint: last_line(diagnostics),
        stopped: run.control.was_asked(),
        declared: &run.launch.outputs,
        made: made.lock().unwrap_or_else(PoisonError::into_inner).take(),
        missing,
        took,
        rows,
    });
    let wrapper_exit = status.ok().and_then(exit_code);
    RunResult { task: run.task, end, summary, wrapper_exit, refused: None }
}

fn succeeded(record: &RunRecord) -> bool {
    record.end.is_some_and(|end| end.cause == Cause::Success)
}

fn exit_code(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}

/// An error with all that is behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

fn job_config(run: &Run) -> JobConfig {
    let launch = &run.launch;
    let text = |partition: &PartitionRef| RefText { path: partition.as_str().to_owned() };
    let millis = |time: Option<Duration>| {
        time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    };
    JobConfig {
        outputs: launch.outputs.iter().map(text).collect(),
        inputs: launch
            .inputs
            .iter()
            .map(|input| DataDep {
                dep_type_name: "materialize".to_owned(),
                partition_ref: text(input),
            })
            .collect(),
        args: launch.command.args.clone(),
        env: launch.command.env.clone(),
        cwd: Some(launch.command.folder.display().to_string()),
        job_run_id: Some(run.job_run_id.to_string()),
        job_label: Some(launch.job_label.to_string()),
        job_type: launch.job_type.clone(),
        build_id: Some(run.build.to_string()),
        attempt: Some(run.attempt),
        timeout_ms: millis(launch.timeout),
        grace_ms: millis(launch.grace),
        drain_ms: millis(launch.drain),
        heartbeat_interval_ms: millis(launch.heartbeat),
        ..JobConfig::default()
    }
}

fn memory_file() -> io::Result<File> {
    Ok(File::from(memfd_create("wrapper-stderr", MemfdFlags::CLOEXEC)?))
}

fn last_line(mut file: File) -> Option<String> {
    let end = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(end.saturating_sub(limits::COMPLAINT_BYTES_MAX))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

fn write_config(folder: &Path, run: &JobRunId, config: &[u8]) -> io::Result<PathBuf> {
    let folder = folder.join("run-configs");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{run}.json"));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(config)?;
    Ok(path)
}
