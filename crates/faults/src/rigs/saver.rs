//! `saver`: log savers that are killed at any moment, or stopped while another one comes, as a build stores
//! what its jobs say. When nothing more comes, each event is in the files of each pipeline once and in order;
//! whatever was killed, no archive has changed and no checkpoint is ahead of its files.

use crate::chance::Chance;
use crate::check::Account;
use crate::clock::Stopwatch;
use crate::job;
use crate::ledger;
use crate::report::{Events, Figures};
use crate::saved::{self, Archives, Event, Files, Found, Names};
use crate::world::{World, must_end};
use anyhow::{Context, Result, ensure};
use databuild_model::entry::{Content, JobLogEntry};
use databuild_model::json::read_entry;
use databuild_model::level::Level;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// Pipelines of every kind of rolling and compression. What they write begins with run and number, or is JSON.
const PIPELINES: &str = r#"
[saver]
order_window = "200ms"
flush_interval = "40ms"

[saver.files.all]
path = "saved/all/{job}.log"
layout = "json"
rotate = { size = "9000B", compress = "gzip" }

[saver.files.one]
path = "saved/one/one.log"
layout = "%run %seq %msg%n"
rotate = { size = "12000B", name = "old/{name}.%03i{ext}", compress = "zstd" }

[saver.files.warnings]
level = "warn"
path = "saved/warnings/all.log"
layout = "%run %seq %msg%n"
rotate = { every = "second", size = "5000B", name = "{name}.%d{yyyyMMddHHmmss}.%i{ext}.gz" }
"#;

/// What a pipeline takes, and how its archives are called.
struct Kind {
    name: &'static str,
    least: Level,
    names: Names,
}

const KINDS: [Kind; 3] = [
    Kind { name: "all", least: Level::Trace, names: Names::InOrder },
    Kind { name: "one", least: Level::Trace, names: Names::InOrder },
    Kind { name: "warnings", least: Level::Warn, names: Names::Dated },
];

/// Most that happens to savers in a cycle.
const BLOWS_MAX: u64 = 8;

/// The longest between two of them, in milliseconds: a saver has read and written something.
const PAUSE_MS_MAX: u64 = 350;

/// The longest that a build, or the end of a saver, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon everything is saved when nothing happens any more; a saver that is fenced looks every two seconds.
const DRAINED_MAX: Duration = Duration::from_secs(45);

/// One build, some savers that do not live long, and what is in the files at last.
pub(crate) fn cycle(seed: u64, program: &Path) -> Figures {
    let mut figures = Figures { cycles: 1, ..Figures::default() };
    if let Err(error) = break_it(seed, program, &mut figures) {
        figures.find(seed, &error);
    }
    figures
}

fn break_it(seed: u64, program: &Path, figures: &mut Figures) -> Result<()> {
    let mut chance = Chance::new(seed);
    let world = World::new(program)?;
    let jobs: Vec<_> = (0..1 + chance.below(3))
        .map(|n| (seed.wrapping_mul(10) + n, 20_000 + chance.below(60_000), chance.below(14)))
        .collect();
    world.write_project_with(&jobs, &["--longest", "150"])?;
    world.add_to_project(PIPELINES)?;
    let mut command = world.databuild();
    command.args(["build", "-q", "-j", "3"]).args(jobs.iter().map(|(n, ..)| format!("talk-{n}")));
    let mut build = world.start(&mut command)?;
    let mut desk = Desk { world: &world, archives: Archives::default() };
    let mut saver = desk.saver()?;
    for _ in 0..1 + chance.below(BLOWS_MAX) {
        job::pause(Duration::from_millis(chance.below(PAUSE_MS_MAX)))?;
        saver = if chance.one_in(4) {
            figures.faults += 2;
            desk.two(saver, &mut chance)?
        } else {
            figures.faults += 1;
            desk.kill(saver)?;
            desk.look().context("after the kill of the saver")?;
            desk.saver()?
        };
    }
    let status = must_end(&mut build, &world, PATIENCE).context("the build")?;
    ensure!(status.success(), "the build ends with {status}: {}", world.said());
    let wanted = desk.wanted()?;
    let watch = Stopwatch::start();
    loop {
        // What is rolled while it is read can look like anything; what stays so counts.
        let wrong = match desk.judge(&wanted) {
            Ok((events, _)) if events.lost == 0 => break,
            Ok((events, _)) => format!("{events}"),
            Err(error) => format!("{error:#}"),
        };
        let in_time = watch.elapsed() < DRAINED_MAX;
        ensure!(in_time, "{wrong}, after {DRAINED_MAX:?}: {}", world.said());
        desk.is_alive(&mut saver)?;
        job::pause(Duration::from_millis(60))?;
    }
    tell(&saver, Signal::TERM)?;
    let status = must_end(&mut saver, &world, PATIENCE).context("the saver")?;
    ensure!(status.success(), "the saver ends with {status}: {}", world.said());
    desk.look().context("at the end")?;
    let (events, account) = desk.judge(&wanted)?;
    ensure!(events.lost == 0, "{} events are lost", events.lost);
    ensure!(events.duplicated == 0, "{} events are there again", events.duplicated);
    figures.events.add(events);
    figures.account.add(account);
    Ok(())
}

/// What each pipeline is to write, with bytes.
type Wanted = Vec<BTreeMap<Event, u64>>;

struct Desk<'a> {
    world: &'a World,
    archives: Archives,
}

