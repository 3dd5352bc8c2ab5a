//! Whether another wrapper goes on with a run whose wrapper died: a pure judgement.

use crate::limits;
use databuild_model::spool::SpoolState;
use databuild_policy::backoff::Backoff;
use std::time::Duration;

/// The wait before another wrapper: the first death is an accident, the fifth is not.
const WAITS: Backoff =
    Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(5) };

/// What is known when a wrapper is gone and the stored entries have no end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Death<'a> {
    /// What wrappers of the run wrote down last.
    pub(super) state: Option<&'a SpoolState>,
    /// Whether the stored entries say that the command was started.
    pub(super) launched: bool,
    /// Whether the wrapper was killed: it did not end by itself.
    pub(super) by_signal: bool,
    /// Whether the run was told to stop.
    pub(super) stopping: bool,
    /// How many wrappers of this run died so far, this one included.
    pub(super) deaths: u32,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Another wrapper goes on, after a while.
    Again(Duration),
    /// Nobody goes on with the run; and why, if the wrapper's own words are not enough.
    GiveUp(Option<String>),
}

/// Judges a death.
pub(super) fn judge(death: Death<'_>) -> Verdict {
    let again = match death.state {
        // It keeps a spool, from which another can go on.
        Some(_) => true,
        // It died before it could do anything. One that ended by itself would do so again, and one
        // that has started the command without a spool cannot be replaced.
        None => death.by_signal && !death.launched && !death.stopping,
    };
    if !again {
        return Verdict::GiveUp(None);
    }
    if limits::WRAPPER_DEATHS_MAX < death.deaths {
        let why = format!("its wrapper died {} times", death.deaths);
        return Verdict::GiveUp(Some(why));
    }
    Verdict::Again(WAITS.wait(death.deaths))
}

#[cfg(test)]
mod tests;
