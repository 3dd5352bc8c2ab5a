//! What becomes of archives: they are compressed, and the oldest go. Both are found by reading the folders, so
//! that whatever a crash left, or a later setting reaches, is seen.

use super::compress::Compressor;
use super::roll::archive;
use super::trouble;
use super::writer::{MultiFileWriter, join, split};
use databuild_model::time::Timestamp;
use databuild_plugin::processor::ProcessorError;
use databuild_policy::roll::keep::{Archive, KeepPolicy};
use databuild_policy::roll::name::{ArchiveName, Compression};
use std::sync::Arc;

impl MultiFileWriter {
    /// Files were rolled into `archives`.
    pub(super) fn after_roll(
        &mut self,
        paths: &[String],
        archives: Vec<String>,
    ) -> Result<(), ProcessorError> {
        self.rolled.extend(paths.iter().cloned());
        for archive in &archives {
            self.compress(archive);
        }
        paths.iter().try_for_each(|path| self.retain(path))
    }

    /// At the start: what was left to be compressed, or to be removed.
    pub(super) fn look_for_archives(&mut self) -> Result<(), ProcessorError> {
        let paths: Vec<String> = self.rolled.iter().cloned().collect();
        paths.iter().try_for_each(|path| self.retain(path))
    }

    /// The same for a file that this process has not written before.
    pub(super) fn look_for_archives_of(&mut self, path: &str) -> Result<(), ProcessorError> {
        if self.settings.archive.is_some() && self.rolled.insert(path.to_owned()) {
            self.retain(path)?;
        }
        Ok(())
    }

    /// Looks at all folders again.
    pub(super) fn retain_all(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        self.now = self.now.max(Some(now));
        self.rolled.extend(self.managers.keys().cloned());
        self.look_for_archives()
    }

    /// Removes archives of the file at `path` that are beyond what is kept, and has those compressed that are
    /// not yet. The one that was closed last stays, however old it is: it was the log until just now.
    fn retain(&mut self, path: &str) -> Result<(), ProcessorError> {
        let Some(naming) = self.settings.archive.clone() else { return Ok(()) };
        let (folder, name) = split(path);
        let naming = naming.bind(name);
        let there = self.archives(folder, naming.name())?;
        if naming.compression().is_some() {
            for archive in &there {
                self.compress(&join(folder, &archive.name));
            }
        }
        let keep = self.settings.keep;
        let Some(now) = self.now.filter(|_| keep != KeepPolicy::default()) else { return Ok(()) };
        let newest = self.newest.get(path).and_then(|it| it.strip_prefix(folder));
        let newest = newest.map(|it| it.trim_start_matches('/'));
        let is_newest =
            |name: &&str| Some(Compression::split(name).0) == newest || Some(*name) == newest;
        let last = there.iter().map(|it| it.name.as_str()).find(is_newest);
        for gone in keep.removes(&there, last, self.looked, now) {
            match self.sink.remove(&join(folder, gone)) {
                // It was compressed meanwhile, and counts by its new name the next time.
                Err(error) if error.kind == databuild_io::sink::SinkErrorKind::Missing => {}
                removed => removed.map_err(trouble)?,
            }
        }
        self.looked = Some(now);
        Ok(())
    }

    /// The archives of one file that are there.
    fn archives(&self, folder: &str, name: &ArchiveName) -> Result<Vec<Archive>, ProcessorError> {
        let mut found = Vec::new();
        for within in self.places(folder, name)? {
            let files = self.sink.list(&join_folder(folder, &within)).map_err(trouble)?;
            let files = files.into_iter().map(|file| archive(&within, file));
            found.extend(files.filter(|it| name.is_one(&it.name)));
        }
        Ok(found)
    }

    /// Folders, below that of the active file, that archives may be in.
    fn places(&self, folder: &str, name: &ArchiveName) -> Result<Vec<String>, ProcessorError> {
        let depth = name.render(Timestamp::default(), 0).matches('/').count();
        let mut places = vec![String::new()];
        for _ in 0..depth {
            let mut deeper = Vec::new();
            for place in &places {
                let folders = self.sink.folders(&join_folder(folder, place)).map_err(trouble)?;
                deeper.extend(folders.into_iter().map(|name| join(place, &name)));
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

fn join_folder(folder: &str, within: &str) -> String {
    if within.is_empty() { folder.to_owned() } else { join(folder, within) }
}
