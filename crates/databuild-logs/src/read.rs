//! Reading back what the collector stored, while a run is written, after it, and after a crash.
//!
//! Nothing here writes to the store. Answers are stored bytes, copied; what is in an answer is
//! decided by `LogFilter::matches` alone, and everything else only avoids looking at lines that it
//! would refuse. Memory is bounded whatever the size of a file: blocks of at most 1 MiB, pages of at
//! most [`PAGE_BYTES_MAX`].

mod cache;
mod cursor;
mod file;
mod follow;
mod index;
mod info;
mod judge;
mod lines;
mod locate;
mod merge;
mod open;
mod page;
mod place;
mod state;
mod stored;
mod verify;
mod wait;
mod walk;
mod window;

pub use cursor::{Cursor, TokenError};
pub use follow::{Followed, Follower, Mark, Step};
pub use lines::Lines;
pub use merge::{Merge, Merged};
pub use page::{LogsPage, PAGE_BYTES_MAX};
pub use state::{Missing, RunInfo, RunState};
pub(crate) use stored::StoredRun;
pub use window::LineWindow;

use crate::fs::Fs;
use crate::verify::Verification;
use cache::Cache;
use databuild_model::clock::Clock;
use databuild_model::entry::MetricPoint;
use databuild_model::ids::JobRunId;
use databuild_model::query::LogFilter;
use databuild_model::request::JobLogsRequest;
use databuild_model::time::Day;
use file::LogsFolder;
use open::OpenRun;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Looks at a run are repeated when it ends just then; it can end once.
const LOOKS_MAX: usize = 4;

/// How to read.
#[derive(Debug, Clone)]
pub struct ReaderOptions {
    /// The store's folder. It need not exist: then there are no runs.
    pub logs_dir: PathBuf,
    /// Runs whose decoded indexes are kept, at least one.
    pub cache_runs: usize,
    /// Most bytes of these, together.
    pub cache_bytes: usize,
}

/// Answers questions about the logs of job runs. Cheap to clone; clones share their cache.
#[derive(Clone)]
pub struct LogReader {
    store: Arc<Store>,
}

/// What all clones of a reader share.
struct Store {
    options: ReaderOptions,
    fs: Arc<dyn Fs>,
    clock: Arc<dyn Clock>,
    cache: Cache,
}

/// Why a question about logs has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such run in the store.
    #[error("there are no logs of job run {run}")]
    RunNotFound {
        /// What was asked for.
        run: JobRunId,
        /// Runs that were perhaps meant, the likeliest first.
        near: Vec<JobRunId>,
    },
    /// The page token is of no use for this request.
    #[error("the page token cannot be used")]
    BadToken {
        /// Why.
        #[source]
        source: TokenError,
    },
    /// There are more measurements than an answer may have.
    #[error("job run {run} has more than {max} measurements")]
    TooManyMetrics {
        /// The run.
        run: JobRunId,
        /// The most that are answered at once.
        max: usize,
    },
    /// A file or folder of the store cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl ReadError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            ReadError::RunNotFound { .. } => {
                "look for the run with `databuild runs`; DATABUILD_LOGS_DIR decides where logs are"
            }
            ReadError::BadToken { .. } => "ask again without the page token, from the beginning",
            ReadError::TooManyMetrics { .. } => "read them by pages: `kind=metric` with a limit",
            ReadError::Io { .. } => "look at the permissions and the disk of the logs folder",
        }
    }
}

impl LogReader {
    /// A reader of one store. Opens nothing yet.
    pub fn new(options: ReaderOptions, fs: Arc<dyn Fs>, clock: Arc<dyn Clock>) -> LogReader {
        let cache = Cache::new(options.cache_runs, options.cache_bytes);
        LogReader { store: Arc::new(Store { options, fs, clock, cache }) }
    }

    /// How often what is known of a run was in memory when it was needed, and how often it had to be read.
    pub fn cache_requests(&self) -> (u64, u64) {
        self.store.cache.requests()
    }

    /// One page of the entries that were asked for.
    pub fn get_job_logs(&self, request: &JobLogsRequest) -> Result<LogsPage, ReadError> {
        let (run, state) = self.look(&request.job_run_id)?;
        let page = page::answer(&run, request)?;
        Ok(LogsPage {
            lines: page.lines,
            has_more: page.next.is_some(),
            next_page_token: page.next.map(|token| token.encode(request)),
            after: page.after,
            problems: page.problems,
            state,
        })
    }

