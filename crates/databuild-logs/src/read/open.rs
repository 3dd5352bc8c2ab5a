//! One look at a run: its file, how far it is finished, what its index says, and how it stands.

use super::ReadError;
use super::cache::{Cache, Kept};
use super::file::{LogsFolder, RunFile};
use super::index::Index;
use super::locate::{locate, near};
use super::state::RunState;
use super::walk::{self, Line, Span, Walker};
use crate::format::index::IndexHeader;
use crate::format::{RunEnd, RunRecord};
use crate::fs::read_whole;
use crate::store::facts::LineReader;
use crate::store::has_spool;
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Largest index that is read; above it the entries are scanned. A tenth of a percent of 256 GiB of
/// entries, with room for postings.
const INDEX_BYTES_MAX: u64 = 512 << 20;

/// How long a new, empty file may be without its writer's lock: the writer takes it right after it
/// made the file.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// A run as it was when it was looked at. Its entries up to `committed` do not change.
pub(super) struct OpenRun {
    pub(super) run: JobRunId,
    pub(super) day: Day,
    pub(super) data: RunFile,
    pub(super) path: PathBuf,
    /// The end of the last finished line.
    pub(super) committed: u64,
    pub(super) index: Arc<Index>,
    pub(super) header: Option<Arc<IndexHeader>>,
    pub(super) seal: Option<Arc<RunRecord>>,
    /// When somebody last wrote to the file.
    modified: Timestamp,
}

impl OpenRun {
    /// Looks at `run` now.
    pub(super) fn open(
        logs: LogsFolder<'_>,
        cache: &Cache,
        run: &JobRunId,
    ) -> Result<OpenRun, ReadError> {
        let failed = |source| ReadError::Io { path: logs.path.to_owned(), source };
        let located = locate(logs, run, cache.day_of(run)).map_err(failed)?;
        let Some(located) = located else {
            let near = near(logs, run).unwrap_or_default();
            return Err(ReadError::RunNotFound { run: run.clone(), near });
        };
        let path = logs.path_of(located.day, run, naming::RunFile::Entries);
        let failed = |source| ReadError::Io { path: path.clone(), source };
        // The index first: what it speaks of was written before.
        let mut kept = Self::kept(logs, cache, run, located.day, u64::MAX).map_err(failed)?;
        let stamp = located.data.stamp().map_err(failed)?;
        if stamp.bytes < kept.index.covered() {
            // Something cut the file: what is gone is not known any more.
            cache.forget(run);
            kept = Self::kept(logs, cache, run, located.day, stamp.bytes).map_err(failed)?;
        }
        let covered = kept.index.covered();
        let committed = if covered == stamp.bytes {
            covered
        } else {
            walk::line_start(&located.data, covered, stamp.bytes).map_err(failed)?
        };
        Ok(OpenRun {
            run: run.clone(),
            day: located.day,
            data: located.data,
            path,
            committed,
            index: Arc::clone(&kept.index),
            header: kept.header.clone(),
            seal: kept.seal.clone(),
            modified: stamp.modified(),
        })
    }

    /// What the index says about lines up to `end`, out of the cache if it did not change.
    fn kept(
        logs: LogsFolder<'_>,
        cache: &Cache,
        run: &JobRunId,
        day: Day,
        end: u64,
    ) -> io::Result<Arc<Kept>> {
        let Some(file) = logs.open(day, run, naming::RunFile::Index)? else {
            let kept = Arc::new(Kept::unknown(day, None));
            cache.put(run, &kept);
            return Ok(kept);
        };
        let stamp = file.stamp()?;
        if let Some(kept) = cache.get(run, day, stamp) {
            return Ok(kept);
        }
        let bytes = if stamp.bytes <= INDEX_BYTES_MAX {
            read_whole(file.as_fs_file(), INDEX_BYTES_MAX)?
        } else {
            Vec::new()
        };
        let kept = Arc::new(Kept::read(day, stamp, &bytes, run, end));
        cache.put(run, &kept);
        Ok(kept)
    }

    /// How the run stands at `now`; `None` if it ended while it was looked at: look again.
    pub(super) fn state(
        &self,
        logs: LogsFolder<'_>,
        now: Timestamp,
    ) -> io::Result<Option<RunState>> {
        // The writer keeps its lock until the seal is synced: before that the run has not ended.
        if self.data.as_fs_file().is_locked()? {
            return Ok(Some(RunState::Running));
        }
        if let Some(seal) = &self.seal {
            return Ok(Some(RunState::of_record(seal)));
        }
        let young = self.data.bytes()? == 0 && now.since(self.modified) < LOCK_WAIT;
        if young {
            return Ok(Some(RunState::Running));
        }
        // Not locked: either nobody writes any more, or the writer finished a moment ago.
        let changed = walk::line_start(&self.data, self.committed, self.data.bytes()?)?;
        let sealed = logs.open(self.day, &self.run, naming::RunFile::Index)?;
        let sealed = sealed.map(|file| ends_in_seal(&file)).transpose()?.unwrap_or(false);
        if changed != self.committed || sealed {
            return Ok(None);
        }
        // Its output goes on in a spool until somebody goes on with the run or closes it.
        if has_spool(logs.fs, logs.path, &self.run)? {
            return Ok(Some(RunState::Running));
        }
        Ok(Some(RunState::of_end(self.last_entry_end()?)))
    }

    /// What the last entry says about the end of the run.
    pub(super) fn last_entry_end(&self) -> io::Result<Option<RunEnd>> {
        let mut end = None;
        let mut reader = LineReader::new(self.run.clone());
        let mut visit = |line: Line<'_>| {
            end = reader.look(line.bytes).facts().and_then(|facts| facts.end.as_deref().copied());
            ControlFlow::Break(())
        };
        let whole = Span::Lines(0..self.committed);
        Walker::new().backward(&self.data, &whole, &mut visit)?;
        Ok(end)
    }

    /// Whether `offset` is a place between two finished entries.
    pub(super) fn check_place(&self, offset: u64) -> io::Result<bool> {
        if offset == 0 || self.committed < offset {
            return Ok(offset == 0);
        }
        let mut before = [0];
        self.data.read_at(offset - 1, &mut before)?;
        Ok(before == [b'\n'])
    }

    /// An error of this run's file.
    pub(super) fn failed(&self, source: io::Error) -> ReadError {
        ReadError::Io { path: self.path.clone(), source }
    }
}

/// Whether an index says that its run has ended.
pub(super) fn ends_in_seal(index: &RunFile) -> io::Result<bool> {
    use crate::format::index::{TRAILER_BYTES, seal_bytes};
    let mut trailer = [0; TRAILER_BYTES];
    let Some(at) = index.bytes()?.checked_sub(walk::width(TRAILER_BYTES)) else {
        return Ok(false);
    };
    index.read_at(at, &mut trailer)?;
    Ok(seal_bytes(&trailer).is_some())
}
