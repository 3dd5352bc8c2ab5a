//! Collecting: the standard output of wrappers goes into run files, labelled, checked, batched.
//!
//! One thread waits on all pipes ([`LogCollector`]); a small pool syncs files. A run is taken by
//! [`LogCollector::consume_job_output`] and its end awaited by [`RunTicket::wait`].

mod health;
mod index_file;
mod line;
mod mark;
mod note;
mod open;
mod options;
mod remark;
mod reserve;
mod retained;
mod run;
mod stats;
mod sync;
mod ticket;
mod timers;
mod trouble;
mod watch;
mod worker;

pub use crate::store::resume::ResumeError;
pub use health::Health;
pub use options::{CollectorOptions, Durability, OnFull};
pub use stats::CollectorStats;
pub use ticket::{CollectError, RunTicket};
pub use watch::{BatchNote, RunWatch};

use crate::fs::{self, Fs};
use crate::limits;
use crate::store::cover::Cover;
use crate::store::journal::JournalWriter;
use crate::store::recover::{self, Recovery};
use crate::store::resume;
use databuild_model::clock::Clock;
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId};
use databuild_model::spool::Resume;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming;
use rustix::event::{EventfdFlags, epoll};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use worker::Worker;

/// Whose output it is. The names are added to every entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunContext {
    /// The run: the name of its file.
    pub job_run_id: JobRunId,
    /// The job.
    pub job_label: Option<JobLabel>,
    /// The kind of job.
    pub job_type: Option<String>,
    /// Whose logs these are.
    pub app: Option<AppName>,
    /// The build.
    pub build_id: Option<BuildId>,
    /// When the run began; its day, in UTC, is the folder of the file.
    pub started_at: Timestamp,
    /// Goes on behind what is stored of the run, if something is; nobody else may be writing it.
    /// Entries that are stored already are left out when they come again, and counted.
    pub continues: bool,
    /// The file of the stored mark, for a run that has a spool. Such a run is sealed only after its
    /// `run_end` has come: when the pipe ends sooner its wrapper died, what came is stored, and
    /// another wrapper may go on. Its record has no end then.
    pub stored_mark: Option<PathBuf>,
}

/// Collects the output of any number of runs, until it is stopped.
///
/// Dropped without [`LogCollector::stop`] it stores what has come so far and leaves the open runs to
/// be put right by the next start.
pub struct LogCollector {
    logs_dir: PathBuf,
    on_full: OnFull,
    fs: Arc<dyn Fs>,
    clock: Arc<dyn Clock>,
    inbox: Arc<Inbox>,
    new_runs: SyncSender<run::NewRun>,
    thread: Option<JoinHandle<Result<(), StopError>>>,
    recovery: Recovery,
    /// How far runs that were begun before are in the journals.
    cover: Mutex<Cover>,
}

/// What the collector's thread is told from outside.
struct Inbox {
    stopping: AtomicBool,
    abandoned: AtomicBool,
    open: AtomicUsize,
    stats: stats::Stats,
    health: health::Ward,
    wake: OwnedFd,
}

