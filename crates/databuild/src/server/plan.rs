//! What a build would do, and why, without doing it.

use crate::server::body;
use crate::server::builds::{StartBuild, patterns};
use crate::server::problem::{Problem, Words};
use crate::server::service::Service;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use databuild_graph::execute::{StopFlag, StopLevel, Wanted};
use databuild_graph::plan::{Changed, Plan, Reason, RefId, Task};
use databuild_graph::spec::ProjectSpec;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What a build would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanView {
    /// The partitions that were asked for.
    wanted: Vec<String>,
    /// What would be run, each after all that it needs.
    tasks: Vec<TaskView>,
    /// What is there already.
    up_to_date: Vec<String>,
}

/// One run of a job to come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaskView {
    /// The job.
    job_label: String,
    /// What it would make.
    outputs: Vec<String>,
    /// What it would read.
    inputs: Vec<String>,
    /// The places, in `tasks`, of the tasks that must be done before.
    needs: Vec<usize>,
    /// `missing`, `failed before`, `interrupted before`, `being made`, `stale`, `input planned`,
    /// `forced`, `too old`, `changed command` or `changed inputs`.
    reason: &'static str,
    /// The partition that the reason is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    because_of: Option<String>,
    /// The run that the reason is about, such as `41.9`.
    #[serde(skip_serializing_if = "Option::is_none")]
    because_of_run: Option<String>,
    /// The program and its arguments.
    command: Vec<String>,
}

/// What a build would do, with the reason for every run. Starts nothing but `needs` commands, and
/// records nothing.
#[utoipa::path(post, path = "/api/v1/plan", operation_id = "plan_build", tag = "builds", request_body = StartBuild,
    responses(
        (status = 200, description = "The plan", body = PlanView),
        (status = "default", description = "An error", content_type = "application/problem+json", body = Words),
    ),
)]
pub(crate) async fn plan(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PlanView>, Problem> {
    let start: StartBuild = body::json(&headers, body).await?;
    let patterns = patterns(&start.want)?;
    let request = start.how().request(Wanted::Partitions(patterns))?;
    let given_up = GivenUp(StopFlag::new());
    let stop = given_up.0.clone();
    let view = service.blocking(move |service| {
        let engine = service.engine()?;
        let (plan, spec) = engine.plan(&request, &stop)?;
        Ok(PlanView::of(&plan, &spec))
    });
    let view = view.await;
    drop(given_up);
    Ok(Json(view?))
}

/// Ends the `needs` commands of a plan for which nobody waits any more: the client has gone, the answer
/// took too long, or the service stops. The handler is dropped then, and this with it.
struct GivenUp(StopFlag);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.raise_to(StopLevel::AtOnce);
    }
}

impl PlanView {
    fn of(plan: &Plan, spec: &ProjectSpec) -> PlanView {
        PlanView {
            wanted: texts(plan, &plan.wanted),
            tasks: plan.tasks.iter().map(|task| TaskView::of(plan, spec, task)).collect(),
            up_to_date: texts(plan, &plan.up_to_date),
        }
    }
}

impl TaskView {
    fn of(plan: &Plan, spec: &ProjectSpec, task: &Task) -> TaskView {
        let (reason, input, run) = match task.reason {
            Reason::Missing => ("missing", None, None),
            Reason::FailedBefore { run } => ("failed before", None, Some(run)),
            Reason::InterruptedBefore { run } => ("interrupted before", None, Some(run)),
            Reason::BeingMade { run } => ("being made", None, Some(run)),
            Reason::Stale { input, by, .. } => ("stale", Some(input), by),
            Reason::InputPlanned { input } => ("input planned", Some(input), None),
            Reason::Forced => ("forced", None, None),
            Reason::TooOld { .. } => ("too old", None, None),
            Reason::Changed { what: Changed::Command, run } => ("changed command", None, Some(run)),
            Reason::Changed { what: Changed::Inputs, run } => ("changed inputs", None, Some(run)),
        };
        TaskView {
            job_label: spec.job(task.job).map(|job| job.label.to_string()).unwrap_or_default(),
            outputs: texts(plan, &task.outputs),
            inputs: texts(plan, &task.inputs),
            needs: task.needs.to_vec(),
            reason,
            because_of: input.map(|input| plan.partition(input).to_string()),
            because_of_run: run.map(|run| run.to_string()),
            command: plan.command(spec, task).map(|command| command.args).unwrap_or_default(),
        }
    }
}

fn texts(plan: &Plan, ids: &[RefId]) -> Vec<String> {
    plan.partitions(ids).map(ToString::to_string).collect()
}
