//! `power`: a collector, its recovery, and what a power cut or a kill leaves of each of their steps.
//!
//! A story is played once on a disk that remembers every step; then the power is cut after any of
//! them, with any part of what was not synced surviving, and the store is put right and looked at.
//! The recovery is cut as well.

use crate::chance::Chance;
use crate::check::{self, Account, Expected};
use crate::clock::beginning;
use crate::disk::{Disk, Image, Medium, Mood, Step, Word};
use crate::report::Figures;
use crate::script::Script;
use crate::session::{self, End, logs_dir};
use anyhow::{Context, Result, ensure};
use databuild_logs::collect::Durability;
use databuild_logs::fs::Fs;
use databuild_logs::store::recover::{Recovery, recover};
use databuild_model::entry::{Content, JobLogEntry};
use databuild_model::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is between the collector and the disk: nothing, or something that lies.
pub(crate) type Between = dyn Fn(Disk) -> Arc<dyn Fs> + Sync;

/// Cuts in one story, at most: a story of a few hundred steps is cut at most of them.
const CUTS: usize = 150;

/// Most steps of one life before it is killed, if it is.
const LIFE_STEPS_MAX: u64 = 160;

/// Plays the story of `seed` and cuts it.
pub(crate) fn story(seed: u64, between: &Between) -> Figures {
    let mut figures = Figures::default();
    let mut chance = Chance::new(seed);
    match play(between, &mut chance) {
        Ok(story) => {
            if let Err(error) = story.cut_all(between, &mut chance, &mut figures) {
                figures.find(seed, &error);
            }
        }
        Err(error) => figures.find(seed, &error),
    }
    figures
}

/// What was played.
struct Story {
    durability: Durability,
    scripts: Vec<Script>,
    trace: Vec<Step>,
    /// What is on the disk at its end.
    last: Image,
}

/// One to three lives of a collector, most of which end by a kill.
fn play(between: &Between, chance: &mut Chance) -> Result<Story> {
    let mut disk = Disk::new(&session::before());
    let mut scripts = Vec::new();
    let durability = Durability::ALL.get(chance.index(3)).copied().unwrap_or_default();
    for life in 0..=chance.below(3) {
        let side_by_side = durability != Durability::Process && chance.one_in(3);
        let runs = if side_by_side { 3 } else { 1 } + chance.below(4);
        let new: Vec<_> =
            (0..runs).map(|run| Script::new(format!("run-{life}-{run}"), chance)).collect();
        if !chance.one_in(3) {
            disk.kill_after(chance.index(usize::try_from(LIFE_STEPS_MAX)?));
        }
        let end = if chance.one_in(3) { End::Dropped } else { End::Stopped };
        if side_by_side {
            session::two::play(&disk, between, &new, durability, chance)?;
        } else {
            session::play(&disk, between(disk.clone()), &new, (end, durability), chance)?;
        }
        scripts.extend(new);
        disk = disk.next_life();
    }
    Ok(Story { durability, scripts, trace: disk.trace(), last: disk.image() })
}

impl Story {
    fn cut_all(&self, between: &Between, chance: &mut Chance, figures: &mut Figures) -> Result<()> {
        let wholes = wholes(&self.scripts, &self.last)?;
        let mut medium = Medium::new(&session::before());
        let mut words = BTreeMap::new();
        let of_all = u64::try_from(self.trace.len().div_ceil(CUTS))?;
        for (at, step) in self.trace.iter().enumerate() {
            medium.play(step);
            if let Step::Word(Word::Ended { run, bytes } | Word::Durable { run, bytes }) = step {
                let sure = words.entry(run.clone()).or_insert(0);
                *sure = (*sure).max(*bytes);
            }
            if !chance.one_in(of_all) {
                continue;
            }
            let mood = Mood::any(chance);
            let image = medium.cut(mood, chance);
            let expected = expected(&wholes, &words, &image, mood);
            // Without syncs in between, journals may survive what they tell of.
            let journals = self.durability != Durability::Process || mood == Mood::Kill;
            let cut = Cut { between, expected: &expected, journals };
            let found = cut.look_at(&image, chance, figures);
            found.with_context(|| {
                format!("cut after step {at}, {mood:?}{}", self.steps_before(at))
            })?;
        }
        Ok(())
    }

    /// The last steps before a cut, for people.
    fn steps_before(&self, at: usize) -> String {
        let steps = self.trace.get(at.saturating_sub(25)..=at).unwrap_or_default();
        steps.iter().map(|step| format!("\n    {}", short(step))).collect()
    }
}

/// All that each run's file was to hold, by what is in it on `last`, and whether it is all that the run
/// said.
pub(crate) fn wholes(scripts: &[Script], last: &Image) -> Result<BTreeMap<String, Expected>> {
    let mut wholes = BTreeMap::new();
    for script in scripts {
        let whole = last.files.get(&session::run_path(&script.run)?).cloned().unwrap_or_default();
        let upto = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = whole.get(..upto).unwrap_or_default().to_vec();
        let lines = said_as_stored(script, &whole)
            .with_context(|| format!("what the collector wrote of {}", script.run))?;
        let ends = lines == script.lines.len();
        wholes.insert(script.run.clone(), Expected { whole, sure: 0, ends });
    }
    Ok(wholes)
}

