//! The files that are open: by path, and for what is done with each event by a handle, which costs no look at
//! the path.

use super::manager::FileManager;
use std::collections::HashMap;

/// Which open file. It finds nothing any more once the file was closed, whoever has its place then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle {
    place: usize,
    opened: u64,
}

/// Open files.
#[derive(Default)]
pub(super) struct OpenFiles {
    by_path: HashMap<String, Handle>,
    places: Vec<Option<OpenFile>>,
    free: Vec<usize>,
    opened: u64,
}

struct OpenFile {
    path: String,
    opened: u64,
    manager: FileManager,
}

impl OpenFiles {
    pub(super) fn len(&self) -> usize {
        self.by_path.len()
    }

    pub(super) fn contains_key(&self, path: &str) -> bool {
        self.by_path.contains_key(path)
    }

    pub(super) fn handle(&self, path: &str) -> Option<Handle> {
        self.by_path.get(path).copied()
    }

    pub(super) fn at(&mut self, handle: Handle) -> Option<&mut FileManager> {
        let file = self.places.get_mut(handle.place)?.as_mut()?;
        (file.opened == handle.opened).then_some(&mut file.manager)
    }

    pub(super) fn insert(&mut self, path: String, manager: FileManager) {
        self.remove(&path);
        self.opened += 1;
        let place = self.free.pop().unwrap_or(self.places.len());
        self.by_path.insert(path.clone(), Handle { place, opened: self.opened });
        let file = Some(OpenFile { path, opened: self.opened, manager });
        match self.places.get_mut(place) {
            Some(it) => *it = file,
            None => self.places.push(file),
        }
    }

    pub(super) fn remove(&mut self, path: &str) -> Option<FileManager> {
        let Handle { place, .. } = self.by_path.remove(path)?;
        self.free.push(place);
        Some(self.places.get_mut(place)?.take()?.manager)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &FileManager)> {
        self.places.iter().flatten().map(|file| (&file.path, &file.manager))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut FileManager)> {
        self.places.iter_mut().flatten().map(|file| (&file.path, &mut file.manager))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut FileManager> {
        self.iter_mut().map(|(_, manager)| manager)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.by_path.keys()
    }
}
