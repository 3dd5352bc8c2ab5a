//! `bugs`: are the other rigs worth anything? Bugs of durability are seeded one by one, and each is to be
//! caught.

use crate::disk::Disk;
use crate::liar::{Bug, Liar};
use crate::report::Figures;
use crate::rigs::power;
use crate::session::logs_dir;
use databuild_logs::fs::Fs;
use std::sync::Arc;

/// Stories in which a bug must be caught. Most are in the first ten cuts.
const STORIES_MAX: u64 = 60;

/// Bugs that may escape.
const ESCAPED_MAX: usize = 1;

/// Seeds every bug and looks who catches it.
pub(crate) fn all(first_seed: u64) -> Figures {
    let mut figures = Figures::default();
    let mut escaped = Vec::new();
    for bug in Bug::ALL {
        figures.faults += 1;
        let (cuts, caught) = catch(bug, first_seed);
        figures.cycles += cuts;
        figures.notes.push(match &caught {
            Some(how) => format!("{bug:?}: caught in {cuts} cuts: {how}"),
            None => format!("{bug:?}: ESCAPED {cuts} cuts"),
        });
        if caught.is_none() {
            escaped.push(bug);
        }
    }
    if ESCAPED_MAX < escaped.len() {
        figures.find(first_seed, &anyhow::anyhow!("these bugs escaped: {escaped:?}"));
    }
    figures
}

/// In how many cuts a bug is caught, and by what.
fn catch(bug: Bug, first_seed: u64) -> (u64, Option<String>) {
    let between =
        move |disk: Disk| -> Arc<dyn Fs> { Arc::new(Liar::new(Arc::new(disk), bug, logs_dir())) };
    let mut cuts = 0;
    for seed in first_seed..first_seed + STORIES_MAX {
        let found = power::story(seed, &between);
        cuts += found.cycles;
        if let Some(finding) = found.findings.first() {
            let last = finding.what.lines().last().unwrap_or_default();
            return (cuts + 1, Some(last.trim().chars().take(160).collect()));
        }
    }
    (cuts, None)
}
