//! Whether a store keeps its promises: the oracle of every rig that knows what was said.

use crate::clock::{HurriedClock, beginning};
use anyhow::{Context, Result, bail, ensure};
use databuild_logs::format::index::read_index;
use databuild_logs::format::journal::JournalPlace;
use databuild_logs::format::{BatchRecord, JournalRecord, RunRecord};
use databuild_logs::fs::{Fs, read_whole};
use databuild_logs::read::{LogReader, ReaderOptions, RunState};
use databuild_logs::store::RunPaths;
use databuild_logs::store::journal;
use databuild_model::ids::JobRunId;
use databuild_model::request::JobLogsRequest;
use databuild_model::time::Day;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What must be, and what may be, in the file of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    /// All that was ever to be in the file.
    pub(crate) whole: Vec<u8>,
    /// So many bytes of it must be there.
    pub(crate) sure: usize,
    /// Whether `whole` is all that the run said, to its end.
    pub(crate) ends: bool,
}

/// What was found, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// What was to be there.
    pub(crate) wanted: u64,
    /// What is there.
    pub(crate) stored: u64,
    /// What is not there, and the record of its run says so.
    pub(crate) named: u64,
}

impl Account {
    pub(crate) fn add(&mut self, other: Account) {
        self.wanted += other.wanted;
        self.stored += other.stored;
        self.named += other.named;
    }
}

/// Stretches of run files, by the records of all journals.
type Stretches = BTreeMap<String, Vec<(u64, u64)>>;

/// How much of a run is durable, by the journals.
///
/// # Errors
/// They cannot be read.
pub(crate) fn journalled(fs: &dyn Fs, logs_dir: &Path, run: &str) -> Result<usize> {
    let stretches = stretches(fs, logs_dir)?;
    let of_run = stretches.get(run).into_iter().flatten();
    Ok(usize::try_from(of_run.map(|(_, end)| *end).max().unwrap_or(0))?)
}

/// Whether the journals say that a run is sealed.
///
/// # Errors
/// They cannot be read.
pub(crate) fn is_sealed(fs: &dyn Fs, logs_dir: &Path, run: &str) -> Result<bool> {
    let mut sealed = false;
    each_batch(fs, logs_dir, |batch| sealed |= batch.sealed && batch.job_run_id.as_str() == run)?;
    Ok(sealed)
}

/// Before anything was put right: the journals say nothing that is not in the files.
///
/// # Errors
/// They do.
pub(crate) fn journals_are_not_ahead(fs: &dyn Fs, logs_dir: &Path) -> Result<()> {
    for (run, stretches) in stretches(fs, logs_dir)? {
        let size = entries(fs, logs_dir, &run)?.map_or(0, |bytes| bytes.len() as u64);
        let end = stretches.iter().map(|(_, end)| *end).max().unwrap_or(0);
        ensure!(end <= size, "the journal says {end} bytes of {run} are durable, {size} are there");
    }
    Ok(())
}

/// After recovery: each run has what it must have and nothing else, once, and says truly whether that
/// is all.
///
/// # Errors
/// One of them does not; the text says what is wrong.
pub(crate) fn store_keeps_its_word(
    fs: &Arc<dyn Fs>,
    logs_dir: &Path,
    expected: &BTreeMap<String, Expected>,
) -> Result<Account> {
    let options =
        ReaderOptions { logs_dir: logs_dir.to_owned(), cache_runs: 1, cache_bytes: 1 << 20 };
    let clock = Arc::new(HurriedClock::new(Duration::from_secs(60)));
    let reader = LogReader::new(options, Arc::clone(fs), clock);
    let mut account = Account::default();
    for (run, expected) in expected {
        let found = run_keeps_its_word(fs.as_ref(), logs_dir, &reader, run, expected);
        account.add(found.with_context(|| format!("run {run}"))?);
    }
    Ok(account)
}

/// After recovery: whoever follows the journals hears of every byte of the files once.
///
/// # Errors
/// A byte is in no record or in two.
pub(crate) fn journals_tell_all_once(
    fs: &dyn Fs,
    logs_dir: &Path,
    expected: &BTreeMap<String, Expected>,
) -> Result<()> {
    let stretches = stretches(fs, logs_dir)?;
    for run in expected.keys() {
        let size = entries(fs, logs_dir, run)?.map_or(0, |bytes| bytes.len() as u64);
        let covered = stretches.get(run).map(Vec::as_slice).unwrap_or_default();
        covers(covered, size).with_context(|| format!("the journals on run {run}"))?;
    }
    Ok(())
}

