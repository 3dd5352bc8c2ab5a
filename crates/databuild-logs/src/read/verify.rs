//! The reading half of a verification: one pass of the judge over the entries, and beside it one of
//! the hash, since neither waits for the other.

use super::ReadError;
use super::file::LogsFolder;
use super::open::OpenRun;
use super::state::RunState;
use super::walk::{Line, Span, Walker};
use crate::format::{RunRecord, index};
use crate::fs::read_whole;
use crate::verify::judge::{Judge, Judged};
use crate::verify::{Note, Problem, Verification};
use databuild_policy::naming;
use std::io;
use std::ops::ControlFlow;

/// Hashed at once: the hash is several times faster on much than on little.
const HASH_READ_BYTES: usize = 1 << 20;

/// A thread of its own hashes files from this size on: below, starting it costs more.
const BESIDE_BYTES_MIN: u64 = 4 << 20;

/// Largest index that is compared; above it nobody reads it either.
const INDEX_BYTES_MAX: u64 = 512 << 20;

/// Verifies a run as it was when it was looked at. `seen` hears how many bytes were judged since.
pub(super) fn verify(
    run: &OpenRun,
    logs: LogsFolder<'_>,
    state: RunState,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<Verification, ReadError> {
    let both = || -> io::Result<Verification> {
        let (judged, hash, fits) = if run.committed < BESIDE_BYTES_MIN {
            let (judged, fits) = judge(run, logs, state, seen)?;
            (judged, hash(run)?, fits)
        } else {
            std::thread::scope(|scope| {
                let hashing = scope.spawn(|| hash(run));
                let judged = judge(run, logs, state, seen);
                let hash = hashing.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
                let (judged, fits) = judged?;
                io::Result::Ok((judged, hash?, fits))
            })?
        };
        let torn = run.data.bytes()?.saturating_sub(run.committed);
        Ok(conclude(run, state, judged, hash, Found { fits, torn }))
    };
    both().map_err(|source| run.failed(source))
}

/// What was found beside the entries.
struct Found {
    /// The index fits the entries.
    fits: bool,
    /// Bytes behind the last whole line.
    torn: u64,
}

fn hash(run: &OpenRun) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; HASH_READ_BYTES];
    let mut at = 0;
    while at < run.committed {
        let left = usize::try_from(run.committed - at).unwrap_or(usize::MAX);
        let into = buffer.get_mut(..left.min(HASH_READ_BYTES)).unwrap_or_default();
        let read = run.data.read_at(at, into)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(into.get(..read).unwrap_or_default());
        at += read as u64;
    }
    Ok(*hasher.finalize().as_bytes())
}

/// The judgement, and whether the index of a sealed run says the same as its entries.
fn judge(
    run: &OpenRun,
    logs: LogsFolder<'_>,
    state: RunState,
    seen: &(dyn Fn(u64) + Sync),
) -> io::Result<(Judged, bool)> {
    let mut blocks = indexed(run, logs)?.map(Vec::into_iter);
    let mut fits = true;
    let mut judge = Judge::new(&run.run, run.header.as_deref());
    let mut told = 0;
    let mut visit = |line: Line<'_>| {
        let bytes = line.next - line.offset;
        let whole = line.bytes.len() as u64 + 1 == bytes;
        judge.line(whole.then_some(line.bytes), bytes);
        for block in judge.take_blocks() {
            fits &= blocks.as_mut().is_none_or(|blocks| blocks.next() == Some(block));
        }
        if told + HASH_READ_BYTES as u64 <= line.next {
            seen(line.next - told);
            told = line.next;
        }
        ControlFlow::Continue(())
    };
    Walker::new().forward(&run.data, &Span::Lines(0..run.committed), &mut visit)?;
    seen(run.committed - told);
    let mut judged = judge.finish(state.is_running());
    if let Some(mut blocks) = blocks {
        for block in std::mem::take(&mut judged.blocks) {
            fits &= blocks.next() == Some(block);
        }
        fits &= blocks.next().is_none();
    }
    Ok((judged, fits))
}

/// The blocks of a sealed index.
fn indexed(run: &OpenRun, logs: LogsFolder<'_>) -> io::Result<Option<Vec<crate::format::Block>>> {
    if run.seal.is_none() {
        return Ok(None);
    }
    let Some(file) = logs.open(run.day, &run.run, naming::RunFile::Index)? else { return Ok(None) };
    if INDEX_BYTES_MAX < file.bytes()? {
        return Ok(None);
    }
    let bytes = read_whole(file.as_fs_file(), INDEX_BYTES_MAX)?;
    Ok(index::read_index(&bytes).ok().map(|index| index.blocks))
}

fn conclude(
    run: &OpenRun,
    state: RunState,
    judged: Judged,
    hash: [u8; 32],
    found: Found,
) -> Verification {
    let Judged { record, mut problems, mut notes, .. } = judged;
    let record = RunRecord { blake3: hash, ..record };
    match run.seal.as_deref() {
        Some(seal) => {
            for problem in differences(seal, &record) {
                problems.push(problem);
            }
            // Of other bytes the index cannot speak.
            if !found.fits && seal.blake3 == record.blake3 {
                problems.push(Problem::Index);
            }
        }
        None if state.is_running() => {}
        None => notes.push(Note::NoSeal),
    }
    if 0 < found.torn && !state.is_running() {
        problems.push(Problem::Torn { bytes: found.torn });
    }
    if let RunState::Incomplete { .. } = state
        && problems.listed.is_empty()
    {
        problems.push(Problem::Unexplained { state });
    }
    Verification {
        job_run_id: run.run.clone(),
        day: run.day,
        state,
        record,
        entries_sent: judged.entries_sent,
        entries_stored: judged.entries_stored,
        streams: judged.streams,
        problems: problems.listed,
        unlisted: problems.unlisted,
        notes,
    }
}

/// Where the seal says something else than the file.
fn differences(seal: &RunRecord, found: &RunRecord) -> Vec<Problem> {
    let mut problems: Vec<Problem> = [
        ("bytes", seal.bytes, found.bytes),
        ("entries", seal.entries, found.entries),
        ("as the last number", seal.last_sequence, found.last_sequence),
    ]
    .into_iter()
    .filter(|(_, sealed, found)| sealed != found)
    .map(|(what, sealed, found)| Problem::Seal { what, sealed, found })
    .collect();
    let counts = |record: &RunRecord| (record.level_counts, record.kind_counts, record.malformed);
    if seal.blake3 != found.blake3 || counts(seal) != counts(found) {
        problems.push(Problem::SealHash);
    }
    problems
}
