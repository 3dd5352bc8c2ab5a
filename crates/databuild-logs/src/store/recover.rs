//! Putting right what a crash left: torn tails are cut, indexes that do not fit are rebuilt, runs
//! whose collector died are sealed as they are, and the journal is brought up to what is stored.
//!
//! A cut at any byte of any file is put right here, by the next start of a collector. A file that
//! somebody is writing, told by its lock, is left alone.

use super::cover::may_tell_of;
use super::journal::{self as journals, JournalWriter};
use super::rebuild::{Rebuilt, rebuild_known};
use super::{RunPaths, has_spool, lock_for_writing, partial_index};
use crate::format::RunRecord;
use crate::format::index;
use crate::format::journal::{BatchRecord, JournalPlace, JournalRecord};
use crate::fs::{self, Fs, FsAll, FsFile};
use crate::limits;
use databuild_model::ids::JobRunId;
use databuild_model::spool;
use databuild_model::time::Day;
use databuild_policy::naming::{self, JournalName, RunFile};
use rustix::process::{Resource, getrlimit};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

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

/// A run that is being put right, together with others: syncs are shared.
struct Mending {
    day: Day,
    run: JobRunId,
    paths: RunPaths,
    /// The entries, under the writer's lock.
    file: Box<dyn FsFile>,
    size: u64,
    rebuilt: Rebuilt,
    /// The seal that the run has, if it turned out to be right.
    seal: Option<RunRecord>,
}

/// What is known of a store before its runs are looked at.
#[derive(Clone, Copy)]
struct Known<'a> {
    fs: &'a dyn Fs,
    logs_dir: &'a Path,
    covered: &'a Covered,
    /// The names of all that may be a spool: asked once, not once for each run.
    spools: &'a HashSet<String>,
}

/// Looks at a run, and writes a new index beside the old one if it needs one. A seal that is not
/// confirmed by a journal may never have been synced: its file is read again. Nothing if there is nothing
/// to be done: it is in order, or somebody writes it, or it has a spool, so that whoever adopts it goes on
/// with it or closes it.
fn look(known: Known<'_>, day: Day, run: &JobRunId) -> io::Result<Option<Mending>> {
    let paths = RunPaths::new(known.logs_dir, day, run);
    let file = known.fs.open_append(&paths.entries)?;
    if file.size()? == 0 {
        return Ok(None);
    }
    if !lock_for_writing(file.as_ref())? {
        return Ok(None);
    }
    examine(known, day, run, paths, file)
}

/// The same for a run that is locked.
fn examine(
    known: Known<'_>,
    day: Day,
    run: &JobRunId,
    paths: RunPaths,
    file: Box<dyn FsFile>,
) -> io::Result<Option<Mending>> {
    let Known { fs, logs_dir, covered, spools } = known;
    let (upto, confirmed) = covered.of(run);
    let size = file.size()?;
    let (index, whole) = partial_index(fs, &paths, run)?;
    let fits = index.as_ref().filter(|index| whole && index.fits(size));
    let seal = fits.and_then(|index| index.seal.clone());
    // A journal that tells of a seal and of less than is in it is wrong.
    if confirmed && seal.as_ref().is_some_and(|record| record.bytes <= upto) {
        return Ok(None);
    }
    if spools.contains(run.as_str()) && has_spool(fs, logs_dir, run)? {
        return Ok(None);
    }
    let index = if upto <= size { index } else { None };
    let rebuilt = rebuild_known(file.as_ref(), run, upto, index)?;
    let seal = seal.filter(|record| record.blake3 == rebuilt.record.blake3);
    if seal.is_none() {
        let new = new_index(&paths);
        match append_index(fs, &new, &rebuilt) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs.remove(&new)?;
                append_index(fs, &new, &rebuilt)?;
            }
            written => drop(written?),
        }
    }
    let run = run.clone();
    Ok(Some(Mending { day, run, paths, file, size, rebuilt, seal }))
}

/// A run that was looked at: its name, and what came of it.
type Looked = (JobRunId, io::Result<Option<Mending>>);

/// Looks at some runs, side by side if there are many: half of the time goes into waiting for the kernel.
fn look_at(known: Known<'_>, runs: &[(Day, JobRunId)]) -> Vec<Looked> {
    let each = |runs: &[(Day, JobRunId)]| -> Vec<Looked> {
        runs.iter().map(|(day, run)| (run.clone(), look(known, *day, run))).collect()
    };
    if runs.len() < limits::LOOKED_AT_ALONE_MAX {
        return each(runs);
    }
    let part = runs.len().div_ceil(limits::RECOVERY_THREADS);
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            runs.chunks(part).map(|runs| (runs, scope.spawn(move || each(runs)))).collect();
        // One that ended by a defect is looked at here, where the defect shows.
        parts
            .into_iter()
            .flat_map(|(runs, part)| part.join().unwrap_or_else(|_| each(runs)))
            .collect()
    })
}

