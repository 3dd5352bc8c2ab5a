//! One life of a collector on a disk in memory: runs that begin, speak, wait and end in an order from
//! a seed, and what the collector gave its word for.

mod meanwhile;
pub(crate) mod two;

use crate::chance::Chance;
use crate::check;
use crate::clock::{HurriedClock, beginning};
use crate::disk::{Disk, Image, ROOT, Word};
use crate::script::Script;
use anyhow::{Context, Result, bail};
use databuild_logs::collect::{
    CollectorOptions, Durability, LogCollector, OnFull, RunContext, RunTicket,
};
use databuild_logs::fs::Fs;
use databuild_logs::store::RunPaths;
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId};
use std::io::{PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The store of the stories.
pub(crate) fn logs_dir() -> PathBuf {
    Path::new(ROOT).join("project/.databuild/logs")
}

/// What is on the disk before the first story: a project, and nothing of ours.
pub(crate) fn before() -> Image {
    Image { dirs: [Path::new(ROOT).join("project")].into(), ..Image::default() }
}

/// The longest that an entry may be not durable, by the clock of the story.
const INTERVAL: Duration = Duration::from_secs(1);

/// How much time passes between two looks at the clock of a story, in milliseconds.
const STRIDES_MS: [u64; 3] = [100, 300, 1000];

/// What takes longer than this really, never comes: on the clock of the story hours have passed.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All runs end, and the collector is stopped.
    Stopped,
    /// The collector is dropped with runs still open.
    Dropped,
}

/// A run of this life.
struct Open {
    script: Script,
    said: usize,
    pipe: Option<PipeWriter>,
    ticket: Option<RunTicket>,
}

/// Plays `scripts` with a collector on `fs`, which leads to `disk`. Ends early when the programs of
/// the disk are killed.
///
/// # Errors
/// The collector did what it must not do.
pub(crate) fn play(
    disk: &Disk,
    fs: Arc<dyn Fs>,
    scripts: &[Script],
    (end, durability): (End, Durability),
    chance: &mut Chance,
) -> Result<()> {
    let collector = match collector_on(fs, durability, chance) {
        Err(_) if disk.is_dead() => return Ok(()),
        started => started?,
    };
    let mut life = Life { disk, collector: &collector, durability, open: Vec::new() };
    let mut told = life.tell(scripts, chance);
    if told.is_ok() && end == End::Stopped {
        told = life.end_all();
    }
    drop(life);
    let stopped = match end {
        End::Stopped if told.is_ok() => collector.stop().context("the collector does not stop"),
        End::Stopped | End::Dropped => {
            drop(collector);
            Ok(())
        }
    };
    if disk.is_dead() { Ok(()) } else { told.and(stopped) }
}

/// A collector of the store, with a clock of its own.
fn collector_on(
    fs: Arc<dyn Fs>,
    durability: Durability,
    chance: &mut Chance,
) -> Result<LogCollector> {
    let options = CollectorOptions {
        logs_dir: logs_dir(),
        refresh_interval: INTERVAL,
        durability,
        // A disk whose programs were killed fails for ever: nobody waits for it.
        on_full: OnFull::FailJob,
    };
    let stride = STRIDES_MS.get(chance.index(STRIDES_MS.len())).copied().unwrap_or(1000);
    // Some lives begin on the next day: they have a journal of their own.
    let from = beginning().saturating_add(Duration::from_hours(24 * chance.below(2)));
    let clock = Arc::new(HurriedClock::from(Duration::from_millis(stride), from));
    LogCollector::start(options, fs, clock).context("the collector does not start")
}

struct Life<'a> {
    disk: &'a Disk,
    collector: &'a LogCollector,
    durability: Durability,
    open: Vec<Open>,
}

