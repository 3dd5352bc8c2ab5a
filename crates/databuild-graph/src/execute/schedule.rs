//! Which task is next: a pure state machine over the graph of needs. It starts nothing.

use std::collections::BTreeSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Needs something that is not done.
    Blocked,
    /// May run.
    Ready,
    /// Runs.
    Running,
    /// Another build makes it.
    Held,
    /// Nothing more will be done for it.
    Over,
}

/// The tasks of a build, by what is left to do. Among tasks that may run, the one with the smallest
/// number is always next, so that the same build goes the same way.
#[derive(Debug)]
pub(super) struct Schedule {
    stages: Vec<Stage>,
    unmet: Vec<usize>,
    dependants: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
    held: BTreeSet<usize>,
    n_open: usize,
}

/// A task that will not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) task: usize,
    /// The failed task that it needs, directly or not.
    pub(super) needs_failed: Option<usize>,
}

impl Schedule {
    /// Tasks that need others, given by number; a task comes after all that it needs.
    pub(super) fn new<'a>(needs: impl Iterator<Item = &'a [usize]>) -> Schedule {
        let mut schedule = Schedule {
            stages: Vec::new(),
            unmet: Vec::new(),
            dependants: Vec::new(),
            ready: BTreeSet::new(),
            held: BTreeSet::new(),
            n_open: 0,
        };
        for (task, needs) in needs.enumerate() {
            for &need in needs {
                if let Some(list) = schedule.dependants.get_mut(need) {
                    list.push(task);
                }
            }
            if needs.is_empty() {
                schedule.ready.insert(task);
            }
            schedule.stages.push(if needs.is_empty() { Stage::Ready } else { Stage::Blocked });
            schedule.unmet.push(needs.len());
            schedule.dependants.push(Vec::new());
            schedule.n_open += 1;
        }
        schedule
    }

    /// Takes the next task that may run.
    pub(super) fn next(&mut self) -> Option<usize> {
        let task = self.ready.pop_first()?;
        self.set(task, Stage::Running);
        Some(task)
    }

    /// A task may run (again): an attempt failed, or who held it let go.
    pub(super) fn again(&mut self, task: usize) {
        self.held.remove(&task);
        self.ready.insert(task);
        self.set(task, Stage::Ready);
    }

    /// Another build makes what the task would.
    pub(super) fn hold(&mut self, task: usize) {
        self.held.insert(task);
        self.set(task, Stage::Held);
    }

    /// Tasks that other builds make.
    pub(super) fn held(&self) -> impl Iterator<Item = usize> {
        self.held.iter().copied()
    }

    /// What a task makes is there.
    pub(super) fn done(&mut self, task: usize) {
        self.end(task);
        for dependant in self.dependants.get(task).cloned().unwrap_or_default() {
            let Some(unmet) = self.unmet.get_mut(dependant) else { continue };
            *unmet = unmet.saturating_sub(1);
            if *unmet == 0 && self.stage(dependant) == Stage::Blocked {
                self.again(dependant);
            }
        }
    }

    /// What a task makes will not be there; neither will what needs it, which is answered in order.
    pub(super) fn failed(&mut self, task: usize) -> Vec<Dropped> {
        self.end(task);
        let mut dropped = BTreeSet::new();
        let mut front = vec![task];
        while let Some(next) = front.pop() {
            for &dependant in self.dependants.get(next).into_iter().flatten() {
                if self.stage(dependant) == Stage::Blocked && dropped.insert(dependant) {
                    front.push(dependant);
                }
            }
        }
        for &task in &dropped {
            self.end(task);
        }
        let because = Some(task);
        dropped.into_iter().map(|task| Dropped { task, needs_failed: because }).collect()
    }

    /// Nothing more is to be started: all tasks that do not run are dropped.
    pub(super) fn give_up(&mut self) -> Vec<Dropped> {
        let waits = |stage| matches!(stage, Stage::Blocked | Stage::Ready | Stage::Held);
        let dropped: Vec<usize> =
            (0..self.stages.len()).filter(|&task| waits(self.stage(task))).collect();
        for &task in &dropped {
            self.end(task);
        }
        dropped.into_iter().map(|task| Dropped { task, needs_failed: None }).collect()
    }

    /// Whether nothing is left to do.
    pub(super) fn is_over(&self) -> bool {
        self.n_open == 0
    }

    fn stage(&self, task: usize) -> Stage {
        self.stages.get(task).copied().unwrap_or(Stage::Over)
    }

    fn set(&mut self, task: usize, stage: Stage) {
        if let Some(slot) = self.stages.get_mut(task) {
            *slot = stage;
        }
    }

    fn end(&mut self, task: usize) {
        self.ready.remove(&task);
        self.held.remove(&task);
        if self.stage(task) != Stage::Over {
            self.n_open -= 1;
        }
        self.set(task, Stage::Over);
    }
}

#[cfg(test)]
mod tests;
