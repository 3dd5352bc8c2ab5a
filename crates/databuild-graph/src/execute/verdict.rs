//! What a run came to: a pure judgement over what its wrapper said and what is on disk.

use databuild_logs::format::{RunEnd as Said, RunRecord};
use databuild_model::bel::{RunEnd, RunSummary};
use databuild_model::cause::Cause;
use databuild_model::ids::PartitionRef;
use databuild_model::level::Level;
use std::collections::HashSet;
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
    /// What the run was to make.
    pub(super) declared: &'a [PartitionRef],
    /// What its manifest says that it made, if there is one.
    pub(super) made: Option<Vec<PartitionRef>>,
    /// Outputs that live on this machine and are not there.
    pub(super) missing: Vec<PartitionRef>,
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
            summary.reason = unmet(evidence.declared, evidence.made.as_deref(), &evidence.missing);
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
fn unmet(
    declared: &[PartitionRef],
    made: Option<&[PartitionRef]>,
    missing: &[PartitionRef],
) -> Option<String> {
    let Some(made) = made else {
        return Some("the job ended well but its wrapper gave no manifest".to_owned());
    };
    let made: HashSet<&PartitionRef> = made.iter().collect();
    let unnamed: Vec<&PartitionRef> = declared.iter().filter(|it| !made.contains(it)).collect();
    let missing: Vec<&PartitionRef> = missing.iter().collect();
    let (how, which) = if unnamed.is_empty() {
        ("did not make", missing)
    } else {
        ("its manifest does not name", unnamed)
    };
    let first = which.first()?;
    Some(match which.len() {
        1 => format!("the job ended well but {how} {first}"),
        n => format!("the job ended well but {how} {first} and {} more", n - 1),
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
