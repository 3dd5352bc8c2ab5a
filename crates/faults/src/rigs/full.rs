//! `full`: the file system of the logs is small, is filled up while a job prints, and freed again. The
//! job waits, nothing is lost, and it goes on within seconds.
//!
//! The file system is a tmpfs in name spaces of its own, so that nobody has to be root: the rig starts
//! itself in there.

use crate::chance::Chance;
use crate::clock::Stopwatch;
use crate::job;
use crate::report::Figures;
use crate::rigs::kill;
use crate::world::{World, must_end};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// `faults full`: one cycle, inside.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FullArguments {
    /// Which cycle
    #[arg(long)]
    seed: u64,
    /// The program under test
    #[arg(long)]
    databuild: PathBuf,
}

/// How soon a job goes on once there is space, on a machine that has time for it.
const RESUME_MAX: Duration = Duration::from_secs(5);

/// The longest that a build may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long the file system stays full, in milliseconds.
const FULL_MS_MAX: u64 = 1_500;

/// The ways into name spaces: as anybody, and as root where that is forbidden.
const WAYS: [&str; 2] = ["-Urm", "-m"];

/// One cycle, in name spaces of its own.
pub(crate) fn cycle(seed: u64, program: &Path) -> Figures {
    let mut figures = Figures::default();
    if let Err(error) = enter(seed, program, &mut figures) {
        figures.find(seed, &error);
    }
    figures
}

fn enter(seed: u64, program: &Path, figures: &mut Figures) -> Result<()> {
    let outside = World::new(program)?;
    let may = |way: &str| {
        let mut command = outside.command("unshare");
        command.args([way, "mount", "-t", "tmpfs", "none"]).arg(outside.place());
        command.status().is_ok_and(|status| status.success())
    };
    let Some(way) = WAYS.into_iter().find(|way| may(way)) else {
        figures.skipped.push("full: no file system may be mounted here".to_owned());
        figures.exhausted = true;
        return Ok(());
    };
    let mut command = outside.command("unshare");
    command.arg(way).arg(std::env::current_exe()?).arg("full").arg("--databuild").arg(program);
    inside_figures(command.args(["--seed", &seed.to_string()]), figures)
}

/// Runs a cycle that has name spaces of its own, and adds the figures that it answers.
pub(crate) fn inside_figures(command: &mut Command, figures: &mut Figures) -> Result<()> {
    let output = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}", said.trim());
    let numbers = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = numbers.split_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next().context("a number is missing")?.map_err(anyhow::Error::from);
    figures.cycles += 1;
    figures.faults += next()?;
    figures.account.wanted += next()?;
    figures.account.stored += next()?;
    figures.account.named += next()?;
    Ok(())
}

/// One cycle, inside: answers its figures as a line.
pub(crate) fn inside(arguments: &FullArguments) -> Result<String> {
    let world = World::new(&arguments.databuild)?;
    let told = filled(&world, arguments);
    world.kill_all();
    // What is mounted there would keep the folder from being removed.
    world.command("umount").arg("-l").arg(world.logs_dir()).status()?;
    told
}

fn filled(world: &World, arguments: &FullArguments) -> Result<String> {
    let mut chance = Chance::new(arguments.seed);
    let logs_dir = world.logs_dir();
    std::fs::create_dir_all(&logs_dir)?;
    let bytes = 40_000 + chance.below(500_000);
    // Room for the spool and the entries of the job, and not much more.
    let size = (bytes + job::LINE_BYTES_MAX) * 5;
    let mut mount = world.command("mount");
    mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(&logs_dir);
    ensure!(mount.status()?.success(), "cannot mount");
    world.write_project(&[(arguments.seed, bytes, 3)])?;
    let filler = logs_dir.join("filler");
    let free = chance.below(96 << 10);
    fill(&filler, size.saturating_sub(free))?;
    let mut command = world.databuild();
    command.args(["build", "-q", &format!("talk-{}", arguments.seed)]);
    let mut build = world.start(&mut command)?;
    job::pause(Duration::from_millis(300 + chance.below(FULL_MS_MAX)))?;
    ensure!(
        build.try_wait()?.is_none_or(|status| status.success()),
        "the build gave up: {}",
        world.said()
    );
    let before = accepted(world)?;
    let queued = world.queued();
    std::fs::remove_file(&filler)?;
    let watch = Stopwatch::start();
    // A job that had written all has nothing to go on with.
    while before < bytes && accepted(world)? == before && build.try_wait()?.is_none() {
        if RESUME_MAX <= watch.elapsed() {
            // What a machine with too much to do has made them wait for a processor is not theirs.
            let queued = world.queued().saturating_sub(queued);
            let own = watch.elapsed().saturating_sub(queued);
            ensure!(own < RESUME_MAX, "the job waits {own:?}, and {queued:?} for a processor");
        }
        job::pause(Duration::from_millis(20))?;
    }
    let status = must_end(&mut build, world, PATIENCE)?;
    ensure!(status.success(), "the build ends with {status}: {}", world.said());
    let mut figures = Figures::default();
    kill::account(world, &mut figures)?;
    let account = figures.account;
    ensure!(account.named == 0, "{} bytes are lost", account.named);
    Ok(format!("1 {} {} {}", account.wanted, account.stored, account.named))
}

/// Fills a file system up with a file of at most `bytes`.
fn fill(path: &Path, bytes: u64) -> Result<()> {
    let zeros = [0; 4096];
    let mut file = std::fs::File::create(path)?;
    for _ in 0..bytes / 4096 {
        if std::io::Write::write_all(&mut file, &zeros).is_err() {
            break;
        }
    }
    Ok(())
}

/// What all jobs got rid of so far.
fn accepted(world: &World) -> Result<u64> {
    let mut sum = 0;
    for run in world.told_runs()? {
        sum += job::read_told(&world.told(), &run)?.iter().map(|told| told.accepted).sum::<u64>();
    }
    Ok(sum)
}
