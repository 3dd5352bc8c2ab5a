//! The order in which processors get events: by event time, then run, then sequence number, over all
//! runs, in a bounded window. Nothing is ever held back for good, and nothing is dropped: what comes too
//! late for its place is given at once and says so.
//!
//! Time here is when entries were journalled, not when they are read. So what is replayed comes out as it
//! did the first time, and old runs are merged as fast as they can be read.
//!
//! Within a run the sequence number rules, whatever the clock says: an event counts as no earlier than
//! the one before it in its run, and no later than when it was journalled. One whose own clock disagrees
//! is marked, so a run with a wrong clock spoils nobody's order. So what waits of a run is a queue that is
//! sorted already, and giving the next event is a choice between the first ones of the queues.

mod heads;

use databuild_model::time::Timestamp;
use heads::{Head, Heads};
use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
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

/// A run, by the number that [`OrderWindow::open`] gave it.
pub type Slot = usize;

/// One event that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting<T> {
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
    pub slot: Slot,
    /// Its number within the run.
    pub sequence: u64,
    /// Events with a later time may have come before it, or it is ahead of the clock.
    pub late: bool,
    /// The event itself.
    pub item: T,
}

struct Held<T> {
    sorted_by: Timestamp,
    sequence: u64,
    journalled: Timestamp,
    bytes: usize,
    /// Its own clock is not what it is sorted by.
    off: bool,
    item: T,
}

/// What waits of a run, and what is known of it.
struct Queue<T> {
    name: Arc<str>,
    held: VecDeque<Held<T>>,
    /// No further event of it sorts before this.
    mark: Timestamp,
    /// When it last said something.
    journalled: Timestamp,
    ended: bool,
}

/// Holds events back until they can be given in order.
pub struct OrderWindow<T> {
    limits: OrderLimits,
    queues: Vec<Option<Queue<T>>>,
    free: Vec<Slot>,
    /// The queue that the last event came from, if its next one may be the next of all. Its head is not
    /// among `heads`: as long as one run speaks, nothing is sorted.
    current: Option<Slot>,
    heads: Heads,
    /// When the first event of each queue was journalled.
    oldest: BTreeSet<(Timestamp, Slot)>,
    /// When the first of these will have waited long enough.
    next_due: Option<Timestamp>,
    /// Runs that may go on, of which nothing waits, by their marks; but for those that were silent for a
    /// whole window, which nobody waits for: theirs would be late.
    awaited: BTreeSet<(Timestamp, Arc<str>, Slot)>,
    /// The same runs by when they last said something.
    silent_at: BTreeSet<(Timestamp, Slot)>,
    events: usize,
    bytes: usize,
    now: Timestamp,
    /// The greatest key that was given.
    given: Option<Given>,
}

/// A key: its queue stands for the name of its run.
struct Given {
    time: Timestamp,
    slot: Slot,
    sequence: u64,
    /// The name, once the queue is gone.
    name: Option<Arc<str>>,
}

/// Whether one head comes before another: by time, then by the name of the run.
fn is_before<T>(queues: &[Option<Queue<T>>], one: Head, other: Head) -> bool {
    let name = |slot: Slot| queues.get(slot).and_then(Option::as_ref).map(|queue| &queue.name);
    match one.0.cmp(&other.0) {
        Ordering::Less => true,
        Ordering::Greater => false,
        Ordering::Equal => (name(one.1), one.1) < (name(other.1), other.1),
    }
}

impl<T> OrderWindow<T> {
    /// An empty window.
    pub fn new(limits: OrderLimits) -> Self {
        OrderWindow {
            limits,
            queues: Vec::new(),
            free: Vec::new(),
            current: None,
            heads: Heads::default(),
            oldest: BTreeSet::new(),
            next_due: None,
            awaited: BTreeSet::new(),
            silent_at: BTreeSet::new(),
            events: 0,
            bytes: 0,
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
        self.events
    }

    /// Whether none is held back.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// A run begins, or is met for the first time. Nobody waits for it before it says something.
    pub fn open(&mut self, name: Arc<str>) -> Slot {
        let queue = Queue {
            name,
            held: VecDeque::new(),
            mark: Timestamp::MIN,
            journalled: Timestamp::MIN,
            ended: false,
        };
        let slot = self.free.pop().unwrap_or(self.queues.len());
        match self.queues.get_mut(slot) {
            Some(place) => *place = Some(queue),
            None => self.queues.push(Some(queue)),
        }
        slot
    }

    /// Takes an event of a run that is open. Those of one run come in the order of their sequence numbers.
    pub fn push(&mut self, slot: Slot, event: Waiting<T>) {
        let Waiting { sequence, time, journalled, bytes, item } = event;
        self.advance(journalled);
        let Some(queue) = self.queues.get_mut(slot).and_then(Option::as_mut) else { return };
        let is_first = queue.held.is_empty();
        // Not after it was journalled: a clock that is ahead must not make everybody else late. Not
        // before what its run said last: there the sequence number rules.
        let sorted_by = time.min(journalled).max(queue.mark);
        if is_first {
            self.awaited.remove(&(queue.mark, Arc::clone(&queue.name), slot));
            self.silent_at.remove(&(queue.journalled, slot));
        }
        queue.mark = sorted_by;
        queue.journalled = journalled;
        let off = sorted_by != time;
        queue.held.push_back(Held { sorted_by, sequence, journalled, bytes, off, item });
        self.bytes += bytes;
        self.events += 1;
        if is_first {
            let queues = &self.queues;
            self.heads.push((sorted_by, slot), |one, other| is_before(queues, one, other));
            self.oldest.insert((journalled, slot));
            self.oldest_changed();
        }
    }

    fn oldest_changed(&mut self) {
        let first = self.oldest.first();
        self.next_due = first.map(|(journalled, _)| journalled.saturating_add(self.limits.window));
    }

    /// A run has nothing more to say, so nobody waits for it.
    pub fn end(&mut self, slot: Slot) {
        let Some(place) = self.queues.get_mut(slot) else { return };
        let Some(queue) = place else { return };
        queue.ended = true;
        if queue.held.is_empty() {
            self.awaited.remove(&(queue.mark, Arc::clone(&queue.name), slot));
            self.silent_at.remove(&(queue.journalled, slot));
            self.close(slot);
        }
    }

    /// Forgets a queue, of which nothing waits. What was given last keeps its name.
    fn close(&mut self, slot: Slot) {
        let queue = self.queues.get_mut(slot).and_then(Option::take);
        if let (Some(given), Some(queue)) = (&mut self.given, queue)
            && given.slot == slot
            && given.name.is_none()
        {
            given.name = Some(queue.name);
        }
        self.free.push(slot);
    }

    /// The journal has nothing before `now` that was not pushed.
    pub fn advance(&mut self, now: Timestamp) {
        if now <= self.now {
            return;
        }
        self.now = now;
        let silent = now.saturating_sub(self.limits.window);
        while let Some((journalled, slot)) = self.silent_at.first().copied()
            && journalled < silent
        {
            self.silent_at.pop_first();
            if let Some(Some(queue)) = self.queues.get(slot) {
                self.awaited.remove(&(queue.mark, Arc::clone(&queue.name), slot));
            }
        }
    }

    /// When the next event will have waited long enough, if nothing else happens.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.next_due
    }

