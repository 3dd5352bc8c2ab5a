//! Renames in a row, of which each may need the name that the one before has left. A power cut may keep any of
//! those whose names were not synced, and one that is kept without the one before it takes the name, and with
//! it the content, of a file that was to be elsewhere. So no name is taken before it is durable that it is free.

use super::writer::{join, split};
use databuild_io::sink::{Sink, SinkError};
use databuild_policy::commit::RollIntent;
use databuild_policy::roll::name::Compression;
use std::collections::{BTreeSet, HashSet};

/// From one name to another.
pub(super) type Move<'a> = (&'a str, &'a str);

pub(super) fn of(intent: &RollIntent) -> Move<'_> {
    (&intent.from, &intent.to)
}

/// Does all of `moves` in their order, of which those that do not wait for one another are synced together.
/// They are durable when this returns.
pub(super) fn rename_all(sink: &dyn Sink, mut moves: Vec<Move<'_>>) -> Result<(), SinkError> {
    while !moves.is_empty() {
        let mut taken = HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) = moves.into_iter().partition(|(from, to)| {
            // Compressed or not, a name is that of one archive.
            let is_free = !taken.contains(Compression::split(to).0);
            // Freed by this one, which is not durable, or by one that has to wait.
            taken.insert(Compression::split(from).0);
            is_free
        });
        for (from, to) in &now {
            sink.rename(from, to)?;
        }
        sync_all(sink, &now)?;
        moves = later;
    }
    Ok(())
}

/// Makes moves durable that were done, now or by an earlier process.
pub(super) fn sync_all(sink: &dyn Sink, moves: &[Move<'_>]) -> Result<(), SinkError> {
    let folders: BTreeSet<&str> =
        moves.iter().flat_map(|(from, to)| [split(to).0, split(from).0]).collect();
    folders.into_iter().try_for_each(|folder| sink.sync_names(&join(folder, "name")))
}
