//! `failpoints`: at each named point of a collector's life, and of the recovery that it begins with,
//! each thing that can go wrong does, once. Each must happen; afterwards the store is put right, and
//! holds what was promised.

use crate::chance::Chance;
use crate::check;
use crate::clock::beginning;
use crate::disk::{Disk, Image, Step, Word};
use crate::faulty::{Action, Faulty};
use crate::report::Figures;
use crate::rigs::power;
use crate::script::Script;
use crate::session::{self, End, logs_dir, run_path};
use anyhow::{Context, Result, ensure};
use databuild_logs::collect::Durability;
use databuild_logs::fs::Fs;
use databuild_logs::store::recover::recover;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

/// Points that a life must come by, so that a change that avoids one is noticed.
const POINTS_MIN: usize = 40;

/// What is left of the journal of the scene: its beginning, and a record that is torn.
const JOURNAL_LEFT_BYTES: usize = 13;

/// The scene.
const SEED: u64 = 1;

/// A store that a collector left in disorder, and the runs that come next.
struct Scene {
    image: Image,
    before: Vec<Script>,
    next: Vec<Script>,
    seed: u64,
}

/// Each action at each point.
pub(crate) struct Failpoints {
    scene: Scene,
    /// What is done, and how often its point comes by.
    plays: Vec<(String, u64, Action)>,
    points: usize,
    happened: Mutex<BTreeSet<usize>>,
}

impl Failpoints {
    /// The points that a life comes by.
    ///
    /// # Errors
    /// It does not end well without a fault, or comes by too few.
    pub(crate) fn new() -> Result<Failpoints> {
        let scene = Scene::new(SEED)?;
        let points = scene.points()?;
        ensure!(POINTS_MIN <= points.len(), "only {} points: {:?}", points.len(), points.keys());
        let plays = points.iter().flat_map(|(point, hits)| {
            let fitting = Action::ALL.into_iter().filter(|action| action.fits(point));
            fitting.map(|action| (point.clone(), *hits, action))
        });
        let plays = plays.collect();
        Ok(Failpoints { scene, plays, points: points.len(), happened: Mutex::default() })
    }

    /// The play of a seed: each in turn at the first time that its point comes by, then at any.
    pub(crate) fn cycle(&self, seed: u64) -> Figures {
        let mut figures = Figures { cycles: 1, ..Figures::default() };
        let turn = usize::try_from(seed.saturating_sub(1)).unwrap_or(0);
        let at = turn % self.plays.len().max(1);
        let Some((point, hits, action)) = self.plays.get(at) else { return figures };
        let is_first = turn < self.plays.len();
        let nth = if is_first { 0 } else { Chance::new(seed).below(*hits) };
        match self.scene.play((point.clone(), nth, *action), &mut figures) {
            Ok(true) => {
                figures.faults += 1;
                self.happened.lock().unwrap_or_else(PoisonError::into_inner).insert(at);
            }
            // Threads come by in another order now and then: the first time is always there.
            Ok(false) if !is_first => {}
            Ok(false) => {
                figures.find(seed, &anyhow::anyhow!("{action:?} at {point} never happened"));
            }
            Err(error) => figures.find(seed, &error),
        }
        figures
    }

    /// How much of it happened.
    pub(crate) fn note(&self) -> String {
        let happened = self.happened.lock().unwrap_or_else(PoisonError::into_inner).len();
        format!("{} points, {happened} of {} faults happened", self.points, self.plays.len())
    }
}

impl Scene {
    fn new(seed: u64) -> Result<Scene> {
        let mut chance = Chance::new(seed);
        let disk = Disk::new(&session::before());
        let before: Vec<_> =
            (0..3).map(|run| Script::new(format!("before-{run}"), &mut chance)).collect();
        let fs = Arc::new(disk.clone());
        session::play(&disk, fs, &before, (End::Stopped, Durability::Interval), &mut chance)?;
        let mut image = disk.image();
        // As a kill in the middle of several writes leaves them.
        for (path, bytes) in &mut image.files {
            let name = path.to_string_lossy();
            if name.ends_with(".journal") {
                bytes.truncate(JOURNAL_LEFT_BYTES);
            } else if name.ends_with("before-0.idx") {
                bytes.truncate(bytes.len().saturating_sub(12));
            } else if name.ends_with("before-0.jsonl") {
                bytes.truncate(bytes.len().saturating_sub(20));
            }
        }
        let stale = run_path("before-0")?.with_extension("idx.new");
        image.files.insert(stale, b"stale".to_vec());
        let next = (0..3).map(|run| Script::new(format!("next-{run}"), &mut chance)).collect();
        Ok(Scene { image, before, next, seed })
    }

    fn life(&self, disk: &Disk, faulty: &Faulty) -> Result<()> {
        let fs = Arc::new(faulty.clone());
        let mut chance = Chance::new(self.seed ^ 2);
        let how = (End::Stopped, Durability::Interval);
        let live = || session::play(disk, fs, &self.next, how, &mut chance);
        // The defect may be met by the caller's own thread.
        std::panic::catch_unwind(AssertUnwindSafe(live)).unwrap_or(Ok(()))
    }

    fn points(&self) -> Result<BTreeMap<String, u64>> {
        let disk = Disk::new(&self.image);
        let faulty = Faulty::new(disk.clone(), None);
        self.life(&disk, &faulty).context("without a fault")?;
        Ok(faulty.hits())
    }

    /// A life with one fault, and the look afterwards; whether the fault happened.
    fn play(&self, armed: (String, u64, Action), figures: &mut Figures) -> Result<bool> {
        let disk = Disk::new(&self.image);
        let what = format!("{:?} at {} {}", armed.2, armed.0, armed.1);
        let always_succeeds = matches!(armed.2, Action::Delay | Action::Short);
        let faulty = Faulty::new(disk.clone(), Some(armed));
        let lived = self.life(&disk, &faulty);
        if always_succeeds {
            lived.with_context(|| format!("{what}: what is slow or short is no error"))?;
        }
        self.look(&disk, figures).with_context(|| what)?;
        Ok(faulty.has_fired())
    }

    fn look(&self, disk: &Disk, figures: &mut Figures) -> Result<()> {
        let plain: Arc<dyn Fs> = Arc::new(disk.next_life());
        plain.create_dir_all(&logs_dir())?;
        // The day after, so that all journals are of the past.
        let recovery = recover(plain.as_ref(), &logs_dir(), beginning().day())?;
        ensure!(recovery.failed.is_empty(), "not put right: {:?}", recovery.failed);
        let scripts: Vec<_> = self.before.iter().chain(&self.next).cloned().collect();
        let mut wholes = power::wholes(&scripts, &disk.image())?;
        for step in disk.trace() {
            if let Step::Word(Word::Ended { run, bytes } | Word::Durable { run, bytes }) = step
                && let Some(expected) = wholes.get_mut(&run)
            {
                expected.sure = expected.sure.max(bytes);
            }
        }
        for script in &self.before {
            let stored = self.image.files.get(&run_path(&script.run)?);
            let lines = stored.map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count());
            let whole = wholes.get(&script.run).map(|expected| expected.whole.as_slice());
            let left = whole.unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
            ensure!(lines <= left, "{} has lost what was stored before", script.run);
        }
        let account = check::store_keeps_its_word(&plain, &logs_dir(), &wholes)?;
        figures.account.add(account);
        check::journals_tell_all_once(plain.as_ref(), &logs_dir(), &wholes)
    }
}

#[cfg(test)]
mod tests;
