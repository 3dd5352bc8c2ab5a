//! Why one partition is up to date, or would be made: the chain from it to the first cause.

use super::closure::{self, Node};
use super::{
    NeedsRunner, PartitionState, PartitionStates, Plan, PlanOptions, PlanProblem, Reason, RefId,
    SourceState, plan,
};
use super::{changed, order};
use crate::spec::ProjectSpec;
use crate::spec::wanted::RefPattern;
use databuild_model::ids::{JobLabel, PartitionRef};
use std::collections::{HashMap, HashSet};

/// The answer to "why": from the partition that was asked for to the first cause.
#[derive(Debug)]
pub struct Why {
    /// The plan for the partition alone.
    pub plan: Plan,
    /// The partition, then the input that makes it stale, and so on. The last one is the first cause:
    /// it is missing, failed, forced, or newer than what was made from it.
    pub steps: Vec<WhyStep>,
}

/// One partition of the chain.
#[derive(Debug, Clone)]
pub struct WhyStep {
    /// The partition.
    pub partition: PartitionRef,
    /// The job that makes it; none for a source.
    pub job: Option<JobLabel>,
    /// What is known of it, if a job makes it.
    pub made: Option<PartitionState>,
    /// What is known of it, if no job makes it.
    pub source: Option<SourceState>,
    /// Why it would be made; `None` if it would not be.
    pub reason: Option<Reason>,
}

/// Explains what a build of `partition` would do, and why. It asks what [`plan`] asks.
pub fn why(
    spec: &ProjectSpec,
    partition: &PartitionRef,
    states: &dyn PartitionStates,
    needs: &mut dyn NeedsRunner,
    options: &PlanOptions,
) -> Result<Why, Vec<PlanProblem>> {
    let plan = plan(spec, &[RefPattern::exact(partition)], states, needs, options)?;
    let mut steps = Vec::new();
    let mut next = plan.wanted.first().copied();
    while let Some(id) = next {
        let task = plan.tasks.iter().find(|task| task.outputs.contains(&id));
        let reason = task.map(|task| task.reason);
        steps.push(step(spec, &plan, id, states, reason).map_err(|problem| vec![problem])?);
        next = match reason {
            Some(Reason::InputPlanned { input } | Reason::Stale { input, .. }) => Some(input),
            Some(
                Reason::Missing
                | Reason::FailedBefore { .. }
                | Reason::InterruptedBefore { .. }
                | Reason::BeingMade { .. }
                | Reason::TooOld { .. }
                | Reason::Changed { .. }
                | Reason::Forced,
            )
            | None => None,
        };
    }
    Ok(Why { plan, steps })
}

/// A partition and all that it is made from.
#[derive(Debug)]
pub struct Upstream {
    /// The plan for the partition alone.
    pub plan: Plan,
    /// The partition, then what it is made from, each before what it is made from itself.
    pub steps: Vec<UpstreamStep>,
}

/// One partition of the tree, which is walked depth first.
#[derive(Debug, Clone)]
pub struct UpstreamStep {
    /// Steps from the partition that was asked for.
    pub depth: usize,
    /// What is known of it.
    pub step: WhyStep,
    /// Whether what it is made from was told where it came up first.
    pub seen: bool,
}

/// All that `partition` is made from, up to date or not. It asks what [`plan()`] asks.
pub fn upstream(
    spec: &ProjectSpec,
    partition: &PartitionRef,
    states: &dyn PartitionStates,
    needs: &mut dyn NeedsRunner,
    options: &PlanOptions,
) -> Result<Upstream, Vec<PlanProblem>> {
    let closure = closure::close(spec, &[RefPattern::exact(partition)], states, needs, options)?;
    let inputs: Vec<Box<[RefId]>> = closure
        .nodes
        .iter()
        .map(|node| match node {
            Node::Made { task, .. } => closure.tasks.get(*task).map(|task| task.inputs.clone()),
            Node::Open | Node::Source(_) | Node::Broken => None,
        })
        .map(Option::unwrap_or_default)
        .collect();
    let changes = changed::find(spec, &closure, states, options)?;
    let plan = order::decide(spec, closure, &changes, options)?;
    let reasons: HashMap<RefId, Reason> = plan
        .tasks
        .iter()
        .flat_map(|task| task.outputs.iter().map(|output| (*output, task.reason)))
        .collect();
    let mut told = HashSet::new();
    let mut open: Vec<(usize, RefId)> = plan.wanted.iter().map(|id| (0, *id)).collect();
    let mut steps = Vec::new();
    while let Some((depth, id)) = open.pop() {
        let below = inputs.get(id.0 as usize).map(AsRef::as_ref).unwrap_or_default();
        let seen = !told.insert(id) && !below.is_empty();
        let known = step(spec, &plan, id, states, reasons.get(&id).copied());
        steps.push(UpstreamStep { depth, step: known.map_err(|problem| vec![problem])?, seen });
        if !seen {
            open.extend(below.iter().rev().map(|input| (depth + 1, *input)));
        }
    }
    Ok(Upstream { plan, steps })
}

fn step(
    spec: &ProjectSpec,
    plan: &Plan,
    id: RefId,
    states: &dyn PartitionStates,
    reason: Option<Reason>,
) -> Result<WhyStep, PlanProblem> {
    let partition = plan.partition(id).clone();
    let makes = |job: &&crate::spec::JobSpec| {
        job.out.iter().any(|out| out.bind(&spec.keys, partition.as_str()).is_some())
    };
    let job = spec.jobs.iter().find(makes).map(|job| job.label.clone());
    let (made, source) = match job {
        Some(_) => (Some(states.made(&partition)?), None),
        None => (None, Some(states.source(&partition)?)),
    };
    Ok(WhyStep { partition, job, made, source, reason })
}