impl Inbox {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Counts a run, if there is room for one more.
    fn run_opened(&self) -> bool {
        let more = |open: usize| (open < limits::RUNS_OPEN_MAX).then_some(open + 1);
        self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    fn run_closed(&self) {
        self.open.fetch_sub(1, Ordering::AcqRel);
    }

    fn clear_wake(&self) {
        rustix::io::read(&self.wake, &mut [0; 8]).ok();
    }
}

/// Why collecting cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store's folder cannot be made or read.
    #[error("cannot use {path} as the folder of the logs")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The kernel gives no event queue or no thread.
    #[error("cannot start the collector")]
    System(#[source] io::Error),
    /// As many collectors as there may be write into this store.
    #[error("{max} collectors write into {path} already")]
    TooManyCollectors {
        /// The folder.
        path: PathBuf,
        /// How many there may be.
        max: u16,
    },
}

/// Why a run's output cannot be collected.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// There is a file of this run with something in it, or somebody writes one.
    #[error("there are logs of job run {run} already, in {path}")]
    RunExists {
        /// The run.
        run: JobRunId,
        /// Its file.
        path: PathBuf,
    },
    /// The run has ended and its file is sealed.
    #[error("job run {run} has ended; its logs in {path} are sealed")]
    Sealed {
        /// The run.
        run: JobRunId,
        /// Its file.
        path: PathBuf,
    },
    /// A file of the run cannot be made or read.
    #[error("cannot make {path}")]
    Create {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The pipe cannot be waited on.
    #[error("cannot wait on the output of job run {run}")]
    Pipe {
        /// The run.
        run: JobRunId,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// As many runs as one collector can have are open.
    #[error("{max} job runs are being written already")]
    TooManyRuns {
        /// How many there may be.
        max: usize,
    },
    /// The collector's thread has ended.
    #[error("the collector has stopped")]
    Stopped,
}

impl ConsumeError {
    /// Whether it is for lack of space, which may come.
    pub fn is_full(&self) -> bool {
        matches!(self, ConsumeError::Create { source, .. } if run::Run::is_full(source))
    }
}

/// Why collecting did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The collector's thread ended by a defect of ours.
    #[error("the collector ended by a defect in databuild")]
    Crashed,
    /// The journal could not be written to its end; it is put right by the next start.
    #[error("cannot close the journal {path}")]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl LogCollector {
    /// Puts right what a crash left in the store, and starts the collector's thread.
    pub fn start(
        options: CollectorOptions,
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
    ) -> Result<LogCollector, StartError> {
        let refresh_interval = options.refresh_interval.min(limits::REFRESH_INTERVAL_MAX);
        let options = CollectorOptions { refresh_interval, ..options };
        let (logs_dir, on_full) = (options.logs_dir.clone(), options.on_full);
        let folder = |source| StartError::Folder { path: logs_dir.clone(), source };
        let today = clock.wall().day();
        fs::create_dir_durable(fs.as_ref(), &logs_dir).map_err(folder)?;
        let all = Arc::from(fs.open_all(&logs_dir).map_err(folder)?);
        let recovery = recover::recover(fs.as_ref(), &logs_dir, today).map_err(folder)?;
        fs::create_dir_durable(fs.as_ref(), &logs_dir.join(naming::JOURNAL_DIR)).map_err(folder)?;
        let journal = JournalWriter::open(fs.as_ref(), &logs_dir, today).map_err(folder)?;
        let journal = journal.ok_or_else(|| StartError::TooManyCollectors {
            path: logs_dir.clone(),
            max: limits::COLLECTORS_MAX,
        })?;
        let system = |error: rustix::io::Errno| StartError::System(error.into());
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let wake = rustix::event::eventfd(0, flags).map_err(system)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(system)?;
        let data = epoll::EventData::new_u64(worker::WAKE);
        epoll::add(&epoll, &wake, data, epoll::EventFlags::IN).map_err(system)?;
        let pool_wake = wake.try_clone().map_err(StartError::System)?;
        let cover = Mutex::new(Cover::default());
        let inbox = Arc::new(Inbox {
            stopping: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            stats: stats::Stats::default(),
            health: health::Ward::default(),
            wake,
        });
        let (new_runs, receiver) = sync_channel(limits::NEW_RUNS_MAX);
        let worker = Worker {
            options,
            clock: Arc::clone(&clock),
            inbox: Arc::clone(&inbox),
            new_runs: receiver,
            epoll,
            fs: Arc::clone(&fs),
            all,
            reserve: reserve::Reserve::raise(fs.as_ref(), &logs_dir),
            pool: sync::SyncPool::new(Arc::clone(&fs), pool_wake),
            journal,
            durable: worker::Durable::after(&recovery),
            runs: HashMap::new(),
            next_id: 0,
            buffer: vec![0; limits::READ_BYTES_MAX],
            batch: line::Batch::default(),
            spare: retained::Spare::default(),
            timers: timers::Timers::default(),
            stats_due: None,
        };
        let thread = std::thread::Builder::new().name("logs-collect".to_owned());
        let thread = thread.spawn(move || worker.run()).map_err(StartError::System)?;
        Ok(LogCollector {
            on_full,
            logs_dir,
            fs,
            clock,
            inbox,
            new_runs,
            thread: Some(thread),
            recovery,
            cover,
        })
    }

    /// What had to be put right at the start.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// What becomes of runs for which there is no space.
    pub fn on_full(&self) -> OnFull {
        self.on_full
    }

    /// What it is doing at the moment, as its thread has last seen it. Waits for nothing.
    pub fn stats(&self) -> CollectorStats {
        let open = self.inbox.open.load(Ordering::Acquire);
        self.inbox.stats.at(open, self.clock.mono())
    }

    /// Stores what comes out of `stdout` until its end. When this returns the run's files are there,
    /// and nothing has been read yet.
    pub fn consume_job_output(
        &self,
        run: RunContext,
        stdout: OwnedFd,
        watch: Option<Box<dyn RunWatch>>,
    ) -> Result<RunTicket, ConsumeError> {
        let job_run_id = run.job_run_id.clone();
        rustix::io::ioctl_fionbio(&stdout, true).map_err(|error| ConsumeError::Pipe {
            run: job_run_id.clone(),
            source: error.into(),
        })?;
        if !self.inbox.run_opened() {
            return Err(ConsumeError::TooManyRuns { max: limits::RUNS_OPEN_MAX });
        }
        let (done, ticket) = sync_channel(1);
        let place =
            open::Place { fs: self.fs.as_ref(), logs_dir: &self.logs_dir, cover: &self.cover };
        let sent = place.open(&run).and_then(|files| {
            let fs = Arc::clone(&self.fs);
            let new = run::NewRun { context: run, pipe: stdout, fs, files, watch, done };
            self.new_runs.send(new).map_err(|_| ConsumeError::Stopped)
        });
        if let Err(error) = sent {
            self.inbox.run_closed();
            return Err(error);
        }
        worker::wake(&self.inbox.wake);
        Ok(RunTicket { run: job_run_id, done: ticket })
    }

    /// Where the wrapper of `run`, which began on `day`, has to go on: what it says follows from what is
    /// stored of the run and from nothing else. Nobody may be writing the run.
    pub fn resume_point(&self, run: &JobRunId, day: Day) -> Result<Resume, ResumeError> {
        resume::point(self.fs.as_ref(), &self.logs_dir, day, run)
    }

    /// Seals a run with a spool as it is: it has ended, or nobody can go on with it.
    pub fn close_run(&self, run: RunContext) -> Result<RunTicket, ConsumeError> {
        let failed = |source| ConsumeError::Pipe { run: run.job_run_id.clone(), source };
        let (nothing, _) = io::pipe().map_err(failed)?;
        let run = RunContext { continues: true, stored_mark: None, ..run };
        self.consume_job_output(run, nothing.into(), None)
    }

    /// Whether this collector can do its work.
    pub fn health(&self) -> Health {
        self.inbox.health.look()
    }

    /// Takes no more runs, stores what is open to its end, and ends.
    pub fn stop(mut self) -> Result<(), StopError> {
        self.inbox.stopping.store(true, Ordering::Release);
        self.join().unwrap_or(Ok(()))
    }

    fn join(&mut self) -> Option<Result<(), StopError>> {
        let thread = self.thread.take()?;
        worker::wake(&self.inbox.wake);
        Some(thread.join().unwrap_or(Err(StopError::Crashed)))
    }
}

impl Drop for LogCollector {
    fn drop(&mut self) {
        self.inbox.abandoned.store(true, Ordering::Release);
        drop(self.join());
    }
}

#[cfg(test)]
mod tests;
