//! What becomes of a pipeline that fails: tried again ever more slowly; after too many failures within a
//! while the circuit opens, and one event is tried now and then until it passes; or it stops.

use crate::backoff::Backoff;
use databuild_model::time::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// How many failures within how long are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorBudget {
    /// So many failures.
    pub stop_after: u32,
    /// Within this time.
    pub within: Duration,
}

/// What is done when they are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhenSpent {
    /// The circuit opens.
    Open,
    /// It stops until somebody says otherwise.
    Stop,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again at this time, with as much as usual.
    RetryAt(Timestamp),
    /// Try again at this time, with one event.
    ProbeAt(Timestamp),
    /// Do nothing more.
    Stop,
}

/// The failures of a pipeline.
#[derive(Debug, Clone)]
pub struct Circuit {
    budget: ErrorBudget,
    when_spent: WhenSpent,
    /// Those within the time of the budget, the oldest first.
    recent: VecDeque<Timestamp>,
    /// In a row, without anything done in between.
    in_a_row: u32,
    is_open: bool,
}

/// Waits between tries while the circuit is closed.
const RETRY: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(10) };
/// Waits between tries while it is open: seldom enough to leave whatever is broken alone, often enough that
/// a person who has mended it sees it go on.
const PROBE: Backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_secs(60) };

impl Circuit {
    /// A pipeline that has not failed.
    pub fn new(budget: ErrorBudget, when_spent: WhenSpent) -> Circuit {
        Circuit { budget, when_spent, recent: VecDeque::new(), in_a_row: 0, is_open: false }
    }

    /// It failed at `now`.
    pub fn failed(&mut self, now: Timestamp) -> Verdict {
        let since = now.saturating_sub(self.budget.within);
        self.recent.retain(|failure| since <= *failure && *failure <= now);
        self.recent.push_back(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let spent =
            usize::try_from(self.budget.stop_after).is_ok_and(|max| max <= self.recent.len());
        if spent && !self.is_open {
            if self.when_spent == WhenSpent::Stop {
                return Verdict::Stop;
            }
            self.is_open = true;
            self.in_a_row = 1;
        }
        if self.is_open {
            Verdict::ProbeAt(now.saturating_add(PROBE.wait(self.in_a_row)))
        } else {
            Verdict::RetryAt(now.saturating_add(RETRY.wait(self.in_a_row)))
        }
    }

    /// Something was done, and is recorded.
    pub fn succeeded(&mut self) {
        self.in_a_row = 0;
        if self.is_open {
            self.is_open = false;
            self.recent.clear();
        }
    }

    /// Whether one event is tried at a time.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Failures within the time of the budget, and how many are too many.
    pub fn spent(&self) -> (usize, u32) {
        (self.recent.len(), self.budget.stop_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// `f10` fails at second 10, `ok` succeeds.
    fn check(when_spent: WhenSpent, text: &str, expected: Expect) {
        let budget = ErrorBudget { stop_after: 3, within: Duration::from_secs(60) };
        let mut circuit = Circuit::new(budget, when_spent);
        let second = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
        let show = |word: &str| match word.strip_prefix('f') {
            None => {
                circuit.succeeded();
                "ok".to_owned()
            }
            Some(at) => {
                let now = second(at.parse().unwrap());
                match circuit.failed(now) {
                    Verdict::RetryAt(at) => format!("{word}: retry in {:?}", at.since(now)),
                    Verdict::ProbeAt(at) => format!("{word}: probe in {:?}", at.since(now)),
                    Verdict::Stop => format!("{word}: stop"),
                }
            }
        };
        expected.assert_eq(&text.split(' ').map(show).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn few_failures_are_tried_again_ever_more_slowly() {
        check(
            WhenSpent::Open,
            "f0 f1 ok f100 f200 f300",
            expect![[r#"
                f0: retry in 100ms
                f1: retry in 200ms
                ok
                f100: retry in 100ms
                f200: retry in 200ms
                f300: retry in 400ms"#]],
        );
    }

    #[test]
    fn too_many_open_the_circuit_until_one_event_passes() {
        check(
            WhenSpent::Open,
            "f0 f1 f2 f7 f17 ok f18",
            expect![[r#"
                f0: retry in 100ms
                f1: retry in 200ms
                f2: probe in 5s
                f7: probe in 10s
                f17: probe in 20s
                ok
                f18: retry in 100ms"#]],
        );
    }

    #[test]
    fn too_many_stop_it_if_that_is_wanted() {
        check(
            WhenSpent::Stop,
            "f0 ok f1 f2",
            expect![[r#"
            f0: retry in 100ms
            ok
            f1: retry in 100ms
            f2: stop"#]],
        );
    }
}
