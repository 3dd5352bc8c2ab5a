//! The latest builds, or the latest runs of a job.

use super::super::args::{Output, RunsArgs};
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use super::super::when;
use super::show::{blocked_json, build_json, run_json};
use crate::render::escape::{Escapes, neutralise};
use crate::render::paint::Paint;
use crate::render::table::{Table, cut};
use crate::render::times::{Times, counted, took};
use crate::render::{ending, terminal};
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::{BuildFilter, BuildRow, RunFilter, RunRow, TaskCounts};
use databuild_graph::execute::view::spooled;
use databuild_model::bel::transition::{BuildState, RunState};
use databuild_model::bel::{BuildEnd, RunEnd};
use databuild_model::clock::Clock;
use databuild_model::ids::JobLabel;
use databuild_model::time::Timestamp;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Lists what was asked for, the newest first.
pub(super) fn run(
    args: &RunsArgs,
    context: &Context,
    logs_dir: &Path,
    bel: &Bel,
) -> Result<Exit, Failure> {
    let times = Times::new(context.global.utc);
    let now = context.clock.wall();
    let since = args
        .since
        .as_deref()
        .map(|text| when::time("--since", text, now, times.zone()))
        .transpose()?;
    let Some(job) = &args.job else {
        let states = build_states(args);
        let filter =
            BuildFilter { states, since, limit: Some(args.number), ..BuildFilter::default() };
        let builds = bel.builds(&filter)?;
        if builds.is_empty() {
            return nothing(context, "no build is like that");
        }
        let wanted =
            builds.iter().map(|build| wanted_text(build, bel)).collect::<Result<Vec<_>, _>>()?;
        return print(context, builds.iter().map(build_json), || {
            builds_table(context, &builds, &wanted, now)
        });
    };
    let label = JobLabel::parse(job.as_str()).map_err(|error| Failure::text(Exit::Usage, error))?;
    let filter = RunFilter {
        job: Some(label),
        states: run_states(args),
        since,
        limit: Some(args.number),
        ..RunFilter::default()
    };
    let runs = bel.runs(&filter)?;
    if runs.is_empty() {
        return nothing(context, &format!("job {job} has no run like that"));
    }
    let rows = runs.iter().map(|run| {
        let mut row = run_json(run);
        let spooled = run.state.is_live().then(|| spooled(logs_dir, &run.id)).flatten();
        if let (Value::Object(object), Some(blocked)) =
            (&mut row, spooled.and_then(|it| it.blocked))
        {
            object.insert("blocked".to_owned(), blocked_json(blocked));
        }
        row
    });
    print(context, rows, || runs_table(context, &runs, now))
}

/// Says that there is nothing, and is content: an empty list is an answer.
pub(super) fn nothing(context: &Context, why: &str) -> Result<Exit, Failure> {
    match context.global.output {
        Output::Json => writeln!(std::io::stdout(), "[]")?,
        Output::Human | Output::Jsonl | Output::Raw => {}
    }
    if !context.global.quiet {
        writeln!(std::io::stderr(), "{why}; databuild build or databuild run makes one")?;
    }
    Ok(Exit::Done)
}

fn print(
    context: &Context,
    rows: impl Iterator<Item = Value>,
    table: impl FnOnce() -> String,
) -> Result<Exit, Failure> {
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Human | Output::Raw => out.write_all(table().as_bytes())?,
        Output::Json => writeln!(out, "{}", Value::Array(rows.collect()))?,
        Output::Jsonl => {
            for row in rows {
                writeln!(out, "{row}")?;
            }
        }
    }
    Ok(Exit::Done)
}

fn build_states(args: &RunsArgs) -> Vec<BuildState> {
    if args.failed {
        vec![BuildState::Ended(BuildEnd::Failed), BuildState::Ended(BuildEnd::Lost)]
    } else if args.running {
        BuildState::ALL.into_iter().filter(|state| state.is_live()).collect()
    } else {
        Vec::new()
    }
}

fn run_states(args: &RunsArgs) -> Vec<RunState> {
    if args.failed {
        vec![RunState::Ended(RunEnd::Failed), RunState::Ended(RunEnd::Lost)]
    } else if args.running {
        vec![RunState::Scheduled, RunState::Running]
    } else {
        Vec::new()
    }
}

