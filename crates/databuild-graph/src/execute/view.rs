//! What can be seen of runs that have a spool, by whoever asks. Nothing is taken over here.

use super::adopt;
use super::spool;
use crate::bel::lease::owner::Owner;
use databuild_model::ids::JobRunId;
use databuild_model::spool::{Block, Capture, OnParentDeath};
use databuild_model::time::Timestamp;
use std::path::Path;

/// A run whose spool is there: it goes on, or its end is not stored yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spooled {
    /// How its output is captured.
    pub capture: Capture,
    /// What becomes of it when whoever started it dies.
    pub on_parent_death: OnParentDeath,
    /// Who sees to it.
    pub watch: Watch,
    /// What its job waits for, if it cannot write.
    pub blocked: Option<Blocked>,
}

/// What a job waits for that cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocked {
    /// What.
    pub by: Block,
    /// Since when.
    pub since: Timestamp,
}

/// Who sees to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// The process that began it.
    Began,
    /// A process that took it over from one that was killed.
    Adopted,
    /// Nobody: its process was killed, and it goes on. The next command takes it over.
    Nobody,
    /// Nobody, and nothing of it runs any more. The next command closes it.
    Ended,
}

impl Watch {
    /// All there are.
    pub const ALL: [Watch; 4] = [Watch::Began, Watch::Adopted, Watch::Nobody, Watch::Ended];

    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Watch::Began => "began",
            Watch::Adopted => "adopted",
            Watch::Nobody => "nobody",
            Watch::Ended => "ended",
        }
    }
}

/// What there is to see of the spool of a run; `None` if it has none.
pub fn spooled(logs_dir: &Path, run: &JobRunId) -> Option<Spooled> {
    let dir = spool::folder_of(logs_dir, run);
    let described = spool::read_run(&dir)?;
    let executor_lives = Owner(described.executor).pid_here().is_some();
    let watch = match (executor_lives, described.adoptions) {
        (true, 0) => Watch::Began,
        (true, _) => Watch::Adopted,
        (false, _) if adopt::goes_on(&dir, None) => Watch::Nobody,
        (false, _) => Watch::Ended,
    };
    Some(Spooled {
        capture: described.config.capture.unwrap_or_default(),
        on_parent_death: described.config.on_parent_death.unwrap_or_default(),
        watch,
        blocked: blocked(&dir),
    })
}

/// What the wrapper says that its job waits for, as long as there is a wrapper.
fn blocked(dir: &Path) -> Option<Blocked> {
    let state = spool::read_state(dir)?;
    let (by, since) = (Block::parse(&state.blocked?)?, state.blocked_since_ns?);
    Owner(state.wrapper).pid_here()?;
    Some(Blocked { by, since: Timestamp::from_nanos(since) })
}

/// All runs that have a spool.
pub fn spooled_runs(logs_dir: &Path) -> Vec<(JobRunId, Spooled)> {
    let runs = spool::runs_with_spool(logs_dir).into_iter();
    runs.filter_map(|run| spooled(logs_dir, &run).map(|spooled| (run, spooled))).collect()
}

/// Whether a run has ended that nobody saw to: its last words wait to be collected. A look into one
/// folder where there is none.
pub fn any_has_ended(logs_dir: &Path) -> bool {
    let ended = |run: &JobRunId| spooled(logs_dir, run).is_some_and(|it| it.watch == Watch::Ended);
    spool::runs_with_spool(logs_dir).iter().any(ended)
}
