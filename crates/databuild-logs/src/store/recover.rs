//! Putting right what a crash left: torn tails are cut, indexes that do not fit are rebuilt, runs
//! whose collector died are sealed as they are, and the journal is brought up to what is stored.
//!
//! A cut at any byte of any file is put right here, by the next start of a collector. A file that
//! somebody is writing, told by its lock, is left alone.

use super::cover::may_tell_of;
use super::journal::{self as journals, JournalWriter};
use super::rebuild::{Rebuilt, rebuild};
use super::{RunPaths, has_spool, lock_for_writing};
use crate::format::RunRecord;
use crate::format::index::{self, RunIndex};
use crate::format::journal::{BatchRecord, JournalPlace, JournalRecord};
use crate::fs::{self, Fs};
use databuild_model::ids::JobRunId;
use databuild_model::time::Day;
use databuild_policy::naming::{self, JournalName, RunFile};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// What became of one run.
#[derive(Debug)]
pub enum RunState {
    /// Its index fits and is sealed.
    Sealed(RunRecord),
    /// Somebody writes it.
    Live,
    /// Nobody writes it, and it has a spool: whoever adopts it goes on with it or closes it.
    Spooled,
    /// Nothing was ever written.
    Empty,
    /// It was sealed, or sealed anew, from its entries.
    Restored(RunRecord),
}

/// What a recovery did, for whoever wants to tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Runs that were sealed from their entries.
    pub restored: Vec<JobRunId>,
    /// Bytes cut off because they were not a whole line.
    pub torn_bytes: u64,
    /// Stretches that were missing in a journal.
    pub journalled: u64,
    /// Runs that could not be put right, and why. They are tried again at the next start.
    pub failed: Vec<(JobRunId, String)>,
}

/// Puts one run right and seals it. A seal that is not `confirmed` by a journal may never have been
/// synced: its file is read again, and synced.
pub fn recover_run(
    fs: &dyn Fs,
    logs_dir: &Path,
    (day, run): (Day, &JobRunId),
    confirmed: bool,
) -> io::Result<RunState> {
    let paths = RunPaths::new(logs_dir, day, run);
    let file = fs.open_append(&paths.entries)?;
    if file.size()? == 0 {
        return Ok(RunState::Empty);
    }
    if !lock_for_writing(file.as_ref())? {
        return Ok(RunState::Live);
    }
    let size = file.size()?;
    let index = read_index(fs, &paths, run)?.filter(|index| index.fits(size));
    let seal = index.and_then(|index| index.seal);
    if confirmed && let Some(record) = seal {
        return Ok(RunState::Sealed(record));
    }
    if has_spool(fs, logs_dir, run)? {
        return Ok(RunState::Spooled);
    }
    let rebuilt = rebuild(file.as_ref(), run, 0)?;
    if let Some(record) = seal.filter(|record| record.blake3 == rebuilt.record.blake3) {
        file.sync_data()?;
        fs.open_append(&paths.index)?.sync_data()?;
        fs.sync_dir(&paths.dir)?;
        return Ok(RunState::Sealed(record));
    }
    replace_index(fs, &paths, &rebuilt)?;
    // Only now: the index that counts the torn bytes must be there before they are gone.
    if rebuilt.record.bytes < size {
        file.truncate(rebuilt.record.bytes)?;
    }
    file.sync_data()?;
    Ok(RunState::Restored(rebuilt.record))
}

/// The index of a run as far as it is whole; nothing if there is none, or it is of another run.
fn read_index(fs: &dyn Fs, paths: &RunPaths, run: &JobRunId) -> io::Result<Option<RunIndex>> {
    let file = match fs.open_read(&paths.index) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let bytes = fs::read_whole(file.as_ref(), u64::MAX)?;
    let index = index::read_index(&bytes).ok();
    Ok(index.filter(|index| index.header.job_run_id == *run && index.valid_bytes == bytes.len()))
}

