//! What a power cut leaves of a disk: all that a sync covered, and of the rest whatever the machine
//! likes.
//!
//! Stricter than any one file system: names survive without data and data without names, what was
//! not synced survives in any part, and the names of one folder in any selection that keeps the order
//! of the changes of each name.

use super::{Covers, Image, Inode, Name, ROOT, Step};
use crate::chance::Chance;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A medium, while a trace is played on it.
#[derive(Clone)]
pub(crate) struct Medium {
    nodes: BTreeMap<Inode, Kept>,
    names: BTreeMap<PathBuf, Name>,
    /// Changes of names that nothing covers yet, with when they were made.
    unsynced: Vec<(usize, NameChange)>,
    syncs: BTreeMap<u64, (usize, Covers)>,
    now: usize,
}

#[derive(Clone, Default)]
struct Kept {
    durable: Vec<u8>,
    unsynced: Vec<(usize, Change)>,
}

#[derive(Clone)]
enum Change {
    Append(Vec<u8>),
    Overwrite(Vec<u8>),
    Truncate(usize),
}

#[derive(Clone)]
enum NameChange {
    Add(PathBuf, Name),
    Move(PathBuf, PathBuf),
    Drop(PathBuf),
}

/// What the machine does with what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Keeps all: no power was cut, only programs were killed.
    Kill,
    /// Forgets all.
    Forgets,
    /// Keeps names and no data: files of no bytes.
    NamesOnly,
    /// Keeps data and no names.
    DataOnly,
    /// Keeps some of both, and beginnings of writes.
    Some,
    /// Keeps the sizes of files, and not all that was in them: zeros between.
    Holes,
}

impl Mood {
    pub(crate) const ALL: [Mood; 6] =
        [Mood::Kill, Mood::Forgets, Mood::NamesOnly, Mood::DataOnly, Mood::Some, Mood::Holes];

    /// One of them.
    pub(crate) fn any(chance: &mut Chance) -> Mood {
        Mood::ALL.get(chance.index(Mood::ALL.len())).copied().unwrap_or(Mood::Kill)
    }
}

/// Holes are as large as the smallest blocks of disks.
const HOLE_BYTES: usize = 512;

impl Medium {
    /// A medium with `image`, all of it durable. Files have the numbers that a disk gives them.
    pub(crate) fn new(image: &Image) -> Medium {
        let mut medium = Medium {
            nodes: BTreeMap::new(),
            names: BTreeMap::from([(PathBuf::from(ROOT), Name::Dir)]),
            unsynced: Vec::new(),
            syncs: BTreeMap::new(),
            now: 0,
        };
        medium.names.extend(image.dirs.iter().map(|dir| (dir.clone(), Name::Dir)));
        for (inode, (path, bytes)) in (super::FIRST_INODE..).zip(&image.files) {
            let kept = Kept { durable: bytes.clone(), unsynced: Vec::new() };
            medium.nodes.insert(inode, kept);
            medium.names.insert(path.clone(), Name::File(inode));
        }
        medium
    }

    /// Plays the next step of a trace.
    pub(crate) fn play(&mut self, step: &Step) {
        self.now += 1;
        let now = self.now;
        let mut name = |change| self.unsynced.push((now, change));
        match step {
            Step::MakeDir(dir) => name(NameChange::Add(dir.clone(), Name::Dir)),
            Step::Create(path, inode) => name(NameChange::Add(path.clone(), Name::File(*inode))),
            Step::Rename(from, to) => name(NameChange::Move(from.clone(), to.clone())),
            Step::Remove(path) => name(NameChange::Drop(path.clone())),
            Step::Append(inode, bytes) => self.change(*inode, Change::Append(bytes.clone())),
            Step::Overwrite(inode, bytes) => self.change(*inode, Change::Overwrite(bytes.clone())),
            Step::Truncate(inode, size) => self.change(*inode, Change::Truncate(*size)),
            Step::SyncBegin(number, covers) => {
                self.syncs.insert(*number, (now, covers.clone()));
            }
            Step::SyncEnd(number) => {
                if let Some((begun, covers)) = self.syncs.remove(number) {
                    self.make_durable(begun, &covers);
                }
            }
            Step::Word(_) => {}
        }
    }

    fn change(&mut self, inode: Inode, change: Change) {
        self.nodes.entry(inode).or_default().unsynced.push((self.now, change));
    }

