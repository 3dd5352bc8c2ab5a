//! One job run, from the start of its wrapper to the seal of its entries. Runs on a thread of its
//! own and decides nothing.

use super::course::{Attended, Course, From, Stillborn, chain};
use super::engine::EngineParts;
use super::note::Note;
use super::process::Control;
use super::spool::SpoolFolder;
use super::verdict::{self, Evidence};
use super::work::Launch;
use crate::bel::AppendError;
use crate::bel::lease::owner::Owner;
use databuild_logs::collect::{OnFull, RunContext};
use databuild_logs::format::RunRecord;
use databuild_model::bel::{BuildEvent, RunEnd, RunSummary};
use databuild_model::cause::Cause;
use databuild_model::ids::{BuildId, JobRunId, PartitionRef};
use databuild_model::job_config::{DataDep, JobConfig, RefText};
use databuild_model::spool::{Capture, SpoolRun, VERSION};
use databuild_model::time::Timestamp;
use std::io::ErrorKind;
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
    match begin(parts, run) {
        Ok((course, attended)) => finish(run, course, attended, took),
        Err(Stillborn::Launch(reason) | Stillborn::Full(reason)) => failed(Some(reason), None),
        Err(Stillborn::Refused(error)) => failed(None, Some(error)),
    }
}

/// How often a run that cannot begin for lack of space tries again: it is to go on within seconds of there
/// being some.
const SPACE_EVERY: Duration = Duration::from_secs(1);

/// Starts the first wrapper. Where output waits for space, a run that has none to begin with waits, too.
fn begin<'a>(parts: &'a EngineParts, run: &Run) -> Result<(Course<'a>, Attended), Stillborn> {
    let tell = |progress: Option<&str>| {
        let mut note = run.note.lock().unwrap_or_else(PoisonError::into_inner);
        note.progress = progress.map(str::to_owned);
    };
    let mut waits = false;
    loop {
        match begin_once(parts, run) {
            Err(Stillborn::Full(_))
                if parts.collector.on_full() == OnFull::Block && !run.control.was_asked() =>
            {
                waits = true;
                tell(Some("waits for space on the disk of the logs"));
                run.control.pause(SPACE_EVERY);
            }
            begun => {
                if waits {
                    tell(None);
                }
                return begun;
            }
        }
    }
}

fn begin_once<'a>(parts: &'a EngineParts, run: &Run) -> Result<(Course<'a>, Attended), Stillborn> {
    let mut course = course(parts, run).map_err(|error| {
        let reason = format!("cannot make the spool of the run: {}", chain(&error));
        let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        if is_full { Stillborn::Full(reason) } else { Stillborn::Launch(reason) }
    })?;
    // Recorded before it gets its configuration: a job that runs has a wrapper that can be found.
    let announce = |pid| {
        let process = Owner::of(pid).0;
        let started = BuildEvent::RunStarted { run: run.run, process };
        parts.bel.append(&run.build, [started]).map(drop)
    };
    let started = course.start(From::Start, announce);
    if started.is_err()
        && let Some(spool) = course.spool.take()
    {
        spool.remove();
    }
    started.map(|attended| (course, attended))
}

fn course<'a>(parts: &'a EngineParts, run: &Run) -> std::io::Result<Course<'a>> {
    let capture = run.launch.capture.unwrap_or(parts.capture.capture);
    let mut config = job_config(parts, run);
    let spool = match capture {
        Capture::Pipe => None,
        Capture::Spool | Capture::File => {
            let dir = super::spool::folder_of(&parts.capture.logs_dir, &run.job_run_id);
            config.spool_dir = Some(dir.display().to_string());
            config.capture = Some(capture);
            let described = SpoolRun {
                version: VERSION,
                job_run_id: run.job_run_id.to_string(),
                started_at_ns: run.started_at.as_nanos(),
                run: Some(run.run),
                app: run.launch.app.as_ref().map(ToString::to_string),
                executor: Owner::this_process().0,
                adoptions: 0,
                config: config.clone(),
            };
            SpoolFolder::make(&parts.capture.logs_dir, &described, capture)?
        }
    };
    if spool.is_none() {
        config.spool_dir = None;
        config.capture = Some(Capture::Pipe);
    }
    Ok(Course {
        parts,
        context: RunContext {
            job_run_id: run.job_run_id.clone(),
            job_label: Some(run.launch.job_label.clone()),
            job_type: run.launch.job_type.clone(),
            app: run.launch.app.clone(),
            build_id: Some(run.build.clone()),
            started_at: run.started_at,
            continues: false,
            stored_mark: spool.as_ref().map(SpoolFolder::stored_mark),
        },
        config,
        stdin: run.launch.stdin,
        control: Arc::clone(&run.control),
        note: Arc::clone(&run.note),
        made: Arc::default(),
        spool,
    })
}

fn finish(
    run: &Run,
    course: Course<'_>,
    attended: Attended,
    took: impl Fn() -> Duration,
) -> RunResult {
    let ended = course.finish(attended);
    let missing = match &ended.record {
        Ok(record) if succeeded(record) => run.launch.missing_outputs(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let rows = run.note.lock().unwrap_or_else(PoisonError::into_inner).rows;
    let (end, summary) = verdict::judge(Evidence {
        record: ended.record.as_ref().map_err(String::clone),
        complaint: ended.wrapper.complaint,
        stopped: run.control.was_asked(),
        declared: &run.launch.outputs,
        made: ended.made,
        missing,
        took: took(),
        rows,
    });
    RunResult { task: run.task, end, summary, wrapper_exit: ended.wrapper.exit, refused: None }
}

pub(super) fn succeeded(record: &RunRecord) -> bool {
    record.end.is_some_and(|end| end.cause == Cause::Success)
}

fn job_config(parts: &EngineParts, run: &Run) -> JobConfig {
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
        spool_bytes_max: parts.capture.spool_bytes_max,
        output_bytes_per_second_max: launch.output_rate_max,
        sample_lines_per_second: launch.output_sample_max,
        on_parent_death: Some(launch.on_parent_death.unwrap_or(parts.capture.on_parent_death)),
        ..JobConfig::default()
    }
}
