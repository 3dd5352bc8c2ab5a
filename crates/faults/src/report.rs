//! What a rig counts and what it finds, and how that is shown.

use crate::check::Account;
use std::fmt;

/// The figures of a rig.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Times that something was broken and put right again.
    pub(crate) cycles: u64,
    /// Faults that were made.
    pub(crate) faults: u64,
    /// The bytes of all cycles.
    pub(crate) account: Account,
    /// The events of all cycles, of rigs that count them.
    pub(crate) events: Events,
    /// Broken promises.
    pub(crate) findings: Vec<Finding>,
    /// There is nothing more to try.
    pub(crate) exhausted: bool,
    /// What else there is to tell.
    pub(crate) notes: Vec<String>,
    /// What could not be done here, and why.
    pub(crate) skipped: Vec<String>,
}

/// What became of events that were to be saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Events {
    /// What was to be in files.
    pub(crate) wanted: u64,
    /// What is in none of them.
    pub(crate) lost: u64,
    /// What is there more than once, counted without the first.
    pub(crate) duplicated: u64,
}

impl Events {
    pub(crate) fn add(&mut self, other: Events) {
        self.wanted += other.wanted;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
    }
}

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Events { wanted, lost, duplicated } = self;
        write!(f, "{wanted} events saved, {lost} lost, {duplicated} duplicated")
    }
}

/// A broken promise.
#[derive(Debug)]
pub(crate) struct Finding {
    /// What leads to it again.
    pub(crate) seed: u64,
    /// What was wrong.
    pub(crate) what: String,
}

/// More of them than this are not kept: the first ones tell it.
const FINDINGS_MAX: usize = 20;

impl Figures {
    pub(crate) fn find(&mut self, seed: u64, error: &anyhow::Error) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { seed, what: format!("{error:#}") });
        }
    }

    pub(crate) fn add(&mut self, other: Figures) {
        self.cycles += other.cycles;
        self.faults += other.faults;
        self.account.add(other.account);
        self.events.add(other.events);
        self.findings.extend(other.findings);
        self.notes.extend(other.notes);
        self.exhausted |= other.exhausted;
        for skipped in other.skipped {
            if !self.skipped.contains(&skipped) {
                self.skipped.push(skipped);
            }
        }
    }

    /// Whether no promise was broken, of those that were looked at.
    pub(crate) fn is_good(&self) -> bool {
        self.findings.is_empty() && self.unaccounted() == 0
    }

    /// Bytes that are neither stored nor named as missing.
    fn unaccounted(&self) -> u64 {
        let Account { wanted, stored, named } = self.account;
        wanted.abs_diff(stored + named)
    }
}

/// One line of the table: as wide as [`HEAD`].
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { wanted, stored, named } = self.account;
        write!(
            f,
            "{:>9} {:>9} {wanted:>14} {stored:>14} {named:>12} {:>11} {:>8}",
            self.cycles,
            self.faults,
            self.unaccounted(),
            self.findings.len(),
        )
    }
}

/// The heads of the columns of [`Figures`].
pub(crate) const HEAD: &str =
    "   cycles    faults       bytes in         stored        named unaccounted findings";
