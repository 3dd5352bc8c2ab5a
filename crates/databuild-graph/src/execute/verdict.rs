//! What a run came to: a pure judgement over what its wrapper said and what is on disk.

use databuild_logs::format::{RunEnd as Said, RunRecord};
use databuild_model::bel::{RunEnd, RunSummary};
use databuild_model::cause::Cause;
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use std::time::Duration;

/// All that is known of a run that is over.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// The record of its sealed entries, or why they are not wholly stored.
    pub(super) record: Result<&'a RunRecord, String>,
    /// The last line of what the wrapper itself complained about.
    pub(super) complaint: Option<String>,
    /// Whether we told it to stop.
    pub(super) stopped: bool,
    /// Outputs that live on this machine and are not there.
    pub(super) missing: Vec<String>,
    /// From launch to end, by our clock.
    pub(super) took: Duration,
    /// Rows processed, where the job said so.
    pub(super) rows: Option<u64>,
}

/// How the run ended, and its figures.
pub(super) fn judge(evidence: Evidence<'_>) -> (RunEnd, RunSummary) {
    let mut summary = RunSummary::of(Cause::WrapperLost);
    summary.duration_seconds = evidence.took.as_secs_f64();
    summary.rows = evidence.rows;
    let record = match evidence.record {
        Ok(record) => record,
        Err(why) => {
            summary.reason = Some(why);
            return (RunEnd::Failed, summary);
        }
    };
    count(record, &mut summary);
    let Some(said) = record.end else {
        summary.reason =
            evidence.complaint.or_else(|| Some("its wrapper ended without a word".to_owned()));
        if evidence.stopped {
            summary.cause = Cause::Cancelled;
            return (RunEnd::Cancelled, summary);
        }
        return (RunEnd::Lost, summary);
    };
    let Said { exit_code, signal, cause, duration_seconds, .. } = said;
    summary = RunSummary { cause, exit_code, signal, duration_seconds, ..summary };
    match cause {
        Cause::Cancelled => (RunEnd::Cancelled, summary),
        Cause::Success => {
            summary.reason = unmet(record, &evidence.missing);
            let end = if summary.reason.is_none() { RunEnd::Completed } else { RunEnd::Failed };
            (end, summary)
        }
        Cause::Exit
        | Cause::Signal
        | Cause::Oom
        | Cause::Timeout
        | Cause::LaunchFailed
        | Cause::ConfigInvalid
        | Cause::WrapperLost => {
            summary.reason = evidence.complaint;
            (RunEnd::Failed, summary)
        }
    }
}

/// What a job that ended well left undone.
fn unmet(record: &RunRecord, missing: &[String]) -> Option<String> {
    let [.., manifests] = record.kind_counts;
    debug_assert_eq!(Kind::ALL.last(), Some(&Kind::Manifest));
    if manifests == 0 {
        return Some("the job ended well but its wrapper gave no manifest".to_owned());
    }
    let first = missing.first()?;
    Some(match missing.len() {
        1 => format!("the job ended well but did not make {first}"),
        n => format!("the job ended well but did not make {first} and {} more", n - 1),
    })
}

fn count(record: &RunRecord, summary: &mut RunSummary) {
    summary.entries = record.entries;
    for (level, n) in Level::ALL.into_iter().zip(record.level_counts) {
        match level {
            Level::Trace | Level::Debug | Level::Info => {}
            Level::Warn => summary.warnings += n,
            Level::Error | Level::Fatal => summary.errors += n,
        }
    }
}

#[cfg(test)]
mod tests;
