//! `databuild saver status`: one row for each pipeline.

use super::super::args::Output;
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use super::{NO_PIPELINES, clean, find, home};
use crate::project::Project;
use crate::render::paint::Paint;
use crate::render::table::Table;
use crate::render::times::took;
use crate::saver::look::{Overview, PipelineSeen, look};
use crate::server::views::saver::Pipeline;
use databuild_io::sink::Sink;
use std::io::Write;
use std::time::Duration;

pub(super) fn run(names: &[String], context: &Context, project: &Project) -> Result<Exit, Failure> {
    let home = home(project)?;
    let home = home.as_ref().map(|home| home as &dyn Sink);
    let mut seen = look(home, &project.config().saver)?;
    for name in names {
        if !seen.pipelines.iter().any(|it| it.entry.name == *name) {
            find(project, name)?;
        }
    }
    seen.pipelines.retain(|it| names.is_empty() || names.contains(&it.entry.name));
    let mut out = std::io::stdout().lock();
    let views = || seen.pipelines.iter().cloned().map(Pipeline::from);
    match context.global.output {
        Output::Json => {
            serde_json::to_writer(&mut out, &views().collect::<Vec<_>>()).map_err(unwritable)?;
            writeln!(out)?;
        }
        Output::Jsonl => {
            for view in views() {
                serde_json::to_writer(&mut out, &view).map_err(unwritable)?;
                writeln!(out)?;
            }
        }
        Output::Human | Output::Raw if seen.pipelines.is_empty() => {}
        Output::Human | Output::Raw => {
            out.write_all(table(&seen, Paint::new(context.colour_stdout())).as_bytes())?;
        }
    }
    if !context.global.quiet {
        std::io::stderr().write_all(notes(&seen).as_bytes())?;
    }
    Ok(Exit::Done)
}

fn unwritable(error: serde_json::Error) -> Failure {
    Failure::from(std::io::Error::from(error))
}

fn table(seen: &Overview, paint: Paint) -> String {
    let heading =
        ["PIPELINE", "KIND", "STATE", "LAG", "IN/s", "OUT/s", "OUT", "ERRORS", "QUEUE", "NOTE"];
    let mut table = Table::with_heading(&heading);
    for it in &seen.pipelines {
        let entry = &it.entry;
        let runs = it.pid.is_some();
        let if_runs = |text: String| if runs { text } else { "–".to_owned() };
        table.row(vec![
            entry.name.clone(),
            entry.kind.clone(),
            state(it, paint),
            if_runs(took(Duration::try_from_secs_f64(entry.lag_seconds).unwrap_or_default())),
            if_runs(grouped(entry.in_per_second)),
            if_runs(grouped(entry.out_per_second)),
            entry.events_out.to_string(),
            errors(it),
            if_runs(bytes(entry.waiting_bytes)),
            note(it),
        ]);
    }
    table.render()
}

fn state(it: &PipelineSeen, paint: Paint) -> String {
    let state = it.entry.state.as_str();
    match state {
        _ if it.paused => "paused".to_owned(),
        "running" | "starting" | "off" => state.to_owned(),
        _ => paint.bad(state),
    }
}

fn errors(it: &PipelineSeen) -> String {
    let entry = &it.entry;
    if 0 < entry.errors_recent {
        return format!("{}/{}", entry.errors_recent, entry.errors_max);
    }
    entry.errors.to_string()
}

/// What is most worth to be said.
fn note(it: &PipelineSeen) -> String {
    let entry = &it.entry;
    let name = &entry.name;
    let mut parts = Vec::new();
    let error = entry.last_error.as_ref().map(|error| clean(&error.what));
    match (entry.state.as_str(), error) {
        ("retrying" | "open" | "stopped" | "fenced", Some(error)) => parts.push(error),
        _ => parts.push(clean(&entry.target)),
    }
    if matches!(entry.state.as_str(), "open" | "stopped") || it.paused {
        parts.push(format!("databuild saver resume {name}"));
    }
    if 0 < entry.dead_letters {
        parts.push(format!("{} set aside: databuild saver dlq {name}", entry.dead_letters));
    }
    if 0 < entry.missing {
        parts.push(format!("{} gone before they could be read", entry.missing));
    }
    if let Some(loss) = &entry.last_loss {
        let more = match entry.lost_files {
            0 | 1 => String::new(),
            files => format!(", and {} more files", files - 1),
        };
        parts.push(format!("{}{more}", clean(&loss.what)));
    }
    for pid in &it.fenced {
        parts.push(format!("process {pid} wants to run it, too"));
    }
    parts.join(" · ")
}

fn notes(seen: &Overview) -> String {
    if seen.pipelines.is_empty() {
        return format!("the project has no pipelines; {NO_PIPELINES}\n");
    }
    let mut notes = String::new();
    if seen.savers.is_empty() {
        notes.push_str("no saver runs: start one with databuild saver run or databuild serve\n");
    }
    for saver in &seen.savers {
        if let Some(problem) = &saver.status.configuration_problem {
            let pid = saver.status.pid;
            notes.push_str(&bad_configuration(pid, problem));
        }
    }
    notes
}

fn bad_configuration(pid: u32, problem: &str) -> String {
    format!(
        "process {pid} goes on with the configuration of before, since the new one is wrong:\n{problem}\n"
    )
}

/// A rate: small ones with a digit behind the point.
fn grouped(rate: f64) -> String {
    if rate == 0.0 {
        "0".to_owned()
    } else if rate < 10.0 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0 => "–".to_owned(),
        1..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576.. => format!("{} MiB", bytes >> 20),
    }
}