/// Runs that are put right together: each has a file open, and whoever starts may have little room for
/// that.
fn together() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let part = usize::try_from(files / limits::RECOVERED_FILES_PART).unwrap_or(usize::MAX);
    part.clamp(limits::RECOVERED_TOGETHER_MIN, limits::RECOVERED_TOGETHER_MAX)
}

fn spools(fs: &dyn Fs, logs_dir: &Path) -> io::Result<HashSet<String>> {
    match fs.list(&logs_dir.join(spool::SPOOL_DIR)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
        items => Ok(items?.into_iter().map(|item| item.name).collect()),
    }
}

fn new_index(paths: &RunPaths) -> PathBuf {
    paths.index.with_added_extension("new")
}

impl Mending {
    /// Puts the new index, which was synced, in its place. The torn tail goes only now: the index that
    /// counts it must be there before.
    fn replace(&self, fs: &dyn Fs) -> io::Result<()> {
        if self.seal.is_some() {
            return Ok(());
        }
        fs.rename(&new_index(&self.paths), &self.paths.index)?;
        if self.rebuilt.record.bytes < self.size {
            fs.sync_dir(&self.paths.dir)?;
            self.file.truncate(self.rebuilt.record.bytes)?;
        }
        Ok(())
    }

    /// Syncs the files of this run alone.
    fn sync(&self, fs: &dyn Fs) -> io::Result<()> {
        self.file.sync_data()?;
        let new =
            if self.seal.is_some() { None } else { fs.open_append(&new_index(&self.paths)).ok() };
        match new {
            Some(new) => new.sync_data()?,
            None => fs.open_append(&self.paths.index)?.sync_data()?,
        }
        fs.sync_dir(&self.paths.dir)
    }
}

/// Makes what was done for some runs durable by one sync. If that fails each is asked on its own: an
/// error may be that of somebody else.
fn sync_together(
    fs: &dyn Fs,
    all: &dyn FsAll,
    mending: &mut Vec<Mending>,
    failed: &mut Vec<(JobRunId, String)>,
) {
    if mending.is_empty() || all.sync_all().is_ok() {
        return;
    }
    keep_done(mending, failed, |run| run.sync(fs));
}

/// Keeps the runs for which `work` succeeds.
fn keep_done(
    mending: &mut Vec<Mending>,
    failed: &mut Vec<(JobRunId, String)>,
    work: impl Fn(&Mending) -> io::Result<()>,
) {
    mending.retain(|run| {
        let done = work(run);
        if let Err(error) = &done {
            failed.push((run.run.clone(), error.to_string()));
        }
        done.is_ok()
    });
}

/// Writes a whole index into a new file, and syncs it.
pub(crate) fn write_index(fs: &dyn Fs, path: &Path, rebuilt: &Rebuilt) -> io::Result<()> {
    append_index(fs, path, rebuilt)?.sync_data()
}

fn append_index(fs: &dyn Fs, path: &Path, rebuilt: &Rebuilt) -> io::Result<Box<dyn FsFile>> {
    let mut bytes = Vec::new();
    index::write_header(&rebuilt.header, &mut bytes);
    for block in &rebuilt.blocks {
        index::write_block(block, &mut bytes);
    }
    index::write_seal(&rebuilt.record, &mut bytes);
    let file = fs.create_new(path)?;
    fs::append_all(file.as_ref(), &bytes).map_err(|(_, error)| error)?;
    Ok(file)
}

/// Read of a journal at once: some ten thousand records.
const JOURNAL_READ_BYTES: usize = 1 << 20;

/// How far each run is in the journals that may tell of runs of some day or later.
struct Covered {
    since: Day,
    runs: HashMap<JobRunId, (u64, bool)>,
    /// How far the journals were read.
    read: HashMap<JournalName, u64>,
}

impl Covered {
    fn since(fs: &dyn Fs, logs_dir: &Path, since: Day) -> io::Result<Covered> {
        let mut covered = Covered { since, runs: HashMap::new(), read: HashMap::new() };
        covered.read_on(fs, logs_dir)?;
        Ok(covered)
    }

    fn of(&self, run: &JobRunId) -> (u64, bool) {
        self.runs.get(run).copied().unwrap_or_default()
    }

    /// Reads what was added to the journals, by others who live, and tells which runs that is about.
    fn read_on(&mut self, fs: &dyn Fs, logs_dir: &Path) -> io::Result<HashSet<JobRunId>> {
        let mut news = HashSet::new();
        for journal in journals::list(fs, logs_dir)? {
            if !may_tell_of(fs, logs_dir, journal, self.since)? {
                continue;
            }
            let offset = self.read.get(&journal).copied().unwrap_or_default();
            let runs = &mut self.runs;
            let end = each_batch(fs, logs_dir, JournalPlace { journal, offset }, |batch| {
                let end = batch.end();
                news.insert(batch.job_run_id.clone());
                let entry = runs.entry(batch.job_run_id).or_default();
                *entry = (entry.0.max(end), entry.1 || batch.sealed);
            })?;
            self.read.insert(journal, end);
        }
        Ok(news)
    }
}

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
        catch_up(fs, logs_dir, writer, since, &mut done)?;
    }
    Ok(done)
}

