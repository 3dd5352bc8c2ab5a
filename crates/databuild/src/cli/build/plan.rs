//! `build -n`: what would run, and why, a line a run.

use super::super::args::Output;
use super::super::context::Context;
use super::super::outcome::Failure;
use super::super::reasons;
use crate::render::ending;
use crate::render::table::Table;
use crate::render::times::counted;
use databuild_graph::plan::{Plan, Task};
use databuild_graph::spec::ProjectSpec;
use databuild_model::ids::PartitionRef;
use serde_json::{Value, json};
use std::io::Write;

/// Prints the plan.
pub(super) fn print(context: &Context, spec: &ProjectSpec, plan: &Plan) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Human | Output::Raw => {
            let mut table = Table::default();
            for task in &plan.tasks {
                let Some(job) = spec.job(task.job) else { continue };
                let outputs: Vec<PartitionRef> = plan.partitions(&task.outputs).cloned().collect();
                table.row(vec![
                    job.label.to_string(),
                    ending::target(&job.label, &outputs),
                    reasons::text(plan, task.reason),
                ]);
            }
            out.write_all(table.render().as_bytes())?;
            if !context.global.quiet {
                let line = format!(
                    "{} wanted · {} to make, {} up to date",
                    counted(plan.wanted.len() as u64, "partition", "partitions"),
                    plan.tasks.len(),
                    plan.up_to_date.len()
                );
                writeln!(std::io::stderr(), "{line}")?;
            }
        }
        Output::Json => {
            let value = json!({
                "wanted": plan.wanted.len(),
                "up_to_date": plan.up_to_date.len(),
                "tasks": plan.tasks.iter().map(|task| task_json(spec, plan, task)).collect::<Vec<_>>(),
            });
            writeln!(out, "{value}")?;
        }
        Output::Jsonl => {
            for task in &plan.tasks {
                writeln!(out, "{}", task_json(spec, plan, task))?;
            }
        }
    }
    Ok(())
}

fn task_json(spec: &ProjectSpec, plan: &Plan, task: &Task) -> Value {
    let refs = |ids| plan.partitions(ids).map(PartitionRef::as_str).collect::<Vec<_>>();
    json!({
        "job_label": spec.job(task.job).map(|job| job.label.as_str()),
        "outputs": refs(&task.outputs),
        "inputs": refs(&task.inputs),
        "reason": reasons::text(plan, task.reason),
        "command": plan.command(spec, task).map(|command| command.args),
    })
}
