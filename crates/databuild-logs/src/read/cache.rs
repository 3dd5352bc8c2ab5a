//! What is kept of the runs that were read last: their decoded indexes, bounded in number and bytes.

use super::file::FileStamp;
use super::index::Index;
use crate::format::RunRecord;
use crate::format::index::{IndexHeader, visit_rows};
use databuild_model::ids::JobRunId;
use databuild_model::time::Day;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What an entry of the cache costs beside its index.
const ENTRY_BYTES: usize = 512;

/// What is known of a run from its index.
#[derive(Debug)]
pub(super) struct Kept {
    day: Day,
    /// The index file when it was read; nothing if there was none to be read.
    stamp: Option<FileStamp>,
    pub(super) index: Arc<Index>,
    pub(super) header: Option<Arc<IndexHeader>>,
    pub(super) seal: Option<Arc<RunRecord>>,
}

impl Kept {
    /// Reads the bytes of the index of `run`; what it says about lines that end after `end` is left
    /// out. One that cannot be read, or is that of another run, is as good as none.
    pub(super) fn read(day: Day, stamp: FileStamp, bytes: &[u8], run: &JobRunId, end: u64) -> Self {
        let mut index = Index::default();
        let read = visit_rows(bytes, &mut |row, postings| {
            if row.end() <= end && index.covered() == row.offset {
                index.push(&row, postings);
            }
        });
        let Ok(read) = read else { return Kept::unknown(day, Some(stamp)) };
        if read.header.job_run_id != *run {
            return Kept::unknown(day, Some(stamp));
        }
        Kept {
            day,
            stamp: Some(stamp),
            index: Arc::new(index),
            header: Some(Arc::new(read.header)),
            seal: read.seal.map(Arc::new),
        }
    }

    /// A run whose index says nothing.
    pub(super) fn unknown(day: Day, stamp: Option<FileStamp>) -> Self {
        Kept { day, stamp, index: Arc::new(Index::default()), header: None, seal: None }
    }

    fn weight(&self) -> usize {
        ENTRY_BYTES + self.index.weight()
    }
}

/// The cache. Runs that are still written are kept too: their index is read again when it grew.
#[derive(Debug)]
pub(super) struct Cache {
    kept: Mutex<Content>,
    bytes_max: usize,
}

#[derive(Debug)]
struct Content {
    runs: LruCache<JobRunId, Arc<Kept>>,
    bytes: usize,
    hits: u64,
    misses: u64,
}

impl Cache {
    /// Keeps at most `runs_max` runs, at least one, in at most `bytes_max` bytes.
    pub(super) fn new(runs_max: usize, bytes_max: usize) -> Self {
        let runs_max = NonZeroUsize::new(runs_max).unwrap_or(NonZeroUsize::MIN);
        let runs = LruCache::new(runs_max);
        Cache { kept: Mutex::new(Content { runs, bytes: 0, hits: 0, misses: 0 }), bytes_max }
    }

    /// The folder in which `run` was found last.
    pub(super) fn day_of(&self, run: &JobRunId) -> Option<Day> {
        self.lock().runs.get(run).map(|kept| kept.day)
    }

    /// What is known of `run`, if its index is still the file that `stamp` tells of.
    pub(super) fn get(&self, run: &JobRunId, day: Day, stamp: FileStamp) -> Option<Arc<Kept>> {
        let mut content = self.lock();
        let fits = |kept: &&Arc<Kept>| kept.day == day && kept.stamp == Some(stamp);
        let kept = content.runs.get(run).filter(fits).map(Arc::clone);
        let count = if kept.is_some() { &mut content.hits } else { &mut content.misses };
        *count += 1;
        kept
    }

    /// How often what was asked for was there, and how often it was not.
    pub(super) fn requests(&self) -> (u64, u64) {
        let content = self.lock();
        (content.hits, content.misses)
    }

    /// Keeps `kept`, and drops what was not asked for longest until all is within the bounds. What
    /// is larger than the bound alone is not kept.
    pub(super) fn put(&self, run: &JobRunId, kept: &Arc<Kept>) {
        let mut content = self.lock();
        content.remove(run);
        if self.bytes_max < kept.weight() {
            return;
        }
        content.bytes += kept.weight();
        if let Some((_, dropped)) = content.runs.push(run.clone(), Arc::clone(kept)) {
            content.bytes = content.bytes.saturating_sub(dropped.weight());
        }
        while self.bytes_max < content.bytes {
            let Some((_, dropped)) = content.runs.pop_lru() else { break };
            content.bytes = content.bytes.saturating_sub(dropped.weight());
        }
    }

    /// Drops what is known of `run`.
    pub(super) fn forget(&self, run: &JobRunId) {
        self.lock().remove(run);
    }

    /// Runs and bytes kept.
    #[cfg(test)]
    pub(super) fn load(&self) -> (usize, usize) {
        let content = self.lock();
        (content.runs.len(), content.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        // Nothing in here can be half done: a panic elsewhere leaves a usable cache.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn remove(&mut self, run: &JobRunId) {
        if let Some(dropped) = self.runs.pop(run) {
            self.bytes = self.bytes.saturating_sub(dropped.weight());
        }
    }
}

#[cfg(test)]
mod tests;
