//! Wrappers of one build: so many at once, whose jobs wait for each other; and jobs that do nothing, one
//! after another.

use super::{Size, memory};
use crate::clock::Stopwatch;
use crate::job;
use crate::report::Figures;
use crate::rigs::kill;
use crate::world::{Role, World, must_end};
use anyhow::{Context, Result, ensure};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::File;
use std::time::Duration;

/// The longest that a build may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a thousand wrappers may take; of a debug build, whose larger program has more to relocate, twice that.
const MEMORY_MAX: u64 = if cfg!(debug_assertions) { 4 << 30 } else { 2 << 30 };

/// What each job says once all are there.
const JOB_BYTES: u64 = 20_000;

/// All of them at once: their jobs begin to speak when the last one is there.
pub(super) fn many(world: &World, size: Size, figures: &mut Figures) -> Result<()> {
    let jobs: Vec<_> = (0..size.wrappers).map(|n| (n, JOB_BYTES, 3)).collect();
    let gate = world.place().join("gate");
    mknodat(CWD, &gate, FileType::Fifo, Mode::from_raw_mode(0o644), 0)?;
    world.write_project_with(&jobs, &["--gate", &gate.display().to_string()])?;
    let mut command = world.databuild();
    command.args(["build", "-q", "-j", &size.wrappers.to_string()]);
    command.args(jobs.iter().map(|(n, ..)| format!("talk-{n}")));
    let watch = Stopwatch::start();
    let mut build = world.start(&mut command)?;
    while (world.told_runs()?.len() as u64) < size.wrappers {
        ensure!(build.try_wait()?.is_none(), "the build gave up: {}", world.said());
        ensure!(watch.elapsed() < PATIENCE, "they are not all there: {}", world.said());
        job::pause(Duration::from_millis(50))?;
    }
    let started = watch.elapsed();
    let processes = world.processes();
    let of = |role| processes.iter().filter(move |process| process.role == role);
    let there = of(Role::Wrapper).count() as u64;
    ensure!(size.wrappers <= there, "{there} wrappers are there at once");
    let wrappers = Memory::of(of(Role::Wrapper).map(|process| process.pid))?;
    let executor = Memory::of(of(Role::Executor).map(|process| process.pid))?;
    drop(File::options().write(true).open(&gate)?);
    let watch = Stopwatch::start();
    let status = must_end(&mut build, world, PATIENCE)?;
    ensure!(status.success(), "the build ends with {status}: {}", world.said());
    let ended = watch.elapsed();
    let named = figures.account.named;
    kill::account(world, figures)?;
    ensure!(figures.account.named == named, "something is missing");
    let (own, thousand) = (wrappers.own / there, wrappers.shared + wrappers.own / there * 1_000);
    ensure!(thousand <= MEMORY_MAX, "a thousand wrappers take {} MiB", thousand >> 20);
    figures.notes.push(format!(
        "wrappers: {there} at once after {started:.1?}, {} KiB of memory for each and {} MiB for all; \
         the build {} MiB; their jobs spoke and all ended within {:.1?}",
        own / 1024,
        wrappers.shared >> 20,
        (executor.own + executor.shared) >> 20,
        ended
    ));
    Ok(())
}

/// What processes of the same program take.
#[derive(Default)]
struct Memory {
    /// Each what no other has, together.
    own: u64,
    /// Their part of what several have: the program itself.
    shared: u64,
}

impl Memory {
    fn of(pids: impl Iterator<Item = i32>) -> Result<Memory> {
        let mut all = Memory::default();
        for pid in pids {
            let rollup = format!("/proc/{pid}/smaps_rollup");
            let own = memory(&rollup, "Private_Clean")? + memory(&rollup, "Private_Dirty")?;
            all.own += own;
            all.shared += memory(&rollup, "Pss")?.saturating_sub(own);
        }
        Ok(all)
    }
}

/// Jobs that do nothing, eight at a time.
pub(super) fn one_by_one(world: &World, size: Size, figures: &mut Figures) -> Result<()> {
    let job = |n| format!("[jobs.t{n}]\nout = \"t{n}\"\nrun = [\"touch\", \"t{n}\"]\n");
    let project: String = (0..size.jobs).map(job).collect();
    std::fs::write(world.place().join("databuild.toml"), project)?;
    let mut command = world.databuild();
    command.args(["build", "-q", "-j", "8"]).args((0..size.jobs).map(|n| format!("t{n}")));
    let watch = Stopwatch::start();
    let mut build = world.start(&mut command)?;
    let status = must_end(&mut build, world, PATIENCE)?;
    ensure!(status.success(), "the build ends with {status}: {}", world.said());
    let took = watch.elapsed();
    let made = (0..size.jobs).filter(|n| world.place().join(format!("t{n}")).exists()).count();
    ensure!(made as u64 == size.jobs, "{made} partitions are there");
    let rate = u32::try_from(size.jobs).context("too many")?;
    figures.notes.push(format!(
        "jobs: {} that do nothing in {took:.1?} with -j 8: {:.1} a second",
        size.jobs,
        f64::from(rate) / took.as_secs_f64()
    ));
    Ok(())
}
