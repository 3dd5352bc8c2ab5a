//! What stands in the spool folder of a run, by which a job outlives whoever watched it: the names of
//! its files and the forms of the small ones. Page: `docs/formats/spool.md`. Nothing here opens a file.

use crate::entry::Stream;
use crate::ids::JobRunId;
use crate::job_config::JobConfig;
use crate::time::{Day, Timestamp};
use serde::{Deserialize, Serialize};

/// The folder of all spools, in the logs folder.
pub const SPOOL_DIR: &str = ".spool";
/// What a run is; [`SpoolRun`], written by whoever starts its wrapper.
pub const RUN_FILE: &str = "run.json";
/// How far it has come; [`SpoolState`], written by its wrapper.
pub const STATE_FILE: &str = "state.json";
/// The number of the command's process, four bytes, little-endian: written by that process itself before
/// it becomes the command, so that nobody can start it and not be known to have.
pub const LAUNCHED_FILE: &str = "launched";
/// Where a wrapper that lives shall go on telling; [`Resume`], written by whoever adopts the run.
pub const RESUME_FILE: &str = "resume.json";
/// The named pipe on which such a wrapper goes on telling.
pub const ENTRIES_FIFO: &str = "entries.fifo";
/// Locked by whoever adopts the run.
pub const ADOPTER_LOCK: &str = "adopter.lock";
/// The stored mark: [`encode_stored_mark`].
pub const STORED_FILE: &str = "stored";

/// The version of the forms in this file.
pub const VERSION: u32 = 1;

/// The named pipe that a job writes `stream` into.
pub fn fifo_name(stream: Stream) -> String {
    format!("{}.fifo", stream.as_str())
}

/// The segment of `stream` whose first byte is at `offset`. Names sort as offsets do.
pub fn segment_name(stream: Stream, offset: u64) -> String {
    format!("{}.{offset:020}", stream.as_str())
}

/// Reads the name of a segment.
pub fn parse_segment_name(name: &str) -> Option<(Stream, u64)> {
    let (stream, offset) = name.split_once('.')?;
    let plain = offset.len() == 20 && offset.bytes().all(|byte| byte.is_ascii_digit());
    Some((Stream::parse(stream)?, plain.then(|| offset.parse().ok())??))
}

/// How the output of a job gets to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// The kernel moves it from the job's pipes into the spool. Survives the death of the wrapper.
    #[default]
    Spool,
    /// The wrapper reads it. What it holds in memory dies with it.
    Pipe,
    /// The job writes it into the spool. Survives the death of all of us; nothing holds the job back.
    File,
}

/// What becomes of a job when whoever started its wrapper dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnParentDeath {
    /// It goes on; the next command adopts it.
    #[default]
    Continue,
    /// It is stopped in order.
    Stop,
}

/// What a job waits for while it cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Block {
    /// Its spool holds as much as it may: until some of it is stored.
    SpoolFull,
    /// The file system of the spool is full.
    NoSpace,
    /// Whoever runs it may have no more of that file system.
    OverQuota,
    /// The spool cannot be written for another reason.
    WriteFailed,
}

impl Block {
    /// All there are.
    pub const ALL: &'static [Block] =
        &[Block::SpoolFull, Block::NoSpace, Block::OverQuota, Block::WriteFailed];

    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Block::SpoolFull => "spool_full",
            Block::NoSpace => "no_space",
            Block::OverQuota => "over_quota",
            Block::WriteFailed => "write_failed",
        }
    }

    /// Reads the word; `None` for one that a later version has written.
    pub fn parse(word: &str) -> Option<Block> {
        Block::ALL.iter().copied().find(|block| block.as_str() == word)
    }
}

impl Capture {
    /// All there are.
    pub const ALL: &'static [Capture] = &[Capture::Spool, Capture::Pipe, Capture::File];

    /// The word in settings and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Capture::Spool => "spool",
            Capture::Pipe => "pipe",
            Capture::File => "file",
        }
    }
}

impl OnParentDeath {
    /// All there are.
    pub const ALL: &'static [OnParentDeath] = &[OnParentDeath::Continue, OnParentDeath::Stop];

    /// The word in settings and records.
    pub fn as_str(self) -> &'static str {
        match self {
            OnParentDeath::Continue => "continue",
            OnParentDeath::Stop => "stop",
        }
    }
}

