//! All that is wanted and all that it needs: which job makes each partition, and what that reads.

use super::{
    NeedsRunner, PartitionState, PartitionStates, PlanOptions, PlanProblem, RefId, SourceState,
};
use crate::limits;
use crate::spec::pattern::Binding;
use crate::spec::wanted::{RefPattern, nothing_makes_help};
use crate::spec::{JobSpec, ProjectSpec};
use databuild_model::ids::PartitionRef;
use std::collections::HashMap;
use std::path::Path;

/// What is known of one partition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    /// Not looked at yet.
    Open,
    /// No job makes it.
    Source(SourceState),
    /// The task with this number makes it.
    Made { task: usize, state: PartitionState },
    /// Something is wrong with it; that was noted.
    Broken,
}

/// A run of a job that may be needed.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) job: usize,
    pub(super) outputs: Box<[RefId]>,
    pub(super) inputs: Box<[RefId]>,
}

/// The closure: partitions by id, and every run that could make one of them.
#[derive(Debug, Default)]
pub(super) struct Closure {
    pub(super) refs: Vec<PartitionRef>,
    pub(super) nodes: Vec<Node>,
    pub(super) tasks: Vec<Candidate>,
    pub(super) wanted: Vec<RefId>,
}

struct Walk<'a> {
    spec: &'a ProjectSpec,
    states: &'a dyn PartitionStates,
    needs: &'a mut dyn NeedsRunner,
    options: &'a PlanOptions,
    ids: HashMap<PartitionRef, RefId>,
    nodes: Vec<Node>,
    tasks: Vec<Candidate>,
    /// Partitions to look at, each with the one that needs it.
    open: Vec<(PartitionRef, RefId, Option<RefId>)>,
    missing: Vec<(RefId, Option<RefId>)>,
    problems: Vec<PlanProblem>,
}

pub(super) fn close(
    spec: &ProjectSpec,
    wanted: &[RefPattern],
    states: &dyn PartitionStates,
    needs: &mut dyn NeedsRunner,
    options: &PlanOptions,
) -> Result<Closure, Vec<PlanProblem>> {
    let mut walk = Walk {
        spec,
        states,
        needs,
        options,
        ids: HashMap::new(),
        nodes: Vec::new(),
        tasks: Vec::new(),
        open: Vec::new(),
        missing: Vec::new(),
        problems: Vec::new(),
    };
    let mut ids = Vec::new();
    for pattern in wanted {
        match pattern.expand(spec, options.now) {
            Ok(refs) => ids.extend(refs.into_iter().map(|partition| walk.intern(partition, None))),
            Err(error) => walk.problems.push(error.into()),
        }
    }
    // What is wanted is looked at in the order in which it was asked for.
    walk.open.reverse();
    while let Some((partition, id, needed_by)) = walk.open.pop() {
        if limits::PLAN_PARTITIONS_MAX < walk.nodes.len() {
            walk.problems.push(PlanProblem::TooMany);
            break;
        }
        if limits::PROBLEMS_MAX <= walk.problems.len() + walk.missing.len() {
            break;
        }
        if let Err(problem) = walk.resolve(&partition, id, needed_by) {
            walk.problems.push(problem);
            break;
        }
    }
    let mut seen = vec![false; walk.nodes.len()];
    ids.retain(|id| seen.get_mut(id.0 as usize).is_some_and(|seen| !std::mem::replace(seen, true)));
    walk.finish(ids)
}

