//! From the closure to the plan: an order in which every run follows what it needs, and for each run
//! whether it is needed, and why.

use super::closure::{Candidate, Closure, Node};
use super::{
    Force, PartitionState, Plan, PlanOptions, PlanProblem, Reason, RefId, RunNumber, SourceState,
    Task,
};
use crate::spec::ProjectSpec;
use databuild_model::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub(super) fn decide(
    spec: &ProjectSpec,
    closure: Closure,
    changes: &[Option<Reason>],
    options: &PlanOptions,
) -> Result<Plan, Vec<PlanProblem>> {
    let needs = needs(&closure);
    let order = match sort(&closure, &needs) {
        Ok(order) => order,
        Err(path) => return Err(vec![PlanProblem::Cycle { path }]),
    };
    debug_assert!(
        closure.tasks.iter().all(|task| spec.job(task.job).is_some()),
        "jobs are of the spec"
    );
    let forced = forced(&closure, options.force);
    let mut place: Vec<Option<usize>> = vec![None; closure.tasks.len()];
    let mut tasks = Vec::new();
    let mut up_to_date = Vec::new();
    for at in order {
        let Some(candidate) = closure.tasks.get(at) else { continue };
        let forced = forced.get(at).copied().unwrap_or_default();
        let changed = changes.get(at).copied().flatten();
        let reason = reason(candidate, &closure, &place, forced, options).or(changed);
        let Some(reason) = reason else {
            up_to_date.extend_from_slice(&candidate.outputs);
            continue;
        };
        let before = needs.get(at).map(Vec::as_slice).unwrap_or_default();
        let mut needs: Vec<usize> =
            before.iter().filter_map(|&need| place.get(need).copied().flatten()).collect();
        needs.sort_unstable();
        if let Some(place) = place.get_mut(at) {
            *place = Some(tasks.len());
        }
        let Candidate { job, ref outputs, ref inputs } = *candidate;
        tasks.push(Task {
            job,
            outputs: outputs.clone(),
            inputs: inputs.clone(),
            needs: needs.into(),
            reason,
        });
    }
    let Closure { refs, wanted, .. } = closure;
    let text = |id: &RefId| refs.get(id.0 as usize);
    up_to_date.sort_by(|a, b| text(a).cmp(&text(b)));
    Ok(Plan { refs, wanted, tasks, up_to_date })
}

/// For each candidate, the candidates that make its inputs.
fn needs(closure: &Closure) -> Vec<Vec<usize>> {
    let maker = |id: &RefId| match closure.nodes.get(id.0 as usize) {
        Some(Node::Made { task, .. }) => Some(*task),
        Some(Node::Open | Node::Source(_) | Node::Broken) | None => None,
    };
    let one = |candidate: &Candidate| {
        let mut needs: Vec<usize> = candidate.inputs.iter().filter_map(maker).collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    };
    closure.tasks.iter().map(one).collect()
}

/// An order in which every candidate follows what it needs; among those that could be next, the one
/// with the first name. Else a circle of partitions.
fn sort(
    closure: &Closure,
    needs: &[Vec<usize>],
) -> Result<Vec<usize>, Vec<databuild_model::ids::PartitionRef>> {
    let name = |at: usize| {
        let output = closure.tasks.get(at).and_then(|task| task.outputs.first());
        output.and_then(|id| closure.refs.get(id.0 as usize))
    };
    let count = closure.tasks.len();
    let mut by_name: Vec<usize> = (0..count).collect();
    by_name.sort_by(|&a, &b| name(a).cmp(&name(b)));
    let mut rank = vec![0; count];
    for (nth, &at) in by_name.iter().enumerate() {
        if let Some(rank) = rank.get_mut(at) {
            *rank = nth;
        }
    }
    let rank_of = |at: usize| Reverse((rank.get(at).copied().unwrap_or_default(), at));
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (at, needs) in needs.iter().enumerate() {
        for &need in needs {
            if let Some(list) = followers.get_mut(need) {
                list.push(at);
            }
        }
    }
    let mut ready: BinaryHeap<_> =
        (0..count).filter(|&at| waiting.get(at) == Some(&0)).map(rank_of).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse((_, at))) = ready.pop() {
        order.push(at);
        for &next in followers.get(at).map(Vec::as_slice).unwrap_or_default() {
            if let Some(left) = waiting.get_mut(next) {
                *left -= 1;
                if *left == 0 {
                    ready.push(rank_of(next));
                }
            }
        }
    }
    if order.len() == count { Ok(order) } else { Err(circle(closure, needs, &waiting, &by_name)) }
}

