//! What is done to roll one file: which names change, in which order, and what goes first. Nothing of it
//! overwrites a file. When a file is rolled is decided elsewhere, and so is how long archives stay.

use super::keep::Archive;
use super::name::{ArchiveName, Compression};
use crate::commit::RollIntent;
use databuild_model::time::Timestamp;
use std::collections::HashMap;

/// What rolled files are called.
#[derive(Debug, Clone)]
pub enum ArchiveNaming {
    /// By date, index or both; indexes go on.
    Dated(ArchiveName),
    /// The newest has index `min`, the others move up by one, and that beyond `max` goes.
    Window {
        /// The pattern, with `%i` and no date.
        name: ArchiveName,
        /// The index of the newest.
        min: u64,
        /// The index of the oldest; less than `min` is as much as `min`.
        max: u64,
    },
}

/// What has to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RollPlan {
    /// Files that go because the window is full. They are removed, and the folder is synced, before a
    /// record holds the renames: else a power cut could bring a name back that a rename needs.
    pub remove: Vec<String>,
    /// Names that change, in their order; the active file is the last. Each new name is free when the
    /// renames before it are done.
    pub renames: Vec<RollIntent>,
}

impl ArchiveNaming {
    /// The pattern.
    pub fn name(&self) -> &ArchiveName {
        match self {
            ArchiveNaming::Dated(name) | ArchiveNaming::Window { name, .. } => name,
        }
    }

    /// The same for the rolled files of `file_name`.
    #[must_use]
    pub fn bind(&self, file_name: &str) -> ArchiveNaming {
        match self {
            ArchiveNaming::Dated(name) => ArchiveNaming::Dated(name.bind(file_name)),
            ArchiveNaming::Window { name, min, max } => {
                ArchiveNaming::Window { name: name.bind(file_name), min: *min, max: *max }
            }
        }
    }

    /// The same, but nothing is compressed.
    #[must_use]
    pub fn uncompressed(&self) -> ArchiveNaming {
        match self {
            ArchiveNaming::Dated(name) => ArchiveNaming::Dated(name.uncompressed()),
            ArchiveNaming::Window { name, min, max } => {
                ArchiveNaming::Window { name: name.uncompressed(), min: *min, max: *max }
            }
        }
    }

    /// How rolled files are compressed.
    pub fn compression(&self) -> Option<Compression> {
        self.name().compression()
    }
}

/// How the file `active` with its `bytes` is rolled. `when` is the time that its name tells, that of its
/// first event. `listing` is what is in the folder that the name of `when` leads to, and may hold more.
/// All names, `active` too, are as the pattern gives them, which is bound to the file. None of the
/// listed files may be compressed meanwhile.
pub fn plan(
    naming: &ArchiveNaming,
    listing: &[Archive],
    active: &str,
    bytes: u64,
    when: Timestamp,
) -> RollPlan {
    let mut plan = RollPlan::default();
    let to = match naming {
        ArchiveNaming::Dated(name) => {
            name.free(when, listing.iter().map(|archive| archive.name.as_str()))
        }
        ArchiveNaming::Window { name, min, max } => {
            shift(name, *min, (*max).max(*min), listing, when, &mut plan);
            name.render(when, *min)
        }
    };
    plan.renames.push(RollIntent { from: active.to_owned(), to, bytes });
    plan
}

/// Makes room for index `min`: those from there up to the first that is free move up by one. Where none is
/// free the last one goes.
fn shift(
    name: &ArchiveName,
    min: u64,
    max: u64,
    listing: &[Archive],
    when: Timestamp,
    plan: &mut RollPlan,
) {
    let there: HashMap<&str, u64> =
        listing.iter().map(|archive| (archive.name.as_str(), archive.bytes)).collect();
    // A file that is being compressed when we are killed can be there in both forms.
    let of_index = |index: u64| -> Vec<(String, &'static str, u64)> {
        let plain = name.render(when, index);
        let forms = ["", name.compression().map_or("", Compression::ending)];
        let forms = forms.iter().take(if name.compression().is_some() { 2 } else { 1 });
        forms
            .filter_map(|ending| {
                let whole = format!("{plain}{ending}");
                let bytes = there.get(whole.as_str()).copied()?;
                Some((whole, *ending, bytes))
            })
            .collect()
    };
    // Ends at the first free one, so it is no longer than the listing, however wide the window is.
    let taken: Vec<(u64, Vec<_>)> = (min..=max)
        .map(|index| (index, of_index(index)))
        .take_while(|(_, files)| !files.is_empty())
        .collect();
    for (index, files) in taken.into_iter().rev() {
        for (whole, ending, bytes) in files {
            if index == max {
                plan.remove.push(whole);
            } else {
                let to = name.render(when, index + 1) + ending;
                plan.renames.push(RollIntent { from: whole, to, bytes });
            }
        }
    }
}

#[cfg(test)]
mod tests;