/// Enough to go on with a run that somebody else began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolRun {
    /// [`VERSION`].
    pub version: u32,
    /// The run.
    pub job_run_id: String,
    /// When the run was started; its UTC date is the folder of its entries.
    pub started_at_ns: i64,
    /// Its number within its build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u32>,
    /// Whose logs they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The process that started the wrapper, collects what it tells and holds the spare reading ends:
    /// `boot id/pid namespace/pid/start time in ticks since boot`.
    pub executor: String,
    /// How often another process took it over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub adoptions: u32,
    /// What the wrapper was told.
    pub config: JobConfig,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls it in")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl SpoolRun {
    /// The run's id; `None` if it is none, and then nothing of this is to be trusted.
    pub fn id(&self) -> Option<JobRunId> {
        JobRunId::parse(self.job_run_id.as_str()).ok()
    }

    /// The day whose folder has the run's entries.
    pub fn day(&self) -> Day {
        Timestamp::from_nanos(self.started_at_ns).day()
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its command is about to be started.
    #[default]
    Launching,
    /// Its command runs.
    Running,
    /// Its command has ended, and how is in the state.
    Ended,
}

/// What a wrapper leaves for the one that may have to go on in its place. Written before the command is
/// reaped, so that no kill can lose how it ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpoolState {
    /// [`VERSION`].
    pub version: u32,
    /// How far it is.
    pub phase: Phase,
    /// The wrapper; as [`SpoolRun::executor`].
    pub wrapper: String,
    /// The command's process, leader of its process group; in the same form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// When the command was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched_at_ns: Option<i64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at_ns: Option<i64>,
    /// Its exit code, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Why we stopped it, if we did: a word of `Cause`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_for: Option<String>,
    /// The largest memory of its process tree that was seen, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_peak_bytes: Option<u64>,
    /// What its process tree used of the processors, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// What the job waits for while it cannot write: a word of [`Block`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_since_ns: Option<i64>,
    /// Whoever had started the wrapper when the command was started: while that lives, and holds the
    /// spare ends, nothing in the pipes can be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// How much each named pipe holds, as the wrapper has set it. A pipe of another size is another
    /// pipe: what was in this one is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipe_bytes: Option<u64>,
    /// Whether all that the job wrote has been taken out of its pipes, to their ends: nothing can get
    /// lost in them any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drained: bool,
    /// How often a wrapper took over.
    #[serde(default)]
    pub wrapper_restarts: u32,
}

/// Where to go on, as the stored entries of a run tell it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resume {
    /// [`VERSION`].
    pub version: u32,
    /// The sequence number of the next entry.
    pub next_sequence: u64,
    /// Bytes of standard output that stored entries stand for.
    pub stdout_consumed: u64,
    /// The same of standard error.
    pub stderr_consumed: u64,
    /// Fragments that are stored of the line that goes on at `stdout_consumed`.
    #[serde(default)]
    pub stdout_fragments: u64,
    /// The same of standard error.
    #[serde(default)]
    pub stderr_fragments: u64,
    /// Types of the wrapper's events that are stored and never come twice, `task_launched` and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Names of the wrapper's own measurements that are stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<String>,
    /// Whether the manifest is stored.
    #[serde(default)]
    pub manifest: bool,
    /// Log lines that stored `gap` events say were left out on purpose.
    #[serde(default, skip_serializing_if = "is_none_left_out")]
    pub lines_left_out: u64,
    /// The bytes of these.
    #[serde(default, skip_serializing_if = "is_none_left_out")]
    pub bytes_left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls it in")]
fn is_none_left_out(number: &u64) -> bool {
    *number == 0
}

/// Bytes of a stored mark.
pub const STORED_MARK_BYTES: usize = 16;

/// The sequence number up to which all entries are stored and synced, in the form of its file: the
/// number, little-endian, and its complement, so that a torn one is not mistaken for one.
pub fn encode_stored_mark(sequence: u64) -> [u8; STORED_MARK_BYTES] {
    let mut bytes = [0; STORED_MARK_BYTES];
    let (number, check) = bytes.split_at_mut(8);
    number.copy_from_slice(&sequence.to_le_bytes());
    check.copy_from_slice(&(!sequence).to_le_bytes());
    bytes
}

/// Reads a stored mark; `None` if it is torn or there is none.
pub fn decode_stored_mark(bytes: &[u8]) -> Option<u64> {
    let (number, check) = bytes.split_first_chunk::<8>()?;
    let check: [u8; 8] = check.try_into().ok()?;
    let number = u64::from_le_bytes(*number);
    (u64::from_le_bytes(check) == !number).then_some(number)
}

#[cfg(test)]
mod tests;