impl Walk<'_> {
    fn intern(&mut self, partition: PartitionRef, needed_by: Option<RefId>) -> RefId {
        if let Some(&id) = self.ids.get(&partition) {
            return id;
        }
        // The cap on the number of partitions is far below 2^32.
        let id = RefId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.open.push((partition.clone(), id, needed_by));
        self.ids.insert(partition, id);
        self.nodes.push(Node::Open);
        id
    }

    fn set(&mut self, id: RefId, node: Node) {
        if let Some(place) = self.nodes.get_mut(id.0 as usize) {
            *place = node;
        }
    }

    fn is_open(&self, id: RefId) -> bool {
        matches!(self.nodes.get(id.0 as usize), Some(Node::Open))
    }

    /// Finds what makes a partition, and what that needs. An error ends the walk.
    fn resolve(
        &mut self,
        partition: &PartitionRef,
        id: RefId,
        needed_by: Option<RefId>,
    ) -> Result<(), PlanProblem> {
        if !self.is_open(id) {
            return Ok(());
        }
        let spec = self.spec;
        let mut makers = spec.jobs.iter().enumerate().filter_map(|(at, job)| {
            let binding =
                job.out.iter().find_map(|out| out.bind(&spec.keys, partition.as_str()))?;
            Some((at, job, binding))
        });
        let Some((at, job, binding)) = makers.next() else {
            let state = self.states.source(partition)?;
            if state == SourceState::Missing {
                self.missing.push((id, needed_by));
                self.set(id, Node::Broken);
            } else {
                self.set(id, Node::Source(state));
            }
            return Ok(());
        };
        if let Some((_, other, _)) = makers.next() {
            self.set(id, Node::Broken);
            self.problems.push(PlanProblem::MadeTwice {
                partition: partition.clone(),
                first: job.label.clone(),
                second: other.label.clone(),
            });
            return Ok(());
        }
        self.add_task(partition, at, job, &binding)
    }

    fn add_task(
        &mut self,
        partition: &PartitionRef,
        at: usize,
        job: &JobSpec,
        binding: &Binding<'_>,
    ) -> Result<(), PlanProblem> {
        let task = self.tasks.len();
        let mut outputs = Vec::with_capacity(job.out.len());
        for output in self.expand(partition, job, binding, Side::Out) {
            let state = self.states.made(&output)?;
            let id = self.intern(output, None);
            self.set(id, Node::Made { task, state });
            outputs.push(id);
        }
        let mut inputs = Vec::new();
        let own = outputs.first().copied();
        for input in self.expand(partition, job, binding, Side::In) {
            inputs.push(self.intern(input, own));
        }
        for input in self.ask(partition, job, binding) {
            inputs.push(self.intern(input, own));
        }
        let mut seen = std::collections::HashSet::with_capacity(inputs.len());
        inputs.retain(|id| seen.insert(*id));
        self.tasks.push(Candidate { job: at, outputs: outputs.into(), inputs: inputs.into() });
        Ok(())
    }

    fn expand(
        &mut self,
        partition: &PartitionRef,
        job: &JobSpec,
        binding: &Binding<'_>,
        side: Side,
    ) -> Vec<PartitionRef> {
        let patterns = match side {
            Side::In => &job.inputs,
            Side::Out => &job.out,
        };
        let mut texts = Vec::with_capacity(patterns.len());
        let mut refs = Vec::new();
        for pattern in patterns {
            texts.clear();
            let expanded = pattern.expand(&self.spec.keys, binding, self.options.now, &mut texts);
            let why = match expanded {
                Ok(()) => texts.drain(..).try_for_each(|text| {
                    refs.push(PartitionRef::parse(text).map_err(|why| why.to_string())?);
                    Ok(())
                }),
                Err(why) => Err(why.to_string()),
            };
            if let Err(why) = why {
                let (job, partition) = (job.label.clone(), partition.clone());
                self.problems.push(PlanProblem::BadInput { job, partition, why });
            }
        }
        refs
    }

    /// What the `needs` command of the job says.
    fn ask(
        &mut self,
        partition: &PartitionRef,
        job: &JobSpec,
        binding: &Binding<'_>,
    ) -> Vec<PartitionRef> {
        let Some(command) = &job.needs else { return Vec::new() };
        let places = |refs: Vec<PartitionRef>| -> Vec<String> {
            refs.iter().map(|partition| self.spec.location(job, partition)).collect()
        };
        let mut texts = Vec::new();
        for pattern in &job.out {
            // The outputs were expanded before; what was wrong with them was noted then.
            let _expanded = pattern.expand(&self.spec.keys, binding, self.options.now, &mut texts);
        }
        let outputs =
            places(texts.into_iter().filter_map(|text| PartitionRef::parse(text).ok()).collect());
        let command = super::task_command(self.spec, job, command, binding, [&[], &outputs]);
        let lines = match self.needs.needs(job, &command) {
            Ok(lines) => lines,
            Err(why) => {
                let (job, partition) = (job.label.clone(), partition.clone());
                self.problems.push(PlanProblem::NeedsFailed { job, partition, why });
                return Vec::new();
            }
        };
        let mut refs = Vec::with_capacity(lines.len());
        for line in lines {
            let text = line.trim();
            if text.is_empty() {
                continue;
            }
            match RefPattern::parse(text)
                .and_then(|pattern| pattern.expand(self.spec, self.options.now))
            {
                Ok(found) => refs.extend(found),
                Err(_) => {
                    let (job, partition) = (job.label.clone(), partition.clone());
                    self.problems.push(PlanProblem::NeedsLine { job, partition, line });
                }
            }
        }
        refs
    }

    fn finish(mut self, wanted: Vec<RefId>) -> Result<Closure, Vec<PlanProblem>> {
        let mut refs: Vec<Option<PartitionRef>> = vec![None; self.nodes.len()];
        for (partition, id) in self.ids {
            if let Some(place) = refs.get_mut(id.0 as usize) {
                *place = Some(partition);
            }
        }
        let refs: Vec<PartitionRef> = refs.into_iter().flatten().collect();
        let named = |id: RefId| refs.get(id.0 as usize).cloned();
        for (id, needed_by) in self.missing {
            let Some(partition) = named(id) else { continue };
            let help = match (needed_by, self.spec.local_path(&partition)) {
                (Some(_), Some(path)) => source_help(self.spec, &partition, &path),
                _ => nothing_makes_help(self.spec, partition.as_str()),
            };
            let needed_by = needed_by.and_then(named);
            self.problems.push(PlanProblem::NothingMakes { partition, needed_by, help });
        }
        self.problems.truncate(limits::PROBLEMS_MAX);
        if self.problems.is_empty() {
            Ok(Closure { refs, nodes: self.nodes, tasks: self.tasks, wanted })
        } else {
            Err(self.problems)
        }
    }
}

/// What to do when an input is neither made nor there: a slip in its name is told before anything else.
fn source_help(spec: &ProjectSpec, partition: &PartitionRef, path: &Path) -> String {
    let help = nothing_makes_help(spec, partition.as_str());
    if help.starts_with("did you mean") || help.starts_with("partitions of") {
        return help;
    }
    let path = path.strip_prefix(&spec.folder).unwrap_or(path).display();
    format!("put it at {path}, or add a job that makes it")
}

#[derive(Clone, Copy)]
enum Side {
    In,
    Out,
}
