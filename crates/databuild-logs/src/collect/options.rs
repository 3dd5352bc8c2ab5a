//! How a collector works: what is chosen once, before it starts.

use crate::limits;
use std::path::PathBuf;
use std::time::Duration;

/// How to collect.
#[derive(Debug, Clone)]
pub struct CollectorOptions {
    /// The store's folder; made if it is missing.
    pub logs_dir: PathBuf,
    /// The longest time that an entry is not yet durable. More than a second counts as a second.
    pub refresh_interval: Duration,
    /// When what is stored must survive a power cut.
    pub durability: Durability,
    /// What becomes of a run when there is no space for what it says.
    pub on_full: OnFull,
}

impl CollectorOptions {
    /// What is usual, in the store `logs_dir`.
    pub fn new(logs_dir: PathBuf) -> Self {
        CollectorOptions {
            logs_dir,
            refresh_interval: limits::REFRESH_INTERVAL_MAX,
            durability: Durability::default(),
            on_full: OnFull::default(),
        }
    }
}

/// When what is stored must survive a power cut. What is stored survives the death of every process of
/// ours in any case, and a run is told to have ended only when all of it survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Durability {
    /// Within the refresh interval; errors, manifests and the end of a run at once.
    #[default]
    Interval,
    /// At the end of the run. Before that only when a spool has to be emptied.
    Process,
    /// Before anything more is read of the run.
    Always,
}

/// What becomes of a run when there is no space for what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum OnFull {
    /// Its output is not read until there is: it waits.
    #[default]
    Block,
    /// It is given up, and what is missing is on record.
    FailJob,
}

impl Durability {
    /// All of them.
    pub const ALL: [Durability; 3] =
        [Durability::Interval, Durability::Process, Durability::Always];

    /// The word in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Durability::Interval => "interval",
            Durability::Process => "process",
            Durability::Always => "always",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Durability> {
        Durability::ALL.into_iter().find(|durability| durability.as_str() == text)
    }
}

impl OnFull {
    /// All of them.
    pub const ALL: [OnFull; 2] = [OnFull::Block, OnFull::FailJob];

    /// The word in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            OnFull::Block => "block",
            OnFull::FailJob => "fail_job",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<OnFull> {
        OnFull::ALL.into_iter().find(|on_full| on_full.as_str() == text)
    }
}
