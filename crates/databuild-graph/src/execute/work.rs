//! What there is to do: the tasks of a plan, or one command. Everything about a task is worked out
//! when its turn comes, so that a large plan stays small.

use super::reason::reason_text;
use super::request::{CommandRequest, CommandStdin};
use crate::plan::{Plan, TaskCommand};
use crate::spec::ProjectSpec;
use databuild_model::bel::PlannedTask;
use databuild_model::ids::{AppName, JobLabel, PartitionRef};
use databuild_model::spool::{Capture, OnParentDeath};
use std::path::PathBuf;
use std::time::Duration;

/// The tasks of one build.
pub(super) enum Work<'a> {
    Plan { spec: &'a ProjectSpec, plan: &'a Plan },
    Command(&'a CommandRequest),
}

/// All that is needed to run a task once.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) job_label: JobLabel,
    pub(super) app: Option<AppName>,
    pub(super) job_type: Option<String>,
    pub(super) outputs: Vec<PartitionRef>,
    pub(super) inputs: Vec<PartitionRef>,
    /// Where outputs have to be found afterwards, if on this machine.
    pub(super) paths: Vec<(PartitionRef, PathBuf)>,
    pub(super) command: TaskCommand,
    pub(super) attempts: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) grace: Option<Duration>,
    pub(super) drain: Option<Duration>,
    pub(super) heartbeat: Option<Duration>,
    pub(super) stdin: CommandStdin,
    pub(super) capture: Option<Capture>,
    pub(super) on_parent_death: Option<OnParentDeath>,
    pub(super) output_rate_max: Option<u64>,
    pub(super) output_sample_max: Option<u64>,
}

impl Launch {
    /// Outputs that should be on this machine and are not.
    pub(super) fn missing_outputs(&self) -> Vec<PartitionRef> {
        let gone = self.paths.iter().filter(|(_, path)| !path.exists());
        gone.map(|(partition, _)| partition.clone()).collect()
    }
}

impl Work<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Work::Plan { plan, .. } => plan.tasks.len(),
            Work::Command(_) => 1,
        }
    }

    /// The needs of each task, in order.
    pub(super) fn needs(&self) -> Vec<&[usize]> {
        match self {
            Work::Plan { plan, .. } => plan.tasks.iter().map(|task| &*task.needs).collect(),
            Work::Command(_) => vec![&[]],
        }
    }

    /// The job and the outputs of a task.
    pub(super) fn about(&self, index: usize) -> Option<(JobLabel, Vec<PartitionRef>)> {
        match self {
            Work::Plan { spec, plan } => {
                let task = plan.tasks.get(index)?;
                let label = spec.job(task.job)?.label.clone();
                Some((label, plan.partitions(&task.outputs).cloned().collect()))
            }
            Work::Command(request) => Some((request.label.clone(), request.outputs.clone())),
        }
    }

    /// A task as the log gets to know it.
    pub(super) fn planned(&self, index: usize) -> Option<PlannedTask> {
        let (job_label, outputs) = self.about(index)?;
        let reason = match self {
            Work::Plan { plan, .. } => {
                plan.tasks.get(index).map(|task| reason_text(plan, task)).unwrap_or_default()
            }
            Work::Command(_) => "asked for".to_owned(),
        };
        Some(PlannedTask { task: u32::try_from(index).ok()?, job_label, outputs, reason })
    }

    /// How to run a task.
    pub(super) fn launch(&self, index: usize) -> Option<Launch> {
        let (job_label, outputs) = self.about(index)?;
        match self {
            Work::Plan { spec, plan } => {
                let task = plan.tasks.get(index)?;
                let job = spec.job(task.job)?;
                let path = |output: &PartitionRef| {
                    spec.local_path(output).map(|path| (output.clone(), path))
                };
                Some(Launch {
                    job_label,
                    app: Some(spec.app_of(job).clone()),
                    job_type: job.job_type.clone(),
                    paths: outputs.iter().filter_map(path).collect(),
                    outputs,
                    inputs: plan.partitions(&task.inputs).cloned().collect(),
                    command: plan.command(spec, task)?,
                    attempts: job.retries.saturating_add(1),
                    timeout: job.timeout,
                    grace: job.grace,
                    drain: job.drain,
                    heartbeat: job.heartbeat,
                    stdin: CommandStdin::Null,
                    capture: job.capture,
                    on_parent_death: job.on_parent_death,
                    output_rate_max: job.output_rate_max,
                    output_sample_max: job.output_sample_max,
                })
            }
            Work::Command(request) => Some(Launch {
                job_label,
                app: request.app.clone(),
                job_type: request.job_type.clone(),
                outputs,
                inputs: Vec::new(),
                paths: Vec::new(),
                command: TaskCommand {
                    args: request.args.clone(),
                    env: request.env.clone(),
                    folder: request.folder.clone(),
                },
                attempts: request.retries.saturating_add(1),
                timeout: request.timeout,
                grace: None,
                drain: None,
                heartbeat: None,
                stdin: request.stdin,
                capture: None,
                on_parent_death: None,
                output_rate_max: None,
                output_sample_max: None,
            }),
        }
    }
}
