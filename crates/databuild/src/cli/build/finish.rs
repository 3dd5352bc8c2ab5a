//! The end of a build: one line if all is well, else the block that says what failed and why.

use super::super::args::{BuildArgs, Output};
use super::super::context::Context;
use super::super::outcome::Failure;
use crate::progress::failure::{self, ENTRIES_MAX, FailedBuild, FailedRun, RUNS_MAX};
use crate::project::Project;
use crate::render::ending;
use crate::render::entry::{EntryStyle, TimeForm};
use crate::render::escape::Escapes;
use crate::render::paint::Paint;
use crate::render::terminal;
use crate::render::times::{Times, counted, took};
use databuild_graph::execute::{BuildOutcome, FailedTask, NotStartedTask};
use databuild_logs::read::{LogReader, ReadError};
use databuild_model::bel::BuildEnd;
use databuild_model::bel::transition::BuildState;
use databuild_model::entry::{Content, JobLogEntry, Kind};
use databuild_model::ids::JobRunId;
use databuild_model::json;
use databuild_model::level::Level;
use databuild_model::query::{KindSet, LogFilter};
use databuild_model::request::JobLogsRequest;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

/// Lines looked at before the first error: two of them may be log entries to show.
const LINES_BEFORE: u64 = 6;
/// Lines looked at in all.
const LINES: u32 = 40;
/// Last log entries looked at where no error was logged.
const LAST: u32 = 50;

/// Failed runs whose logs are looked at: more than are shown, so that the same words are found.
const READ_MAX: usize = 50;

/// Prints the end: for people on stderr, for programs on stdout.
pub(super) fn print(
    args: &BuildArgs,
    context: &Context,
    project: &Project,
    outcome: &BuildOutcome,
) -> Result<(), Failure> {
    match context.global.output {
        Output::Json | Output::Jsonl => {
            writeln!(std::io::stdout(), "{}", outcome_json(outcome))?;
        }
        Output::Human | Output::Raw => {}
    }
    let text = match outcome.end {
        BuildEnd::Completed if context.global.quiet => return Ok(()),
        BuildEnd::Completed => done_line(context, outcome),
        BuildEnd::Failed | BuildEnd::Cancelled | BuildEnd::Lost => {
            let reader = super::shows_output(args).then(|| project.reader());
            let failed = failed_build(outcome, reader.as_ref())?;
            let mut text =
                failure::render(&failed, &style(context), &context.program(), terminal::width());
            if context.wishes.github {
                text.push_str(&annotations(&failed));
            }
            text
        }
    };
    std::io::stderr().write_all(text.as_bytes())?;
    Ok(())
}

fn done_line(context: &Context, outcome: &BuildOutcome) -> String {
    let paint = Paint::new(context.colour_stderr());
    let mut parts = Vec::new();
    if outcome.made + outcome.delegated == 0 {
        parts.push("nothing to do".to_owned());
    }
    for (count, word) in [
        (outcome.made, "made"),
        (outcome.delegated, "made by other builds"),
        (outcome.up_to_date, "up to date"),
    ] {
        if 0 < count {
            parts.push(format!("{count} {word}"));
        }
    }
    let mut line = format!(
        "{} build {} ok after {}: {}",
        paint.good("✔"),
        outcome.number,
        took(outcome.duration),
        parts.join(", ")
    );
    if 0 < outcome.warnings {
        let warnings = counted(outcome.warnings, "warning", "warnings");
        line = format!(
            "{line}, {} ({} logs {} -L warn)",
            paint.warn(&warnings),
            context.program(),
            outcome.number
        );
    }
    line.push('\n');
    line
}

pub(super) fn style(context: &Context) -> EntryStyle {
    let colours = context.colour_stderr();
    EntryStyle {
        paint: Paint::new(colours),
        escapes: if colours { Escapes::Colours } else { Escapes::Nothing },
        times: Times::new(context.global.utc),
        form: TimeForm::Clock,
    }
}

fn failed_build(
    outcome: &BuildOutcome,
    reader: Option<&LogReader>,
) -> Result<FailedBuild, Failure> {
    let mut runs = Vec::new();
    for (place, task) in outcome.failed.iter().enumerate() {
        let reader = reader.filter(|_| place < READ_MAX.max(RUNS_MAX));
        runs.push(failed_run(task, reader)?);
    }
    Ok(FailedBuild {
        number: outcome.number,
        took: outcome.duration,
        made: outcome.made + outcome.delegated,
        failed: outcome.failed.len() as u64,
        not_started: outcome.not_started.len() as u64,
        up_to_date: outcome.up_to_date,
        cancelled: outcome.end == BuildEnd::Cancelled,
        runs,
        blocked: outcome
            .not_started
            .iter()
            .filter(|task| task.needs_failed.is_some())
            .map(blocked_name)
            .collect(),
    })
}

