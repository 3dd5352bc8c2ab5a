//! How far a pipeline has come, when events are not written in the order in which they are stored: the
//! lowest place that is not done, and what is done above it. A checkpoint that held one number would
//! pass events that still wait for their turn, and a crash would lose them.

use std::collections::VecDeque;

/// What is done: everything below `low`, and what `above` lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The lowest place that is not done.
    pub low: u64,
    /// What is done above it, in order: from one place to another, both included. Never `low` itself.
    pub above: Vec<(u64, u64)>,
}

impl Progress {
    /// Everything below `low`, and the places of `above`, which come in order.
    pub fn new(low: u64, above: impl IntoIterator<Item = u64>) -> Progress {
        let mut progress = Progress { low, above: Vec::new() };
        for place in above {
            match progress.above.last_mut() {
                Some((_, to)) if *to + 1 == place => *to = place,
                Some(_) | None => progress.above.push((place, place)),
            }
        }
        progress
    }

    /// Whether `place` is done, so that it must not be done again.
    pub fn is_done(&self, place: u64) -> bool {
        let after = self.above.partition_point(|(from, _)| *from <= place);
        let within = after.checked_sub(1).and_then(|n| self.above.get(n));
        place < self.low || within.is_some_and(|(_, to)| place <= *to)
    }
}

/// What is known of a place at or above the lowest that is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It did not come yet.
    Awaited,
    /// It was handed out.
    Waiting,
    Done,
}

/// Counts the places of a source that were handed out and those that are done. Places are gapless, and may
/// come in any order: what did not come yet is not done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acknowledger {
    /// The lowest place that is not done.
    low: u64,
    /// What is known from there on.
    places: VecDeque<Place>,
}

impl Acknowledger {
    /// Goes on where `progress` ends; what it lists as done is not handed out again.
    pub fn resume(progress: &Progress) -> Self {
        let mut acknowledger = Acknowledger { low: progress.low, places: VecDeque::new() };
        for (from, to) in &progress.above {
            acknowledger.skip(*from, (to + 1).saturating_sub(*from));
        }
        acknowledger
    }

    fn place(&mut self, place: u64) -> Option<&mut Place> {
        let index = usize::try_from(place.checked_sub(self.low)?).ok()?;
        if self.places.len() <= index {
            self.places.resize(index + 1, Place::Awaited);
        }
        self.places.get_mut(index)
    }

    /// Hands out `place`. `false` if it was handed out, or is done already, and has to be passed over.
    pub fn take(&mut self, place: u64) -> bool {
        let Some(place @ Place::Awaited) = self.place(place) else { return false };
        *place = Place::Waiting;
        true
    }

    /// `place` is done: written where it belongs, or put among the dead letters. What was not handed out,
    /// or is done, changes nothing.
    pub fn done(&mut self, place: u64) {
        if let Some(place @ Place::Waiting) = self.place(place) {
            *place = Place::Done;
            self.settle();
        }
    }

    /// The places from `from` on, `count` of them, are gone or known: they count as done, but for those
    /// that were handed out.
    pub fn skip(&mut self, from: u64, count: u64) {
        let end = from.saturating_add(count);
        if from <= self.low && self.places.is_empty() {
            self.low = self.low.max(end);
            return;
        }
        for place in from.max(self.low)..end {
            if let Some(place @ Place::Awaited) = self.place(place) {
                *place = Place::Done;
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        while self.places.front() == Some(&Place::Done) {
            self.places.pop_front();
            self.low += 1;
        }
    }

    /// The lowest place that is not done.
    pub fn low(&self) -> u64 {
        self.low
    }

    /// What may be written down now: nothing in it is still waiting.
    pub fn progress(&self) -> Progress {
        let places = (self.low..).zip(&self.places);
        let done = places.filter(|(_, it)| **it == Place::Done).map(|(place, _)| place);
        Progress::new(self.low, done)
    }

    /// Places that were handed out and are not done.
    pub fn waiting(&self) -> usize {
        self.places.iter().filter(|place| **place == Place::Waiting).count()
    }
}

#[cfg(test)]
mod tests;
