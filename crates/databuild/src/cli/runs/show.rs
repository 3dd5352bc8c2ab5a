//! Everything about one build or one job run.

use super::super::args::Output;
use super::super::context::Context;
use super::super::logs::verify;
use super::super::outcome::{Exit, Failure};
use super::list::{build_word, run_cells, run_word, took_until, wanted_text};
use crate::project::Project;
use crate::render::ending;
use crate::render::paint::Paint;
use crate::render::table::Table;
use crate::render::times::{Times, counted, grouped, took};
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::{BuildRow, RunFilter, RunRow, TaskRow};
use databuild_graph::bel::select::Selected;
use databuild_graph::execute::view::{Blocked, Spooled, Watch, spooled};
use databuild_logs::read::{ReadError, RunInfo, RunState as StoredState};
use databuild_model::bel::transition::TaskState;
use databuild_model::bel::{BuildKind, TaskEnd};
use databuild_model::clock::Clock;
use databuild_model::ids::PartitionRef;
use databuild_model::level::Level;
use databuild_model::spool::{Block, OnParentDeath};
use databuild_model::time::Timestamp;
use serde_json::{Value, json};
use std::io::Write;

/// Shows the job run or the build that `id` means.
pub(super) fn run(
    id: &str,
    context: &Context,
    project: &Project,
    bel: &Bel,
) -> Result<Exit, Failure> {
    // A word such as @latest means a build here; what it ran is listed with it.
    let found = if id.starts_with('@') { Selected::Nothing } else { bel.find_run(id)? };
    let (value, text) = match found {
        Selected::One(run) => {
            let info = match project.reader().run_info(&run.id) {
                Ok(info) => Some(info),
                Err(ReadError::RunNotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            let missing = info.as_ref().map(|info| missing(project, info)).transpose()?;
            let missing = missing.unwrap_or_default();
            let mut value = run_json(&run);
            if let (Value::Object(object), Some(info)) = (&mut value, &info) {
                object.insert("log_state".to_owned(), info.state.to_string().into());
                object.insert("log_problems".to_owned(), missing.clone().into());
            }
            let spooled = spooled(&project.config().logs_dir, &run.id);
            if let (Value::Object(object), Some(spooled)) = (&mut value, &spooled) {
                object.insert("capture".to_owned(), spooled.capture.as_str().into());
                object
                    .insert("on_parent_death".to_owned(), spooled.on_parent_death.as_str().into());
                object.insert("watch".to_owned(), spooled.watch.as_str().into());
                if let Some(blocked) = spooled.blocked {
                    object.insert("blocked".to_owned(), blocked_json(blocked));
                }
            }
            let mut text = run_text(context, &run, info.as_ref(), &missing);
            let now = context.clock.wall();
            text.push_str(&spooled.map(|it| spool_text(it, now)).unwrap_or_default());
            (value, text)
        }
        Selected::Ambiguous(runs) => {
            let lines =
                runs.iter().map(|run| format!("{} {} {}", run.number, run.job_label, run.id));
            return Err(super::super::logs::target::ambiguous(id, lines));
        }
        Selected::Nothing => {
            let build = super::build(id, bel)?;
            let tasks = bel.tasks(&build.id, &[])?;
            let filter = RunFilter {
                build: Some(build.id.clone()),
                limit: Some(u32::MAX),
                ..RunFilter::default()
            };
            let mut runs = bel.runs(&filter)?;
            runs.reverse();
            let mut value = build_json(&build);
            if let Value::Object(object) = &mut value {
                object.insert("job_runs".to_owned(), runs.iter().map(run_json).collect());
                object.insert("jobs".to_owned(), tasks.iter().map(task_json).collect());
            }
            let wanted = wanted_text(&build, bel)?;
            (value, build_text(context, &build, &wanted, &tasks, &runs))
        }
    };
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Human | Output::Raw => out.write_all(text.as_bytes())?,
        Output::Json | Output::Jsonl => writeln!(out, "{value}")?,
    }
    Ok(Exit::Done)
}

fn build_text(
    context: &Context,
    build: &BuildRow,
    wanted: &str,
    tasks: &[TaskRow],
    runs: &[RunRow],
) -> String {
    let paint = Paint::new(context.colour_stdout());
    let times = Times::new(context.global.utc);
    let now = context.clock.wall();
    let mut facts = Table::default();
    let mut fact = |name: &str, value: String| facts.row(vec![name.to_owned(), value]);
    fact("build", format!("{} ({})", paint.strong(&build.number.to_string()), build.id));
    let took = took_until(build.received_at, build.ended_at, build.state.is_live(), now);
    fact("state", format!("{}, {took}", build_word(paint, build.state)));
    if let Some(reason) = &build.reason {
        fact("reason", reason.clone());
    }
    if let Some(by) = &build.cancel_by {
        fact("cancelled", format!("by {by}"));
    }
    fact("started", format!("{} by {}", times.full(build.received_at), build.origin));
    fact("wanted", wanted.to_owned());
    let mut text = facts.render();

    let mut table = Table::with_heading(&["RUN", "STARTED", "TOOK", "STATE", "MAKES"]);
    for run in runs {
        table.row(run_cells(paint, &times, run, now));
    }
    if !runs.is_empty() {
        text.push('\n');
        text.push_str(&table.render());
    }
    let mut rest = Table::with_heading(&["NOT MADE", "STATE", "WHY"]);
    let mut count = 0;
    for task in tasks.iter().filter(|task| !was_tried(task.state)) {
        count += 1;
        let target = ending::target(&task.job_label, &task.outputs);
        let why = task.detail.clone().unwrap_or_else(|| task.reason.clone());
        rest.row(vec![format!("{} {target}", task.job_label), task.state.to_string(), why]);
    }
    if 0 < count {
        text.push('\n');
        text.push_str(&rest.render());
    }
    text
}

fn was_tried(state: TaskState) -> bool {
    match state {
        TaskState::Ended(TaskEnd::Made | TaskEnd::Delegated | TaskEnd::Failed)
        | TaskState::Running => true,
        TaskState::Ended(TaskEnd::NotStarted | TaskEnd::Cancelled)
        | TaskState::Planned
        | TaskState::Waiting => false,
    }
}

/// Largest log that is verified only to show what is missing from it: a fraction of a second.
const VERIFIED_BYTES_MAX: u64 = 128 << 20;

/// What is missing from a run whose record is not whole.
fn missing(project: &Project, info: &RunInfo) -> Result<Vec<String>, Failure> {
    match info.state {
        StoredState::Running | StoredState::Complete => Ok(Vec::new()),
        StoredState::Incomplete { .. } if VERIFIED_BYTES_MAX < info.bytes => Ok(Vec::new()),
        StoredState::Incomplete { .. } => {
            let found = project.reader().verify(&info.job_run_id, &|_| {})?;
            Ok(verify::problem_lines(&found).collect())
        }
    }
}

fn run_text(context: &Context, run: &RunRow, info: Option<&RunInfo>, missing: &[String]) -> String {
    let paint = Paint::new(context.colour_stdout());
    let times = Times::new(context.global.utc);
    let now = context.clock.wall();
    let started = run.started_at.unwrap_or(run.scheduled_at);
    let mut table = Table::default();
    let mut fact = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    fact("run", format!("{} ({})", paint.strong(&run.number.to_string()), run.id));
    fact("job", run.job_label.to_string());
    let took = took_until(started, run.ended_at, run.state.is_live(), now);
    fact("state", format!("{}, {took}, attempt {}", run_word(paint, run), run.attempt));
    fact("started", times.full(started));
    for (name, refs) in [("makes", &run.outputs), ("reads", &run.inputs)] {
        for partition in refs {
            fact(name, partition.to_string());
        }
    }
    fact("command", run.command.join(" "));
    if let Some(app) = &run.app {
        fact("app", app.to_string());
    }
    match info {
        Some(info) => {
            let entries: u64 = info.kind_counts.iter().sum();
            let levels: Vec<String> = Level::ALL
                .into_iter()
                .zip(info.level_counts)
                .filter(|(_, count)| 0 < *count)
                .map(|(level, count)| format!("{} {level}", grouped(count)))
                .collect();
            let entries = counted(entries, "entry", "entries");
            fact("log", format!("{entries}, {}: {}", info.state, levels.join(", ")));
            for problem in missing {
                fact("missing", problem.clone());
            }
        }
        None => fact("log", "none".to_owned()),
    }
    table.render()
}

/// How a run that goes on is held, in the words of people.
fn spool_text(spooled: Spooled, now: Timestamp) -> String {
    let watch = match spooled.watch {
        Watch::Began => "by the process that began it",
        Watch::Adopted => "by a process that took it over from one that was killed",
        Watch::Nobody => "by nobody: its build was killed; the next build goes on with it",
        Watch::Ended => "by nobody: its build was killed, and it has ended",
    };
    let fate = match spooled.on_parent_death {
        OnParentDeath::Continue => "it goes on",
        OnParentDeath::Stop => "it is stopped in order",
    };
    let capture = spooled.capture.as_str();
    let blocked = spooled.blocked.map(|it| format!("blocked  it {}\n", blocked_text(it, now)));
    let blocked = blocked.unwrap_or_default();
    format!(
        "{blocked}watched  {watch}\n         if its build is killed, {fate}; capture = \"{capture}\"\n"
    )
}

/// What a job waits for, and how long it has.
pub(super) fn blocked_text(blocked: Blocked, now: Timestamp) -> String {
    let what = match blocked.by {
        Block::NoSpace => "waits for space on the disk of the logs",
        Block::OverQuota => "waits: the quota on the disk of the logs is used up",
        Block::WriteFailed => "waits: its spool on the disk of the logs cannot be written",
        Block::SpoolFull => "waits until what it has said is stored",
    };
    format!("{what}, for {} now; nothing is lost", took(now.since(blocked.since)))
}

pub(super) fn blocked_json(blocked: Blocked) -> Value {
    json!({"by": blocked.by.as_str(), "since": blocked.since.to_string()})
}

/// A build for programs. Keys are only ever added.
pub(super) fn build_json(build: &BuildRow) -> Value {
    let tasks = &build.tasks;
    json!({
        "build": build.number,
        "build_id": build.id.as_str(),
        "state": build.state.as_str(),
        "kind": match build.kind { BuildKind::Partitions => "partitions", BuildKind::Command => "command" },
        "origin": build.origin,
        "wanted": build.wanted,
        "retry_of": build.retry_of.as_ref().map(|id| id.as_str()),
        "received_at": build.received_at.to_string(),
        "ended_at": time(build.ended_at),
        "tasks": {
            "planned": tasks.planned, "waiting": tasks.waiting, "running": tasks.running,
            "made": tasks.made, "delegated": tasks.delegated, "failed": tasks.failed,
            "not_started": tasks.not_started, "cancelled": tasks.cancelled,
        },
        "up_to_date": build.up_to_date,
        "runs": build.runs,
        "warnings": build.warnings,
        "errors": build.errors,
        "reason": build.reason,
    })
}

/// A job run for programs. Keys are only ever added.
pub(super) fn run_json(run: &RunRow) -> Value {
    let summary = run.summary.as_ref();
    json!({
        "run": run.number.to_string(),
        "job_run_id": run.id.as_str(),
        "build_id": run.build_id.as_str(),
        "job_label": run.job_label.as_str(),
        "job_type": run.job_type,
        "app": run.app.as_ref().map(|app| app.as_str()),
        "attempt": run.attempt,
        "state": run.state.as_str(),
        "outputs": refs(&run.outputs),
        "inputs": refs(&run.inputs),
        "command": run.command,
        "scheduled_at": run.scheduled_at.to_string(),
        "started_at": time(run.started_at),
        "ended_at": time(run.ended_at),
        "cause": summary.map(|summary| summary.cause.as_str()),
        "exit_code": summary.and_then(|summary| summary.exit_code),
        "signal": summary.and_then(|summary| summary.signal),
        "reason": summary.and_then(|summary| summary.reason.as_deref()),
        "duration_seconds": summary.map(|summary| summary.duration_seconds),
        "entries": summary.map(|summary| summary.entries),
        "warnings": summary.map(|summary| summary.warnings),
        "errors": summary.map(|summary| summary.errors),
        "rows": summary.and_then(|summary| summary.rows),
    })
}

fn task_json(task: &TaskRow) -> Value {
    json!({
        "job_label": task.job_label.as_str(),
        "outputs": refs(&task.outputs),
        "state": task.state.as_str(),
        "reason": task.reason,
        "detail": task.detail,
    })
}

fn refs(partitions: &[PartitionRef]) -> Vec<&str> {
    partitions.iter().map(PartitionRef::as_str).collect()
}

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}