/// Writes a whole index beside the old one, syncs it, and puts it in its place.
fn replace_index(fs: &dyn Fs, paths: &RunPaths, rebuilt: &Rebuilt) -> io::Result<()> {
    let new = paths.index.with_added_extension("new");
    match fs.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_index(fs, &new, rebuilt)?;
    fs.rename(&new, &paths.index)?;
    fs.sync_dir(&paths.dir)
}

/// Writes a whole index into a new file, and syncs it.
pub(crate) fn write_index(fs: &dyn Fs, path: &Path, rebuilt: &Rebuilt) -> io::Result<()> {
    let mut bytes = Vec::new();
    index::write_header(&rebuilt.header, &mut bytes);
    for block in &rebuilt.blocks {
        index::write_block(block, &mut bytes);
    }
    index::write_seal(&rebuilt.record, &mut bytes);
    let file = fs.create_new(path)?;
    fs::append_all(file.as_ref(), &bytes).map_err(|(_, error)| error)?;
    file.sync_data()
}

/// Read of a journal at once: some ten thousand records.
const JOURNAL_READ_BYTES: usize = 1 << 20;

/// How far each run is in the journals.
type Covered = HashMap<JobRunId, (u64, bool)>;

/// Puts right every run that may have been open when a collector died: those that began on the day
/// of its journal or later. Costs nothing but a look at each journal if all ended in order.
pub fn recover(fs: &dyn Fs, logs_dir: &Path, today: Day) -> io::Result<Recovery> {
    let mut done = Recovery::default();
    let names = journals::list(fs, logs_dir)?;
    if names.is_empty() {
        return rebuild_journal(fs, logs_dir, today);
    }
    for &name in &names {
        let Some(writer) = orphan(fs, logs_dir, name)? else { continue };
        let since = first_day(fs, logs_dir, name)?;
        catch_up(fs, logs_dir, writer, since, &names, &mut done)?;
    }
    Ok(done)
}

/// The first day of which the collector of a journal may have written runs. What its records say
/// covers all that it began, except what a power cut took; such a run began at most a moment before
/// it reached the collector, so perhaps on the day before the journal.
fn first_day(fs: &dyn Fs, logs_dir: &Path, name: JournalName) -> io::Result<Day> {
    let mut first = Day::from_number(name.day.number() - 1);
    each_batch(fs, logs_dir, name, |batch| first = first.min(batch.day))?;
    Ok(first)
}

/// Writes what is stored into a journal of today, as far as it is in none. For a store whose
/// journals were lost.
pub fn rebuild_journal(fs: &dyn Fs, logs_dir: &Path, today: Day) -> io::Result<Recovery> {
    let mut done = Recovery::default();
    let names = journals::list(fs, logs_dir)?;
    if names.is_empty() && days_since(fs, logs_dir, Day::from_number(i32::MIN))?.is_empty() {
        return Ok(done);
    }
    fs.create_dir_all(&logs_dir.join(naming::JOURNAL_DIR))?;
    if let Some(writer) = JournalWriter::open(fs, logs_dir, today)? {
        let since = Day::from_number(i32::MIN);
        catch_up(fs, logs_dir, writer, since, &names, &mut done)?;
    }
    Ok(done)
}

/// The journal, to be continued, if its collector died.
fn orphan(fs: &dyn Fs, logs_dir: &Path, name: JournalName) -> io::Result<Option<JournalWriter>> {
    let path = journals::journal_path(logs_dir, name);
    let file = fs.open_append(&path)?;
    if journals::is_closed(file.as_ref(), file.size()?)? || !file.try_lock()? {
        return Ok(None);
    }
    JournalWriter::take_over(file, path, name)
}

