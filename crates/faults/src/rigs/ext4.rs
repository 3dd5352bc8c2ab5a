//! `ext4`: the power cut of a real file system. The program builds on ext4, which forgets at any moment
//! what it has not written; all processes die, it is mounted again, and the store is looked at.
//!
//! Only root may do that, and only where there are loop devices; name spaces of its own see to it that
//! nothing stays mounted.

use crate::chance::Chance;
use crate::check;
use crate::job;
use crate::ledger;
use crate::report::Figures;
use crate::rigs::full::inside_figures;
use crate::shutdown::{Journal, shut_down};
use crate::world::{World, must_end};
use anyhow::{Context, Result, ensure};
use databuild_logs::fs::OsFs;
use databuild_logs::read::RunState;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `faults ext4`: one cycle, inside.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Ext4Arguments {
    /// Which cycle
    #[arg(long)]
    seed: u64,
    /// The program under test
    #[arg(long)]
    databuild: PathBuf,
}

/// The longest that a build may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// When the power goes, in milliseconds after the build was started.
const CUT_WITHIN_MS: u64 = 3_000;

/// The size of the file system.
const DISK_BYTES: u64 = 96 << 20;

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
    let image = outside.told().with_file_name("trial");
    if let Err(why) = trial(&outside, &image) {
        figures.skipped.push(format!("ext4: not run: {why:#}"));
        figures.exhausted = true;
        return Ok(());
    }
    let mut command = outside.command("unshare");
    command.arg("-m").arg(std::env::current_exe()?).arg("ext4").arg("--databuild").arg(program);
    inside_figures(command.args(["--seed", &seed.to_string()]), figures)
}

/// Whether a file system in a file can be made, mounted and cut off here.
fn trial(world: &World, image: &Path) -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "only root may mount a file system");
    make(world, image)?;
    let mut command = world.command("unshare");
    command.args(["-m", "mount", "-o", "loop"]).arg(image).arg(world.place());
    let output = command.stderr(std::process::Stdio::piped()).output();
    let output = output.context("unshare")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "no file system can be mounted here: {}", said.trim());
    std::fs::remove_file(image)?;
    Ok(())
}

/// Makes the file system, with a journal of its own.
fn make(world: &World, image: &Path) -> Result<()> {
    std::fs::File::create(image)?.set_len(DISK_BYTES)?;
    let status = world.command("mkfs.ext4").args(["-q", "-F"]).arg(image).status();
    ensure!(status.context("mkfs.ext4")?.success(), "mkfs.ext4 fails");
    Ok(())
}

fn mount(world: &World, image: &Path) -> Result<()> {
    let status = world.command("mount").args(["-o", "loop"]).arg(image).arg(world.place()).status();
    ensure!(status?.success(), "it cannot be mounted");
    Ok(())
}

/// Takes the file system away at the end, however that comes, so that its folder can be removed.
struct Mounted<'a>(&'a World);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        self.0.kill_all();
        let mut command = self.0.command("umount");
        command.current_dir("/").arg("-l").arg(self.0.place()).status().ok();
    }
}

/// One cycle, inside: answers its figures as a line.
pub(crate) fn inside(arguments: &Ext4Arguments) -> Result<String> {
    let mut chance = Chance::new(arguments.seed);
    let world = World::new(&arguments.databuild)?;
    let image = world.told().with_file_name("disk");
    make(&world, &image)?;
    let _mounted = Mounted(&world);
    mount(&world, &image)?;
    let seed = arguments.seed.wrapping_mul(10);
    let jobs: Vec<_> = (0..2 + chance.below(3))
        .map(|n| (seed + n, 1 + chance.below(400_000), chance.below(40)))
        .collect();
    world.write_project(&jobs)?;
    // The project is the user's, and was there long before.
    rustix::fs::syncfs(std::fs::File::open(world.place())?)?;
    let mut command = world.databuild();
    command.args(["build", "-q", "-j", "3"]).args(jobs.iter().map(|(n, ..)| format!("talk-{n}")));
    let mut build = world.start(&mut command)?;
    job::pause(Duration::from_millis(chance.below(CUT_WITHIN_MS)))?;
    let promised = promised(&world)?;
    let journal = if chance.one_in(2) { Journal::Lost } else { Journal::Kept };
    shut_down(world.place(), journal).context("it cannot be cut off")?;
    world.kill_all();
    must_end(&mut build, &world, PATIENCE)?;
    // Not from within: what somebody is in cannot be unmounted.
    let status = world.command("umount").current_dir("/").arg(world.place()).status()?;
    ensure!(status.success(), "it cannot be unmounted");
    mount(&world, &image)?;
    let what = || format!("{journal:?} journal, {} runs promised", promised.len());
    look(&world, &mut command, &promised).with_context(what)
}

/// What the journals of the store say is durable, and what that is.
fn promised(world: &World) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut promised = BTreeMap::new();
    let logs_dir = world.logs_dir();
    if logs_dir.join(".journal").is_dir() {
        let mut ends = BTreeMap::new();
        check::each_batch(&OsFs, &logs_dir, |batch| {
            let path = check::entries_of(&logs_dir, &batch);
            let end = ends.entry(path).or_insert(0);
            *end = batch.end().max(*end);
        })?;
        for (path, end) in ends {
            let mut bytes = std::fs::read(&path)?;
            bytes.truncate(usize::try_from(end)?);
            promised.insert(path, bytes);
        }
    }
    Ok(promised)
}

/// The next build takes over what is left, and what was promised is there.
fn look(
    world: &World,
    command: &mut std::process::Command,
    promised: &BTreeMap<PathBuf, Vec<u8>>,
) -> Result<String> {
    let mut again = world.start(command)?;
    let status = must_end(&mut again, world, PATIENCE).context("the next build")?;
    ensure!(status.success(), "the next build ends with {status}: {}", world.said());
    for (path, bytes) in promised {
        let stored = std::fs::read(path).unwrap_or_default();
        ensure!(
            stored.starts_with(bytes),
            "{} bytes of {} were promised, and {} are there",
            bytes.len(),
            path.display(),
            stored.len()
        );
    }
    let mut figures = Figures::default();
    let balances = world.balance()?;
    let reader = ledger::reader(&world.logs_dir());
    for run in world.told_runs()? {
        // Of a run that nothing was promised of nothing need be left but its name, if that.
        if !balances.iter().any(|(stored, _)| stored.as_str() == run) {
            let left = reader.run_info(&run.parse()?).ok();
            let kept = left.filter(|left| !matches!(left.state, RunState::Incomplete { .. }));
            ensure!(kept.is_none(), "run {run} has lost its beginning: {kept:?}");
            let told = job::read_told(&world.told(), &run)?;
            let lost: u64 = told.iter().map(|told| told.accepted).sum();
            figures.account.wanted += lost;
            figures.account.named += lost;
        }
    }
    balances.into_iter().for_each(|(_, balance)| figures.account.add(balance));
    let account = figures.account;
    Ok(format!("1 {} {} {}", account.wanted, account.stored, account.named))
}