/// A circle among the candidates that still wait for something: every one of them waits for another
/// one that does, so following the first such need must come back.
fn circle(
    closure: &Closure,
    needs: &[Vec<usize>],
    waiting: &[usize],
    by_name: &[usize],
) -> Vec<databuild_model::ids::PartitionRef> {
    let waits = |at: &usize| waiting.get(*at).is_some_and(|&left| 0 < left);
    let Some(mut at) = by_name.iter().copied().find(|at| waits(at)) else { return Vec::new() };
    let mut way: Vec<usize> = Vec::new();
    let mut visited = vec![false; waiting.len()];
    while !visited.get(at).copied().unwrap_or(true) {
        if let Some(seen) = visited.get_mut(at) {
            *seen = true;
        }
        way.push(at);
        let Some(next) =
            needs.get(at).and_then(|needs| needs.iter().copied().find(|need| waits(need)))
        else {
            return Vec::new();
        };
        at = next;
    }
    let start = way.iter().position(|&seen| seen == at).unwrap_or_default();
    let outputs = way.iter().skip(start).filter_map(|&at| closure.tasks.get(at)?.outputs.first());
    outputs.filter_map(|id| closure.refs.get(id.0 as usize).cloned()).collect()
}

/// Which candidates are to run in any case.
fn forced(closure: &Closure, force: Force) -> Vec<bool> {
    let all = force == Force::All;
    let mut forced = vec![all; closure.tasks.len()];
    if force == Force::Wanted {
        for id in &closure.wanted {
            if let Some(Node::Made { task, .. }) = closure.nodes.get(id.0 as usize)
                && let Some(forced) = forced.get_mut(*task)
            {
                *forced = true;
            }
        }
    }
    forced
}

/// Why a candidate has to run, or `None` if it need not. All that it needs was decided before.
fn reason(
    candidate: &Candidate,
    closure: &Closure,
    place: &[Option<usize>],
    forced: bool,
    options: &PlanOptions,
) -> Option<Reason> {
    let mut as_of_all: Option<Timestamp> = None;
    let mut oldest: Option<Timestamp> = None;
    for id in &candidate.outputs {
        let Some(Node::Made { state, .. }) = closure.nodes.get(id.0 as usize) else { continue };
        match *state {
            PartitionState::Missing => return Some(Reason::Missing),
            PartitionState::Failed { run, .. } => return Some(Reason::FailedBefore { run }),
            PartitionState::Interrupted { run } => {
                return Some(Reason::InterruptedBefore { run });
            }
            PartitionState::Building { run } => return Some(Reason::BeingMade { run }),
            PartitionState::Available { as_of, made_at, .. } => {
                oldest = Some(oldest.map_or(made_at, |other| other.min(made_at)));
                as_of_all = Some(as_of_all.map_or(as_of, |other| other.min(as_of)));
            }
        }
    }
    let Some(as_of) = as_of_all else { return Some(Reason::Missing) };
    if forced {
        return Some(Reason::Forced);
    }
    let mut newest: Option<(Timestamp, RefId, Option<RunNumber>)> = None;
    let mut planned = None;
    for &input in &candidate.inputs {
        let changed = match closure.nodes.get(input.0 as usize) {
            Some(Node::Source(SourceState::Present { changed_at })) => {
                changed_at.map(|at| (at, None))
            }
            Some(Node::Made { task, state }) => {
                if place.get(*task).copied().flatten().is_some() {
                    planned = planned.or(Some(Reason::InputPlanned { input }));
                }
                match *state {
                    PartitionState::Available { made_at, run, .. } => Some((made_at, Some(run))),
                    PartitionState::Missing
                    | PartitionState::Failed { .. }
                    | PartitionState::Interrupted { .. }
                    | PartitionState::Building { .. } => None,
                }
            }
            Some(Node::Source(SourceState::Missing) | Node::Open | Node::Broken) | None => None,
        };
        if let Some((at, by)) = changed
            && as_of < at
            && newest.is_none_or(|(newest, _, _)| newest < at)
        {
            newest = Some((at, input, by));
        }
    }
    let stale = newest.map(|(changed_at, input, by)| Reason::Stale { input, changed_at, by });
    let since = options.max_age.map(|age| options.now.saturating_sub(age));
    let too_old = oldest.filter(|made_at| since.is_some_and(|since| *made_at < since));
    stale.or(planned).or(too_old.map(|made_at| Reason::TooOld { made_at }))
}