impl Desk<'_> {
    fn saver(&self) -> Result<Child> {
        self.world.start(self.world.databuild().args(["saver", "run", "-q"]))
    }

    fn is_alive(&self, saver: &mut Child) -> Result<()> {
        let ended = saver.try_wait()?;
        ensure!(ended.is_none(), "a saver ended by itself: {ended:?}: {}", self.world.said());
        Ok(())
    }

    fn kill(&self, mut saver: Child) -> Result<()> {
        self.is_alive(&mut saver)?;
        saver.kill()?;
        saver.wait()?;
        Ok(())
    }

    /// A saver that is stopped where it is, and another one that comes meanwhile. One of them is killed, it
    /// does not matter which; answers the other.
    fn two(&mut self, mut first: Child, chance: &mut Chance) -> Result<Child> {
        self.is_alive(&mut first)?;
        tell(&first, Signal::STOP)?;
        let second = self.saver()?;
        job::pause(Duration::from_millis(chance.below(PAUSE_MS_MAX)))?;
        if chance.one_in(2) {
            tell(&first, Signal::CONT)?;
            job::pause(Duration::from_millis(chance.below(PAUSE_MS_MAX)))?;
        }
        let (gone, stays) = if chance.one_in(2) { (first, second) } else { (second, first) };
        self.kill(gone)?;
        // It may be the one that was stopped.
        tell(&stays, Signal::CONT)?;
        Ok(stays)
    }

    /// While no saver lives: checkpoints are not ahead of files, and archives are as they were.
    fn look(&mut self) -> Result<()> {
        let files = self.files()?;
        self.archives.look(&files)?;
        for kind in &KINDS {
            let folder = self.world.place().join(".databuild/saver").join(kind.name);
            let mut checkpoints = Files::new();
            read_folder(&folder, "", &mut checkpoints)?;
            checkpoints.retain(|name, _| name.starts_with("checkpoint."));
            let state = saved::recorded(checkpoints.values().map(Vec::as_slice))?;
            let found = found_partly(&files, kind)?;
            if let Some(state) = state {
                saved::is_not_ahead(&state, &found, |run| self.places(run, kind))
                    .with_context(|| format!("pipeline {}", kind.name))?;
            }
        }
        Ok(())
    }

    /// The numbers of a run's entries in the order in which they are stored; nothing for those that a pipeline
    /// does not take.
    fn places(&self, run: &str, kind: &Kind) -> Result<Vec<Option<u64>>> {
        let days = std::fs::read_dir(self.world.logs_dir())?.flatten();
        let mut paths = days.map(|day| day.path().join(format!("{run}.jsonl")));
        let path = paths.find(|path| path.is_file()).context("a run that is not stored")?;
        let stored = std::fs::read(path)?;
        let lines = stored.split_inclusive(|byte| *byte == b'\n').filter(|it| it.ends_with(b"\n"));
        let number = |line| {
            let (entry, _) = read_entry(line)?;
            Ok(bytes_for(&entry, kind).map(|_| entry.sequence_number))
        };
        lines.map(number).collect()
    }

    fn wanted(&self) -> Result<Wanted> {
        let reader = ledger::reader(&self.world.logs_dir());
        let mut wanted = vec![BTreeMap::new(); KINDS.len()];
        for run in reader.list_available_jobs(None)? {
            for entry in ledger::entries(&reader, &run)? {
                for (kind, wanted) in KINDS.iter().zip(&mut wanted) {
                    if let Some(bytes) = bytes_for(&entry, kind) {
                        wanted.insert((run.to_string(), entry.sequence_number), bytes);
                    }
                }
            }
        }
        Ok(wanted)
    }

    /// What is in the files now.
    fn judge(&self, wanted: &Wanted) -> Result<(Events, Account)> {
        let files = self.files()?;
        let (mut events, mut account) = (Events::default(), Account::default());
        for (kind, wanted) in KINDS.iter().zip(wanted) {
            let held = saved::held(&found_partly(&files, kind)?, wanted);
            let (some, stored) = held.with_context(|| format!("pipeline {}", kind.name))?;
            events.add(some);
            account.wanted += wanted.values().sum::<u64>();
            account.stored += stored;
        }
        Ok((events, account))
    }

    fn files(&self) -> Result<Files> {
        let mut files = Files::new();
        read_folder(&self.world.place().join("saved"), "saved/", &mut files)?;
        saved::plain(&files)
    }
}

/// The events of a pipeline's files, one of which may just be written.
fn found_partly(files: &Files, kind: &Kind) -> Result<Found> {
    saved::found_whole_lines(files, &format!("saved/{}/", kind.name), kind.names)
}

/// How many bytes an entry counts for in a pipeline that takes it.
fn bytes_for(entry: &JobLogEntry, kind: &Kind) -> Option<u64> {
    match &entry.content {
        Content::Log(log) if kind.least <= log.level => Some(log.message.len() as u64),
        Content::Log(_) | Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
    }
}

/// All files of a folder and below. What goes away while it is looked at is another file next time.
fn read_folder(folder: &Path, prefix: &str, into: &mut Files) -> Result<()> {
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let items = match std::fs::read_dir(folder) {
        Err(error) if gone(&error) => return Ok(()),
        items => items?,
    };
    for item in items {
        let item = item?;
        let name = format!("{prefix}{}", item.file_name().to_string_lossy());
        if item.file_type()?.is_dir() {
            read_folder(&item.path(), &format!("{name}/"), into)?;
            continue;
        }
        match std::fs::read(item.path()) {
            Err(error) if gone(&error) => {}
            bytes => drop(into.insert(name, bytes?)),
        }
    }
    Ok(())
}

fn tell(child: &Child, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("no process")?;
    Ok(kill_process(pid, signal)?)
}
