//! Rolling: what was decided is recorded, done, and recorded as done. Everything is committed before.

use super::writer::{MultiFileWriter, join, split};
use super::{moves, trouble};
use databuild_io::sink::{Listed, Stat};
use databuild_model::time::Timestamp;
use databuild_plugin::processor::{Checkpointer, Done, ProcessorError};
use databuild_policy::commit::RollIntent;
use databuild_policy::roll::RollCause;
use databuild_policy::roll::keep::Archive;
use databuild_policy::roll::plan::{ArchiveNaming, plan};
use std::collections::HashMap;

/// What is in folders, as it is after what was decided so far.
type Listings = HashMap<String, Vec<Archive>>;

/// A file that is over, closed.
struct Over {
    path: String,
    bytes: u64,
    began: Timestamp,
}

impl MultiFileWriter {
    /// Rolls the file at `path`; and where a period is over, all files whose period is over with it, so that
    /// a midnight costs as much as one file.
    pub(super) fn roll_for(
        &mut self,
        path: &str,
        cause: RollCause,
        when: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let paths = match cause {
            RollCause::Size | RollCause::Idle => vec![path.to_owned()],
            RollCause::Time => {
                let rotation = &self.settings.rotation;
                let is_over = |active| rotation.should_rotate(active, 0, when) == Some(cause);
                let over = self.managers.iter().filter(|(_, it)| is_over(it.active()));
                over.map(|(path, _)| path.clone()).collect()
            }
        };
        self.roll(paths, checkpoints)
    }

    /// Rolls files to which nothing came for as long as their owner wants to wait.
    pub(super) fn roll_idle(
        &mut self,
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        if self.settings.archive.is_none() {
            return Ok(());
        }
        let rotation = &self.settings.rotation;
        let is_due = |active| rotation.due(active).is_some_and(|(due, _)| due <= now);
        let due = self.managers.iter().filter(|(_, it)| is_due(it.active()));
        let paths: Vec<String> = due.map(|(path, _)| path.clone()).collect();
        self.roll(paths, checkpoints)
    }

    /// Rolls what an earlier start left in the files that are opened for the first time since this one; they
    /// are not there any more then. Nothing of them is open, so nothing has to be committed before.
    pub(super) fn roll_left(
        &mut self,
        found: &mut [(&str, Option<Stat>)],
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let mut left = Vec::new();
        for (path, stat) in found.iter_mut() {
            if self.begun.memory().opened.contains(*path) {
                continue;
            }
            if let Some(Stat { bytes, changed }) = stat.take_if(|stat| 0 < stat.bytes) {
                left.push(Over { path: (*path).to_owned(), bytes, began: changed });
            }
        }
        self.rename_over(left, checkpoints)?;
        // Not before the record that says what they are called: until then it is still to be done.
        let opened = found.iter().map(|(path, _)| (*path).to_owned());
        self.begun.memory().opened.extend(opened);
        Ok(())
    }

    fn roll(
        &mut self,
        paths: Vec<String>,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        if self.settings.archive.is_none() {
            return Ok(());
        }
        let mut over = Vec::new();
        for path in paths {
            if let Some(active) = self.let_go(&path, checkpoints)? {
                over.push(Over { path, bytes: active.bytes, began: active.began });
            }
        }
        self.rename_over(over, checkpoints)
    }

    fn rename_over(
        &mut self,
        mut over: Vec<Over>,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let Some(naming) = self.settings.archive.clone().filter(|_| !over.is_empty()) else {
            return Ok(());
        };
        over.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        if matches!(naming, ArchiveNaming::Window { .. })
            && let Some(compressor) = &self.compressor
        {
            // Names move up by one: none may be changing meanwhile.
            compressor.drain();
        }
        let mut listings = Listings::new();
        let mut intents = Vec::new();
        for Over { path, bytes, began } in &over {
            let steps = self.decide(&naming, path, *bytes, *began, &mut listings)?;
            if let Some(step) = steps.last() {
                self.begun.memory().newest.insert(path.clone(), step.to.clone());
            }
            intents.extend(steps);
        }
        let renames: Vec<_> = intents.iter().map(moves::of).collect();
        if matches!(naming, ArchiveNaming::Window { .. }) {
            // What an archive was compressed from has to be gone for good: if it came back, its name would not be
            // free, and the archive would have moved on.
            moves::sync_all(self.sink.as_ref(), &renames).map_err(trouble)?;
        }
        self.recorded.intents = intents.clone();
        checkpoints.checkpoint(Done::AsBefore, &self.recorded)?;
        moves::rename_all(self.sink.as_ref(), renames).map_err(trouble)?;
        // The next record says so; until then finishing it again changes nothing.
        self.recorded.intents.clear();
        self.rotations += over.len() as u64;
        let archives: Vec<String> = intents.into_iter().map(|it| it.to).collect();
        let paths: Vec<String> = over.into_iter().map(|it| it.path).collect();
        self.after_roll(&paths, archives)
    }

    /// What becomes of the file at `path`, whose archive is named after `when`.
    fn decide(
        &self,
        naming: &ArchiveNaming,
        path: &str,
        bytes: u64,
        when: Timestamp,
        listings: &mut Listings,
    ) -> Result<Vec<RollIntent>, ProcessorError> {
        let (folder, name) = split(path);
        let naming = naming.bind(name);
        // The pattern may lead into folders of its own.
        let within = split(&naming.name().render(when, 0)).0.to_owned();
        let place = if within.is_empty() { folder.to_owned() } else { join(folder, &within) };
        if !listings.contains_key(&place) {
            let files = self.sink.list(&place).map_err(trouble)?;
            let files = files.into_iter().map(|file| archive(&within, file)).collect();
            listings.insert(place.clone(), files);
        }
        let Some(listing) = listings.get_mut(&place) else { return Ok(Vec::new()) };
        let plan = plan(&naming, listing, name, bytes, when);
        for gone in &plan.remove {
            self.sink.remove(&join(folder, gone)).map_err(trouble)?;
        }
        if !plan.remove.is_empty() {
            self.sink.sync_names(path).map_err(trouble)?;
        }
        listing.retain(|it| !plan.remove.contains(&it.name));
        for step in &plan.renames {
            listing.retain(|it| it.name != step.from);
            listing.push(Archive { name: step.to.clone(), changed: when, bytes: step.bytes });
        }
        let whole = |name: String| join(folder, &name);
        Ok(plan
            .renames
            .into_iter()
            .map(|it| RollIntent { from: whole(it.from), to: whole(it.to), bytes: it.bytes })
            .collect())
    }
}

/// A file in the folder `within` of the folder of the active file.
pub(super) fn archive(within: &str, file: Listed) -> Archive {
    let name = join(within, &file.name);
    Archive { name, changed: file.stat.changed, bytes: file.stat.bytes }
}
