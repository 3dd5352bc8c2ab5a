//! A model of a disk, in which a power cut forgets what was not synced: any part of the unsynced bytes, any
//! unsynced name.

use super::super::Checkpoint;
use std::collections::BTreeMap;

/// A small generator of numbers (xorshift).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: usize) -> usize {
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
pub(super) struct File {
    pub(super) events: Vec<u64>,
    pub(super) synced: usize,
}

/// Files by inode; names as they are and as they would be after a power cut.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) inodes: Vec<File>,
    pub(super) names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pub(super) records: Vec<Checkpoint>,
    pub(super) synced_records: usize,
    /// Who holds the lock. It ends with its holder, and not while that one sleeps.
    pub(super) lock: Option<u64>,
}

impl Disk {
    pub(super) fn create(&mut self, name: &str) {
        self.inodes.push(File::default());
        self.names.insert(name.to_owned(), self.inodes.len() - 1);
    }

    /// The file, which begins again if a bug has lost it.
    pub(super) fn file(&mut self, name: &str) -> &mut File {
        if !self.names.contains_key(name) {
            self.create(name);
        }
        let inode = self.names[name];
        &mut self.inodes[inode]
    }

    pub(super) fn length(&self, name: &str) -> Option<u64> {
        self.names.get(name).map(|inode| self.inodes[*inode].events.len() as u64)
    }

    pub(super) fn sync_folder(&mut self) {
        self.durable_names = self.names.clone();
    }

    /// Any part of what was not synced stays.
    pub(super) fn cut_power(&mut self, dice: &mut Dice) {
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
