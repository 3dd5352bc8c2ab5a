//! A dead letter: an event that a pipeline set aside, as one JSON line with why and where it came from.

use databuild_model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Version of the lines that are written.
pub const VERSION: u32 = 1;

/// One event that was set aside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Version of the line.
    pub v: u32,
    /// When it was set aside.
    pub at: String,
    /// The pipeline.
    pub pipeline: String,
    /// The run.
    pub run: String,
    /// Its place in the run: the number of its line, from 0.
    pub place: u64,
    /// What the processor said.
    pub reason: String,
    /// The entry as it is stored, if it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Box<RawValue>>,
    /// The entry as text, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

impl DeadLetter {
    /// The event at `place` of `run`; its entry, where that is at hand.
    pub fn new(
        pipeline: &str,
        run: &str,
        place: u64,
        entry: Option<&[u8]>,
        reason: &str,
        now: Timestamp,
    ) -> DeadLetter {
        let json: Option<Box<RawValue>> = entry.and_then(|it| serde_json::from_slice(it).ok());
        let raw = entry.filter(|_| json.is_none());
        DeadLetter {
            v: VERSION,
            at: now.to_string(),
            pipeline: pipeline.to_owned(),
            run: run.to_owned(),
            place,
            reason: reason.to_owned(),
            raw: raw.map(|it| String::from_utf8_lossy(it).into_owned()),
            entry: json,
        }
    }

    /// Appends the line.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Texts, numbers and JSON alone: there is nothing in it that could not be written.
        out.extend(serde_json::to_vec(self).unwrap_or_default());
        out.push(b'\n');
    }

    /// Reads a line.
    pub fn read(line: &[u8]) -> Option<DeadLetter> {
        serde_json::from_slice(line).ok()
    }
}

#[cfg(test)]
mod tests;