fn run_keeps_its_word(
    fs: &dyn Fs,
    logs_dir: &Path,
    reader: &LogReader,
    run: &str,
    expected: &Expected,
) -> Result<Account> {
    let bytes = entries(fs, logs_dir, run)?.unwrap_or_default();
    let same = bytes.iter().zip(&expected.whole).take_while(|(one, two)| one == two).count();
    ensure!(expected.sure <= same, "{same} bytes are right, {} were promised", expected.sure);
    let (wanted, stored) = (expected.whole.len() as u64, bytes.len() as u64);
    let mut account = Account { wanted, stored, named: 0 };
    let whole = bytes == expected.whole;
    if bytes.is_empty() {
        account.named = account.wanted;
        return Ok(account);
    }
    ensure!(bytes.ends_with(b"\n"), "the last line is torn");
    let id = JobRunId::parse(run)?;
    let info = reader.run_info(&id)?;
    let complete = match info.state {
        RunState::Running => bail!("it is shown as running"),
        RunState::Complete => true,
        RunState::Incomplete { .. } => false,
    };
    ensure!(!complete || (whole && expected.ends), "it is shown as complete and is not");
    ensure!(complete || !(whole && expected.ends), "it is shown as incomplete and is not");
    if !whole {
        account.named = account.wanted.saturating_sub(same as u64);
        account.stored = same as u64;
    }
    let seal = seal(fs, logs_dir, beginning().day(), &id)?;
    seal_is_right(&seal, &bytes)?;
    let page = reader.get_job_logs(&JobLogsRequest::all_of(id))?;
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let shown = page.lines.len() as u64;
    let told = lines <= shown + seal.malformed;
    ensure!(told, "{lines} lines are stored, {shown} are shown, {} are no entries", seal.malformed);
    Ok(account)
}

fn seal_is_right(seal: &RunRecord, bytes: &[u8]) -> Result<()> {
    let hash = blake3::hash(bytes);
    ensure!(seal.blake3 == *hash.as_bytes(), "the seal has another hash");
    ensure!(seal.bytes == bytes.len() as u64, "the seal has {} bytes", seal.bytes);
    Ok(())
}

/// The run that began on `day` is complete, and its seal is that of `bytes`.
///
/// # Errors
/// One of it is not so.
pub(crate) fn file_is_sealed(
    fs: &dyn Fs,
    logs_dir: &Path,
    day: Day,
    run: &JobRunId,
    bytes: &[u8],
) -> Result<()> {
    let seal = seal(fs, logs_dir, day, run)?;
    ensure!(seal.is_complete(), "it is not complete");
    seal_is_right(&seal, bytes)
}

fn seal(fs: &dyn Fs, logs_dir: &Path, day: Day, run: &JobRunId) -> Result<RunRecord> {
    let path = RunPaths::new(logs_dir, day, run).index;
    let index = fs.open_read(&path).with_context(|| format!("cannot open {}", path.display()))?;
    let index = read_index(&read_whole(index.as_ref(), u64::MAX)?)?;
    index.seal.context("it is not sealed")
}

/// Whether the stretches cover all of the file, each byte once.
fn covers(stretches: &[(u64, u64)], size: u64) -> Result<()> {
    let mut sorted = stretches.to_vec();
    sorted.sort_unstable();
    let mut upto = 0;
    for (from, end) in sorted {
        ensure!(from <= upto, "bytes {upto} to {from} are in no record");
        ensure!(upto <= from, "bytes {from} to {upto} are in two records");
        upto = end;
    }
    ensure!(upto == size, "they cover {upto} of {size} bytes");
    Ok(())
}

fn stretches(fs: &dyn Fs, logs_dir: &Path) -> Result<Stretches> {
    let mut stretches = Stretches::new();
    each_batch(fs, logs_dir, |batch| {
        if batch.bytes != 0 {
            let stretch = (batch.offset, batch.end());
            stretches.entry(batch.job_run_id.to_string()).or_default().push(stretch);
        }
    })?;
    Ok(stretches)
}

/// Gives `each` the records of all journals.
///
/// # Errors
/// They cannot be read.
pub(crate) fn each_batch(
    fs: &dyn Fs,
    logs_dir: &Path,
    mut each: impl FnMut(BatchRecord),
) -> Result<()> {
    for journal in journal::list(fs, logs_dir)? {
        let mut place = JournalPlace { journal, offset: 0 };
        loop {
            let (records, next) = journal::read_from(fs, logs_dir, place, 1 << 20)?;
            if records.is_empty() {
                break;
            }
            for record in records {
                if let JournalRecord::Batch(batch) = record {
                    each(batch);
                }
            }
            place = next;
        }
    }
    Ok(())
}

/// The file that a record tells of.
pub(crate) fn entries_of(logs_dir: &Path, batch: &BatchRecord) -> PathBuf {
    RunPaths::new(logs_dir, batch.day, &batch.job_run_id).entries
}

/// The bytes of a run's file, if there is one.
fn entries(fs: &dyn Fs, logs_dir: &Path, run: &str) -> Result<Option<Vec<u8>>> {
    let path = RunPaths::new(logs_dir, beginning().day(), &JobRunId::parse(run)?).entries;
    match fs.open_read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => Ok(Some(read_whole(file?.as_ref(), u64::MAX)?)),
    }
}
