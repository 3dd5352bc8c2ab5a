//! The order in which processors get events: by event time, then run, then sequence number, over all
//! runs, in a bounded window. Nothing is ever held back for good, and nothing is dropped: what comes too
//! late for its place is given at once and says so.
//!
//! Time here is when entries were journalled, not when they are read. So what is replayed comes out as it
//! did the first time, and old runs are merged as fast as they can be read.
//!
//! Within a run the sequence number rules, whatever the clock says: an event counts as no earlier than
//! the one before it in its run, and no later than when it was journalled. One whose own clock disagrees
//! is marked, so a run with a wrong clock spoils nobody's order.

use databuild_model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Bounds of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLimits {
    /// Longest wait for events of other runs, in the time of the journal.
    pub window: Duration,
    /// Shortest wait, for a run that nobody has heard of yet; it is part of the window.
    pub settle: Duration,
    /// Most bytes held back; beyond it the earliest go.
    pub bytes_max: usize,
}

/// A run, by a number that whoever asks gives it.
pub type Source = u64;

/// One event that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting<T> {
    /// Its run.
    pub source: Source,
    /// Its number within the run.
    pub sequence: u64,
    /// What its clock says.
    pub time: Timestamp,
    /// When it was journalled.
    pub journalled: Timestamp,
    /// What it takes of the window.
    pub bytes: usize,
    /// The event itself.
    pub item: T,
}

/// One event whose turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered<T> {
    /// Its run.
    pub source: Source,
    /// Its number within the run.
    pub sequence: u64,
    /// Events with a later time may have come before it, or it is ahead of the clock.
    pub late: bool,
    /// The event itself.
    pub item: T,
}

/// By what events are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    time: Timestamp,
    source: Source,
    sequence: u64,
}

struct Held<T> {
    journalled: Timestamp,
    bytes: usize,
    /// Its own clock is not what it is sorted by.
    off: bool,
    item: T,
}

/// What is known of a run that may go on.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// No further event of it sorts before this.
    mark: Timestamp,
    /// When it last said something.
    journalled: Timestamp,
}

/// Holds events back until they can be given in order.
pub struct OrderWindow<T> {
    limits: OrderLimits,
    held: BTreeMap<Key, Held<T>>,
    /// The same events by when they have waited long enough.
    due: BTreeSet<(Timestamp, Key)>,
    bytes: usize,
    /// Runs that may go on.
    open: HashMap<Source, Seen>,
    /// The marks of those runs, the earliest first.
    marks: BTreeSet<(Timestamp, Source)>,
    now: Timestamp,
    /// The greatest key that was given.
    given: Option<Key>,
}

impl<T> OrderWindow<T> {
    /// An empty window.
    pub fn new(limits: OrderLimits) -> Self {
        OrderWindow {
            limits,
            held: BTreeMap::new(),
            due: BTreeSet::new(),
            bytes: 0,
            open: HashMap::new(),
            marks: BTreeSet::new(),
            now: Timestamp::MIN,
            given: None,
        }
    }

    /// Bytes that are held back.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Events that are held back.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is held back.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes an event. Those of one run come in the order of their sequence numbers.
    pub fn push(&mut self, event: Waiting<T>) {
        let Waiting { source, sequence, time, journalled, bytes, item } = event;
        self.now = self.now.max(journalled);
        let before = self.open.get(&source).map_or(Timestamp::MIN, |seen| seen.mark);
        // Not after it was journalled: a clock that is ahead must not make everybody else late. Not
        // before what its run said last: there the sequence number rules.
        let sorted_by = time.min(journalled).max(before);
        self.see(source, Seen { mark: sorted_by, journalled });
        let key = Key { time: sorted_by, source, sequence };
        let held = Held { journalled, bytes, off: sorted_by != time, item };
        self.bytes += bytes;
        self.due.insert((journalled.saturating_add(self.limits.window), key));
        self.held.insert(key, held);
    }

    /// A run has nothing more to say, so nobody waits for it.
    pub fn end(&mut self, source: Source) {
        if let Some(seen) = self.open.remove(&source) {
            self.marks.remove(&(seen.mark, source));
        }
    }

    /// The journal has nothing before `now` that was not pushed.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// When the next event will have waited long enough, if nothing else happens.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next event whose turn has come.
    pub fn pop(&mut self) -> Option<Ordered<T>> {
        let (key, held) = self.held.first_key_value()?;
        let waited = self.due.first().is_some_and(|(due, _)| *due <= self.now);
        let full = self.limits.bytes_max < self.bytes;
        let settled = held.journalled.saturating_add(self.limits.settle) <= self.now;
        let safe = waited || full || settled && self.nobody_sorts_before(*key, held.journalled);
        if safe { self.give() } else { None }
    }

    /// The next event, whether or not its turn has come; for the end.
    pub fn give(&mut self) -> Option<Ordered<T>> {
        let (key, held) = self.held.pop_first()?;
        self.due.remove(&(held.journalled.saturating_add(self.limits.window), key));
        self.bytes -= held.bytes;
        let after = self.given.is_some_and(|given| key < given);
        self.given = self.given.max(Some(key));
        let Key { source, sequence, .. } = key;
        Some(Ordered { source, sequence, late: held.off || after, item: held.item })
    }

    fn see(&mut self, source: Source, seen: Seen) {
        if let Some(before) = self.open.insert(source, seen) {
            self.marks.remove(&(before.mark, source));
        }
        self.marks.insert((seen.mark, source));
    }

    /// Whether every run that may go on has said something at or after `key`; of its own run what comes
    /// is later in any case. Runs that were silent for a whole window are not waited for: theirs would
    /// be late.
    fn nobody_sorts_before(&self, key: Key, journalled: Timestamp) -> bool {
        let silent = journalled.saturating_sub(self.limits.window);
        self.marks
            .iter()
            .take_while(|(mark, source)| (*mark, *source) < (key.time, key.source))
            .filter(|(_, source)| *source != key.source)
            .all(|(_, source)| self.open.get(source).is_none_or(|seen| seen.journalled < silent))
    }
}

#[cfg(test)]
mod tests;