    /// The lines from line `from_line` on, counted from 0, at most `count`, whatever they are.
    pub fn window(
        &self,
        run: &JobRunId,
        from_line: u64,
        count: u32,
    ) -> Result<LineWindow, ReadError> {
        let (run, state) = self.look(run)?;
        window::window(&run, state, from_line, count).map_err(|source| run.failed(source))
    }

    /// The runs that have entries in the folders of these days, first and last included; by day and
    /// then by id. All days if there is no range.
    pub fn list_available_jobs(
        &self,
        range: Option<(Day, Day)>,
    ) -> Result<Vec<JobRunId>, ReadError> {
        let logs = self.logs();
        let runs = || -> io::Result<Vec<JobRunId>> {
            let mut runs = Vec::new();
            for day in logs.days()? {
                if range.is_none_or(|(first, last)| first <= day && day <= last) {
                    runs.append(&mut logs.runs(day)?);
                }
            }
            Ok(runs)
        };
        runs().map_err(|source| ReadError::Io { path: logs.path.to_owned(), source })
    }

    /// The measurements of a run, in order.
    pub fn get_job_metrics(&self, run: &JobRunId) -> Result<Vec<MetricPoint>, ReadError> {
        info::metrics(&self.open(run)?)
    }

    /// What is known about a run.
    pub fn run_info(&self, run: &JobRunId) -> Result<RunInfo, ReadError> {
        let (run, state) = self.look(run)?;
        info::info(&run, state).map_err(|source| run.failed(source))
    }

    /// Counts and hashes everything again that the record of a run claims. `seen` hears how many bytes
    /// were judged since it was last told.
    pub fn verify(
        &self,
        run: &JobRunId,
        seen: &(dyn Fn(u64) + Sync),
    ) -> Result<Verification, ReadError> {
        let (run, state) = self.look(run)?;
        verify::verify(&run, self.logs(), state, seen)
    }

    /// The files of a run as they are, for whoever copies them.
    pub(crate) fn stored(&self, run: &JobRunId) -> Result<StoredRun, ReadError> {
        stored::stored(self.open(run)?, self.logs())
    }

    /// Follows a run from `after` on: what is there, then what comes, until the run ends. The run
    /// need not exist yet.
    pub fn follow(&self, run: &JobRunId, filter: LogFilter, after: Cursor) -> Follower {
        Follower::new(self.clone(), run.clone(), filter, after)
    }

    /// The cursor after the entry with this sequence number, for clients that resume by number; the
    /// beginning if there is no such entry.
    pub fn cursor_after_sequence(
        &self,
        run: &JobRunId,
        sequence: u64,
    ) -> Result<Cursor, ReadError> {
        let run = self.open(run)?;
        place::after_sequence(&run, sequence).map_err(|source| run.failed(source))
    }

    /// The cursor before the last `tail` matching entries, and how many these are.
    pub fn tail_cursor(
        &self,
        run: &JobRunId,
        filter: &LogFilter,
        tail: u32,
    ) -> Result<(Cursor, u64), ReadError> {
        let run = self.open(run)?;
        page::tail_cursor(&run, filter.clone(), u64::from(tail))
            .map_err(|source| run.failed(source))
    }

    /// The matching entries of several runs as one, ordered by time, each from a cursor on.
    pub fn merge(&self, runs: Vec<(JobRunId, Cursor)>, filter: &LogFilter) -> Merge {
        Merge::new(self.clone(), runs, filter)
    }

    fn logs(&self) -> LogsFolder<'_> {
        LogsFolder { fs: &*self.store.fs, path: &self.store.options.logs_dir }
    }

    fn open(&self, run: &JobRunId) -> Result<OpenRun, ReadError> {
        OpenRun::open(self.logs(), &self.store.cache, run)
    }

    /// Looks at a run until what is seen of its entries and its state belong together.
    fn look(&self, run: &JobRunId) -> Result<(OpenRun, RunState), ReadError> {
        let mut open = self.open(run)?;
        for _ in 0..LOOKS_MAX {
            let state = open.state(self.logs(), self.store.clock.wall());
            match state.map_err(|source| open.failed(source))? {
                Some(state) => return Ok((open, state)),
                None => open = self.open(run)?,
            }
        }
        // Somebody without the writer's lock keeps writing.
        Ok((open, RunState::Running))
    }
}

#[cfg(test)]
mod tests;
