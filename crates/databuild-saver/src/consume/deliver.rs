//! Which event has which position, until it is done. Positions count on from 1.

use databuild_plugin::processor::Done;
use std::collections::VecDeque;

/// Events that were given and are not done.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// The position of the first of them.
    first: u64,
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct Event {
    source: usize,
    place: u64,
    done: bool,
}

impl Delivered {
    /// An event is given; its position.
    pub(super) fn push(&mut self, source: usize, place: u64) -> u64 {
        self.events.push_back(Event { source, place, done: false });
        self.first.max(1) + self.events.len() as u64 - 1
    }

    /// The source and the place of an event.
    pub(super) fn get(&self, position: u64) -> Option<(usize, u64)> {
        let event = self.events.get(self.index(position)?)?;
        Some((event.source, event.place))
    }

    fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.first.max(1))?).ok()
    }

    /// Calls `each` with what becomes done.
    pub(super) fn done(&mut self, done: Done<'_>, mut each: impl FnMut(usize, u64)) {
        let mut finish = |event: &mut Event| {
            if !event.done {
                event.done = true;
                each(event.source, event.place);
            }
        };
        match done {
            Done::AsBefore => {}
            Done::Upto(position) => {
                let count = self.index(position).map_or(0, |index| index + 1);
                self.events.iter_mut().take(count).for_each(finish);
            }
            Done::These(positions) => {
                for position in positions {
                    let index = self.index(*position);
                    if let Some(event) = index.and_then(|index| self.events.get_mut(index)) {
                        finish(event);
                    }
                }
            }
        }
        self.first = self.first.max(1);
        while self.events.front().is_some_and(|event| event.done) {
            self.events.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_on_whatever_is_done_first() {
        let mut delivered = Delivered::default();
        let positions: Vec<u64> = (10..15).map(|place| delivered.push(0, place)).collect();
        assert_eq!(positions, [1, 2, 3, 4, 5]);
        let mut seen = Vec::new();
        for done in [Done::These(&[4, 2, 99]), Done::AsBefore, Done::Upto(3), Done::Upto(3)] {
            delivered.done(done, |_, place| seen.push(place));
        }
        assert_eq!(seen, [13, 11, 10, 12]);
        assert_eq!((delivered.get(5), delivered.get(4)), (Some((0, 14)), None));
        assert_eq!(delivered.push(0, 15), 6);
        delivered.done(Done::Upto(100), |_, place| seen.push(place));
        assert_eq!((seen.len(), delivered.push(0, 16)), (6, 7));
    }
}
