//! A run whose file the disk could not keep: what is to be tried, how often it failed, and when to try
//! again.

use super::OnFull;
use crate::limits;
use crate::store::rewrite::{Rewrite, Rewritten};
use databuild_policy::backoff::Backoff;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is to be done after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A new file, after this long.
    Again(Duration),
    /// Nothing more.
    GiveUp,
}

const WAITS: Backoff =
    Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// What to do when the disk has failed a run this often without keeping anything in between.
pub(super) fn judge(failures: u32, on_full: OnFull, stopping: bool) -> Verdict {
    let patient = match on_full {
        OnFull::Block => !stopping,
        OnFull::FailJob => false,
    };
    if limits::FAILURES_READY_MAX <= failures && !patient {
        return Verdict::GiveUp;
    }
    // The first new file is tried at once: mostly it is all that is needed.
    Verdict::Again(WAITS.wait(failures.saturating_sub(1)))
}

/// A run in trouble.
pub(super) struct Trouble {
    pub(super) rewrite: Arc<Rewrite>,
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
    /// Whether the error is of a write and not of a sync.
    pub(super) of_write: bool,
    /// Where the pool leaves the new files.
    done: Arc<Mutex<Option<Rewritten>>>,
}

impl Trouble {
    pub(super) fn new(rewrite: Rewrite, path: PathBuf, error: io::Error, of_write: bool) -> Self {
        Trouble { rewrite: Arc::new(rewrite), path, error, of_write, done: Arc::default() }
    }

    /// What the pool has to do.
    pub(super) fn work(&self) -> super::sync::Work {
        let (rewrite, done) = (Arc::clone(&self.rewrite), Arc::clone(&self.done));
        Box::new(move |fs| {
            let made = rewrite.run(fs)?;
            *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
            Ok(())
        })
    }

    /// The new files.
    pub(super) fn take(&self) -> Option<Rewritten> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::{OnFull, Verdict, judge};
    use std::time::Duration;

    const fn again(ms: u64) -> Verdict {
        Verdict::Again(Duration::from_millis(ms))
    }

    #[test]
    fn the_first_new_file_is_made_at_once_and_then_with_patience() {
        let waits: Vec<_> = (1..5).map(|n| judge(n, OnFull::Block, false)).collect();
        assert_eq!(waits, [again(0), again(100), again(200), again(400)]);
        assert_eq!(judge(100, OnFull::Block, false), again(5_000));
    }

    #[test]
    fn a_run_is_given_up_when_nobody_wants_to_wait() {
        assert_eq!(judge(2, OnFull::FailJob, false), again(100));
        assert_eq!(judge(3, OnFull::FailJob, false), Verdict::GiveUp);
        assert_eq!(judge(3, OnFull::Block, true), Verdict::GiveUp);
    }
}
