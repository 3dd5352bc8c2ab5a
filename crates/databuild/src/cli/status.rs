//! `databuild status`: which partitions exist, were tried, or would have to be made.

mod due;
mod matrix;

use super::args::{Output, StatusArgs};
use super::attend::ask;
use super::context::Context;
use super::outcome::{Exit, Failure};
use super::reasons;
use crate::project::Project;
use crate::render::paint::Paint;
use crate::render::table::Table;
use crate::render::terminal;
use crate::render::times::Times;
use databuild_graph::bel::rows::{PartitionFilter, PartitionRow};
use databuild_graph::execute::{BuildRequest, Wanted};
use databuild_graph::plan::{Reason, RefId};
use databuild_graph::spec::ProjectSpec;
use databuild_graph::spec::wanted::RefPattern;
use databuild_model::bel::transition::PartitionState;
use databuild_model::clock::Clock;
use databuild_model::ids::PartitionRef;
use databuild_model::time::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;

/// A partition and what is known of it.
struct Line {
    partition: PartitionRef,
    state: String,
    /// Whether it is there and would be made again.
    stale: bool,
    row: Option<PartitionRow>,
}

/// Lists partitions.
pub(crate) fn run(args: &StatusArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    project.close_ended();
    let number = usize::try_from(args.number).unwrap_or(usize::MAX);
    let mut lines = lines(args, context, &project)?;
    if args.missing {
        lines.retain(|line| line.state != AVAILABLE && !line.stale);
    }
    if args.stale {
        lines.retain(|line| line.stale);
    }
    if args.matrix && matches!(context.global.output, Output::Human | Output::Raw) {
        let cells = lines.iter().map(|line| (line.partition.clone(), line.cell()));
        let text = matrix::render(&project.config().spec, cells, terminal::width(), number);
        std::io::stdout().write_all(text.as_bytes())?;
    } else {
        let shown = lines.get(..number.min(lines.len())).unwrap_or_default();
        print(context, shown)?;
    }
    if !context.global.quiet {
        let mut err = std::io::stderr();
        if lines.is_empty() {
            let what = match (args.missing, args.stale) {
                (true, _) => "nothing is missing",
                (false, true) => "nothing is stale",
                (false, false) => "nothing was ever made",
            };
            writeln!(err, "{what}; databuild status REF-PATTERN tells about what could be made")?;
        } else if number < lines.len() && !args.matrix {
            writeln!(err, "and {} more: raise -n", lines.len() - number)?;
        }
    }
    Ok(Exit::Done)
}

fn lines(args: &StatusArgs, context: &Context, project: &Project) -> Result<Vec<Line>, Failure> {
    if !args.patterns.is_empty() && !args.matrix {
        return asked_for(args, project);
    }
    let known = known(project, None)?;
    if args.stale && !args.matrix {
        return would_be_made_again(project, &known);
    }
    if !args.missing && !args.matrix {
        return Ok(known);
    }
    let spec = &project.config().spec;
    let now = context.clock.wall();
    let (due, unlisted) = if args.patterns.is_empty() {
        due::due(spec, now)
    } else {
        (named(args, spec, now)?, Vec::new())
    };
    if !context.global.quiet {
        for why in unlisted {
            writeln!(std::io::stderr(), "{why}")?;
        }
    }
    let mut all: BTreeMap<PartitionRef, Line> =
        known.into_iter().map(|line| (line.partition.clone(), line)).collect();
    if !args.patterns.is_empty() {
        let asked: HashSet<&PartitionRef> = due.iter().collect();
        all.retain(|partition, _| asked.contains(partition));
    }
    for partition in due {
        all.entry(partition.clone()).or_insert_with(|| Line {
            partition,
            state: "missing".to_owned(),
            stale: false,
            row: None,
        });
    }
    let mut lines: Vec<Line> = all.into_values().collect();
    if args.matrix {
        mark_stale(context, project, &mut lines)?;
    }
    Ok(lines)
}

/// The partitions that the arguments stand for, whether or not their sources are there.
fn named(
    args: &StatusArgs,
    spec: &ProjectSpec,
    now: Timestamp,
) -> Result<Vec<PartitionRef>, Failure> {
    let mut refs = Vec::new();
    for text in &args.patterns {
        let expanded = RefPattern::parse(text).and_then(|pattern| pattern.expand(spec, now));
        refs.extend(expanded.map_err(|why| {
            Failure::text(Exit::Nothing, format!("{}: {}", why.code.as_str(), why.message))
                .remedy(why.help)
        })?);
    }
    Ok(refs)
}