    /// The next event whose turn has come.
    pub fn pop(&mut self) -> Option<Ordered<T>> {
        let slot = self.first()?;
        let queue = self.queues.get(slot)?.as_ref()?;
        let held = queue.held.front()?;
        let waited = self.next_due().is_some_and(|due| due <= self.now);
        // Whoever fills it stops when it is full, so what is exactly full has to give.
        let full = self.limits.bytes_max <= self.bytes;
        let settled = held.journalled.saturating_add(self.limits.settle) <= self.now;
        // Every run that may go on has said something at or after it; of its own run what comes is later
        // in any case.
        let nobody_before = || {
            let first = self.awaited.first();
            first.is_none_or(|(mark, name, _)| (held.sorted_by, &queue.name) <= (*mark, name))
        };
        let safe = waited || full || settled && nobody_before();
        if safe { self.give(slot) } else { None }
    }

    /// The next event, whether or not its turn has come; for the end.
    pub fn pop_any(&mut self) -> Option<Ordered<T>> {
        let slot = self.first()?;
        self.give(slot)
    }

    /// The queue whose first event is the first of all.
    fn first(&mut self) -> Option<Slot> {
        let queues = &self.queues;
        let before = |one: Head, other: Head| is_before(queues, one, other);
        if let Some(slot) = self.current
            && let Some(Some(queue)) = queues.get(slot)
            && let Some(held) = queue.held.front()
        {
            let own = (held.sorted_by, slot);
            if self.heads.first().is_some_and(|head| before(head, own)) {
                self.current = Some(self.heads.replace_first(own, before).1);
            }
        } else {
            self.current = self.heads.pop(before).map(|(_, slot)| slot);
        }
        self.current
    }

    /// Gives the first event of the current queue.
    fn give(&mut self, slot: Slot) -> Option<Ordered<T>> {
        let queue = self.queues.get_mut(slot)?.as_mut()?;
        let held = queue.held.pop_front()?;
        self.bytes -= held.bytes;
        self.events -= 1;
        let next = queue.held.front().map(|next| next.journalled);
        let (mark, journalled, ended) = (queue.mark, queue.journalled, queue.ended);
        if next != Some(held.journalled) {
            self.oldest.remove(&(held.journalled, slot));
            self.oldest.extend(next.map(|journalled| (journalled, slot)));
            self.oldest_changed();
        }
        let after = self.is_before_given(held.sorted_by, slot, held.sequence);
        if !after {
            let (time, sequence) = (held.sorted_by, held.sequence);
            self.given = Some(Given { time, slot, sequence, name: None });
        }
        if next.is_none() {
            self.current = None;
            if ended {
                self.close(slot);
            } else if self.now.saturating_sub(self.limits.window) <= journalled
                && let Some(Some(queue)) = self.queues.get(slot)
            {
                self.awaited.insert((mark, Arc::clone(&queue.name), slot));
                self.silent_at.insert((journalled, slot));
            }
        }
        Some(Ordered { slot, sequence: held.sequence, late: held.off || after, item: held.item })
    }

    /// Whether a key is less than what was given already.
    fn is_before_given(&self, time: Timestamp, slot: Slot, sequence: u64) -> bool {
        let Some(given) = &self.given else { return false };
        if time != given.time {
            return time < given.time;
        }
        let name = |slot: Slot| self.queues.get(slot)?.as_ref().map(|queue| &queue.name);
        let theirs = given.name.as_ref().or_else(|| name(given.slot));
        (name(slot), sequence) < (theirs, given.sequence)
    }
}

#[cfg(test)]
mod tests;
