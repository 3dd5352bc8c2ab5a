//! `bugs`: are the other rigs worth anything? Bugs of durability are seeded one by one, and each is to be
//! caught. Those of the store are lies to a collector on a disk in memory, in the stories of `power`, those of
//! the log saver lies to one in the stories of `saver-power`; what those of wrapper, spool and adoption would
//! leave is done to the files of real processes.

mod spool;

use crate::disk::Disk;
use crate::liar::{Bug, Liar};
use crate::report::Figures;
use crate::rigs::power;
use crate::rigs::saver_power::{self, SaverBug};
use crate::session::logs_dir;
use databuild_logs::fs::Fs;
use spool::SpoolBug;
use std::fmt::Debug;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stories in which a bug must be caught. Most are in the first ten cuts.
const STORIES_MAX: u64 = 40;

/// Stories in which a bug of a saver must be caught. Each has a few lives where one of `power` has a hundred
/// cuts.
const SAVER_STORIES_MAX: u64 = 1_500;

/// Runs in which a bug of a spool must be caught.
const RUNS_MAX: u64 = 3;

/// Bugs of each kind that may escape.
const ESCAPED_MAX: usize = 1;

/// Seeds every bug and looks who catches it.
pub(crate) fn all(first_seed: u64, program: &Path) -> Figures {
    let mut figures = seeded(first_seed, &Bug::ALL, &|bug| catch(bug, first_seed));
    figures.add(seeded(first_seed, &SaverBug::ALL, &|bug| catch_in_saver(bug, first_seed)));
    match spool::cycle(first_seed, None, program) {
        Ok(()) => figures.add(seeded(first_seed, &SpoolBug::ALL, &|bug| {
            catch_in_spool(bug, first_seed, program)
        })),
        Err(error) => figures.find(first_seed, &error.context("without a seeded bug")),
    }
    figures
}

/// How a bug was caught, if it was, and in how many cycles.
type Caught = (u64, Option<String>);

/// Seeds each of `bugs`, several at a time.
fn seeded<B: Copy + Ord + Debug + Send + Sync>(
    first_seed: u64,
    bugs: &[B],
    catch: &(dyn Fn(B) -> Caught + Sync),
) -> Figures {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut caught = Vec::new();
        while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
            caught.push((*bug, catch(*bug)));
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
    for (bug, (cycles, how)) in &caught {
        figures.cycles += cycles;
        figures.notes.push(match how {
            Some(how) => format!("{bug:?}: caught in {cycles} cycles: {how}"),
            None => format!("{bug:?}: ESCAPED {cycles} cycles"),
        });
    }
    let escaped = bugs.len() - caught.iter().filter(|(_, (_, how))| how.is_some()).count();
    if ESCAPED_MAX < escaped {
        figures.find(first_seed, &anyhow::anyhow!("{escaped} bugs escaped"));
    }
    figures
}

/// In how many lives of savers a bug is caught, and by what.
fn catch_in_saver(bug: SaverBug, first_seed: u64) -> Caught {
    let mut lives = 0;
    for seed in first_seed..first_seed + SAVER_STORIES_MAX {
        let found = saver_power::story(seed, Some(bug));
        lives += found.cycles;
        if let Some(finding) = found.findings.first() {
            let line = finding.what.lines().next().unwrap_or_default();
            return (lives, Some(line.chars().take(160).collect()));
        }
    }
    (lives, None)
}

/// In how many runs of real processes a bug is caught, and by what.
fn catch_in_spool(bug: SpoolBug, first_seed: u64, program: &Path) -> Caught {
    for run in 1..=RUNS_MAX {
        if let Err(error) = spool::cycle(first_seed + run, Some(bug), program) {
            let how = format!("{error:#}");
            return (run, Some(how.lines().next().unwrap_or_default().chars().take(160).collect()));
        }
    }
    (RUNS_MAX, None)
}

/// In how many cuts a bug is caught, and by what.
fn catch(bug: Bug, first_seed: u64) -> Caught {
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
