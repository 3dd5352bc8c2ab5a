//! What the index of a run must be, told by its entries alone.
//!
//! One pass over the file with bounded memory. It serves when the index is missing, torn, or does not
//! fit the entries; for a file that the collector wrote the result is what the collector wrote.

use super::facts::{LineFacts, LineReader, Looked};
use super::tally::{BatchTally, RunTally};
use crate::format::{Block, IndexHeader, RunIndex, RunRecord};
use crate::fs::{self, FsFile};
use crate::limits;
use databuild_model::ids::JobRunId;
use databuild_model::{json, limits as model_limits};
use std::io;

/// The index of a run, rebuilt.
#[derive(Debug)]
pub struct Rebuilt {
    /// The names that the entries carry.
    pub header: IndexHeader,
    /// All blocks; the last may be small.
    pub blocks: Vec<Block>,
    /// The totals. [`RunRecord::bytes`] is where the last whole line ends.
    pub record: RunRecord,
    /// The counts of the lines from `mark` on.
    pub since_mark: BatchTally,
}

/// Reads the entries of `run` from the beginning, and sums up anew from the line at byte `mark` on.
pub fn rebuild(file: &dyn FsFile, run: &JobRunId, mark: u64) -> io::Result<Rebuilt> {
    rebuild_known(file, run, mark, None)
}

/// The same, where the blocks of `known` before `mark` need not be parsed again: what they stand for was
/// stored and told of in a journal, so they were written with it. Their bytes are only hashed.
pub fn rebuild_known(
    file: &dyn FsFile,
    run: &JobRunId,
    mark: u64,
    known: Option<RunIndex>,
) -> io::Result<Rebuilt> {
    let (mut pass, torn) = Pass::over(file, run, mark, known)?;
    pass.tally.torn(torn);
    let (blocks, record) = pass.tally.finish();
    Ok(Rebuilt { header: pass.header, blocks, record, since_mark: pass.since_mark })
}

/// The counts of a run that goes on.
#[derive(Debug)]
pub struct Counted {
    /// All that was counted, with the blocks of the index.
    pub tally: RunTally,
    /// The counts of the lines from `mark` on.
    pub since_mark: BatchTally,
    /// Bytes behind the last whole line.
    pub torn: u64,
}

/// Counts the entries of a run that goes on; as [`rebuild_known`].
pub fn count(
    file: &dyn FsFile,
    run: &JobRunId,
    mark: u64,
    known: Option<RunIndex>,
) -> io::Result<Counted> {
    let (pass, torn) = Pass::over(file, run, mark, known)?;
    Ok(Counted { tally: pass.tally, since_mark: pass.since_mark, torn })
}

struct Pass {
    header: IndexHeader,
    named: bool,
    lines: LineReader,
    tally: RunTally,
    mark: u64,
    since_mark: BatchTally,
}

impl Pass {
    fn new(run: &JobRunId, mark: u64) -> Self {
        let header = IndexHeader {
            job_run_id: run.clone(),
            job_label: None,
            job_type: None,
            app: None,
            build_id: None,
        };
        Pass {
            tally: RunTally::new(&header),
            header,
            named: false,
            lines: LineReader::new(run.clone()),
            mark,
            since_mark: BatchTally::default(),
        }
    }

    /// Reads all of `file`; answers how many bytes are behind the last whole line.
    fn over(
        file: &dyn FsFile,
        run: &JobRunId,
        mark: u64,
        known: Option<RunIndex>,
    ) -> io::Result<(Pass, u64)> {
        let mut pass = Pass::new(run, mark);
        let size = file.size()?;
        // No more than there is: after a crash there are thousands of files, and nearly all are small.
        let bytes = usize::try_from(size).unwrap_or(usize::MAX).clamp(1, limits::READ_BYTES_MAX);
        let mut chunk = vec![0; bytes];
        let mut rest: Vec<u8> = Vec::new();
        if let Some(known) = known {
            pass.believe(known, size);
        }
        let mut offset = pass.hash_known(file, &mut chunk)?;
        loop {
            let got = fs::read_full_at(file, &mut chunk, offset)?;
            let Some(read) = chunk.get(..got).filter(|read| !read.is_empty()) else { break };
            offset += got as u64;
            rest = pass.chunk(rest, read);
        }
        if pass.since_mark.is_empty() {
            let so_far = pass.tally.so_far();
            pass.since_mark = BatchTally::from(so_far.bytes, so_far.entries);
        }
        Ok((pass, rest.len() as u64))
    }

    /// Takes the blocks of an index for what they say, as far as they are beyond doubt; the last one
    /// never is, because the end of the run may be in it.
    fn believe(&mut self, known: RunIndex, size: u64) {
        let RunIndex { header, mut blocks, .. } = known;
        blocks.pop();
        let upto = self.mark.min(size);
        for block in blocks {
            if upto < block.row.end() || !self.tally.is_next(&block.row) {
                break;
            }
            self.tally.believe(block);
        }
        if 0 < self.tally.so_far().entries {
            self.tally.name(&header);
            (self.header, self.named) = (header, true);
        }
    }

    /// Hashes what is believed; answers where it ends.
    fn hash_known(&mut self, file: &dyn FsFile, chunk: &mut [u8]) -> io::Result<u64> {
        let (mut at, end) = (0, self.tally.so_far().bytes);
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(chunk.len());
            let into = chunk.get_mut(..want).unwrap_or_default();
            if fs::read_full_at(file, into, at)? < into.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.tally.hash(into);
            at += want as u64;
        }
        Ok(at)
    }

    /// Takes the whole lines of `rest` and `read`, and gives back what is behind the last.
    fn chunk(&mut self, mut rest: Vec<u8>, read: &[u8]) -> Vec<u8> {
        // Hashed in one piece: the hash is several times faster on much than on little.
        if let Some(whole) = memchr::memrchr(b'\n', read).and_then(|last| read.get(..=last)) {
            self.tally.hash(&rest);
            self.tally.hash(whole);
        }
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', read) {
            let piece = read.get(from..at).unwrap_or_default();
            if rest.is_empty() {
                self.line(piece);
            } else {
                rest.extend_from_slice(piece);
                self.line(&rest);
                rest.clear();
            }
            from = at + 1;
        }
        rest.extend_from_slice(read.get(from..).unwrap_or_default());
        rest
    }

    fn line(&mut self, line: &[u8]) {
        // A line this long was not written by us: it is not worth parsing.
        let looked = (line.len() <= model_limits::ENTRY_LINE_BYTES_MAX.saturating_mul(2))
            .then(|| self.lines.look(line));
        let facts = looked.as_ref().and_then(Looked::facts).cloned();
        if !self.named && facts.is_some() {
            self.take_names(line);
        }
        self.count(facts.as_ref(), line.len() as u64 + 1);
    }

    fn count(&mut self, facts: Option<&LineFacts>, bytes: u64) {
        let so_far = self.tally.so_far();
        if self.mark <= so_far.bytes {
            if self.since_mark.is_empty() {
                self.since_mark = BatchTally::from(so_far.bytes, so_far.entries);
            }
            self.since_mark.line(facts, bytes);
        }
        self.tally.line(facts, bytes);
    }

    /// The collector gives every entry the same names, so the first entry tells them.
    fn take_names(&mut self, line: &[u8]) {
        let Ok((entry, _)) = json::read_entry(line) else { return };
        self.named = true;
        self.header.job_label = entry.job_label;
        self.header.job_type = entry.job_type;
        self.header.app = entry.app;
        self.header.build_id = entry.build_id;
        self.tally.name(&self.header);
    }
}

#[cfg(test)]
mod tests;
