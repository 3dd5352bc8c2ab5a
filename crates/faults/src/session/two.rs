//! Collectors side by side on one store: one that lives, one that was killed and has left something, and one
//! that comes and puts that right while the first goes on. Each moves only when the story says so: after each
//! move it has nothing to do.

use super::meanwhile::{Meanwhile, Turn};
use super::{End, Life, collector_on};
use crate::chance::Chance;
use crate::disk::Disk;
use crate::rigs::power::Between;
use crate::script::Script;
use anyhow::{Context, Result, ensure};
use databuild_logs::collect::{Durability, LogCollector};
use databuild_logs::fs::Fs;
use std::sync::Arc;
use std::time::Duration;

/// A start looks at a store with so many calls, or a few more.
const CALLS_MAX: u64 = 30;

/// How often it is looked whether a start is over that has given nobody a turn.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Plays `scripts`, the first of which the collector begins that dies alone.
///
/// # Errors
/// A collector did what it must not do.
pub(crate) fn play(
    disk: &Disk,
    between: &Between,
    scripts: &[Script],
    durability: Durability,
    chance: &mut Chance,
) -> Result<()> {
    let played = Story { disk, between, durability }.play(scripts, chance);
    if disk.is_dead() { Ok(()) } else { played }
}

struct Story<'a> {
    disk: &'a Disk,
    between: &'a Between,
    durability: Durability,
}

impl Story<'_> {
    fn play(&self, scripts: &[Script], chance: &mut Chance) -> Result<()> {
        let Some((left, rest)) = scripts.split_first() else { return Ok(()) };
        let (for_first, for_second) = rest.split_at(rest.len().div_ceil(2));
        let first = collector_on(self.fs(), self.durability, chance)?;
        let dying = collector_on(self.fs(), self.durability, chance)?;
        let mut life = self.life(&dying);
        life.begin(left)?;
        life.one_move(chance)?;
        drop(life);
        let mut of_first = self.life(&first);
        for script in for_first {
            of_first.begin(script)?;
            of_first.one_move(chance)?;
        }
        drop(dying);
        let second = self.start_beside(&mut of_first, chance)?;
        let mut of_second = self.life(&second);
        for script in for_second {
            of_second.begin(script)?;
        }
        while of_first.has_more() || of_second.has_more() {
            ensure!(!self.disk.is_dead(), "killed");
            let life = if chance.one_in(2) { &mut of_first } else { &mut of_second };
            life.one_move(chance)?;
        }
        let ends = [of_first.end_all(), of_second.end_all()];
        drop((of_first, of_second));
        ends.into_iter().collect::<Result<()>>()?;
        let mut both = [first, second];
        if chance.one_in(2) {
            both.reverse();
        }
        for collector in both {
            match if chance.one_in(2) { End::Stopped } else { End::Dropped } {
                End::Stopped => collector.stop().context("the collector does not stop")?,
                End::Dropped => drop(collector),
            }
        }
        Ok(())
    }

    fn fs(&self) -> Arc<dyn Fs> {
        (self.between)(self.disk.clone())
    }

    fn life<'a>(&'a self, collector: &'a LogCollector) -> Life<'a> {
        Life { disk: self.disk, collector, durability: self.durability, open: Vec::new() }
    }

    /// Starts another collector. The first one has its turn in the middle of that.
    fn start_beside(&self, first: &mut Life<'_>, chance: &mut Chance) -> Result<LogCollector> {
        let (meanwhile, Turn { come, over }) = Meanwhile::new(self.fs(), chance.below(CALLS_MAX));
        let meanwhile: Arc<dyn Fs> = Arc::new(meanwhile);
        let mut theirs = Chance::new(chance.next());
        let mut moved = Ok(());
        let started = std::thread::scope(|scope| {
            let starting = scope.spawn(|| {
                // Of this the collector's own threads have a share; the start is over with it.
                collector_on(Arc::clone(&meanwhile), self.durability, &mut theirs)
            });
            while !starting.is_finished() && moved.is_ok() {
                if come.recv_timeout(LOOK_EVERY).is_ok() {
                    moved = if chance.one_in(2) {
                        first.one_move(chance)
                    } else {
                        first.end_one(chance)
                    };
                    over.send(()).ok();
                    break;
                }
            }
            // Nobody waits for a turn any more.
            drop((come, over));
            starting.join()
        });
        moved?;
        started.unwrap_or_else(|_| Err(anyhow::anyhow!("the start of a collector panics")))
    }
}