/// How many lines of `script` are in `stored`, whose lines must be those of the script, with labels. What
/// the collector puts on record itself has no number.
fn said_as_stored(script: &Script, stored: &[u8]) -> Result<usize> {
    let mut said = script.lines.iter();
    let mut count = 0;
    for line in stored.split_inclusive(|byte| *byte == b'\n') {
        let (mut entry, _) = json::read_entry(line)?;
        ensure!(entry.job_label.is_some(), "line {count} has no label");
        if entry.sequence_number == 0 {
            continue;
        }
        without_labels(&mut entry);
        let said = said.next().context("there is more than was said")?;
        let (said, _) = json::read_entry(said)?;
        ensure!(entry == said, "line {count} is not the one that was said");
        count += 1;
    }
    Ok(count)
}

fn without_labels(entry: &mut JobLogEntry) {
    entry.job_label = None;
    entry.app = None;
    entry.build_id = None;
    if let Content::JobEvent(event) = &mut entry.content {
        event.job_label = None;
    }
}

fn expected(
    wholes: &BTreeMap<String, Expected>,
    words: &BTreeMap<String, usize>,
    image: &Image,
    mood: Mood,
) -> BTreeMap<String, Expected> {
    let mut expected = wholes.clone();
    for (run, expected) in &mut expected {
        expected.sure = words.get(run).copied().unwrap_or(0);
        if mood == Mood::Kill
            && let Some(bytes) = session::run_path(run).ok().and_then(|p| image.files.get(&p))
        {
            // The kernel has it: a kill takes nothing of it but a line that was not written whole.
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            expected.sure = expected.sure.max(whole);
        }
    }
    expected
}

/// What is to be found after a cut.
struct Cut<'a> {
    between: &'a Between,
    expected: &'a BTreeMap<String, Expected>,
    /// Whether what the journals say must be in the files.
    journals: bool,
}

impl Cut<'_> {
    fn look_at(&self, image: &Image, chance: &mut Chance, figures: &mut Figures) -> Result<()> {
        let (disk, account) = self.recovered(image)?;
        figures.cycles += 1;
        figures.faults += 1;
        figures.account.add(account);
        if !chance.one_in(3) {
            return Ok(());
        }
        // And while the store is being put right.
        let trace = disk.trace();
        let mut medium = Medium::new(image);
        let steps = chance.index(trace.len() + 1);
        trace.iter().take(steps).for_each(|step| medium.play(step));
        let mood = if self.journals { Mood::any(chance) } else { Mood::Kill };
        let again = medium.cut(mood, chance);
        let found = self.recovered(&again);
        let (_, account) = found.with_context(|| {
            let done = trace.iter().take(steps).map(|step| format!("\n    {}", short(step)));
            format!("cut again, {mood:?}, after{}", done.collect::<String>())
        })?;
        figures.cycles += 1;
        figures.faults += 1;
        figures.account.add(account);
        Ok(())
    }

    /// Puts an image right, and looks at it.
    fn recovered(&self, image: &Image) -> Result<(Disk, Account)> {
        let logs_dir = logs_dir();
        let disk = Disk::new(image);
        if self.journals {
            check::journals_are_not_ahead(&disk, &logs_dir)?;
        }
        let fs = (self.between)(disk.clone());
        fs.create_dir_all(&logs_dir)?;
        let today = beginning().day();
        let recovery = recover(fs.as_ref(), &logs_dir, today).context("cannot recover")?;
        ensure!(recovery.failed.is_empty(), "not put right: {:?}", recovery.failed);
        let plain: Arc<dyn Fs> = Arc::new(disk.next_life());
        let account = check::store_keeps_its_word(&plain, &logs_dir, self.expected)?;
        if self.journals {
            check::journals_tell_all_once(plain.as_ref(), &logs_dir, self.expected)?;
        }
        let again = recover(plain.as_ref(), &logs_dir, today).context("cannot recover again")?;
        ensure!(again == Recovery::default(), "there is still something to do: {again:?}");
        Ok((disk, account))
    }
}

/// A step as a line.
fn short(step: &Step) -> String {
    match step {
        Step::Append(inode, bytes) => format!("Append({inode}, {} bytes)", bytes.len()),
        Step::MakeDir(_)
        | Step::Create(..)
        | Step::Rename(..)
        | Step::Remove(_)
        | Step::Overwrite(..)
        | Step::Truncate(..)
        | Step::SyncBegin(..)
        | Step::SyncEnd(_)
        | Step::Word(_) => format!("{step:?}"),
    }
}

#[cfg(test)]
mod tests;
