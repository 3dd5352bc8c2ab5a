//! What becomes of archives: they are compressed, and the oldest go. Both are found by reading the folders, so
//! that whatever a crash left, or a later setting reaches, is seen.

use super::compress::Compressor;
use super::roll::archive;
use super::trouble;
use super::writer::{MultiFileWriter, join, split};
use databuild_io::sink::{Listed, SinkErrorKind};
use databuild_model::time::Timestamp;
use databuild_plugin::processor::ProcessorError;
use databuild_policy::roll::keep::{Archive, KeepPolicy};
use databuild_policy::roll::name::{ArchiveName, Compression};
use databuild_policy::roll::plan::ArchiveNaming;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What is in folders, read once for all files of a look.
#[derive(Debug, Default)]
pub(super) struct Listings {
    files: HashMap<String, Vec<Listed>>,
    folders: HashMap<String, Vec<String>>,
}

impl MultiFileWriter {
    /// Files were rolled into `archives`.
    pub(super) fn after_roll(
        &mut self,
        paths: &[String],
        archives: Vec<String>,
    ) -> Result<(), ProcessorError> {
        for archive in &archives {
            self.compress(archive);
        }
        self.find_archives(paths.to_vec())
    }

    /// The same for a file that this start has not written before.
    pub(super) fn look_for_archives_of(&mut self, path: &str) -> Result<(), ProcessorError> {
        if self.settings.archive.is_some() && !self.begun.memory().rolled.contains(path) {
            self.find_archives(vec![path.to_owned()])?;
        }
        Ok(())
    }

    /// At the first moment of a start: all that earlier ones have left, also of files to which nothing comes
    /// any more.
    pub(super) fn look_at_first(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        if self.begun.memory().searched {
            return Ok(());
        }
        let found = if self.keeps_or_compresses() { self.search()? } else { BTreeSet::new() };
        let mut memory = self.begun.memory();
        memory.rolled.extend(found);
        memory.searched = true;
        drop(memory);
        self.look_at_all(now)
    }

    /// The same again after a while.
    pub(super) fn look_now_and_then(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        self.look_at_first(now)?;
        let looked = self.begun.memory().looked;
        if looked.is_none_or(|last| crate::limits::KEEP_EVERY <= now.since(last)) {
            self.look_at_all(now)?;
        }
        Ok(())
    }

    fn keeps_or_compresses(&self) -> bool {
        let compression = self.settings.archive.as_ref().and_then(ArchiveNaming::compression);
        compression.is_some() || self.settings.keep != KeepPolicy::default()
    }

    fn look_at_all(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        self.now = self.now.max(Some(now));
        let mut memory = self.begun.memory();
        memory.rolled.extend(self.managers.keys().cloned());
        let paths = memory.rolled.iter().cloned().collect();
        drop(memory);
        self.find_archives(paths)?;
        self.begun.memory().looked = Some(now);
        Ok(())
    }

    /// Looks at the archives of these files: what is beyond what is kept goes, and what is not compressed
    /// yet is.
    pub(super) fn find_archives(&mut self, paths: Vec<String>) -> Result<(), ProcessorError> {
        let Some(naming) = self.settings.archive.clone() else { return Ok(()) };
        // Where nothing is to be done, no folder is read.
        if self.keeps_or_compresses() {
            let mut listings = Listings::default();
            for path in &paths {
                self.retain(path, &naming, &mut listings)?;
            }
        }
        self.begun.memory().rolled.extend(paths);
        Ok(())
    }

    /// Removes archives of the file at `path` that are beyond what is kept, and has those compressed that are
    /// not yet. The one that was closed last stays, however old it is: it was the log until just now.
    fn retain(
        &mut self,
        path: &str,
        naming: &ArchiveNaming,
        listings: &mut Listings,
    ) -> Result<(), ProcessorError> {
        let (folder, name) = split(path);
        let naming = naming.bind(name);
        let there = self.archives(folder, naming.name(), listings)?;
        if naming.compression().is_some() {
            for archive in &there {
                self.compress(&join(folder, &archive.name));
            }
        }
        let keep = self.settings.keep;
        let Some(now) = self.now.filter(|_| keep != KeepPolicy::default()) else { return Ok(()) };
        let memory = self.begun.memory();
        let (newest, looked) = (memory.newest.get(path).cloned(), memory.looked);
        drop(memory);
        let newest = newest.as_deref().and_then(|it| it.strip_prefix(folder));
        let newest = newest.map(|it| it.trim_start_matches('/'));
        let is_newest =
            |name: &&str| Some(Compression::split(name).0) == newest || Some(*name) == newest;
        let last = there.iter().map(|it| it.name.as_str()).find(is_newest);
        for gone in keep.removes(&there, last, looked, now) {
            match self.sink.remove(&join(folder, gone)) {
                // It was compressed meanwhile, and counts by its new name the next time.
                Err(error) if error.kind == SinkErrorKind::Missing => {}
                removed => removed.map_err(trouble)?,
            }
        }
        Ok(())
    }

    /// The archives of one file that are there.
    fn archives(
        &self,
        folder: &str,
        name: &ArchiveName,
        listings: &mut Listings,
    ) -> Result<Vec<Archive>, ProcessorError> {
        let mut found = Vec::new();
        for within in self.places(folder, name, listings)? {
            let place = join_folder(folder, &within);
            if !listings.files.contains_key(&place) {
                let files = self.sink.list(&place).map_err(trouble)?;
                listings.files.insert(place.clone(), files);
            }
            let files = listings.files.get(&place).into_iter().flatten().cloned();
            let files = files.map(|file| archive(&within, file));
            found.extend(files.filter(|it| name.is_one(&it.name)));
        }
        Ok(found)
    }

    /// Folders, below that of the active file, that archives may be in.
    pub(super) fn places(
        &self,
        folder: &str,
        name: &ArchiveName,
        listings: &mut Listings,
    ) -> Result<Vec<String>, ProcessorError> {
        let depth = name.render(Timestamp::default(), 0).matches('/').count();
        let mut places = vec![String::new()];
        for _ in 0..depth {
            let mut deeper = Vec::new();
            for place in &places {
                let whole = join_folder(folder, place);
                if !listings.folders.contains_key(&whole) {
                    let folders = self.sink.folders(&whole).map_err(trouble)?;
                    listings.folders.insert(whole.clone(), folders);
                }
                let folders = listings.folders.get(&whole).into_iter().flatten();
                deeper.extend(folders.map(|name| join(place, name)));
            }
            places = deeper;
        }
        Ok(places)
    }

    fn compress(&mut self, path: &str) {
        let Some(compression) = self.settings.archive.as_ref().and_then(|it| it.compression())
        else {
            return;
        };
        // Those that moved up in a window are.
        if path.ends_with(compression.ending()) {
            return;
        }
        let sink = &self.sink;
        let compressor =
            self.compressor.get_or_insert_with(|| Compressor::start(Arc::clone(sink), compression));
        compressor.push(path);
    }
}

pub(super) fn join_folder(folder: &str, within: &str) -> String {
    if within.is_empty() { folder.to_owned() } else { join(folder, within) }
}
