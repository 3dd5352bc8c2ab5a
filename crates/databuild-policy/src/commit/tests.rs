//! The protocol on a model of a disk, in which a power cut forgets what was not synced: any part of the
//! unsynced bytes, any unsynced name. Every schedule of a seed is replayed by its number. Faults that are
//! built in on purpose must be found.

use super::*;
use std::collections::BTreeMap;

/// A small generator of numbers (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        for _ in 0..2 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
        }
        usize::try_from(self.0 >> 8).unwrap() % bound
    }
}

/// The content of a file: numbers of events, of which the first `synced` survive everything.
#[derive(Debug, Clone, Default, PartialEq)]
struct File {
    events: Vec<u64>,
    synced: usize,
}

/// Files by inode; names as they are and as they would be after a power cut.
#[derive(Debug, Clone, Default)]
struct Disk {
    inodes: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    records: Vec<Checkpoint>,
    synced_records: usize,
}

impl Disk {
    fn create(&mut self, name: &str) {
        self.inodes.push(File::default());
        self.names.insert(name.to_owned(), self.inodes.len() - 1);
    }

    /// The file, which begins again if a bug has lost it.
    fn file(&mut self, name: &str) -> &mut File {
        if !self.names.contains_key(name) {
            self.create(name);
        }
        let inode = self.names[name];
        &mut self.inodes[inode]
    }

    fn length(&self, name: &str) -> Option<u64> {
        self.names.get(name).map(|inode| self.inodes[*inode].events.len() as u64)
    }

    fn sync_folder(&mut self) {
        self.durable_names = self.names.clone();
    }

    /// Any part of what was not synced stays.
    fn cut_power(&mut self, dice: &mut Dice) {
        for file in &mut self.inodes {
            let unsynced = file.events.len() - file.synced;
            file.events.truncate(file.synced + dice.below(unsynced + 1));
            file.synced = file.events.len();
        }
        // A journal keeps the order of changes to names, so all or nothing of them.
        if dice.below(2) == 0 {
            self.names = self.durable_names.clone();
        }
        self.sync_folder();
        let unsynced = self.records.len() - self.synced_records;
        self.records.truncate(self.synced_records + dice.below(unsynced + 1));
        self.synced_records = self.records.len();
    }
}

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

/// Places are events; event n goes into file n % 2. They are written slightly out of order.
struct Run<'d> {
    disk: &'d mut Disk,
    dice: &'d mut Dice,
    bug: Bug,
    /// Steps until the crash.
    left: usize,
    /// A repair said that recorded bytes are gone, although nobody took them.
    lost: bool,
}

struct Crash;

impl Run<'_> {
    fn step(&mut self) -> Result<(), Crash> {
        self.left = self.left.checked_sub(1).ok_or(Crash)?;
        Ok(())
    }

    fn record(&mut self, saver: &Saver) -> Result<(), Crash> {
        self.step()?;
        self.disk.records.push(saver.now.clone());
        self.step()?;
        self.disk.synced_records = self.disk.records.len();
        Ok(())
    }

    fn start(&mut self) -> Result<Saver, Crash> {
        let last = latest(self.disk.records.clone()).unwrap_or_default();
        self.step()?;
        if self.bug != Bug::NoSyncOfRead {
            self.disk.synced_records = self.disk.records.len();
        }
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
        let progress = last.progress.get("source").cloned().unwrap_or_default();
        let mut saver = Saver {
            epoch: last.epoch + 1,
            taken: progress.low,
            done: progress.above.iter().flat_map(|(from, to)| *from..=*to).collect(),
            now: Checkpoint {
                epoch: last.epoch + 1,
                outputs: Outputs { intents: Vec::new(), ..last.outputs },
                ..last
            },
            held: Vec::new(),
            index: 0,
        };
        saver.now.epoch = saver.epoch;
        // What was repaired is synced before a record says that it is so.
        for name in FILES {
            if let Some(inode) = self.disk.names.get(name) {
                let file = &mut self.disk.inodes[*inode];
                file.synced = file.events.len();
            }
        }
        self.disk.sync_folder();
        self.record(&saver)?;
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
        let inode = self.disk.names.remove(name).unwrap();
        self.disk.names.insert(to, inode);
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

/// Runs a seed; says what is wrong with the files at the end.
fn run(seed: u64, bug: Bug) -> Result<(), String> {
    const EVENTS: u64 = 24;
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut disk = Disk::default();
    let crashes = dice.below(6);
    for crash in 0..=crashes {
        let left = if crash == crashes { usize::MAX } else { dice.below(60) };
        let mut run = Run { disk: &mut disk, dice: &mut dice, bug, left, lost: false };
        let ended = run.all(EVENTS).is_ok();
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
