//! Why one partition is up to date, or would be made: the chain from it to the first cause.

use super::{
    NeedsRunner, PartitionState, PartitionStates, Plan, PlanOptions, PlanProblem, Reason, RefId,
    SourceState, plan,
};
use crate::spec::ProjectSpec;
use crate::spec::wanted::RefPattern;
use databuild_model::ids::{JobLabel, PartitionRef};

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
                | Reason::Forced,
            )
            | None => None,
        };
    }
    Ok(Why { plan, steps })
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
