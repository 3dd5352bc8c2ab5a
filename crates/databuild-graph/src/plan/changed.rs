//! What was made in another way than it would be made now: by another command, or from other inputs.

use super::closure::{Candidate, Closure, Node};
use super::{
    Changed, PartitionState, PartitionStates, PlanOptions, PlanProblem, Reason, RunNumber,
    StateError, command_of,
};
use crate::spec::ProjectSpec;
use databuild_model::ids::PartitionRef;

/// For each candidate why it would be made again, if it is there and its recipe has changed. Nothing
/// is asked, and nothing found, unless that counts.
pub(super) fn find(
    spec: &ProjectSpec,
    closure: &Closure,
    states: &dyn PartitionStates,
    options: &PlanOptions,
) -> Result<Vec<Option<Reason>>, Vec<PlanProblem>> {
    if !options.changed {
        return Ok(Vec::new());
    }
    let (mut found, mut problems) = (Vec::with_capacity(closure.tasks.len()), Vec::new());
    for candidate in &closure.tasks {
        match one(spec, closure, states, candidate) {
            Ok(reason) => found.push(reason),
            Err(error) => problems.push(PlanProblem::from(error)),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

fn one(
    spec: &ProjectSpec,
    closure: &Closure,
    states: &dyn PartitionStates,
    candidate: &Candidate,
) -> Result<Option<Reason>, StateError> {
    let Some((partition, run)) = maker(closure, candidate) else { return Ok(None) };
    let Some(recipe) = states.recipe(partition, run)? else { return Ok(None) };
    let mut before: Vec<&PartitionRef> = recipe.inputs.iter().collect();
    let mut now: Vec<&PartitionRef> =
        candidate.inputs.iter().filter_map(|id| closure.refs.get(id.0 as usize)).collect();
    for inputs in [&mut before, &mut now] {
        inputs.sort();
        inputs.dedup();
    }
    if before != now {
        // The command may name them, so it says less.
        return Ok(Some(Reason::Changed { what: Changed::Inputs, run }));
    }
    let Candidate { job, inputs, outputs } = candidate;
    let command = command_of(spec, &closure.refs, *job, inputs, outputs);
    let same = command.is_none_or(|command| command.args == recipe.command);
    Ok((!same).then_some(Reason::Changed { what: Changed::Command, run }))
}

/// The first output and the run that made it, if it is there.
fn maker<'a>(closure: &'a Closure, candidate: &Candidate) -> Option<(&'a PartitionRef, RunNumber)> {
    let id = candidate.outputs.first()?.0 as usize;
    match closure.nodes.get(id)? {
        Node::Made { state: PartitionState::Available { run, .. }, .. } => {
            Some((closure.refs.get(id)?, *run))
        }
        Node::Made {
            state:
                PartitionState::Missing
                | PartitionState::Building { .. }
                | PartitionState::Failed { .. }
                | PartitionState::Interrupted { .. },
            ..
        }
        | Node::Open
        | Node::Source(_)
        | Node::Broken => None,
    }
}
