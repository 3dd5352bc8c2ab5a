//! Whether a collector can do its work, and what hinders it.

use databuild_model::ids::JobRunId;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What hinders a collector; nothing if it is well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// A sentence each, the first few.
    pub problems: Vec<String>,
    /// How many there are.
    pub count: usize,
}

impl Health {
    /// Whether nothing hinders it.
    pub fn is_well(&self) -> bool {
        self.count == 0
    }
}

/// Most problems that are told one by one: the disk that causes them is the same.
const TOLD_MAX: usize = 8;

/// What can be ill.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Run(JobRunId),
    Journal,
}

/// What is ill, and why.
#[derive(Debug, Default)]
pub(super) struct Ward(Mutex<BTreeMap<Part, String>>);

impl Ward {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ill(&self, part: Part, path: &Path, error: &io::Error) {
        let why = format!("cannot keep {}: {error}", path.display());
        self.lock().insert(part, why);
    }

    pub(super) fn well(&self, part: &Part) {
        self.lock().remove(part);
    }

    pub(super) fn look(&self) -> Health {
        let ill = self.lock();
        let problems = ill.values().take(TOLD_MAX).cloned().collect();
        Health { problems, count: ill.len() }
    }
}