/// Those of the partitions that are there, planned: a job must make them still.
fn would_be_made_again(project: &Project, known: &[Line]) -> Result<Vec<Line>, Failure> {
    let spec = &project.config().spec;
    let made = |line: &&Line| {
        let text = line.partition.as_str();
        let mut outs = spec.jobs.iter().flat_map(|job| &job.out);
        line.state == AVAILABLE && outs.any(|out| out.bind(&spec.keys, text).is_some())
    };
    let patterns: Vec<RefPattern> =
        known.iter().filter(made).map(|line| RefPattern::exact(&line.partition)).collect();
    if patterns.is_empty() { Ok(Vec::new()) } else { planned(project, patterns) }
}

/// A picture is worth having also where a source is gone, so that nothing can be planned.
fn mark_stale(context: &Context, project: &Project, lines: &mut [Line]) -> Result<(), Failure> {
    match would_be_made_again(project, lines) {
        Ok(planned) => {
            let stale: HashSet<PartitionRef> =
                planned.into_iter().filter(|line| line.stale).map(|line| line.partition).collect();
            lines.iter_mut().for_each(|line| line.stale = stale.contains(&line.partition));
        }
        Err(failure) if failure.exit == Exit::Nothing => {
            if !context.global.quiet {
                let note = "what is stale is not marked: a source is gone; \
                            databuild status --stale names it";
                writeln!(std::io::stderr(), "{note}")?;
            }
        }
        Err(failure) => return Err(failure),
    }
    Ok(())
}

const AVAILABLE: &str = "available";

/// Partitions read at once.
const PAGE: u32 = 10_000;

impl Line {
    fn cell(&self) -> matrix::Cell {
        match self.row.as_ref().map(|row| row.state) {
            _ if self.stale => matrix::Cell::Stale,
            _ if self.state == AVAILABLE => matrix::Cell::There,
            Some(PartitionState::Failed) => matrix::Cell::Failed,
            Some(PartitionState::Building) => matrix::Cell::Building,
            Some(PartitionState::Available | PartitionState::Missing) | None => {
                matrix::Cell::Missing
            }
        }
    }
}

/// What a run ever made or tried to make, by the events; a file that was deleted is missing.
fn known(project: &Project, prefix: Option<&str>) -> Result<Vec<Line>, Failure> {
    let Some(bel) = project.existing_bel()? else {
        return Ok(Vec::new());
    };
    let mut filter = PartitionFilter {
        prefix: prefix.map(str::to_owned),
        limit: Some(PAGE),
        ..PartitionFilter::default()
    };
    let mut rows = Vec::new();
    loop {
        let page = bel.partitions(&filter)?;
        let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        filter.after = page.last().map(|row| row.partition.clone());
        rows.extend(page);
        if is_last {
            break;
        }
    }
    let spec = &project.config().spec;
    let mut lines = Vec::new();
    for row in rows {
        let gone = spec.local_path(&row.partition).is_some_and(|path| !path.exists());
        let state = match row.state {
            PartitionState::Available if gone => "missing: it was made and is gone".to_owned(),
            state @ (PartitionState::Available
            | PartitionState::Missing
            | PartitionState::Building
            | PartitionState::Failed) => state.to_string(),
        };
        lines.push(Line { partition: row.partition.clone(), state, stale: false, row: Some(row) });
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
            Ok(_) | Err(_) => lines.extend(known(project, Some(text))?),
        }
    }
    if !patterns.is_empty() {
        lines.extend(planned(project, patterns)?);
    }
    Ok(lines)
}

/// Each of the partitions with the reason for which a build would make it.
fn planned(project: &Project, patterns: Vec<RefPattern>) -> Result<Vec<Line>, Failure> {
    let bel = project.bel()?;
    let works = project.engine()?;
    let request = BuildRequest::new("cli", Wanted::Partitions(patterns));
    let plan = ask(|stop| works.engine().plan(&request, stop));
    works.stop()?;
    let (plan, _spec) = plan??;
    let mut lines = Vec::new();
    let reasons: HashMap<RefId, (String, bool)> = plan
        .tasks
        .iter()
        .flat_map(|task| {
            let reason = reasons::text(&plan, task.reason);
            let stale = matches!(task.reason, Reason::Stale { .. } | Reason::InputPlanned { .. });
            task.outputs.iter().map(move |output| (*output, (reason.clone(), stale)))
        })
        .collect();
    for id in &plan.wanted {
        let partition = plan.partition(*id).clone();
        let (state, stale) =
            reasons.get(id).cloned().unwrap_or_else(|| (AVAILABLE.to_owned(), false));
        let row = bel.partition(&partition)?;
        lines.push(Line { partition, state, stale, row });
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
