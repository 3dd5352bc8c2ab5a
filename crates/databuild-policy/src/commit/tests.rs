//! The protocol on a model of a disk. Every schedule of a seed is replayed by its number. Faults that are
//! built in on purpose must be found.
//!
//! What a schedule has: crashes between any two operations, with a power cut or without; operations that were
//! done and say that they were not (of a write, a sync, a rename, a record: the try is given up, and another one
//! begins on the same disk); a saver that sleeps before any operation while another one tries to take over, and
//! wakes up; and one that has lost its lock while it sleeps right before it writes a record, while another one
//! took over and went on. What the protocol takes for granted is that a lock is not lost at another moment: a
//! saver that wakes up between two records would write into files that are not its own any more, and two that
//! begin at the same time would have one epoch.

mod disk;

use super::*;
use disk::{Dice, Disk};

/// What is left out of the protocol on purpose.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bug {
    None,
    /// The record is written before the files are synced.
    EarlyCommit,
    /// Files are not cut after a crash.
    NoTruncate,
    /// A file is written before a record names it.
    NoAnnounce,
    /// A file is renamed before a record says so.
    NoIntent,
    /// The folder is not synced after a rename.
    NoFolderSync,
    /// The checkpoint has the highest event that was written, not the lowest that was not.
    HighMark,
    /// A record that a killed saver had not synced is acted on before it is.
    NoSyncOfRead,
    /// The next index is counted from what the saver remembers, not from the folder.
    IndexFromMemory,
    /// Nobody is fenced: a second saver does not look at the lock.
    NoLock,
    /// The last record counts, whoever wrote it.
    NoEpoch,
    /// It is made known that a saver is here when everything is repaired, not before.
    LateEpoch,
    /// One that has lost its lock goes on behind the record that it was writing.
    GoesOn,
    /// What was not answered is done again, instead of a new try from the last record on.
    AgainInPlace,
}

const FILES: [&str; 2] = ["a.log", "b.log"];

fn file_of(place: u64) -> &'static str {
    FILES[usize::from(place % 2 == 1)]
}

struct Saver {
    epoch: u64,
    now: Checkpoint,
    taken: u64,
    done: std::collections::BTreeSet<u64>,
    held: Vec<u64>,
    index: u64,
}

impl Saver {
    /// One that goes on where the last record is.
    fn of(last: &Checkpoint) -> Saver {
        let progress = last.progress.get("source").cloned().unwrap_or_default();
        let epoch = last.epoch + 1;
        Saver {
            epoch,
            taken: progress.low,
            done: progress.above.iter().flat_map(|(from, to)| *from..=*to).collect(),
            now: Checkpoint { epoch, ..last.clone() },
            held: Vec::new(),
            index: 0,
        }
    }
}

/// Places are events; event n goes into file n % 2. They are written slightly out of order.
struct Run<'d> {
    disk: &'d mut Disk,
    dice: &'d mut Dice,
    bug: Bug,
    /// Its number among all savers.
    id: u64,
    /// Steps until the crash.
    left: usize,
    /// Whether others come while it sleeps, and answers are lost.
    rough: bool,
    /// Its epoch is on the disk.
    begun: bool,
    /// A repair said that recorded bytes are gone, although nobody took them.
    lost: bool,
}

/// A try is over: killed, fenced, or without an answer.
struct Crash;

