//! Collecting: the standard output of wrappers goes into run files, labelled, checked, batched.
//!
//! One thread waits on all pipes ([`LogCollector`]); a small pool syncs files. A run is taken by
//! [`LogCollector::consume_job_output`] and its end awaited by [`RunTicket::wait`].

mod ticket;
mod watch;

pub use ticket::{CollectError, RunTicket};
pub use watch::{BatchNote, RunWatch};

use crate::fs::Fs;
use databuild_model::clock::Clock;
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId};
use databuild_model::time::Timestamp;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to collect.
#[derive(Debug, Clone)]
pub struct CollectorOptions {
    /// The store's folder; made if it is missing.
    pub logs_dir: PathBuf,
    /// The longest time that an entry is not yet durable. More than a second counts as a second.
    pub refresh_interval: Duration,
}

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
}

/// Collects the output of any number of runs, until it is stopped.
pub struct LogCollector {}

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
    /// A file of the run cannot be made.
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
        drop((options, fs, clock));
        Ok(LogCollector {})
    }

    /// Stores what comes out of `stdout` until its end. When this returns the run's files are there,
    /// and nothing has been read yet.
    pub fn consume_job_output(
        &self,
        run: RunContext,
        stdout: OwnedFd,
        watch: Option<Box<dyn RunWatch>>,
    ) -> Result<RunTicket, ConsumeError> {
        drop((run, stdout, watch));
        Err(ConsumeError::Stopped)
    }

    /// Takes no more runs, stores what is open to its end, and ends.
    pub fn stop(self) -> Result<(), StopError> {
        Ok(())
    }
}
