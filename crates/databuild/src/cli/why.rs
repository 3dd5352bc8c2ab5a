//! `databuild why REF`: up to date, or the chain of reasons down to the first cause.

use super::args::{Output, WhyArgs};
use super::attend::ask;
use super::context::Context;
use super::outcome::{Exit, Failure};
use super::reasons;
use crate::render::paint::Paint;
use crate::render::times::Times;
use databuild_graph::plan::{Changed, PartitionState, SourceState};
use databuild_graph::plan::{Plan, Upstream, UpstreamStep, Why, WhyStep};
use databuild_model::ids::PartitionRef;
use serde_json::{Value, json};
use std::io::{BufWriter, Write};

/// Explains the partition.
pub(crate) fn run(args: &WhyArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    project.spec()?;
    project.close_ended();
    let partition = PartitionRef::parse(args.reference.as_str()).map_err(|error| {
        Failure::text(Exit::Usage, error)
            .remedy("a partition is a path such as clean/date=2025-01-26")
    })?;
    let works = project.engine()?;
    if args.upstream {
        let upstream = ask(|stop| works.engine().upstream(&partition, stop));
        works.stop()?;
        return print_upstream(context, &partition, &upstream??);
    }
    let why = ask(|stop| works.engine().why(&partition, stop))??;
    let up_to_date = why.steps.first().is_some_and(|step| step.reason.is_none());
    let changed =
        if up_to_date { ask(|stop| works.engine().changed(&partition, stop))?? } else { None };
    works.stop()?;
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Human | Output::Raw => {
            out.write_all(text(context, &why).as_bytes())?;
            if let Some(what) = changed {
                let what = changed_word(what);
                writeln!(
                    out,
                    "  its {what} changed since: databuild build --changed makes it again"
                )?;
            }
        }
        Output::Json => {
            let steps: Vec<Value> =
                why.steps.iter().map(|step| step_json(&why.plan, step)).collect();
            let value = json!({
                "partition": partition.as_str(),
                "up_to_date": up_to_date,
                "changed": changed.map(changed_word),
                "steps": steps,
            });
            writeln!(out, "{value}")?;
        }
        Output::Jsonl => {
            for step in &why.steps {
                writeln!(out, "{}", step_json(&why.plan, step))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn changed_word(what: Changed) -> &'static str {
    match what {
        Changed::Command => "command",
        Changed::Inputs => "inputs",
    }
}

fn text(context: &Context, why: &Why) -> String {
    let paint = Paint::new(context.colour_stdout());
    let times = Times::new(context.global.utc);
    let mut out = String::new();
    for (depth, step) in why.steps.iter().enumerate() {
        out.push_str(&line(paint, &times, &why.plan, depth, step));
        out.push('\n');
    }
    out
}

fn line(paint: Paint, times: &Times, plan: &Plan, depth: usize, step: &WhyStep) -> String {
    let indent = "  ".repeat(depth);
    let verdict = match step.reason {
        Some(reason) => paint.warn(&reasons::text(plan, reason)),
        None => paint.good(if step.job.is_some() { "up to date" } else { "a source" }),
    };
    let facts = facts(times, step);
    format!("{indent}{}: {verdict}{facts}", step.partition).trim_end().to_owned()
}

/// The tree of all that a partition is made from. What is made from much tells it once.
fn print_upstream(
    context: &Context,
    partition: &PartitionRef,
    upstream: &Upstream,
) -> Result<Exit, Failure> {
    let paint = Paint::new(context.colour_stdout());
    let times = Times::new(context.global.utc);
    let value = |told: &UpstreamStep| {
        let mut value = step_json(&upstream.plan, &told.step);
        if let Value::Object(keys) = &mut value {
            keys.insert("depth".to_owned(), json!(told.depth));
            keys.insert("told_above".to_owned(), json!(told.seen));
        }
        value
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    match context.global.output {
        Output::Human | Output::Raw => {
            for told in &upstream.steps {
                let line = line(paint, &times, &upstream.plan, told.depth, &told.step);
                writeln!(out, "{line}{}", if told.seen { " (told above)" } else { "" })?;
            }
        }
        Output::Json => {
            let steps: Vec<Value> = upstream.steps.iter().map(value).collect();
            writeln!(out, "{}", json!({"partition": partition.as_str(), "steps": steps}))?;
        }
        Output::Jsonl => {
            for told in &upstream.steps {
                writeln!(out, "{}", value(told))?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
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

fn step_json(plan: &Plan, step: &WhyStep) -> Value {
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
        "reason": step.reason.map(|reason| reasons::text(plan, reason)),
    })
}