fn catch_up(
    fs: &dyn Fs,
    logs_dir: &Path,
    mut writer: JournalWriter,
    since: Day,
    names: &[JournalName],
    done: &mut Recovery,
) -> io::Result<()> {
    let covered = covered_since(fs, logs_dir, names, since)?;
    // The folders of the days, which the dead collector may not have come to.
    fs.sync_dir(logs_dir)?;
    for day in days_since(fs, logs_dir, since)? {
        for item in fs.list(&logs_dir.join(naming::day_dir(day)))? {
            let Some((run, RunFile::Entries)) = naming::parse_run_file(&item.name) else {
                continue;
            };
            let confirmed = covered.get(&run).is_some_and(|(_, sealed)| *sealed);
            let result = recover_run(fs, logs_dir, (day, &run), confirmed).and_then(|state| {
                note(&state, &run, done);
                let record = missing(fs, logs_dir, day, &run, &state, &covered)?;
                let Some(record) = record else { return Ok(()) };
                done.journalled += 1;
                writer.append(&record)
            });
            if let Err(error) = result {
                done.failed.push((run, error.to_string()));
            }
        }
    }
    // Not closed if something is still to be done: the next start tries again.
    if done.failed.is_empty() { writer.close() } else { Ok(()) }
}

fn note(state: &RunState, run: &JobRunId, done: &mut Recovery) {
    match state {
        RunState::Restored(record) => {
            done.restored.push(run.clone());
            done.torn_bytes += record.torn_bytes;
        }
        RunState::Sealed(_) | RunState::Live | RunState::Spooled | RunState::Empty => {}
    }
}

/// The record that is missing in the journals for this run, if one is.
fn missing(
    fs: &dyn Fs,
    logs_dir: &Path,
    day: Day,
    run: &JobRunId,
    state: &RunState,
    covered: &Covered,
) -> io::Result<Option<JournalRecord>> {
    let record = match state {
        RunState::Sealed(record) | RunState::Restored(record) => record,
        RunState::Live | RunState::Spooled | RunState::Empty => return Ok(None),
    };
    let (upto, sealed) = covered.get(run).copied().unwrap_or_default();
    if sealed && record.bytes <= upto {
        return Ok(None);
    }
    let file = fs.open_read(&RunPaths::new(logs_dir, day, run).entries)?;
    let since = rebuild(file.as_ref(), run, upto)?.since_mark;
    Ok(Some(JournalRecord::Batch(since.record(run.clone(), day, true))))
}

fn covered_since(
    fs: &dyn Fs,
    logs_dir: &Path,
    names: &[JournalName],
    since: Day,
) -> io::Result<Covered> {
    let mut covered = Covered::new();
    for &journal in names {
        if !may_tell_of(fs, logs_dir, journal, since)? {
            continue;
        }
        each_batch(fs, logs_dir, journal, |batch| {
            let end = batch.end();
            let entry = covered.entry(batch.job_run_id).or_default();
            *entry = (entry.0.max(end), entry.1 || batch.sealed);
        })?;
    }
    Ok(covered)
}

fn each_batch(
    fs: &dyn Fs,
    logs_dir: &Path,
    journal: JournalName,
    mut each: impl FnMut(BatchRecord),
) -> io::Result<()> {
    let mut place = JournalPlace { journal, offset: 0 };
    loop {
        let (records, next) = journals::read_from(fs, logs_dir, place, JOURNAL_READ_BYTES)?;
        if records.is_empty() {
            return Ok(());
        }
        for record in records {
            match record {
                JournalRecord::Batch(batch) => each(batch),
                JournalRecord::Closed => {}
            }
        }
        place = next;
    }
}

/// The days that have a folder, from `since` on, in order.
fn days_since(fs: &dyn Fs, logs_dir: &Path, since: Day) -> io::Result<Vec<Day>> {
    let mut days: Vec<Day> = fs
        .list(logs_dir)?
        .iter()
        .filter(|item| item.is_dir)
        .filter_map(|item| naming::parse_day_dir(&item.name))
        .filter(|day| since <= *day)
        .collect();
    days.sort_unstable();
    Ok(days)
}

#[cfg(test)]
mod tests;
