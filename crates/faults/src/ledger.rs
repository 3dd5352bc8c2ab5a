//! The oracle of the rigs with real processes: byte for byte, what the job wrote is stored, or the
//! record of its run names it.

use crate::check::Account;
use crate::clock::{HurriedClock, RealClock};
use crate::job::{self, Told};
use anyhow::{Context, Result, ensure};
use databuild_logs::fs::OsFs;
use databuild_logs::read::{LogReader, ReaderOptions, RunState};
use databuild_logs::verify::Problem;
use databuild_model::clock::Clock;
use databuild_model::entry::{Content, JobLogEntry, Stream, event};
use databuild_model::ids::JobRunId;
use databuild_model::json::read_entry;
use databuild_model::origin::raw_bytes;
use databuild_model::request::JobLogsRequest;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A reader of a real store.
pub(crate) fn reader(logs_dir: &Path) -> LogReader {
    let options =
        ReaderOptions { logs_dir: logs_dir.to_owned(), cache_runs: 4, cache_bytes: 1 << 20 };
    // So late that nobody can be thought to be about to begin.
    let later = RealClock::start().wall().saturating_add(Duration::from_hours(1));
    let clock = Arc::new(HurriedClock::from(Duration::from_secs(60), later));
    LogReader::new(options, Arc::new(OsFs), clock)
}

/// Holds the stored entries of a run against what its job wrote.
///
/// # Errors
/// A promise is broken; the text says which.
pub(crate) fn balance(
    reader: &LogReader,
    run: &JobRunId,
    told_dir: &Path,
    seed: u64,
) -> Result<Account> {
    let told = job::read_told(told_dir, run.as_str())?;
    let verified = reader.verify(run, &|_| {})?;
    let complete = verified.state == RunState::Complete;
    ensure!(verified.state != RunState::Running, "it is shown as running");
    ensure!(
        !complete || !verified.is_wrong(),
        "it is shown as complete, and its verification says {:?}",
        verified.problems
    );
    for problem in &verified.problems {
        let wrong = match problem {
            Problem::Repeated { .. }
            | Problem::Overlap { .. }
            | Problem::TooMuch { .. }
            | Problem::StreamHash { .. }
            | Problem::Seal { .. }
            | Problem::SealHash
            | Problem::Index
            | Problem::AfterEnd { .. }
            | Problem::EndNumber { .. } => true,
            Problem::NoEnd
            | Problem::OutputLost
            | Problem::Entries { .. }
            | Problem::Bytes { .. }
            | Problem::Gap { .. }
            | Problem::Torn { .. }
            | Problem::Unexplained { .. } => false,
        };
        ensure!(!wrong, "its verification says {problem:?}");
    }
    let entries = entries(reader, run)?;
    let mut account = Account::default();
    for (stream, told) in [Stream::Stdout, Stream::Stderr].into_iter().zip(told) {
        let found = one_stream(&entries, stream, told, seed, complete)
            .with_context(|| stream.as_str().to_owned())?;
        account.add(found);
    }
    Ok(account)
}

/// All entries of a run.
///
/// # Errors
/// They cannot be read.
pub(crate) fn entries(reader: &LogReader, run: &JobRunId) -> Result<Vec<JobLogEntry>> {
    let mut request = JobLogsRequest::all_of(run.clone());
    let mut entries = Vec::new();
    loop {
        let page = reader.get_job_logs(&request)?;
        for line in page.lines.iter() {
            entries.push(read_entry(line)?.0);
        }
        match page.next_page_token {
            Some(token) => request.page_token = Some(token),
            None => return Ok(entries),
        }
    }
}

fn one_stream(
    entries: &[JobLogEntry],
    stream: Stream,
    told: Told,
    seed: u64,
    complete: bool,
) -> Result<Account> {
    let words = job::all_of(seed, stream, told.tried);
    let mut upto = 0;
    let mut account = Account { wanted: told.accepted, ..Account::default() };
    for entry in entries {
        if let Some((of, range)) = named_missing(entry)
            && of == stream
        {
            ensure!(range.start == upto, "a gap begins at {}, entries end at {upto}", range.start);
            account.named += range.end - range.start;
            upto = range.end;
        }
        let Some((of, range)) = entry.content.origin().range() else { continue };
        if of != stream {
            continue;
        }
        ensure!(upto <= range.start, "bytes from {} on are stored twice", range.start);
        ensure!(
            range.start <= upto,
            "bytes {upto} to {} are neither stored nor named",
            range.start
        );
        ensure!(
            range.end <= told.tried,
            "{} bytes are stored, {} were written",
            range.end,
            told.tried
        );
        is_same(entry, &words, &range)?;
        account.stored += range.end - range.start;
        upto = range.end;
    }
    // What was being written when the job died may be there or not.
    account.wanted = account.wanted.max(upto);
    if upto < account.wanted {
        ensure!(!complete, "it is complete, and bytes {upto} to {} are missing", account.wanted);
        account.named += account.wanted - upto;
    }
    Ok(account)
}

fn is_same(entry: &JobLogEntry, words: &[u8], range: &Range<u64>) -> Result<()> {
    let Content::Log(log) = &entry.content else { return Ok(()) };
    let Some(raw) = raw_bytes(log) else { return Ok(()) };
    let (from, to) = (usize::try_from(range.start)?, usize::try_from(range.end)?);
    let said = words.get(from..to).unwrap_or_default();
    ensure!(
        raw == said,
        "entry {} at byte {from} is {:?}, the job wrote {:?}",
        entry.sequence_number,
        String::from_utf8_lossy(raw.get(..80).unwrap_or(&raw)),
        String::from_utf8_lossy(said.get(..80).unwrap_or(said)),
    );
    Ok(())
}

/// The bytes that an entry names as missing.
fn named_missing(entry: &JobLogEntry) -> Option<(Stream, Range<u64>)> {
    let Content::JobEvent(event) = &entry.content else { return None };
    if event.event_type != event::GAP {
        return None;
    }
    let number = |name: &str| event.metadata.get(name)?.parse::<u64>().ok();
    let stream = Stream::parse(event.metadata.get(event::gap::STREAM)?)?;
    Some((stream, number(event::gap::FROM)?..number(event::gap::TO)?))
}