fn builds_table(
    context: &Context,
    builds: &[BuildRow],
    wanted: &[String],
    now: Timestamp,
) -> String {
    let paint = Paint::new(context.colour_stdout());
    let times = Times::new(context.global.utc);
    let mut table = Table::with_heading(&["BUILD", "STARTED", "TOOK", "STATE", "JOBS", "WANTED"]);
    let room = terminal::width().saturating_sub(66).max(30);
    for (build, wanted) in builds.iter().zip(wanted) {
        table.row(vec![
            build.number.to_string(),
            times.day_and_clock(build.received_at, now),
            took_until(build.received_at, build.ended_at, build.state.is_live(), now),
            build_word(paint, build.state),
            jobs_cell(paint, &build.tasks, build.warnings),
            cut(wanted, room),
        ]);
    }
    table.render()
}

fn runs_table(context: &Context, runs: &[RunRow], now: Timestamp) -> String {
    let paint = Paint::new(context.colour_stdout());
    let times = Times::new(context.global.utc);
    let mut table = Table::with_heading(&["RUN", "STARTED", "TOOK", "STATE", "MAKES"]);
    for run in runs {
        table.row(run_cells(paint, &times, run, now));
    }
    table.render()
}

/// What was asked for: partitions, or the command that was run.
pub(super) fn wanted_text(build: &BuildRow, bel: &Bel) -> Result<String, Failure> {
    if !build.wanted.is_empty() {
        return Ok(build.wanted.join(" "));
    }
    let filter =
        RunFilter { build: Some(build.id.clone()), limit: Some(1), ..RunFilter::default() };
    let command = bel.runs(&filter)?.pop().map(|run| run.command.join(" "));
    let mut shown = String::new();
    let command = command.unwrap_or_default().replace('\n', " ");
    neutralise(&command, Escapes::Nothing, &mut shown);
    Ok(format!("$ {shown}"))
}

/// A run as a row: number, start, duration, state, what it makes.
pub(super) fn run_cells(paint: Paint, times: &Times, run: &RunRow, now: Timestamp) -> Vec<String> {
    let started = run.started_at.unwrap_or(run.scheduled_at);
    vec![
        run.number.to_string(),
        times.day_and_clock(started, now),
        took_until(started, run.ended_at, run.state.is_live(), now),
        run_word(paint, run),
        format!("{} {}", run.job_label, ending::target(&run.job_label, &run.outputs)),
    ]
}

/// How a run stands or ended, painted.
pub(super) fn run_word(paint: Paint, run: &RunRow) -> String {
    let words = run.summary.as_ref().map(ending::words);
    match run.state {
        RunState::Ended(RunEnd::Completed) => paint.good("ok"),
        RunState::Ended(RunEnd::Cancelled) => paint.warn("cancelled"),
        RunState::Ended(RunEnd::Failed | RunEnd::Lost) => {
            paint.bad(words.as_deref().unwrap_or(run.state.as_str()))
        }
        RunState::Scheduled | RunState::Running => run.state.to_string(),
    }
}

/// How a build stands or ended, painted.
pub(super) fn build_word(paint: Paint, state: BuildState) -> String {
    match state {
        BuildState::Ended(BuildEnd::Completed) => paint.good("ok"),
        BuildState::Ended(BuildEnd::Failed | BuildEnd::Lost) => paint.bad(state.as_str()),
        BuildState::Ended(BuildEnd::Cancelled) => paint.warn(state.as_str()),
        BuildState::Received
        | BuildState::Planning
        | BuildState::Planned
        | BuildState::Executing => state.to_string(),
    }
}

fn jobs_cell(paint: Paint, tasks: &TaskCounts, warnings: u64) -> String {
    let mut parts = Vec::new();
    let made = tasks.made + tasks.delegated;
    let open = tasks.open() + tasks.not_started + tasks.cancelled;
    if 0 < made {
        parts.push(paint.good(&format!("{made}✔")));
    }
    if 0 < tasks.failed {
        parts.push(paint.bad(&format!("{}✘", tasks.failed)));
    }
    if 0 < open {
        parts.push(format!("{open}–"));
    }
    if 0 < warnings {
        parts.push(paint.warn(&counted(warnings, "warning", "warnings")));
    }
    parts.join(" ")
}

/// How long something took, or takes so far; `?` for what is over and nobody saw end.
pub(super) fn took_until(
    from: Timestamp,
    ended_at: Option<Timestamp>,
    is_live: bool,
    now: Timestamp,
) -> String {
    match ended_at {
        Some(ended_at) => took_between(from, ended_at),
        None if is_live => took_between(from, now),
        None => "?".to_owned(),
    }
}

/// How long from one time to another.
fn took_between(from: Timestamp, to: Timestamp) -> String {
    let duration: Duration = to.since(from);
    took(duration)
}
