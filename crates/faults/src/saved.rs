//! The oracle of the log saver: each event that was to be saved is in the files once, in order, no archive
//! has changed, and no checkpoint says more than what is there.

use crate::report::Events;
use anyhow::{Context, Result, bail, ensure};
use databuild_saver::format::checkpoint::State;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Read;

/// Files, by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// An event: its run, and its number there.
pub(crate) type Event = (String, u64);

/// How often each event is in the files.
pub(crate) type Found = BTreeMap<Event, u64>;

/// The endings of compressed archives.
const ENDINGS: [&str; 2] = [".gz", ".zst"];

/// The same files as people read them: archives are decompressed and called as before. What is being written
/// to become one is left out.
///
/// # Errors
/// A compressed archive is not whole, or says something else than what it was compressed from.
pub(crate) fn plain(files: &Files) -> Result<Files> {
    let mut plain = Files::new();
    for (path, bytes) in files.iter().filter(|(path, _)| !path.ends_with(".tmp")) {
        let ending = ENDINGS.iter().find(|ending| path.ends_with(**ending));
        let name = ending.and_then(|ending| path.strip_suffix(ending)).unwrap_or(path);
        let text = decompressed(path, bytes).with_context(|| format!("{path} is not whole"))?;
        match plain.get(name) {
            Some(other) if *other != text => {
                bail!("{path} is not what it was compressed from");
            }
            Some(_) => {}
            None => drop(plain.insert(name.to_owned(), text)),
        }
    }
    Ok(plain)
}

fn decompressed(path: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    if path.ends_with(".gz") {
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text)?;
        Ok(text)
    } else if path.ends_with(".zst") {
        Ok(zstd::decode_all(bytes)?)
    } else {
        Ok(bytes.to_vec())
    }
}

/// A file that is written with its archives, by its name without what makes archives of it; and the rank of
/// one of them, which is the order of what is in them. `a/b.2.log` is the third archive of `a/b`.
fn family(path: &str) -> (String, Vec<u64>) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut words = name.trim_end_matches(".log").split('.');
    let stem = words.next().unwrap_or_default();
    let rank: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
    let folder = folder.strip_suffix("/old").unwrap_or(folder);
    (format!("{folder}/{stem}"), if rank.is_empty() { vec![u64::MAX] } else { rank })
}

/// Whether the names of archives tell the order of what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// They count up.
    InOrder,
    /// They count down: the newest archive has the lowest number.
    Window,
    /// They have a date of their first event, which may have come late, or of the last change.
    Dated,
}

/// The events in the files of `folder`, which are plain.
///
/// # Errors
/// Those of a run are not in order, or a line is none that a saver wrote.
pub(crate) fn found(files: &Files, folder: &str, names: Names) -> Result<Found> {
    let mut families: BTreeMap<String, Vec<(Vec<u64>, &str)>> = BTreeMap::new();
    for path in files.keys().filter(|path| path.starts_with(folder)) {
        let (family, rank) = family(path);
        families.entry(family).or_default().push((rank, path));
    }
    let mut found = Found::new();
    for mut members in families.into_values() {
        members.sort();
        if names == Names::Window {
            // The file that is written is the last in any case.
            members.sort_by_key(|(rank, _)| (*rank == [u64::MAX], Reverse(rank.clone())));
        }
        let mut last = BTreeMap::new();
        for (_, path) in members {
            if names == Names::Dated {
                last.clear();
            }
            let bytes = files.get(path).map(Vec::as_slice).unwrap_or_default();
            ensure!(bytes.is_empty() || bytes.ends_with(b"\n"), "{path} ends within a line");
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                let (run, number) = event(line).with_context(|| {
                    format!("{path} has a line {:?}", String::from_utf8_lossy(line))
                })?;
                let before = last.insert(run.clone(), number).unwrap_or(0);
                ensure!(before <= number, "{path}: event {number} of {run} stands behind {before}");
                *found.entry((run, number)).or_default() += 1;
            }
        }
    }
    Ok(found)
}

/// The same of files that are being written, or were: what is behind their last whole line does not count.
///
/// # Errors
/// As [`found`].
pub(crate) fn found_whole_lines(files: &Files, folder: &str, names: Names) -> Result<Found> {
    let mut files = files.clone();
    for bytes in files.values_mut() {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole);
    }
    found(&files, folder, names)
}

/// The event of a line, which is JSON or begins with run and number.
fn event(line: &[u8]) -> Result<Event> {
    if line.starts_with(b"{") {
        let json: serde_json::Value = serde_json::from_slice(line)?;
        let run = json.get("run").and_then(|run| run.as_str()).context("no run")?;
        return Ok((
            run.to_owned(),
            json.get("seq").and_then(|n| n.as_u64()).context("no number")?,
        ));
    }
    let text = std::str::from_utf8(line)?;
    let mut words = text.split([' ', '\n']);
    let run = words.next().context("no run")?;
    Ok((run.to_owned(), words.next().context("no number")?.parse()?))
}

/// Holds what is in files against what was to be there, with its bytes; the second number is how many of
/// them are there.
pub(crate) fn held(found: &Found, wanted: &BTreeMap<Event, u64>) -> Result<(Events, u64)> {
    let mut events = Events { wanted: wanted.len() as u64, ..Events::default() };
    let mut stored = 0;
    for (event, bytes) in wanted {
        match found.get(event) {
            Some(times) => {
                events.duplicated += times - 1;
                stored += bytes;
            }
            None => events.lost += 1,
        }
    }
    let other = found.keys().find(|event| !wanted.contains_key(*event));
    ensure!(other.is_none(), "there is an event that was not to be there: {other:?}");
    Ok((events, stored))
}

/// What archives said when they were seen first: they say it for ever.
#[derive(Debug, Default)]
pub(crate) struct Archives(BTreeMap<String, blake3::Hash>);

impl Archives {
    /// Looks at the archives among `files`, which are plain.
    ///
    /// # Errors
    /// One has changed.
    pub(crate) fn look(&mut self, files: &Files) -> Result<()> {
        for (path, bytes) in files {
            if family(path).1 == [u64::MAX] {
                continue;
            }
            let hash = blake3::hash(bytes);
            let first = *self.0.entry(path.clone()).or_insert(hash);
            ensure!(first == hash, "the archive {path} was overwritten");
        }
        Ok(())
    }
}

/// The last state that the checkpoint of a pipeline says, by its files.
pub(crate) fn recorded<'a>(
    checkpoints: impl DoubleEndedIterator<Item = &'a [u8]>,
) -> Result<Option<State>> {
    for bytes in checkpoints.rev() {
        if let (Some(state), _) = databuild_saver::format::checkpoint::read(bytes)? {
            return Ok(Some(state));
        }
    }
    Ok(None)
}

/// Whatever a record says is done is in the files. `entries` gives the entries of a run in their places, with
/// those that the pipeline does not take left out.
///
/// # Errors
/// An event was passed that was not delivered.
pub(crate) fn is_not_ahead(
    state: &State,
    found: &Found,
    mut entries: impl FnMut(&str) -> Result<Vec<Option<u64>>>,
) -> Result<()> {
    for (run, progress) in &state.sources {
        for (place, number) in entries(run)?.into_iter().enumerate() {
            let Some(number) = number.filter(|_| progress.is_done(place as u64)) else { continue };
            let delivered = found.contains_key(&(run.clone(), number));
            ensure!(delivered, "the checkpoint has passed event {number} of {run}, in no file");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
