//! How far a pipeline has come, when events are not written in the order in which they are stored: the
//! lowest place that is not done, and what is done above it. A checkpoint that held one number would
//! pass events that still wait for their turn, and a crash would lose them.

use std::collections::BTreeSet;

/// What is done: everything below `low`, and what `above` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The lowest place that is not done.
    pub low: u64,
    /// Places above it that are done; never `low` itself.
    pub above: BTreeSet<u64>,
}

impl Progress {
    /// Whether `place` is done, so that it must not be done again.
    pub fn is_done(&self, place: u64) -> bool {
        place < self.low || self.above.contains(&place)
    }
}

/// Counts the places of a source that were handed out and those that are done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acknowledger {
    progress: Progress,
    /// The first place that was not handed out.
    next: u64,
    /// Places that were handed out and are not done.
    waiting: BTreeSet<u64>,
}

impl Acknowledger {
    /// Goes on where `progress` ends; what it lists as done is not handed out again.
    pub fn resume(progress: Progress) -> Self {
        Acknowledger { next: progress.low, waiting: BTreeSet::new(), progress }
    }

    /// Hands out the next place; `None` if it is done already and has to be passed over.
    pub fn take(&mut self) -> Option<u64> {
        let place = self.next;
        self.next += 1;
        if self.progress.is_done(place) {
            return None;
        }
        self.waiting.insert(place);
        Some(place)
    }

    /// `place` is done: written where it belongs, or put among the dead letters. What was not handed out,
    /// or is done, changes nothing.
    pub fn done(&mut self, place: u64) {
        if self.waiting.remove(&place) {
            self.progress.above.insert(place);
        }
        while self.progress.above.remove(&self.progress.low) {
            self.progress.low += 1;
        }
    }

    /// What may be written down now: nothing in it is still waiting.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Places that were handed out and are not done.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests;
