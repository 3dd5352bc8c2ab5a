//! What a pipeline is doing, for people, REST and metrics.

use databuild_model::time::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a pipeline is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum PipelineState {
    /// It begins.
    #[default]
    Starting,
    /// It processes what comes.
    Running,
    /// It failed, and is tried again soon.
    Retrying,
    /// It failed too often: one event is tried now and then.
    Open,
    /// Somebody paused it.
    Paused,
    /// It stopped: its owner wants that after too many failures, or the saver ends.
    Stopped,
    /// Another saver runs it.
    Fenced,
}

impl PipelineState {
    /// All states.
    pub const ALL: [PipelineState; 7] = [
        PipelineState::Starting,
        PipelineState::Running,
        PipelineState::Retrying,
        PipelineState::Open,
        PipelineState::Paused,
        PipelineState::Stopped,
        PipelineState::Fenced,
    ];

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            PipelineState::Starting => "starting",
            PipelineState::Running => "running",
            PipelineState::Retrying => "retrying",
            PipelineState::Open => "open",
            PipelineState::Paused => "paused",
            PipelineState::Stopped => "stopped",
            PipelineState::Fenced => "fenced",
        }
    }
}

/// One pipeline, as it is now. Counts are since the saver was started.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PipelineStatus {
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: PipelineState,
    /// Since when.
    pub since: Timestamp,
    /// Events that it takes.
    pub events_in: u64,
    /// Events that are processed and recorded.
    pub events_out: u64,
    /// Events that were set aside.
    pub rejected: u64,
    /// Events that came after later ones.
    pub late: u64,
    /// Events that were gone before they could be read.
    pub missing: u64,
    /// Files of which somebody else took something away.
    pub lost_files: u64,
    /// The last of them.
    pub last_loss: Option<LastError>,
    /// How long ago the oldest event became durable that is not processed.
    pub lag: Duration,
    /// Events that wait for their turn.
    pub waiting_events: u64,
    /// Bytes of them.
    pub waiting_bytes: u64,
    /// Failures.
    pub errors: u64,
    /// Failures within the time of the error budget.
    pub errors_recent: u64,
    /// How many of these are too many.
    pub errors_max: u64,
    /// The last of them.
    pub last_error: Option<LastError>,
    /// When it is tried again, if it waits.
    pub retry_at: Option<Timestamp>,
    /// Files that were rolled.
    pub rotations: u64,
    /// Bytes that were written.
    pub bytes_out: u64,
    /// Files that are open.
    pub open_files: u64,
    /// When the last record was written.
    pub checkpoint_at: Option<Timestamp>,
    /// Since when one call of the processor takes, if one is going on.
    pub busy_since: Option<Timestamp>,
    /// Dead letters that there are, of all starts.
    pub dead_letters: u64,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What, with its causes.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// A status that others look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<PipelineStatus>>);

impl Shared {
    pub(crate) fn new(name: &str, now: Timestamp) -> Shared {
        let status =
            PipelineStatus { name: name.to_owned(), since: now, ..PipelineStatus::default() };
        Shared(Arc::new(Mutex::new(status)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, PipelineStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, state: PipelineState, now: Timestamp) {
        let mut status = self.lock();
        if status.state != state {
            (status.state, status.since) = (state, now);
        }
        if !matches!(state, PipelineState::Retrying | PipelineState::Open) {
            status.retry_at = None;
        }
    }
}
