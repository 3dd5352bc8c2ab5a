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
            progress.push(place, place.checked_sub(1));
        }
        progress
    }

    /// Adds `place`, which is greater than all; `before` is the one before it.
    fn push(&mut self, place: u64, before: Option<u64>) {
        match self.above.last_mut() {
            Some((_, to)) if Some(*to) == before => *to = place,
            Some(_) | None => self.above.push((place, place)),
        }
    }

    /// Whether `place` is done, so that it must not be done again.
    pub fn is_done(&self, place: u64) -> bool {
        let after = self.above.partition_point(|(from, _)| *from <= place);
        let within = after.checked_sub(1).and_then(|n| self.above.get(n));
        place < self.low || within.is_some_and(|(_, to)| place <= *to)
    }
}

/// Counts the places of a source that were handed out and those that are done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acknowledger {
    /// What was done before this began.
    resumed: Progress,
    /// From the lowest place that is not done on, each that was handed out, and whether it is done.
    places: VecDeque<(u64, bool)>,
    /// The first place that was not handed out.
    next: u64,
    /// Places that were handed out and are not done.
    waiting: usize,
}

impl Acknowledger {
    /// Goes on where `progress` ends; what it lists as done is not handed out again.
    pub fn resume(progress: Progress) -> Self {
        let next = progress.low;
        Acknowledger { resumed: progress, places: VecDeque::new(), next, waiting: 0 }
    }

    /// Hands out `place`. `false` if it was handed out, or is done already, and has to be passed over.
    /// Places come in order; some numbers may be none.
    pub fn take(&mut self, place: u64) -> bool {
        if place < self.next {
            return false;
        }
        self.next = place + 1;
        let done = self.resumed.is_done(place);
        if !done || !self.places.is_empty() {
            self.places.push_back((place, done));
        }
        self.waiting += usize::from(!done);
        !done
    }

    /// `place` is done: written where it belongs, or put among the dead letters. What was not handed out,
    /// or is done, changes nothing.
    pub fn done(&mut self, place: u64) {
        let Some((first, _)) = self.places.front() else { return };
        // Where it is if no number is missing; numbers that are missing put it before that.
        let guess = usize::try_from(place.saturating_sub(*first)).unwrap_or(usize::MAX);
        let at = match self.places.get(guess) {
            Some((found, _)) if *found == place => Ok(guess),
            Some(_) | None => self.places.binary_search_by_key(&place, |(place, _)| *place),
        };
        let Some((_, done @ false)) = at.ok().and_then(|at| self.places.get_mut(at)) else {
            return;
        };
        *done = true;
        self.waiting -= 1;
        while self.places.front().is_some_and(|(_, done)| *done) {
            self.places.pop_front();
        }
    }

    /// The places from `from` on, `count` of them, are gone or known: they count as done.
    pub fn skip(&mut self, from: u64, count: u64) {
        let end = from.saturating_add(count);
        let Some(last) = end.checked_sub(1).filter(|last| self.next <= *last) else { return };
        self.next = end;
        // What is between two places is no place, so the last one stands for all.
        if !self.places.is_empty() {
            self.places.push_back((last, true));
        }
    }

    /// The lowest place that is not done.
    pub fn low(&self) -> u64 {
        self.places.front().map_or(self.next, |(place, _)| *place)
    }

    /// What may be written down now: nothing in it is still waiting.
    pub fn progress(&self) -> Progress {
        let mut progress = Progress { low: self.low(), above: Vec::new() };
        let mut before = None;
        for (place, done) in &self.places {
            if *done {
                progress.push(*place, before);
            }
            before = Some(*place);
        }
        // What was done before and is not handed out yet.
        let later = self.resumed.above.iter().filter(|(_, to)| self.next <= *to);
        for (from, to) in later {
            let from = (*from).max(self.next);
            if from == progress.low {
                progress.low = to + 1;
            } else {
                progress.above.push((from, *to));
            }
        }
        progress
    }

    /// Places that were handed out and are not done.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The first place that was not handed out.
    pub fn next(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests;
