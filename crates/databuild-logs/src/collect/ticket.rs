//! The promise of a run's record, and why it may not come.

use crate::format::RunRecord;
use databuild_model::ids::JobRunId;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

/// Stands for a run that is being collected.
#[derive(Debug)]
pub struct RunTicket {
    pub(super) run: JobRunId,
    pub(super) done: Receiver<Result<RunRecord, CollectError>>,
}

/// Why a run's output is not, or not wholly, stored.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A write failed for a reason that waiting does not cure. What was written before is there.
    #[error("cannot write to {path}; {stored_bytes} bytes of the run are stored")]
    Write {
        /// The file.
        path: PathBuf,
        /// Bytes of whole lines that were written before.
        stored_bytes: u64,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A sync failed: what was written since the last one may be lost by a power cut, and asking
    /// again would not tell.
    #[error("cannot sync {path}; only its first {synced_bytes} bytes are sure to last")]
    Sync {
        /// The file or folder.
        path: PathBuf,
        /// Bytes of the run that an earlier sync covered.
        synced_bytes: u64,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// There was no space, and nobody wants to wait for it. What came before is stored and sealed, and
    /// what is missing is on record.
    #[error("no space for {path}; its first {stored_bytes} bytes are stored")]
    Full {
        /// The file.
        path: PathBuf,
        /// Bytes of the run that are stored.
        stored_bytes: u64,
    },
    /// The pipe could not be read.
    #[error("cannot read the output of job run {run}")]
    Read {
        /// The run.
        run: JobRunId,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The collector ended before the run did. What it took is stored.
    #[error("the collector ended before job run {run}")]
    Stopped {
        /// The run.
        run: JobRunId,
    },
}

impl CollectError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            CollectError::Write { .. } => {
                "look at the disk of the logs folder, then run the job again"
            }
            CollectError::Sync { .. } => {
                "the disk reported an error: look at the system's log before trusting this run's file"
            }
            CollectError::Full { .. } => {
                "make room on the disk of the logs folder, then run the job again"
            }
            CollectError::Read { .. } => "run the job again",
            CollectError::Stopped { .. } => {
                "the next start of databuild puts the run's file in order; run the job again"
            }
        }
    }
}

impl RunTicket {
    /// Waits until the run's file is sealed and its entries, index and names survive a power cut.
    pub fn wait(self) -> Result<RunRecord, CollectError> {
        self.done.recv().unwrap_or(Err(CollectError::Stopped { run: self.run }))
    }
}