impl Run<'_> {
    fn step(&mut self) -> Result<(), Crash> {
        if self.rough && self.dice.below(60) == 0 {
            self.sleep();
        }
        self.left = self.left.checked_sub(1).ok_or(Crash)?;
        Ok(())
    }

    /// What was done is not always answered.
    fn answer(&mut self) -> Result<(), Crash> {
        if self.rough && self.dice.below(60) == 0 { Err(Crash) } else { Ok(()) }
    }

    /// Another saver tries its luck meanwhile, until it is done, refused or killed.
    fn sleep(&mut self) {
        let left = self.dice.below(120);
        let (bug, id) = (self.bug, self.id + 1_000);
        let (disk, dice) = (&mut *self.disk, &mut *self.dice);
        let mut other = Run { disk, dice, bug, id, left, rough: false, begun: false, lost: false };
        other.all(EVENTS).ok();
        other.let_go();
        self.lost |= other.lost;
    }

    /// The lock ends with its holder.
    fn let_go(&mut self) {
        self.disk.lock.take_if(|holder| *holder == self.id);
    }

    /// Whether somebody has begun a later epoch.
    fn is_fenced(&self, saver: &Saver) -> bool {
        self.disk.records.iter().any(|record| saver.epoch < record.epoch)
    }

    fn record(&mut self, saver: &Saver) -> Result<(), Crash> {
        self.step()?;
        if self.is_fenced(saver) && self.bug != Bug::NoLock {
            return Err(Crash);
        }
        if self.rough && self.begun && self.dice.below(30) == 0 {
            // It sleeps for long, and somebody takes its lock away.
            self.disk.lock = None;
            self.sleep();
        }
        self.disk.records.push(saver.now.clone());
        self.answer()?;
        self.step()?;
        self.disk.synced_records = self.disk.records.len();
        self.answer()?;
        if self.is_fenced(saver) && !matches!(self.bug, Bug::GoesOn | Bug::NoLock) {
            return Err(Crash);
        }
        Ok(())
    }

    fn start(&mut self) -> Result<Saver, Crash> {
        if self.disk.lock.is_some() && self.bug != Bug::NoLock {
            return Err(Crash);
        }
        self.disk.lock = Some(self.id);
        let records = self.disk.records.clone();
        let last = if self.bug == Bug::NoEpoch { records.last().cloned() } else { latest(records) };
        let last = last.unwrap_or_default();
        let mut saver = Saver::of(&last);
        // First of all it is made known that it is here; with that what was read is synced.
        if !matches!(self.bug, Bug::NoSyncOfRead | Bug::LateEpoch) {
            self.record(&saver)?;
        }
        self.step()?;
        let fixes = repairs(&last.outputs, |name| self.disk.length(name));
        for fix in fixes {
            self.step()?;
            match fix {
                Repair::Rename { from, to } => {
                    let inode = self.disk.names.remove(&from).unwrap();
                    self.disk.names.insert(to, inode);
                    self.disk.sync_folder();
                }
                Repair::Truncate { path, bytes } => {
                    let bytes = usize::try_from(bytes).unwrap();
                    if self.bug != Bug::NoTruncate {
                        let file = self.disk.file(&path);
                        file.events.truncate(bytes);
                        file.synced = file.synced.min(bytes);
                    }
                }
                Repair::Create { path } => self.disk.create(&path),
                Repair::Lost { .. } => self.lost = true,
            }
        }
        saver.now.outputs.intents.clear();
        // What was repaired is synced before a record says that it is so.
        for name in FILES {
            if let Some(inode) = self.disk.names.get(name) {
                let file = &mut self.disk.inodes[*inode];
                file.synced = file.events.len();
            }
        }
        self.disk.sync_folder();
        self.record(&saver)?;
        self.begun = true;
        Ok(saver)
    }

    fn write(&mut self, saver: &mut Saver, events: u64) -> Result<(), Crash> {
        // A window holds up to two events back, so the order is not that of the source.
        while saver.held.len() < 2 && saver.taken < events {
            let place = saver.taken;
            saver.taken += 1;
            let known = saver.now.progress.get("source").is_some_and(|it| it.is_done(place));
            if !known {
                saver.held.push(place);
            }
        }
        if saver.held.is_empty() {
            return Ok(());
        }
        let place = saver.held.remove(self.dice.below(saver.held.len()));
        let name = file_of(place);
        if !saver.now.outputs.files.contains_key(name) {
            let bytes = self.disk.length(name).unwrap_or(0);
            saver.now.outputs.files.insert(name.to_owned(), bytes);
            if self.bug != Bug::NoAnnounce {
                self.record(saver)?;
            }
            if self.disk.length(name).is_none() {
                self.step()?;
                self.disk.create(name);
                self.disk.sync_folder();
            }
        }
        self.step()?;
        self.disk.file(name).events.push(place);
        if self.answer().is_err() {
            if self.bug != Bug::AgainInPlace {
                return Err(Crash);
            }
            self.disk.file(name).events.push(place);
        }
        saver.done.insert(place);
        Ok(())
    }

    fn commit(&mut self, saver: &mut Saver) -> Result<(), Crash> {
        let mut low = saver.now.progress.get("source").map_or(0, |it| it.low);
        while saver.done.remove(&low) {
            low += 1;
        }
        let mut progress = Progress::new(low, saver.done.iter().copied());
        if self.bug == Bug::HighMark {
            progress =
                Progress { low: saver.done.last().map_or(low, |it| it + 1), ..Progress::default() };
        }
        for (name, bytes) in &mut saver.now.outputs.files {
            *bytes = self.disk.length(name).unwrap_or(0);
        }
        saver.now.progress.insert("source".to_owned(), progress);
        saver.now.outputs.intents.clear();
        if self.bug == Bug::EarlyCommit {
            self.record(saver)?;
        }
        for name in saver.now.outputs.files.keys() {
            self.left = self.left.checked_sub(1).ok_or(Crash)?;
            let file = self.disk.file(name);
            file.synced = file.events.len();
            self.answer()?;
        }
        if self.bug != Bug::EarlyCommit {
            self.record(saver)?;
        }
        Ok(())
    }

    fn roll(&mut self, saver: &mut Saver, name: &str) -> Result<(), Crash> {
        self.commit(saver)?;
        let Some(bytes) = saver.now.outputs.files.remove(name) else { return Ok(()) };
        let mut index = if self.bug == Bug::IndexFromMemory { saver.index } else { 0 };
        while self.bug != Bug::IndexFromMemory
            && self.disk.length(&format!("{name}.{index}")).is_some()
        {
            index += 1;
        }
        saver.index = index + 1;
        let to = format!("{name}.{index}");
        saver.now.outputs.intents.push(RollIntent { from: name.to_owned(), to: to.clone(), bytes });
        if self.bug != Bug::NoIntent {
            self.record(saver)?;
        }
        self.step()?;
        let inode = self.disk.names.remove(name).ok_or(Crash)?;
        self.disk.names.insert(to, inode);
        self.answer()?;
        self.step()?;
        if self.bug != Bug::NoFolderSync {
            self.disk.sync_folder();
        }
        saver.now.outputs.intents.clear();
        self.record(saver)
    }

    fn all(&mut self, events: u64) -> Result<(), Crash> {
        let mut saver = self.start()?;
        loop {
            match self.dice.below(8) {
                0 => self.commit(&mut saver)?,
                1 => {
                    let name = FILES[self.dice.below(2)];
                    self.roll(&mut saver, name)?;
                }
                _ => self.write(&mut saver, events)?,
            }
            if saver.taken == events && saver.held.is_empty() {
                return self.commit(&mut saver);
            }
        }
    }
}

