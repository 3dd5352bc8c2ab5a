//! What a program must do to be a plugin: the suite of all log processors, and what only the protocol can
//! show. `databuild plugin test` runs it on programs of others. Findings are values.

mod claims;
mod talk;

use super::{Confiner, PluginProcess, ProcessSettings};
use crate::contract::{self, Delivery, Subject};
use crate::processor::{LogProcessor, Properties};
use databuild_model::clock::Clock;
use databuild_model::plugin_frame::About;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How much of what a program complains about stands beside a finding.
const COMPLAINTS_MAX: usize = 10;

/// A program that is tried out.
pub struct Conformance {
    /// The program and its limits.
    pub settings: ProcessSettings,
    /// How it is started.
    pub confiner: Confiner,
    /// What it is told when it starts.
    pub properties: Properties,
    /// Real time.
    pub clock: Arc<dyn Clock>,
}

/// Whether a claim holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The claim.
    pub claim: &'static str,
    /// Why it does not hold; `None` if it does.
    pub problem: Option<String>,
    /// What the program said on standard error meanwhile, the last lines.
    pub complaints: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// The last lines of what programs complain about.
#[derive(Debug, Clone, Default)]
struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn sink(&self) -> super::Complaints {
        let tail = self.clone();
        Box::new(move |line| {
            let mut lines = tail.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == COMPLAINTS_MAX {
                lines.pop_front();
            }
            lines.push_back(String::from_utf8_lossy(line).into_owned());
        })
    }

    fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

impl Conformance {
    /// What the program says of itself.
    pub fn about(&self) -> Result<About, String> {
        talk::Talk::begin(self, Tail::default().sink())?.greet()
    }

    /// Every finding in turn, each on processes of its own. Ends early when not even the first claim holds.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + '_ {
        let protocol = claims::ALL.iter().map(|(claim, check)| (*claim, Way::Protocol(*check)));
        let program = Program { of: self, tail: Tail::default() };
        let contract = contract::checks()
            .iter()
            .filter(move |check| check.applies(&program))
            .map(|check| (seen_as(check.name), Way::Contract(check)));
        let mut hopeless = false;
        protocol.chain(contract).map_while(move |(claim, way)| {
            if hopeless {
                return None;
            }
            let finding = self.find(claim, &way);
            hopeless = claim == claims::FIRST && finding.problem.is_some();
            Some(finding)
        })
    }

    fn find(&self, claim: &'static str, way: &Way) -> Finding {
        let tail = Tail::default();
        let begun = self.clock.mono();
        let verdict = match way {
            Way::Protocol(check) => check(self, &tail),
            Way::Contract(check) => {
                let mut program = Program { of: self, tail: tail.clone() };
                check.run(&mut program, self.clock.as_ref())
            }
        };
        Finding {
            claim,
            problem: verdict.err(),
            complaints: tail.take(),
            took: self.clock.mono().saturating_sub(begun),
        }
    }
}

enum Way {
    Protocol(claims::Check),
    Contract(&'static contract::Check),
}

/// A claim of the suite as far as acknowledgements can show it.
fn seen_as(claim: &'static str) -> &'static str {
    if claim == "order is kept" { "acknowledgements keep the order" } else { claim }
}

/// The program as a subject of the suite. What it does with events is its own business, so only what it
/// acknowledges can be seen.
struct Program<'a> {
    of: &'a Conformance,
    tail: Tail,
}

impl Subject for Program<'_> {
    fn processor(&mut self) -> Box<dyn LogProcessor> {
        let Conformance { settings, confiner, clock, .. } = self.of;
        let (settings, confiner) = (settings.clone(), confiner.clone());
        Box::new(PluginProcess::new(settings, confiner, Arc::clone(clock), self.tail.sink()))
    }

    fn properties(&self) -> Properties {
        self.of.properties.clone()
    }

    fn arrived(&mut self) -> Option<Vec<String>> {
        None
    }

    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn poison(&self) -> Option<String> {
        None
    }

    fn breaking(&self) -> Option<String> {
        None
    }

    fn deadline(&self) -> Duration {
        self.of.settings.deadline
    }
}
