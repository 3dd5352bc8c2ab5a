//! `databuild why REF`: up to date, or the chain of reasons down to the first cause.

use super::args::{Output, WhyArgs};
use super::attend::ask;
use super::context::Context;
use super::outcome::{Exit, Failure};
use super::reasons;
use crate::render::paint::Paint;
use crate::render::times::Times;
use databuild_graph::plan::{PartitionState, SourceState};
use databuild_graph::plan::{Why, WhyStep};
use databuild_model::ids::PartitionRef;
use serde_json::{Value, json};
use std::io::Write;

/// Explains the partition.
pub(crate) fn run(args: &WhyArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    project.spec()?;
    let partition = PartitionRef::parse(args.reference.as_str()).map_err(|error| {
        Failure::text(Exit::Usage, error)
            .remedy("a partition is a path such as clean/date=2025-01-26")
    })?;
    let works = project.engine()?;
    let why = ask(|stop| works.engine().why(&partition, stop));
    works.stop()?;
    let why = why??;
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Human | Output::Raw => out.write_all(text(context, &why).as_bytes())?,
        Output::Json => {
            let steps: Vec<Value> = why.steps.iter().map(|step| step_json(&why, step)).collect();
            let value = json!({
                "partition": partition.as_str(),
                "up_to_date": why.steps.first().is_some_and(|step| step.reason.is_none()),
                "steps": steps,
            });
            writeln!(out, "{value}")?;
        }
        Output::Jsonl => {
            for step in &why.steps {
                writeln!(out, "{}", step_json(&why, step))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn text(context: &Context, why: &Why) -> String {
    let paint = Paint::new(context.colour_stdout());
    let times = Times::new(context.global.utc);
    let mut out = String::new();
    for (depth, step) in why.steps.iter().enumerate() {
        let indent = "  ".repeat(depth);
        let verdict = match step.reason {
            Some(reason) => paint.warn(&reasons::text(&why.plan, reason)),
            None => paint.good(if step.job.is_some() { "up to date" } else { "a source" }),
        };
        let facts = facts(&times, step);
        out.push_str(format!("{indent}{}: {verdict}{facts}", step.partition).trim_end());
        out.push('\n');
    }
    out
}

/// What is known besides: when and by which run it was made.
fn facts(times: &Times, step: &WhyStep) -> String {
    match (step.made, step.source) {
        (Some(PartitionState::Available { made_at, run, .. }), _) => {
            format!(", made {} (run {run})", times.full(made_at))
        }
        (Some(PartitionState::Failed { at, run }), _) => {
            format!(", failed {} (run {run})", times.full(at))
        }
        (Some(PartitionState::Interrupted { run }), _) => format!(", interrupted (run {run})"),
        (Some(PartitionState::Building { run }), _) => format!(", being made (run {run})"),
        (_, Some(SourceState::Present { changed_at: Some(at) })) => {
            format!(", changed {}", times.full(at))
        }
        (_, Some(SourceState::Missing)) => ", not there".to_owned(),
        (Some(PartitionState::Missing) | None, _) => String::new(),
    }
}

fn step_json(why: &Why, step: &WhyStep) -> Value {
    let (state, run, at) = match (step.made, step.source) {
        (Some(PartitionState::Available { made_at, run, .. }), _) => {
            ("available", Some(run), Some(made_at))
        }
        (Some(PartitionState::Failed { at, run }), _) => ("failed", Some(run), Some(at)),
        (Some(PartitionState::Interrupted { run }), _) => ("interrupted", Some(run), None),
        (Some(PartitionState::Building { run }), _) => ("building", Some(run), None),
        (Some(PartitionState::Missing), _) | (None, Some(SourceState::Missing) | None) => {
            ("missing", None, None)
        }
        (None, Some(SourceState::Present { changed_at })) => ("source", None, changed_at),
    };
    json!({
        "partition": step.partition.as_str(),
        "job_label": step.job.as_ref().map(|job| job.as_str()),
        "state": state,
        "run": run.map(|run| run.to_string()),
        "at": at.map(|at| at.to_string()),
        "reason": step.reason.map(|reason| reasons::text(&why.plan, reason)),
    })
}
