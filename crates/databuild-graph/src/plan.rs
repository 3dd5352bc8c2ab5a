//! What is to be made, and why: the closure of what is wanted over what that needs. Pure; the state
//! of the world comes in through two small traits.

mod changed;
mod closure;
mod order;
mod problem;
mod why;

pub use problem::{Code, PlanProblem};
pub use why::{Upstream, UpstreamStep, Why, WhyStep, upstream, why};

use crate::spec::command::{Command, Values};
use crate::spec::pattern::Binding;
use crate::spec::wanted::RefPattern;
use crate::spec::{JobSpec, ProjectSpec};
use databuild_model::ids::PartitionRef;
use databuild_model::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The number that people see for a job run: `42.6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunNumber {
    /// The build.
    pub build: u64,
    /// The run within the build, from 1.
    pub run: u32,
}

impl fmt::Display for RunNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.build, self.run))
    }
}

/// What is known of a partition that a job makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionState {
    /// Never made, or gone from where it was.
    Missing,
    /// A run is making it now.
    Building {
        /// The run.
        run: RunNumber,
    },
    /// There.
    Available {
        /// When it was made: the end of the run.
        made_at: Timestamp,
        /// When the run began: what changed later, it may not have seen.
        as_of: Timestamp,
        /// The run that made it.
        run: RunNumber,
    },
    /// The last try to make it failed.
    Failed {
        /// When the run ended.
        at: Timestamp,
        /// The run that failed.
        run: RunNumber,
    },
    /// The last try to make it was stopped, or died with its build.
    Interrupted {
        /// That run.
        run: RunNumber,
    },
}

/// What is known of a partition that no job makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    /// Not there.
    Missing,
    /// There, or taken as there because it lives elsewhere.
    Present {
        /// When it last changed, where that can be known.
        changed_at: Option<Timestamp>,
    },
}

/// How a run made what it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What it read.
    pub inputs: Vec<PartitionRef>,
}

/// The state could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the state of {partition} cannot be read")]
pub struct StateError {
    /// The partition that was asked for.
    pub partition: PartitionRef,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The state of the world, as planning needs it. Asked at most once a partition and plan.
pub trait PartitionStates {
    /// The state of a partition that a job makes.
    fn made(&self, partition: &PartitionRef) -> Result<PartitionState, StateError>;
    /// The state of a partition that no job makes.
    fn source(&self, partition: &PartitionRef) -> Result<SourceState, StateError>;
    /// How `run` made `partition`; nothing if that is not known any more. Asked only where it counts.
    fn recipe(
        &self,
        partition: &PartitionRef,
        run: RunNumber,
    ) -> Result<Option<Recipe>, StateError>;
}

/// A command that is ready to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskCommand {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// Variables to add to the environment: `env` of the job, and `DATABUILD_KEY_<NAME>`.
    pub env: BTreeMap<String, String>,
    /// The folder to start in.
    pub folder: PathBuf,
}

/// A command of a job for one run; `places` are what `{in}` and `{out}` stand for.
fn task_command(
    spec: &ProjectSpec,
    job: &JobSpec,
    command: &Command,
    binding: &Binding<'_>,
    [inputs, outputs]: [&[String]; 2],
) -> TaskCommand {
    let mut env = job.env.clone();
    for (key, value) in binding.iter() {
        let name = spec.keys.get(key).name.to_ascii_uppercase();
        env.insert(format!("DATABUILD_KEY_{name}"), value.to_owned());
    }
    let values = Values { keys: &spec.keys, binding, inputs, outputs };
    TaskCommand { args: command.render(&values), env, folder: spec.start_folder(job) }
}

/// What to start for a run of `job`, with every brace filled in.
fn command_of(
    spec: &ProjectSpec,
    refs: &[PartitionRef],
    job: usize,
    inputs: &[RefId],
    outputs: &[RefId],
) -> Option<TaskCommand> {
    let binding = binding(spec, refs, job, outputs);
    let job = spec.job(job)?;
    let places = |ids: &[RefId]| -> Vec<String> {
        let found = ids.iter().filter_map(|id| refs.get(id.0 as usize));
        found.map(|partition| spec.location(job, partition)).collect()
    };
    let (inputs, outputs) = (places(inputs), places(outputs));
    Some(task_command(spec, job, &job.run, &binding, [&inputs, &outputs]))
}

fn binding<'a>(
    spec: &ProjectSpec,
    refs: &'a [PartitionRef],
    job: usize,
    outputs: &[RefId],
) -> Binding<'a> {
    let output = outputs.first().and_then(|id| refs.get(id.0 as usize));
    let Some((job, output)) = spec.job(job).zip(output) else { return Binding::default() };
    job.out.iter().find_map(|out| out.bind(&spec.keys, output.as_str())).unwrap_or_default()
}

/// Runs the `needs` command of a job. Asked once a task.
pub trait NeedsRunner {
    /// The lines that the command prints, or why there are none, in words.
    fn needs(&mut self, job: &JobSpec, command: &TaskCommand) -> Result<Vec<String>, String>;
}

/// What to make again although it is there and newer than its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Force {
    /// Nothing.
    #[default]
    Nothing,
    /// What was asked for.
    Wanted,
    /// What was asked for and all that it needs.
    All,
}

/// How to plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// What time it is: `today`, and what is due, follow from it.
    pub now: Timestamp,
    /// What to make again in any case.
    pub force: Force,
    /// What was made longer ago than this is made again. Nothing is too old if absent.
    pub max_age: Option<Duration>,
    /// Whether what was made by another command, or from other inputs, is made again.
    pub changed: bool,
}

/// What is not as it was when a partition was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// The program or its arguments.
    Command,
    /// Which partitions it is made from.
    Inputs,
}

/// A partition within one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefId(pub(crate) u32);

/// Why a task is in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An output was never made, or is gone.
    Missing,
    /// The last run for it failed.
    FailedBefore {
        /// That run.
        run: RunNumber,
    },
    /// The last run for it was stopped, or died with its build.
    InterruptedBefore {
        /// That run.
        run: RunNumber,
    },
    /// Another build is making it: this one waits, and takes over if that fails.
    BeingMade {
        /// The run that makes it.
        run: RunNumber,
    },
    /// An input is newer than the output.
    Stale {
        /// The newer input.
        input: RefId,
        /// When the input was made or changed.
        changed_at: Timestamp,
        /// The run that made it, unless it is a source.
        by: Option<RunNumber>,
    },
    /// An input is made by this plan.
    InputPlanned {
        /// The input.
        input: RefId,
    },
    /// It was asked for.
    Forced,
    /// It was made longer ago than was asked for.
    TooOld {
        /// When the oldest output was made.
        made_at: Timestamp,
    },
    /// It was made in another way, and that counts.
    Changed {
        /// What is another.
        what: Changed,
        /// The run that made it.
        run: RunNumber,
    },
}

/// One run of a job to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Index into `ProjectSpec::jobs`.
    pub job: usize,
    /// What the run makes.
    pub outputs: Box<[RefId]>,
    /// What the run reads.
    pub inputs: Box<[RefId]>,
    /// Indices of the tasks that must be done before.
    pub needs: Box<[usize]>,
    /// Why it is here.
    pub reason: Reason,
}

/// Tasks in an order in which they can be run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub(crate) refs: Vec<PartitionRef>,
    /// What was asked for, without repetition, in order.
    pub wanted: Vec<RefId>,
    /// What to run; a task stands after all that it needs.
    pub tasks: Vec<Task>,
    /// What was asked for or needed and is there already, made by jobs.
    pub up_to_date: Vec<RefId>,
}

impl Plan {
    /// The partition with this id, which must be of this plan.
    #[expect(clippy::indexing_slicing, reason = "ids are made by the plan that they are used with")]
    pub fn partition(&self, id: RefId) -> &PartitionRef {
        &self.refs[id.0 as usize]
    }

    /// The keys of a task and their values, in the order of the job's `out`.
    pub fn keys<'a>(&'a self, spec: &'a ProjectSpec, task: &Task) -> Vec<(&'a str, &'a str)> {
        let binding = self.binding(spec, task);
        binding.iter().map(|(key, value)| (spec.keys.get(key).name.as_str(), value)).collect()
    }

    /// What to start for a task, with every brace filled in. It is rendered anew at each call, so
    /// that a plan does not hold a command for each of its tasks.
    pub fn command(&self, spec: &ProjectSpec, task: &Task) -> Option<TaskCommand> {
        command_of(spec, &self.refs, task.job, &task.inputs, &task.outputs)
    }

    fn binding<'a>(&'a self, spec: &ProjectSpec, task: &Task) -> Binding<'a> {
        binding(spec, &self.refs, task.job, &task.outputs)
    }

    /// The partitions with these ids.
    pub fn partitions<'a>(&'a self, ids: &'a [RefId]) -> impl Iterator<Item = &'a PartitionRef> {
        ids.iter().map(|&id| self.partition(id))
    }
}

/// The tasks that make `wanted` available, in an order in which they can be run.
///
/// Pure but for what `states` and `needs` answer; the same answers give the same plan. All problems
/// that can be found are given at once.
pub fn plan(
    spec: &ProjectSpec,
    wanted: &[RefPattern],
    states: &dyn PartitionStates,
    needs: &mut dyn NeedsRunner,
    options: &PlanOptions,
) -> Result<Plan, Vec<PlanProblem>> {
    let closure = closure::close(spec, wanted, states, needs, options)?;
    let changes = changed::find(spec, &closure, states, options)?;
    order::decide(spec, closure, &changes, options)
}

#[cfg(test)]
mod tests;