/// The first day of which the collector of a journal may have written runs. What its records say
/// covers all that it began, except what a power cut took; such a run began at most a moment before
/// it reached the collector, so perhaps on the day before the journal.
fn first_day(fs: &dyn Fs, logs_dir: &Path, name: JournalName) -> io::Result<Day> {
    let mut first = Day::from_number(name.day.number() - 1);
    let beginning = JournalPlace { journal: name, offset: 0 };
    each_batch(fs, logs_dir, beginning, |batch| first = first.min(batch.day))?;
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
        catch_up(fs, logs_dir, writer, since, &mut done)?;
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
    done: &mut Recovery,
) -> io::Result<()> {
    let mut covered = Covered::since(fs, logs_dir, since)?;
    let all = fs.open_all(logs_dir)?;
    // The folders of the days, which the dead collector may not have come to.
    fs.sync_dir(logs_dir)?;
    let spools = spools(fs, logs_dir)?;
    let runs = runs_since(fs, logs_dir, since)?;
    let mut ready = Vec::new();
    for runs in runs.chunks(together()) {
        let known = Known { fs, logs_dir, covered: &covered, spools: &spools };
        // The disk is waited for while the next runs are looked at.
        let (mended, looked) = std::thread::scope(|scope| {
            let before = std::mem::take(&mut ready);
            let mending = (!before.is_empty())
                .then(|| scope.spawn(|| mend(known, all.as_ref(), before, &mut writer, done)));
            let looked = look_at(known, runs);
            (mending.map(|it| it.join()), looked)
        });
        if let Some(mended) = mended {
            mended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        // Whoever wrote one of them until it was locked has told of it in the meantime.
        let news = covered.read_on(fs, logs_dir)?;
        let known = Known { fs, logs_dir, covered: &covered, spools: &spools };
        for (run, looked) in looked {
            let looked = match looked {
                Ok(Some(Mending { day, paths, file, .. })) if news.contains(&run) => {
                    examine(known, day, &run, paths, file)
                }
                looked => looked,
            };
            match looked {
                Ok(run) => ready.extend(run),
                Err(error) => done.failed.push((run, error.to_string())),
            }
        }
    }
    let known = Known { fs, logs_dir, covered: &covered, spools: &spools };
    mend(known, all.as_ref(), ready, &mut writer, done)?;
    // Not closed if something is still to be done: the next start tries again.
    if done.failed.is_empty() { writer.close() } else { Ok(()) }
}

/// Puts some runs right, and tells of them in the journal.
fn mend(
    Known { fs, covered, .. }: Known<'_>,
    all: &dyn FsAll,
    mut mending: Vec<Mending>,
    writer: &mut JournalWriter,
    done: &mut Recovery,
) -> io::Result<()> {
    let mending = &mut mending;
    // Without torn tails the order does not matter: an index that a power cut spoils is made again, since
    // no journal tells of its run yet.
    if mending.iter().any(|run| run.rebuilt.record.bytes < run.size) {
        sync_together(fs, all, mending, &mut done.failed);
    }
    keep_done(mending, &mut done.failed, |run| run.replace(fs));
    sync_together(fs, all, mending, &mut done.failed);
    for run in mending.drain(..) {
        if run.seal.is_none() {
            done.restored.push(run.run.clone());
            done.torn_bytes += run.rebuilt.record.torn_bytes;
        }
        let (upto, sealed) = covered.of(&run.run);
        if sealed && run.rebuilt.record.bytes <= upto {
            continue;
        }
        done.journalled += 1;
        let stretch = run.rebuilt.since_mark.record(run.run.clone(), run.day, true);
        writer.push(&JournalRecord::Batch(stretch));
    }
    writer.flush()
}

/// Gives `each` the records behind `place`, and answers the offset behind the last of them.
fn each_batch(
    fs: &dyn Fs,
    logs_dir: &Path,
    mut place: JournalPlace,
    mut each: impl FnMut(BatchRecord),
) -> io::Result<u64> {
    loop {
        let (records, next) = journals::read_from(fs, logs_dir, place, JOURNAL_READ_BYTES)?;
        if records.is_empty() {
            return Ok(place.offset);
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

/// The runs that began on `since` or later, in the order of their days.
fn runs_since(fs: &dyn Fs, logs_dir: &Path, since: Day) -> io::Result<Vec<(Day, JobRunId)>> {
    let mut runs = Vec::new();
    for day in days_since(fs, logs_dir, since)? {
        for item in fs.list(&logs_dir.join(naming::day_dir(day)))? {
            if let Some((run, RunFile::Entries)) = naming::parse_run_file(&item.name) {
                runs.push((day, run));
            }
        }
    }
    Ok(runs)
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