fn blocked_name(task: &NotStartedTask) -> String {
    format!("{} {}", task.job_label, ending::target(&task.job_label, &task.outputs))
}

fn failed_run(task: &FailedTask, reader: Option<&LogReader>) -> Result<FailedRun, Failure> {
    let target = ending::target(&task.job_label, &task.outputs);
    Ok(FailedRun {
        run: task.run,
        name: format!("{} {target}", task.job_label).trim_end().to_owned(),
        end: ending::words(&task.summary),
        took: Duration::try_from_secs_f64(task.summary.duration_seconds).unwrap_or_default(),
        attempts: (task.attempt, task.attempts),
        command: shown_command(&task.command),
        extract: match reader {
            Some(reader) => extract(reader, &task.job_run_id)?,
            None => Vec::new(),
        },
        entries: task.summary.entries,
        errors: task.summary.errors,
    })
}

/// `sh -c TEXT` is shown as the text, which is what the user wrote.
fn shown_command(command: &[String]) -> String {
    match command {
        [shell, flag, text] if shell.ends_with("sh") && flag == "-c" => text.clone(),
        other => other.join(" "),
    }
}

/// What tells why a run failed.
fn extract(reader: &LogReader, run: &JobRunId) -> Result<Vec<JobLogEntry>, Failure> {
    let info = match reader.run_info(run) {
        Ok(info) => info,
        // It never got so far as to say something.
        Err(ReadError::RunNotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let entries = match info.first_error_line {
        Some(line) => {
            let window = reader.window(run, line.saturating_sub(LINES_BEFORE), LINES)?;
            parse(window.lines.iter())
        }
        None => {
            let filter =
                LogFilter { kinds: Some(KindSet::of(&[Kind::Log])), ..LogFilter::default() };
            let request =
                JobLogsRequest { filter, tail: Some(LAST), ..JobLogsRequest::all_of(run.clone()) };
            parse(reader.get_job_logs(&request)?.lines.iter())
        }
    };
    Ok(failure::extract(entries))
}

fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<JobLogEntry> {
    lines.filter_map(|line| json::read_entry(line).ok()).map(|(entry, _problems)| entry).collect()
}

/// What GitHub shows beside the change: one error a failed run.
fn annotations(build: &FailedBuild) -> String {
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let mut out = String::new();
    for run in build.runs.iter().take(ENTRIES_MAX) {
        let title = escape(&format!("{} ({})", run.name, run.run)).replace(',', "%2C");
        let message = run.extract.iter().find_map(|entry| match &entry.content {
            Content::Log(log) if Level::Error <= log.level => Some(log.message.as_str()),
            Content::Log(_) | Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => {
                None
            }
        });
        let message =
            message.map_or_else(|| run.end.clone(), |text| format!("{}: {text}", run.end));
        out.push_str("::error title=");
        out.push_str(&title.replace(':', "%3A"));
        out.push_str("::");
        out.push_str(&escape(&message));
        out.push('\n');
    }
    out
}

/// The outcome for programs. Keys are only ever added.
pub(crate) fn outcome_json(outcome: &BuildOutcome) -> Value {
    let refs = |outputs: &[databuild_model::ids::PartitionRef]| {
        outputs.iter().map(|output| output.as_str().to_owned()).collect::<Vec<_>>()
    };
    let failed = outcome.failed.iter().map(|task| {
        json!({
            "job_label": task.job_label.as_str(),
            "outputs": refs(&task.outputs),
            "run": task.run.to_string(),
            "job_run_id": task.job_run_id.as_str(),
            "attempt": task.attempt,
            "attempts": task.attempts,
            "cause": task.summary.cause.as_str(),
            "exit_code": task.summary.exit_code,
            "reason": task.summary.reason,
            "duration_seconds": task.summary.duration_seconds,
        })
    });
    let not_started = outcome
        .not_started
        .iter()
        .map(|task| json!({"job_label": task.job_label.as_str(), "outputs": refs(&task.outputs)}));
    json!({
        "build": outcome.number,
        "build_id": outcome.build.as_str(),
        "state": BuildState::Ended(outcome.end).as_str(),
        "reason": outcome.reason,
        "duration_seconds": outcome.duration.as_secs_f64(),
        "made": outcome.made,
        "delegated": outcome.delegated,
        "up_to_date": outcome.up_to_date,
        "warnings": outcome.warnings,
        "failed": failed.collect::<Vec<_>>(),
        "not_started": not_started.collect::<Vec<_>>(),
    })
}
