//! The runs that a pipeline knows: those that may go on, and those of which something is not done.

use crate::event::{Line, RunFacts};
use databuild_model::scan::Scanner;
use databuild_policy::acknowledge::{Acknowledger, Progress};
use databuild_policy::order::{OrderWindow, Slot};
use std::collections::HashMap;
use std::sync::Arc;

/// A run.
pub(super) struct Source {
    pub(super) name: Arc<str>,
    /// Its place in the window.
    pub(super) slot: Slot,
    /// What its first line said.
    pub(super) facts: Option<Arc<RunFacts>>,
    /// Whether the pipeline takes anything of it; not known before its first line.
    pub(super) selected: Option<bool>,
    pub(super) scanner: Scanner,
    pub(super) acknowledger: Acknowledger,
    /// Batches of which not everything is done, or that wait behind such.
    pub(super) open_batches: usize,
    pub(super) ended: bool,
}

/// All runs.
#[derive(Default)]
pub(super) struct Sources {
    all: Vec<Option<Source>>,
    free: Vec<usize>,
    by_name: HashMap<Arc<str>, usize>,
    by_slot: Vec<Option<usize>>,
    /// What the checkpoint knew of runs that were not met yet.
    resumed: HashMap<Arc<str>, Progress>,
}

impl Sources {
    /// Remembers how far a run was.
    pub(super) fn resume(&mut self, name: Arc<str>, progress: Progress) {
        self.resumed.insert(name, progress);
    }

    /// Whether the run was met, or the checkpoint knew of it.
    pub(super) fn knows(&self, name: &Arc<str>) -> bool {
        self.by_name.contains_key(name) || self.resumed.contains_key(name)
    }

    /// The number of a run, which is met now at the latest.
    /// `first` is its first place if nothing is known of it.
    pub(super) fn get(
        &mut self,
        name: &Arc<str>,
        first: u64,
        window: &mut OrderWindow<Line>,
    ) -> usize {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let new = Progress { low: first, above: Vec::new() };
        let progress = self.resumed.remove(name).unwrap_or(new);
        let slot = window.open(Arc::clone(name));
        let source = Source::new(Arc::clone(name), slot, progress);
        let number = self.free.pop().unwrap_or(self.all.len());
        match self.all.get_mut(number) {
            Some(place) => *place = Some(source),
            None => self.all.push(Some(source)),
        }
        self.by_name.insert(Arc::clone(name), number);
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, None);
        }
        if let Some(place) = self.by_slot.get_mut(slot) {
            *place = Some(number);
        }
        number
    }

    /// A run, to be changed.
    pub(super) fn at(&mut self, number: usize) -> Option<&mut Source> {
        self.all.get_mut(number)?.as_mut()
    }

    /// A run.
    pub(super) fn peek(&self, number: usize) -> Option<&Source> {
        self.all.get(number)?.as_ref()
    }

    /// The run that has this place in the window, or had it when its last event was there.
    pub(super) fn of_slot(&self, slot: Slot) -> Option<(usize, Arc<RunFacts>)> {
        let number = self.by_slot.get(slot).copied().flatten()?;
        Some((number, Arc::clone(self.peek(number)?.facts.as_ref()?)))
    }

    /// Nothing more will come of the run.
    pub(super) fn end(&mut self, number: usize, window: &mut OrderWindow<Line>) {
        if let Some(source) = self.at(number)
            && !source.ended
        {
            source.ended = true;
            let slot = source.slot;
            window.end(slot);
        }
    }

    /// Forgets a run that has ended and of which everything is done.
    pub(super) fn release(&mut self, number: usize) {
        let is_over = |it: &Source| it.ended && it.open_batches == 0;
        if let Some(place) = self.all.get_mut(number)
            && let Some(source) = place.take_if(|it| is_over(it))
        {
            self.by_name.remove(&source.name);
            self.free.push(number);
        }
    }

    /// How far each run is.
    pub(super) fn progress(&self) -> impl Iterator<Item = (String, Progress)> {
        let met = self.all.iter().flatten();
        let met = met.map(|it| (it.name.to_string(), it.acknowledger.progress()));
        let not_met = self.resumed.iter().map(|(name, it)| (name.to_string(), it.clone()));
        met.chain(not_met)
    }
}
