//! Bugs of wrapper, spool and adoption: what each would leave behind is done to the files of a run whose
//! wrapper and build were killed while its job goes on. Then the run is taken over, and the account must
//! notice. Without a bug it must be even: a job that lives keeps all that it wrote.

use crate::chance::Chance;
use crate::job;
use crate::report::Figures;
use crate::rigs::kill;
use crate::world::{Process, Role, World, must_end};
use anyhow::{Context, Result, ensure};
use databuild_model::entry::Stream;
use databuild_model::spool::{
    SPOOL_DIR, STATE_FILE, SpoolState, fifo_name, parse_segment_name, segment_name,
};
use rustix::fs::{Mode, OFlags, open};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A seeded bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SpoolBug {
    /// The wrapper counts bytes as spooled that are not.
    SpooledTailLost,
    /// It spools some twice.
    SpooledTailTwice,
    /// It removes a segment of which nothing is stored.
    SegmentRemovedEarly,
    /// It calls a segment after the wrong place in the stream.
    SegmentMisnamed,
    /// Whoever holds the spare ends of the pipes reads from one.
    SpareEndRead,
    /// The collector says that more is stored than is, and the spool is emptied of that.
    AcknowledgedEarly,
    /// Whoever takes over begins a line too early.
    StoredTailTwice,
    /// The wrapper does not write down what it runs.
    StateNotWritten,
    /// A job is known by something that is not the same afterwards.
    JobNotRecognised,
}

impl SpoolBug {
    pub(super) const ALL: [SpoolBug; 9] = [
        SpoolBug::SpooledTailLost,
        SpoolBug::SpooledTailTwice,
        SpoolBug::SegmentRemovedEarly,
        SpoolBug::SegmentMisnamed,
        SpoolBug::SpareEndRead,
        SpoolBug::AcknowledgedEarly,
        SpoolBug::StoredTailTwice,
        SpoolBug::StateNotWritten,
        SpoolBug::JobNotRecognised,
    ];
}

/// The longest that a build may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the job says, and how slowly: it must live when the others are killed.
const JOB: (u64, u64) = (400_000, 150);

/// One run, killed, changed as `bug` would, taken over, and looked at.
///
/// # Errors
/// A promise is broken: the bug is caught, or, without one, there is one that nobody has seeded.
pub(super) fn cycle(seed: u64, bug: Option<SpoolBug>, program: &Path) -> Result<()> {
    let mut chance = Chance::new(seed);
    let world = World::new(program)?;
    world.write_project(&[(seed, JOB.0, JOB.1)])?;
    let wanted = format!("talk-{seed}");
    let mut command = world.databuild();
    command.args(["build", "-q", &wanted]);
    let mut build = world.start(&mut command)?;
    spoken(&world, &mut build, 1_000)?;
    // So that there is something in the spool that is not stored.
    each(&world, Role::Executor, Process::halt);
    let folder = spoken(&world, &mut build, 10_000 + chance.below(40_000))?;
    if bug == Some(SpoolBug::SpareEndRead) {
        read_away(&folder)?;
    }
    each(&world, Role::Executor, Process::kill);
    each(&world, Role::Wrapper, Process::kill);
    must_end(&mut build, &world, PATIENCE)?;
    let alive = world.processes().iter().any(|process| process.role == Role::Job);
    // On a machine with much else to do it may have come to its end by itself.
    let done = world.place().join(&wanted).exists();
    ensure!(alive || done, "the job died with those who watched it");
    if let Some(bug) = bug {
        seed_it(bug, &world, &folder)?;
    }
    let mut again = world.start(&mut command)?;
    let status = must_end(&mut again, &world, PATIENCE).context("the run that is taken over")?;
    ensure!(status.success(), "the run that is taken over ends with {status}: {}", world.said());
    let mut figures = Figures::default();
    kill::account(&world, &mut figures)?;
    ensure!(figures.account.named == 0, "{} bytes are lost", figures.account.named);
    ensure!(world.told_runs()?.len() == 1, "the run was begun again");
    Ok(())
}