    /// Makes durable what was done before `begun`.
    fn make_durable(&mut self, begun: usize, covers: &Covers) {
        for (inode, kept) in &mut self.nodes {
            let covered = match covers {
                Covers::Data(only) => inode == only,
                Covers::Names(_) => false,
                Covers::All => true,
            };
            if covered {
                for (_, change) in kept.unsynced.extract_if(.., |(made, _)| *made < begun) {
                    change.apply(&mut kept.durable);
                }
            }
        }
        let covered = |change: &NameChange| match covers {
            Covers::Data(_) => false,
            Covers::Names(dir) => change.is_in(dir),
            Covers::All => true,
        };
        let synced =
            self.unsynced.extract_if(.., |(made, change)| *made < begun && covered(change));
        for (_, change) in synced {
            change.apply(&mut self.names);
        }
    }

    /// What is found after the power was cut here.
    pub(crate) fn cut(&self, mood: Mood, chance: &mut Chance) -> Image {
        let mut names = self.names.clone();
        let mut lost = BTreeSet::new();
        for (_, change) in &self.unsynced {
            let keeps = match mood {
                Mood::Kill | Mood::NamesOnly | Mood::Holes => true,
                Mood::Forgets | Mood::DataOnly => false,
                Mood::Some => chance.one_in(2),
            };
            if keeps && change.paths().all(|path| !lost.contains(path)) {
                change.apply(&mut names);
            } else {
                lost.extend(change.paths().cloned());
            }
        }
        let mut image = Image::default();
        for (path, name) in &names {
            // What is in a folder that was lost is lost with it.
            if !path.ancestors().skip(1).all(|dir| is_dir(&names, dir)) {
                continue;
            }
            match name {
                Name::Dir => drop(image.dirs.insert(path.clone())),
                Name::File(inode) => {
                    let bytes = self.nodes.get(inode).map(|kept| kept.cut(mood, chance));
                    image.files.insert(path.clone(), bytes.unwrap_or_default());
                }
            }
        }
        image
    }
}

fn is_dir(names: &BTreeMap<PathBuf, Name>, dir: &Path) -> bool {
    !dir.starts_with(ROOT) || names.get(dir) == Some(&Name::Dir)
}

impl Kept {
    fn cut(&self, mood: Mood, chance: &mut Chance) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let whole = match mood {
            Mood::Forgets | Mood::NamesOnly => return bytes,
            Mood::Kill | Mood::DataOnly | Mood::Holes => self.unsynced.len(),
            Mood::Some => chance.index(self.unsynced.len() + 1),
        };
        for (_, change) in self.unsynced.iter().take(whole) {
            change.apply(&mut bytes);
        }
        if let Some((_, Change::Append(more))) = self.unsynced.get(whole) {
            bytes.extend(more.iter().take(chance.index(more.len() + 1)));
        }
        if mood == Mood::Holes {
            let mut sure = self.durable.len();
            for (_, change) in &self.unsynced {
                match change {
                    Change::Append(_) => {}
                    Change::Overwrite(_) => sure = 0,
                    Change::Truncate(size) => sure = sure.min(*size),
                }
            }
            let unsure = bytes.get_mut(sure..).unwrap_or_default();
            for block in unsure.chunks_mut(HOLE_BYTES) {
                if chance.one_in(3) {
                    block.fill(0);
                }
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Append(more) => bytes.extend_from_slice(more),
            Change::Overwrite(more) => super::overwrite(bytes, more),
            Change::Truncate(size) => bytes.resize(*size, 0),
        }
    }
}

impl NameChange {
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        match self {
            NameChange::Add(path, _) | NameChange::Drop(path) => [Some(path), None],
            NameChange::Move(from, to) => [Some(from), Some(to)],
        }
        .into_iter()
        .flatten()
    }

    fn is_in(&self, dir: &Path) -> bool {
        self.paths().any(|path| path.parent() == Some(dir))
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Name>) {
        match self {
            NameChange::Add(path, name) => drop(names.insert(path.clone(), *name)),
            NameChange::Move(from, to) => {
                if let Some(name) = names.remove(from) {
                    names.insert(to.clone(), name);
                }
            }
            NameChange::Drop(path) => drop(names.remove(path)),
        }
    }
}
