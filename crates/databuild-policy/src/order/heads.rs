//! The first events of the queues, the first of all on top: a heap of numbers. What decides where times are
//! equal is asked of whoever has it, so that nothing is counted or copied for each event.

use super::Slot;
use databuild_model::time::Timestamp;

/// By what the first event of a queue is sorted, and which queue it is.
pub(super) type Head = (Timestamp, Slot);

/// A heap. `before` of its methods is always the same order, in which no two heads are equal.
#[derive(Debug, Default)]
pub(super) struct Heads(Vec<Head>);

impl Heads {
    pub(super) fn first(&self) -> Option<Head> {
        self.0.first().copied()
    }

    pub(super) fn push(&mut self, head: Head, before: impl Fn(Head, Head) -> bool) {
        self.0.push(head);
        self.raise(self.0.len() - 1, head, before);
    }

    pub(super) fn pop(&mut self, before: impl Fn(Head, Head) -> bool) -> Option<Head> {
        let last = self.0.pop()?;
        if self.0.is_empty() { Some(last) } else { Some(self.replace_first(last, before)) }
    }

    /// Takes the first, and puts `head` in; of an empty heap the first is `head` itself.
    pub(super) fn replace_first(
        &mut self,
        head: Head,
        before: impl Fn(Head, Head) -> bool,
    ) -> Head {
        let Some(first) = self.first() else { return head };
        // The hole goes down to the end first, and what fills it up again: most heads belong near the end, as
        // what a run says next comes after what others have said already.
        let mut hole = 0;
        loop {
            let left = 2 * hole + 1;
            let (below, child) = match (self.0.get(left).copied(), self.0.get(left + 1).copied()) {
                (Some(one), Some(other)) if before(other, one) => (left + 1, other),
                (Some(one), _) => (left, one),
                (None, _) => break,
            };
            self.set(hole, child);
            hole = below;
        }
        self.set(hole, head);
        self.raise(hole, head, before);
        first
    }

    fn set(&mut self, at: usize, head: Head) {
        if let Some(place) = self.0.get_mut(at) {
            *place = head;
        }
    }

    /// Moves `head`, which stands at `at`, up to where it belongs.
    fn raise(&mut self, mut at: usize, head: Head, before: impl Fn(Head, Head) -> bool) {
        while at != 0 {
            let above = (at - 1) / 2;
            if !self.0.get(above).is_some_and(|it| before(head, *it)) {
                break;
            }
            self.0.swap(at, above);
            at = above;
        }
    }
}