/// Waits until the job has said so much; answers the folder of its spool.
fn spoken(world: &World, build: &mut std::process::Child, bytes: u64) -> Result<PathBuf> {
    loop {
        for run in world.told_runs()? {
            let told = job::read_told(&world.told(), &run)?;
            if bytes <= told.iter().map(|told| told.accepted).sum() {
                return Ok(world.logs_dir().join(SPOOL_DIR).join(run));
            }
        }
        ensure!(build.try_wait()?.is_none(), "the build ended too soon: {}", world.said());
        job::pause(Duration::from_millis(5))?;
    }
}

/// The last segment of a stream of which something is there.
fn last_segment(folder: &Path) -> Result<(Stream, u64, PathBuf)> {
    let names = std::fs::read_dir(folder)?.flatten().map(|entry| entry.file_name());
    let segments = names.filter_map(|name| parse_segment_name(name.to_str()?));
    let segments = segments.max_by_key(|(stream, offset)| {
        let path = folder.join(segment_name(*stream, *offset));
        path.metadata().map_or(0, |metadata| metadata.len())
    });
    let (stream, offset) = segments.context("there is no segment")?;
    Ok((stream, offset, folder.join(segment_name(stream, offset))))
}

fn read_away(folder: &Path) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let pipe = open(folder.join(fifo_name(Stream::Stdout)), flags, Mode::empty())?;
    for _ in 0..400 {
        if rustix::io::read(&pipe, &mut [0; 64]).is_ok_and(|got| 0 < got) {
            return Ok(());
        }
        job::pause(Duration::from_millis(1))?;
    }
    Ok(())
}

fn seed_it(bug: SpoolBug, world: &World, folder: &Path) -> Result<()> {
    let (stream, offset, segment) = last_segment(folder)?;
    let spooled = std::fs::read(&segment)?;
    let run = folder.file_name().context("no run")?.to_string_lossy().into_owned();
    let entries = || -> Result<PathBuf> {
        let days = std::fs::read_dir(world.logs_dir())?.flatten();
        let mut paths = days.map(|day| day.path().join(format!("{run}.jsonl")));
        paths.find(|path| path.is_file()).context("nothing is stored")
    };
    match bug {
        SpoolBug::SpooledTailLost => {
            let kept = spooled.get(..spooled.len().saturating_sub(40)).unwrap_or_default();
            std::fs::write(&segment, kept)?;
        }
        SpoolBug::SpooledTailTwice => {
            let tail = spooled.get(spooled.len().saturating_sub(40)..).unwrap_or_default();
            std::fs::write(&segment, [spooled.as_slice(), tail].concat())?;
        }
        SpoolBug::SegmentRemovedEarly => std::fs::remove_file(&segment)?,
        SpoolBug::SegmentMisnamed => {
            std::fs::write(folder.join(segment_name(stream, offset + 7)), &spooled)?;
            std::fs::remove_file(&segment)?;
        }
        SpoolBug::SpareEndRead => {}
        SpoolBug::AcknowledgedEarly => {
            let half = spooled.len() / 2;
            let name = segment_name(stream, offset + half as u64);
            std::fs::write(folder.join(name), spooled.get(half..).unwrap_or_default())?;
            std::fs::remove_file(&segment)?;
        }
        SpoolBug::StoredTailTwice => {
            let path = entries()?;
            let mut stored = std::fs::read(&path)?;
            let last = stored.split_inclusive(|byte| *byte == b'\n').next_back();
            let last = last.unwrap_or_default().to_vec();
            stored.extend_from_slice(&last);
            std::fs::write(&path, stored)?;
        }
        SpoolBug::StateNotWritten => {
            std::fs::remove_file(folder.join(STATE_FILE))?;
            std::fs::remove_file(folder.join(format!("{STATE_FILE}.other"))).ok();
        }
        SpoolBug::JobNotRecognised => {
            let path = folder.join(STATE_FILE);
            let state: SpoolState = serde_json::from_slice(&std::fs::read(&path)?)?;
            let job = state.job.map(|job| format!("{job}0"));
            std::fs::write(&path, serde_json::to_vec(&SpoolState { job, ..state })?)?;
            std::fs::remove_file(folder.join(format!("{STATE_FILE}.other"))).ok();
        }
    }
    Ok(())
}

/// Does something to each process of a role.
fn each(world: &World, role: Role, work: fn(&Process)) {
    world.processes().iter().filter(|process| process.role == role).for_each(work);
}