const EVENTS: u64 = 24;

/// Runs a seed; says what is wrong with the files at the end.
fn run(seed: u64, bug: Bug) -> Result<(), String> {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut disk = Disk::default();
    let crashes = dice.below(6);
    for crash in 0..=crashes {
        let rough = crash != crashes;
        let left = if rough { dice.below(60) } else { usize::MAX };
        let id = crash as u64;
        let mut run = Run {
            disk: &mut disk,
            dice: &mut dice,
            bug,
            id,
            left,
            rough,
            begun: false,
            lost: false,
        };
        let ended = run.all(EVENTS).is_ok();
        run.let_go();
        if run.lost {
            return Err(format!("seed {seed}: recorded bytes are gone"));
        }
        if ended {
            break;
        }
        if dice.below(2) == 0 {
            disk.cut_power(&mut dice);
        }
    }
    let mut seen: Vec<u64> = Vec::new();
    for (name, inode) in &disk.names {
        let file = &disk.inodes[*inode];
        if let Some(wrong) = file.events.iter().find(|it| !name.starts_with(file_of(**it))) {
            return Err(format!("seed {seed}: event {wrong} is in {name}"));
        }
        seen.extend(&file.events);
    }
    seen.sort_unstable();
    let expected: Vec<u64> = (0..EVENTS).collect();
    if seen == expected { Ok(()) } else { Err(format!("seed {seed}: {seen:?}")) }
}

#[test]
fn every_event_is_in_the_files_once_whatever_crashes() {
    for seed in 0..10_000 {
        run(seed, Bug::None).unwrap();
    }
}

#[test]
fn every_step_of_the_protocol_is_needed() {
    let bugs = [
        Bug::EarlyCommit,
        Bug::NoTruncate,
        Bug::NoAnnounce,
        Bug::NoIntent,
        Bug::NoFolderSync,
        Bug::HighMark,
        Bug::NoSyncOfRead,
        Bug::IndexFromMemory,
        Bug::NoLock,
        Bug::NoEpoch,
        Bug::LateEpoch,
        Bug::GoesOn,
        Bug::AgainInPlace,
    ];
    for bug in bugs {
        let found = (0..20_000).find(|seed| run(*seed, bug).is_err());
        assert!(found.is_some(), "{bug:?} is not found");
    }
}

#[test]
fn a_saver_that_wakes_up_late_does_not_count() {
    let record = |epoch, low| Checkpoint {
        epoch,
        progress: [("s".to_owned(), Progress { low, ..Progress::default() })].into(),
        ..Checkpoint::default()
    };
    let last = latest([record(1, 5), record(2, 7), record(2, 9), record(1, 20)]).unwrap();
    assert_eq!((last.epoch, last.progress["s"].low), (2, 9));
}
