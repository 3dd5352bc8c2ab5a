//! `bugs`: are the other rigs worth anything? Bugs of durability are seeded one by one, and each is to be
//! caught.

use crate::disk::Disk;
use crate::liar::{Bug, Liar};
use crate::report::Figures;
use crate::rigs::power;
use crate::session::logs_dir;
use databuild_logs::fs::Fs;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stories in which a bug must be caught. Most are in the first ten cuts.
const STORIES_MAX: u64 = 40;

/// Bugs that may escape.
const ESCAPED_MAX: usize = 1;

/// Seeds every bug and looks who catches it.
pub(crate) fn all(first_seed: u64) -> Figures {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut caught = Vec::new();
        while let Some(bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            caught.push((*bug, catch(*bug, first_seed)));
        }
        caught
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut caught: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    caught.sort_by_key(|(bug, _)| *bug);
    let mut figures = Figures { faults: caught.len() as u64, ..Figures::default() };
    for (bug, (cuts, how)) in &caught {
        figures.cycles += cuts;
        figures.notes.push(match how {
            Some(how) => format!("{bug:?}: caught in {cuts} cuts: {how}"),
            None => format!("{bug:?}: ESCAPED {cuts} cuts"),
        });
    }
    let escaped = Bug::ALL.len() - caught.iter().filter(|(_, (_, how))| how.is_some()).count();
    if ESCAPED_MAX < escaped {
        figures.find(first_seed, &anyhow::anyhow!("{escaped} bugs escaped"));
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
