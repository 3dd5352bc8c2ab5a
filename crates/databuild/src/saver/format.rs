//! What a saver says of itself, once a second, in a file of its own in its folder. Page:
//! `docs/formats/saver-status.md`.

use databuild_model::time::Timestamp;
use databuild_saver::status::{LastError, PipelineStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Version of what is written.
pub(crate) const VERSION: u32 = 1;

/// A saver, when it was last heard of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SaverStatus {
    /// Version of the form.
    pub(crate) v: u32,
    /// Number of its process.
    pub(crate) pid: u32,
    /// When it began.
    pub(crate) started_at: String,
    /// When this was written.
    pub(crate) written_at: String,
    /// Why it goes on with the configuration of before, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configuration_problem: Option<String>,
    /// Its pipelines, by name.
    pub(crate) pipelines: Vec<PipelineEntry>,
}

/// A pipeline, when its saver was last heard of. Counts are since the saver began.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct PipelineEntry {
    /// Its name in the project file.
    pub(crate) name: String,
    /// `files` or `process`.
    pub(crate) kind: String,
    /// Where its files are, or its command.
    pub(crate) target: String,
    /// `starting`, `running`, `retrying`, `open`, `paused`, `stopped`, `fenced`; or `off`: no saver runs it.
    pub(crate) state: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// Events that it takes.
    pub(crate) events_in: u64,
    /// Events that are processed and recorded.
    pub(crate) events_out: u64,
    /// Events that it took a second, of late.
    pub(crate) in_per_second: f64,
    /// Events that it processed a second, of late.
    pub(crate) out_per_second: f64,
    /// Events that were set aside.
    pub(crate) rejected: u64,
    /// Events that came after later ones.
    pub(crate) late: u64,
    /// Events that were gone before they could be read.
    pub(crate) missing: u64,
    /// Files of which somebody else took something away.
    #[serde(default)]
    pub(crate) lost_files: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_loss: Option<ErrorEntry>,
    /// Seconds since the oldest event was stored that is not processed.
    pub(crate) lag_seconds: f64,
    /// Events that wait for their turn.
    pub(crate) waiting_events: u64,
    /// Bytes of them.
    pub(crate) waiting_bytes: u64,
    /// Failures.
    pub(crate) errors: u64,
    /// Failures within the time of the error budget.
    pub(crate) errors_recent: u64,
    /// How many of these are too many.
    pub(crate) errors_max: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<ErrorEntry>,
    /// When it is tried again, if it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_at: Option<String>,
    /// Files that were rolled.
    pub(crate) rotations: u64,
    /// Bytes that were written.
    pub(crate) bytes_out: u64,
    /// Files that are open.
    pub(crate) open_files: u64,
    /// When it last recorded how far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint_at: Option<String>,
    /// Since when its processor does not return, if it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) busy_since: Option<String>,
    /// Dead letters that there are, of all starts.
    pub(crate) dead_letters: u64,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct ErrorEntry {
    /// When.
    pub(crate) at: String,
    /// What, with its causes.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

impl SaverStatus {
    /// The file.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Texts and numbers: this cannot fail.
        let mut out = serde_json::to_vec(self).unwrap_or_default();
        out.push(b'\n');
        out
    }

    /// Reads a file; nothing if it is none of this version.
    pub(crate) fn read(bytes: &[u8]) -> Option<SaverStatus> {
        serde_json::from_slice(bytes).ok().filter(|status: &SaverStatus| status.v == VERSION)
    }
}

impl PipelineEntry {
    /// What is known of a pipeline of which no saver has told anything.
    pub(crate) fn unknown(name: &str, kind: &str, target: &str) -> PipelineEntry {
        PipelineEntry {
            name: name.to_owned(),
            kind: kind.to_owned(),
            target: target.to_owned(),
            state: OFF.to_owned(),
            ..PipelineEntry::default()
        }
    }

    /// What a pipeline says, as it is written.
    pub(crate) fn of(
        status: &PipelineStatus,
        (kind, target): (&str, &str),
        (in_per_second, out_per_second): (f64, f64),
    ) -> PipelineEntry {
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        PipelineEntry {
            name: status.name.clone(),
            kind: kind.to_owned(),
            target: target.to_owned(),
            state: status.state.as_str().to_owned(),
            since: text(Some(status.since)),
            events_in: status.events_in,
            events_out: status.events_out,
            in_per_second,
            out_per_second,
            rejected: status.rejected,
            late: status.late,
            missing: status.missing,
            lost_files: status.lost_files,
            last_loss: status.last_loss.as_ref().map(ErrorEntry::of),
            lag_seconds: status.lag.as_secs_f64(),
            waiting_events: status.waiting_events,
            waiting_bytes: status.waiting_bytes,
            errors: status.errors,
            errors_recent: status.errors_recent,
            errors_max: status.errors_max,
            last_error: status.last_error.as_ref().map(ErrorEntry::of),
            retry_at: text(status.retry_at),
            rotations: status.rotations,
            bytes_out: status.bytes_out,
            open_files: status.open_files,
            checkpoint_at: text(status.checkpoint_at),
            busy_since: text(status.busy_since),
            dead_letters: status.dead_letters,
        }
    }
}

impl ErrorEntry {
    fn of(error: &LastError) -> ErrorEntry {
        ErrorEntry {
            at: error.at.to_string(),
            what: error.what.clone(),
            remedy: error.remedy.clone(),
        }
    }
}

/// The state of a pipeline that no saver runs.
pub(crate) const OFF: &str = "off";

#[cfg(test)]
mod tests;
