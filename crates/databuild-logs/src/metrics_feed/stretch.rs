//! What a stretch of a run's file says: measurements, levels, the names of the run, its seal.

use crate::format::journal::{BatchRecord, count_size};
use crate::format::metrics_state::CountedRun;
use crate::format::{RunRecord, index};
use crate::fs::{self, Fs, FsFile};
use crate::store::RunPaths;
use databuild_metrics::aggregate::{BatchOf, GapOf, GapReason};
use databuild_model::entry::{Content, Fields, MetricPoint, event};
use databuild_model::time::Timestamp;
use databuild_model::{json, limits};
use memchr::memmem;
use std::io;
use std::path::Path;

/// Read of a run's file at once; a longer line takes more.
const READ_BYTES: usize = 1 << 20;

/// Enough for the header of an index: five names of at most a few hundred bytes.
const HEADER_BYTES: usize = 4 << 10;

/// Whose run it is.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) job_label: Option<String>,
    pub(super) job_type: Option<String>,
}

/// Something in a line that is counted.
pub(super) enum Said<'a> {
    Point(&'a MetricPoint),
    Gap(GapOf),
}

/// A stretch of a run.
pub(super) struct Stretch<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) logs_dir: &'a Path,
    pub(super) batch: &'a BatchRecord,
}

impl Stretch<'_> {
    /// Tells each measurement and each gap that is not counted yet, and remembers in `run` how far it
    /// came. `false` if the file is gone.
    pub(super) fn points(
        &self,
        run: &mut CountedRun,
        each: &mut dyn FnMut(Said<'_>, Timestamp),
    ) -> io::Result<bool> {
        let [_, metrics, events, _] = self.batch.kind_counts;
        if metrics + events == 0 || self.batch.end() <= run.points_upto {
            run.points_upto = run.points_upto.max(self.batch.end());
            return Ok(true);
        }
        let Some(file) = self.open()? else {
            run.points_upto = self.batch.end();
            return Ok(false);
        };
        let mut lines = Lines::new(file.as_ref(), run.points_upto, self.batch.end());
        while let Some(chunk) = lines.next()? {
            split(chunk).for_each(|line| say(line, each));
            run.points_upto = lines.at;
        }
        run.points_upto = self.batch.end();
        Ok(true)
    }

    /// The lines from `from` on, counted anew.
    pub(super) fn from(&self, from: u64) -> io::Result<BatchOf> {
        let mut counted = BatchOf::default();
        let Some(file) = self.open()? else { return Ok(counted) };
        counted.bytes = self.batch.end() - from;
        let mut lines = Lines::new(file.as_ref(), from, self.batch.end());
        while let Some(chunk) = lines.next()? {
            for line in split(chunk) {
                counted.entries += 1;
                count_size(&mut counted.size_counts, line.len() as u64 + 1);
                let level =
                    json::read_entry(line).ok().and_then(|(entry, _)| match entry.content {
                        Content::Log(log) => Some(log.level),
                        Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
                    });
                if let Some(count) =
                    level.and_then(|level| counted.level_counts.get_mut(usize::from(level as u8)))
                {
                    *count += 1;
                }
            }
        }
        Ok(counted)
    }

    /// The seal of the run, if its index is there.
    pub(super) fn seal(&self) -> io::Result<Option<RunRecord>> {
        seal(self.fs, &self.paths())
    }

    fn open(&self) -> io::Result<Option<Box<dyn FsFile>>> {
        gone(self.fs.open_read(&self.paths().entries))
    }

    fn paths(&self) -> RunPaths {
        RunPaths::new(self.logs_dir, self.batch.day, &self.batch.job_run_id)
    }
}

/// The names of the run, from its index or from its first line; nothing if both files are gone.
pub(super) fn names(
    fs: &dyn Fs,
    logs_dir: &Path,
    batch: &BatchRecord,
) -> io::Result<Option<Names>> {
    let paths = RunPaths::new(logs_dir, batch.day, &batch.job_run_id);
    if let Some(file) = gone(fs.open_read(&paths.index))? {
        let mut bytes = vec![0; HEADER_BYTES];
        let got = fs::read_full_at(file.as_ref(), &mut bytes, 0)?;
        bytes.truncate(got);
        if let Ok(index) = index::read_index(&bytes) {
            let job_label = index.header.job_label.map(|label| label.as_str().to_owned());
            return Ok(Some(Names { job_label, job_type: index.header.job_type }));
        }
    }
    let Some(file) = gone(fs.open_read(&paths.entries))? else { return Ok(None) };
    let mut lines = Lines::new(file.as_ref(), 0, batch.end());
    let first = lines.next()?.and_then(|chunk| split(chunk).next());
    let entry = first.and_then(|line| json::read_entry(line).ok());
    Ok(Some(entry.map_or_else(Names::default, |(entry, _)| Names {
        job_label: entry.job_label.map(|label| label.as_str().to_owned()),
        job_type: entry.job_type,
    })))
}

