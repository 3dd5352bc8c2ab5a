//! Records of a pipeline's checkpoint: one line each, `crc32 {json}`. The first of a file says everything,
//! the others what has changed; a line that is torn or wrong ends the file.

use databuild_io::bus::Cursor;
use databuild_model::time::Timestamp;
use databuild_policy::acknowledge::Progress;
use databuild_policy::commit::{Outputs, RollIntent};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Version of the records that are written.
pub const VERSION: u32 = 1;

/// How far a pipeline is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Which start of a saver wrote it.
    pub epoch: u64,
    /// Where its bus goes on.
    pub cursor: Cursor,
    /// When the latest event became durable that was read: what a bus that was made anew brings of earlier
    /// runs is known.
    pub newest: Option<Timestamp>,
    /// How far each run is that may go on, or that is ahead of the cursor.
    pub sources: BTreeMap<String, Progress>,
    /// What was written that belongs to this.
    pub outputs: Outputs,
    /// Events that were set aside, in all.
    pub dead_letters: u64,
}

/// What has changed since the record before; the files are always all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The whole state, with sources that are new or further.
    pub state: State,
    /// Sources of which nothing more is kept.
    pub forgotten: BTreeSet<String>,
}

/// Why bytes are no checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A version that this program does not know.
    #[error("a checkpoint of version {version}, which this program does not know")]
    Newer {
        /// The version.
        version: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Record {
    v: u32,
    #[serde(default)]
    full: bool,
    epoch: u64,
    cursor: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    runs: BTreeMap<String, Places>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    forgotten: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    place: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    intents: Vec<(String, String, u64)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    dead_letters: u64,
}

/// The lowest place that is not done, and what is done above it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Places {
    Low(u64),
    Above(u64, Vec<(u64, u64)>),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Appends the record that begins a file.
pub fn write_full(state: &State, out: &mut Vec<u8>) {
    write(state, BTreeSet::new(), true, out);
}

/// Appends a record of what has changed.
pub fn write_change(change: &Change, out: &mut Vec<u8>) {
    write(&change.state, change.forgotten.clone(), false, out);
}

fn write(state: &State, forgotten: BTreeSet<String>, full: bool, out: &mut Vec<u8>) {
    let places = |progress: &Progress| match progress.above.as_slice() {
        [] => Places::Low(progress.low),
        above => Places::Above(progress.low, above.to_vec()),
    };
    let intent = |it: &RollIntent| (it.from.clone(), it.to.clone(), it.bytes);
    let record = Record {
        v: VERSION,
        full,
        epoch: state.epoch,
        cursor: state.cursor.0.clone(),
        newest: state.newest.map(Timestamp::as_nanos),
        runs: state.sources.iter().map(|(run, it)| (run.clone(), places(it))).collect(),
        forgotten,
        place: state.outputs.place.clone(),
        files: state.outputs.files.clone(),
        intents: state.outputs.intents.iter().map(intent).collect(),
        dead_letters: state.dead_letters,
    };
    // Texts and numbers alone: there is nothing in it that could not be written.
    let json = serde_json::to_string(&record).unwrap_or_default();
    out.extend_from_slice(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).as_bytes());
}

/// What a file says: the state of its last whole record, and where that ends. No state if no record is
/// whole.
pub fn read(bytes: &[u8]) -> Result<(Option<State>, usize), FormatError> {
    let mut state: Option<State> = None;
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(record) = record(line) else { break };
        if VERSION < record.v {
            return Err(FormatError::Newer { version: record.v });
        }
        match (state.as_mut(), record.full) {
            (_, true) => state = Some(apply(State::default(), record)),
            (Some(before), false) => *before = apply(std::mem::take(before), record),
            // Something else began this file.
            (None, false) => break,
        }
        end += line.len();
    }
    Ok((state, end))
}

fn record(line: &[u8]) -> Option<Record> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (crc, json) = text.split_once(' ')?;
    let whole = u32::from_str_radix(crc, 16) == Ok(crc32fast::hash(json.as_bytes()));
    serde_json::from_str(json).ok().filter(|_| whole)
}

fn apply(before: State, record: Record) -> State {
    let mut sources = before.sources;
    sources.retain(|run, _| !record.forgotten.contains(run));
    sources.extend(record.runs.into_iter().map(|(run, places)| {
        let (low, above) = match places {
            Places::Low(low) => (low, Vec::new()),
            Places::Above(low, above) => (low, above),
        };
        (run, Progress { low, above })
    }));
    let intents = record.intents.into_iter();
    State {
        epoch: record.epoch,
        cursor: Cursor(record.cursor),
        newest: record.newest.map(Timestamp::from_nanos),
        sources,
        outputs: Outputs {
            place: record.place,
            files: record.files,
            intents: intents.map(|(from, to, bytes)| RollIntent { from, to, bytes }).collect(),
        },
        dead_letters: record.dead_letters,
    }
}

#[cfg(test)]
mod tests;