impl Life<'_> {
    fn tell(&mut self, scripts: &[Script], chance: &mut Chance) -> Result<()> {
        let mut scripts = scripts.iter();
        // Each line is a step at least once, so this ends.
        loop {
            if self.disk.is_dead() {
                return Ok(());
            }
            if self.open.is_empty() || chance.one_in(4) {
                if let Some(script) = scripts.next() {
                    self.begin(script)?;
                } else if self.open.iter().all(|run| run.pipe.is_none()) {
                    return Ok(());
                }
            }
            let at = chance.index(self.open.len());
            let Some(run) = self.open.get_mut(at).filter(|run| run.pipe.is_some()) else {
                continue;
            };
            let lines = 1 + chance.index(6);
            run.speak(lines, chance);
            if run.said == run.script.lines.len() {
                run.pipe = None;
                if chance.one_in(2) {
                    self.end(at)?;
                }
            } else if self.durability != Durability::Process && chance.one_in(5) {
                self.settle(at)?;
            }
        }
    }

    fn begin(&mut self, script: &Script) -> Result<()> {
        let (reader, pipe) = std::io::pipe()?;
        let context = RunContext {
            job_run_id: JobRunId::parse(script.run.as_str())?,
            job_label: Some(JobLabel::parse("report")?),
            job_type: None,
            app: Some(AppName::parse("shop")?),
            build_id: Some(BuildId::parse("b42")?),
            started_at: beginning(),
            continues: false,
            stored_mark: None,
        };
        let ticket = match self.collector.consume_job_output(context, reader.into(), None) {
            Err(_) if self.disk.is_dead() => return Ok(()),
            ticket => ticket.context("a run is not taken")?,
        };
        let (pipe, ticket) = (Some(pipe), Some(ticket));
        self.open.push(Open { script: script.clone(), said: 0, pipe, ticket });
        Ok(())
    }

    /// Whether a run has more to say.
    fn has_more(&self) -> bool {
        self.open.iter().any(|run| run.pipe.is_some())
    }

    /// One of the runs that have more to say does so, and ends with that or waits until it is durable.
    fn one_move(&mut self, chance: &mut Chance) -> Result<()> {
        let lines = 1 + chance.index(6);
        self.move_by(lines, chance)
    }

    /// One of them says all that it has to say, and ends.
    fn end_one(&mut self, chance: &mut Chance) -> Result<()> {
        self.move_by(usize::MAX, chance)
    }

    fn move_by(&mut self, lines: usize, chance: &mut Chance) -> Result<()> {
        let speaking = (0..).zip(&self.open).filter(|(_, run)| run.pipe.is_some());
        let speaking: Vec<usize> = speaking.map(|(at, _)| at).collect();
        let Some(at) = speaking.get(chance.index(speaking.len())).copied() else { return Ok(()) };
        let Some(run) = self.open.get_mut(at) else { return Ok(()) };
        run.speak(lines, chance);
        if run.said == run.script.lines.len() { self.end(at) } else { self.settle(at) }
    }

    /// Waits for the end of a run, which says no more.
    fn end(&mut self, at: usize) -> Result<()> {
        let Some(run) = self.open.get_mut(at) else { return Ok(()) };
        let Some(ticket) = run.ticket.take() else { return Ok(()) };
        run.pipe = None;
        // A collector that is being killed waits for its disk for ever.
        let id = run.script.run.as_str();
        let ended = |disk: &Disk| check::is_sealed(disk, &logs_dir(), id).unwrap_or(false);
        if !self.disk.wait_until(PATIENCE, ended) {
            bail!("{id} does not end");
        }
        if self.disk.is_dead() {
            return Ok(());
        }
        match ticket.wait() {
            Ok(record) => {
                let bytes = usize::try_from(record.bytes)?;
                self.disk.give_word(Word::Ended { run: run.script.run.clone(), bytes });
                Ok(())
            }
            Err(_) if self.disk.is_dead() => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("{} was not collected", run.script.run))
            }
        }
    }

    fn end_all(&mut self) -> Result<()> {
        (0..self.open.len()).try_for_each(|at| self.end(at))
    }

    /// Waits until what a run said is durable, as it must be after the interval: the journal says so.
    fn settle(&mut self, at: usize) -> Result<()> {
        let Some(run) = self.open.get_mut(at) else { return Ok(()) };
        let (id, said) = (&run.script.run, run.said);
        let path = run_path(id)?;
        let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        let mut durable = 0;
        let in_time = self.disk.wait_until(PATIENCE, |disk| {
            let stored = disk.read(&path).unwrap_or_default();
            durable = check::journalled(disk, &logs_dir(), id).unwrap_or(0);
            lines(&stored) == said && durable == stored.len()
        });
        if !in_time {
            bail!("{said} lines of {id} do not become durable within the interval");
        }
        if !self.disk.is_dead() {
            self.disk.give_word(Word::Durable { run: id.clone(), bytes: durable });
        }
        Ok(())
    }
}

/// The file of a run.
pub(crate) fn run_path(run: &str) -> Result<PathBuf> {
    Ok(RunPaths::new(&logs_dir(), beginning().day(), &JobRunId::parse(run)?).entries)
}

impl Open {
    /// Says some lines, by writes that end anywhere.
    fn speak(&mut self, lines: usize, chance: &mut Chance) {
        for _ in 0..lines {
            let Some(line) = self.script.lines.get(self.said) else { return };
            let Some(pipe) = &mut self.pipe else { return };
            let (head, tail) = line.split_at(chance.index(line.len()));
            self.said += 1;
            // Nobody listens any more when the collector is dead; what it has is what counts.
            let sent = pipe.write_all(head).and_then(|()| pipe.write_all(tail));
            sent.and_then(|()| pipe.write_all(b"\n")).ok();
        }
    }
}
