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
        let mut at = self.0.len() - 1;
        while at != 0 {
            let above = (at - 1) / 2;
            if !self.0.get(above).is_some_and(|it| before(head, *it)) {
                break;
            }
            self.0.swap(at, above);
            at = above;
        }
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
        let Some(top) = self.0.first_mut() else { return head };
        let first = std::mem::replace(top, head);
        let mut at = 0;
        loop {
            let left = 2 * at + 1;
            let (child, right) = (self.0.get(left).copied(), self.0.get(left + 1).copied());
            let Some(child) = child else { break };
            let (below, child) = match right {
                Some(right) if before(right, child) => (left + 1, right),
                Some(_) | None => (left, child),
            };
            if !before(child, head) {
                break;
            }
            self.0.swap(at, below);
            at = below;
        }
        first
    }
}
