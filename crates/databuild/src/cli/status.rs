//! `databuild status`: which partitions exist, were tried, or would have to be made.

use super::args::{Output, StatusArgs};
use super::attend::ask;
use super::context::Context;
use super::outcome::{Exit, Failure};
use super::reasons;
use crate::project::Project;
use crate::render::paint::Paint;
use crate::render::table::Table;
use crate::render::times::Times;
use databuild_graph::bel::rows::{PartitionFilter, PartitionRow};
use databuild_graph::execute::{BuildRequest, Wanted};
use databuild_graph::plan::RefId;
use databuild_graph::spec::wanted::RefPattern;
use databuild_model::bel::transition::PartitionState;
use databuild_model::clock::Clock;
use databuild_model::ids::PartitionRef;
use databuild_model::time::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;

/// A partition and what is known of it.
struct Line {
    partition: PartitionRef,
    state: String,
    row: Option<PartitionRow>,
}

/// Lists partitions.
pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    let number = usize::try_from(args.number).unwrap_or(usize::MAX);
    let mut lines = if args.patterns.is_empty() {
        known(args, &project, None)?
    } else {
        asked_for(args, &project)?
    };
    if args.missing {
        lines.retain(|line| line.state != AVAILABLE);
    }
    let more = lines.len().saturating_sub(number);
    lines.truncate(number);
    print(context, &lines)?;
    if !context.global.quiet {
        let mut err = std::io::stderr();
        if lines.is_empty() {
            let what = if args.missing { "nothing is missing" } else { "nothing was ever made" };
            writeln!(err, "{what}; databuild status REF-PATTERN tells about what could be made")?;
        } else if 0 < more {
            writeln!(err, "and {more} more: raise -n")?;
        }
    }
    Ok(Exit::Done)
}

const AVAILABLE: &str = "available";

/// What a run ever made or tried to make, by the events; a file that was deleted is missing.
fn known(args: &StatusArgs, project: &Project, prefix: Option<&str>) -> Result<Vec<Line>, Failure> {
    let Some(bel) = project.existing_bel()? else {
        return Ok(Vec::new());
    };
    let filter = PartitionFilter {
        prefix: prefix.map(str::to_owned),
        // One more than is shown, so that it is known whether there are more.
        limit: (!args.missing).then_some(args.number.saturating_add(1)),
        ..PartitionFilter::default()
    };
    let spec = &project.config().spec;
    let mut lines = Vec::new();
    for row in bel.partitions(&filter)? {
        let gone = spec.local_path(&row.partition).is_some_and(|path| !path.exists());
        let state = match row.state {
            PartitionState::Available if gone => "missing: it was made and is gone".to_owned(),
            state @ (PartitionState::Available
            | PartitionState::Missing
            | PartitionState::Building
            | PartitionState::Failed) => state.to_string(),
        };
        lines.push(Line { partition: row.partition.clone(), state, row: Some(row) });
    }
    Ok(lines)
}

/// Sets of partitions, made or not: each with the reason for which a build would make it.
fn asked_for(args: &StatusArgs, project: &Project) -> Result<Vec<Line>, Failure> {
    let mut patterns = Vec::new();
    let mut lines = Vec::new();
    for text in &args.patterns {
        // The beginning of refs, such as `clean/`, is no pattern of a partition.
        match RefPattern::parse(text) {
            Ok(pattern) if project.config().file.is_some() && !text.ends_with('/') => {
                patterns.push(pattern);
            }
            Ok(_) | Err(_) => lines.extend(known(args, project, Some(text))?),
        }
    }
    if patterns.is_empty() {
        return Ok(lines);
    }
    let bel = project.bel()?;
    let works = project.engine()?;
    let request = BuildRequest::new("cli", Wanted::Partitions(patterns));
    let plan = ask(|stop| works.engine().plan(&request, stop));
    works.stop()?;
    let plan = plan??;
    let reasons: HashMap<RefId, String> = plan
        .tasks
        .iter()
        .flat_map(|task| {
            let reason = reasons::text(&plan, task.reason);
            task.outputs.iter().map(move |output| (*output, reason.clone()))
        })
        .collect();
    for id in &plan.wanted {
        let partition = plan.partition(*id).clone();
        let state = reasons.get(id).cloned().unwrap_or_else(|| AVAILABLE.to_owned());
        let row = bel.partition(&partition)?;
        lines.push(Line { partition, state, row });
    }
    Ok(lines)
}

fn print(context: &Context, lines: &[Line]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Human | Output::Raw => {
            let paint = Paint::new(context.colour_stdout());
            let times = Times::new(context.global.utc);
            let now = context.clock.wall();
            let mut table = Table::default();
            for line in lines {
                table.row(cells(paint, &times, now, line));
            }
            out.write_all(table.render().as_bytes())?;
        }
        Output::Json => {
            writeln!(out, "{}", lines.iter().map(line_json).collect::<Value>())?;
        }
        Output::Jsonl => {
            for line in lines {
                writeln!(out, "{}", line_json(line))?;
            }
        }
    }
    Ok(())
}

fn cells(paint: Paint, times: &Times, now: Timestamp, line: &Line) -> Vec<String> {
    let state = match line.row.as_ref().map(|row| row.state) {
        _ if line.state == AVAILABLE => paint.good(&line.state),
        Some(PartitionState::Failed) => paint.bad(&line.state),
        _ => paint.warn(&line.state),
    };
    let made = line.row.as_ref().and_then(|row| {
        let (at, by) = (row.made_at?, row.made_by?);
        Some(format!("made {} (run {by})", times.day_and_clock(at, now)))
    });
    let tried = line.row.as_ref().map(|row| format!("tried by run {}", row.last_run));
    vec![line.partition.to_string(), state, made.or(tried).unwrap_or_default()]
}

fn line_json(line: &Line) -> Value {
    let row = line.row.as_ref();
    json!({
        "partition": line.partition.as_str(),
        "up_to_date": line.state == AVAILABLE,
        "state": line.state,
        "made_at": row.and_then(|row| row.made_at).map(|at| at.to_string()),
        "made_by": row.and_then(|row| row.made_by).map(|run| run.to_string()),
        "last_run": row.map(|row| row.last_run.to_string()),
        "last_job_run_id": row.map(|row| row.last_run_id.as_str().to_owned()),
        "times_made": row.map_or(0, |row| row.instance),
    })
}
