//! What every log processor must do, whatever it is made of: one suite for all kinds. Tests of each kind
//! run it, and so does the command that tries out a plugin. Findings are values; nothing here panics.
//!
//! A kind describes itself as a [`Subject`]; each check gets a fresh one.

mod checks;
mod events;
mod recorder;

pub use events::{OwnedEvent, numbered};
pub use recorder::Recorder;

use crate::processor::{LogProcessor, Properties};
use databuild_model::clock::Clock;
use std::time::Duration;

/// How often an event may arrive where a processor puts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Once, whatever happens.
    ExactlyOnce,
    /// Again after a failure, but never less than once.
    AtLeastOnce,
}

/// A kind of processor, as a check sees it.
pub trait Subject {
    /// A processor over what earlier ones of the same subject left behind.
    fn processor(&mut self) -> Box<dyn LogProcessor>;

    /// What it is told when it starts.
    fn properties(&self) -> Properties;

    /// The messages that have arrived by now, in order, through all processors of this subject; `None`
    /// where that cannot be seen.
    fn arrived(&mut self) -> Option<Vec<String>>;

    /// How often an event may arrive.
    fn delivery(&self) -> Delivery;

    /// A message that it cannot process however often it is tried; `None` if there is none.
    fn poison(&self) -> Option<String>;

    /// A message at which it panics, or its process dies; `None` if there is none.
    fn breaking(&self) -> Option<String>;

    /// Longest time that it gets to end.
    fn deadline(&self) -> Duration;
}

/// One thing that every processor must do.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The claim.
    pub name: &'static str,
    needs: Needs,
    check: fn(&mut dyn Subject, &dyn Clock) -> Result<(), String>,
}

/// What a subject must offer for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Poison,
    Breaking,
}

impl Check {
    /// Whether there is something to be asked of this subject.
    pub fn applies(&self, subject: &dyn Subject) -> bool {
        match self.needs {
            Needs::Nothing => true,
            Needs::Poison => subject.poison().is_some(),
            Needs::Breaking => subject.breaking().is_some(),
        }
    }

    /// Says what is not as claimed. `subject` is fresh.
    pub fn run(&self, subject: &mut dyn Subject, clock: &dyn Clock) -> Result<(), String> {
        (self.check)(subject, clock)
    }
}

/// Every check, the simple ones first.
pub fn checks() -> &'static [Check] {
    checks::ALL
}

/// Runs every check on a fresh subject, and tells each claim that does not hold.
pub fn broken(clock: &dyn Clock, mut fresh: impl FnMut() -> Box<dyn Subject>) -> Vec<String> {
    let verdict = |check: &Check, verdict: Result<(), String>| {
        verdict.err().map(|what| format!("{}: {what}", check.name))
    };
    checks().iter().filter_map(|check| verdict(check, check.run(fresh().as_mut(), clock))).collect()
}

#[cfg(test)]
mod tests;