fn seal(fs: &dyn Fs, paths: &RunPaths) -> io::Result<Option<RunRecord>> {
    let Some(file) = gone(fs.open_read(&paths.index))? else { return Ok(None) };
    let size = file.size()?;
    let mut trailer = [0; index::TRAILER_BYTES];
    let Some(at) = size.checked_sub(trailer.len() as u64) else { return Ok(None) };
    fs::read_full_at(file.as_ref(), &mut trailer, at)?;
    let Some(length) = index::seal_bytes(&trailer) else { return Ok(None) };
    let Some(at) = size.checked_sub(length as u64) else { return Ok(None) };
    let mut bytes = vec![0; length];
    fs::read_full_at(file.as_ref(), &mut bytes, at)?;
    Ok(index::read_seal(&bytes))
}

/// The earliest entry of a run: what its seal says, else that of its first line.
pub(super) fn first_time(fs: &dyn Fs, paths: &RunPaths) -> io::Result<Option<Timestamp>> {
    if let Some(seal) = seal(fs, paths)? {
        return Ok(seal.first_time);
    }
    let Some(file) = gone(fs.open_read(&paths.entries))? else { return Ok(None) };
    let mut lines = Lines::new(file.as_ref(), 0, file.size()?);
    let first = lines.next()?.and_then(|chunk| split(chunk).next());
    Ok(first.and_then(|line| json::read_entry(line).ok()).map(|(entry, _)| entry.timestamp))
}

fn gone<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn split(chunk: &[u8]) -> impl Iterator<Item = &[u8]> {
    chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Tells what is counted of a line, if there is something.
fn say(line: &[u8], each: &mut dyn FnMut(Said<'_>, Timestamp)) {
    // Log lines are most of all lines, and begin their content alike.
    if memmem::find(line, b"\"metric\"").is_none() && memmem::find(line, b"\"gap\"").is_none() {
        return;
    }
    let Ok((entry, _)) = json::read_entry(line) else { return };
    match entry.content {
        Content::Metric(point) => each(Said::Point(&point), entry.timestamp),
        Content::JobEvent(event) if event.event_type == event::GAP => {
            each(Said::Gap(gap_of(&event.metadata)), entry.timestamp);
        }
        Content::Log(_) | Content::JobEvent(_) | Content::Manifest(_) => {}
    }
}

/// What a gap says of itself. Those of the wrapper are of a stream, those of the collector of entries.
fn gap_of(metadata: &Fields) -> GapOf {
    let number = |name| metadata.get(name).and_then(|text| text.parse::<u64>().ok());
    let length = |from, to| number(to)?.checked_sub(number(from)?);
    let reason = if metadata.get(event::repair::SUSPECT).is_some() {
        GapReason::DiskError
    } else if metadata.get(event::gap::LINES).is_some() {
        GapReason::RateLimit
    } else if metadata.get(event::gap::STREAM).is_some() {
        GapReason::Capture
    } else {
        GapReason::DiskFull
    };
    GapOf {
        reason,
        entries: number(event::gap::LINES).or_else(|| {
            // The last is among them.
            Some(length(event::repair::ENTRIES_FROM, event::repair::ENTRIES_TO)? + 1)
        }),
        bytes: length(event::gap::FROM, event::gap::TO).unwrap_or(0),
    }
}

/// Whole lines of a stretch, some at a time.
struct Lines<'a> {
    file: &'a dyn FsFile,
    /// Behind the last line that was given.
    at: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn new(file: &'a dyn FsFile, at: u64, end: u64) -> Self {
        Lines { file, at, end, buffer: Vec::new() }
    }

    /// The next lines; nothing at the end of the stretch or of the file.
    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let mut want = READ_BYTES;
        loop {
            let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
            self.buffer.resize(want.min(left), 0);
            let got = fs::read_full_at(self.file, &mut self.buffer, self.at)?;
            let whole = memchr::memrchr(b'\n', self.buffer.get(..got).unwrap_or_default());
            match whole {
                Some(last) => {
                    self.at += last as u64 + 1;
                    return Ok(self.buffer.get(..=last));
                }
                // The file is shorter than the journal says, or not of lines.
                None if got < want || limits::ENTRY_LINE_BYTES_MAX.saturating_mul(4) < want => {
                    return Ok(None);
                }
                None => want *= 2,
            }
        }
    }
}
