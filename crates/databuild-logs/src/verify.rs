//! Proof that the record of a run is whole: everything that its seal and its last entry claim is
//! counted again from the stored bytes.
//!
//! The judgement is pure and here ([`judge`], [`coverage`]); the reading is one pass over the file, in
//! [`crate::read`]. Nothing is repaired: what is wrong is named.

pub mod coverage;
pub mod judge;
mod origin;

use crate::format::RunRecord;
use crate::read::RunState;
use databuild_model::entry::Stream;
use databuild_model::ids::JobRunId;
use databuild_model::time::Day;
use std::fmt;

/// Most problems of one run that are kept; the rest is counted. A file whose every second line is gone
/// has millions.
pub const PROBLEMS_MAX: usize = 1_000;

/// What became of the verification of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// The run.
    pub job_run_id: JobRunId,
    /// The folder of its files.
    pub day: Day,
    /// How the reader sees it, without a verification.
    pub state: RunState,
    /// What the stored bytes say: counts and hash.
    pub record: RunRecord,
    /// The number of entries that the wrapper sent: the sequence number that `run_end` states, else the
    /// highest that is stored.
    pub entries_sent: u64,
    /// Those of them that are stored.
    pub entries_stored: u64,
    /// The two streams of the job: stdout, then stderr.
    pub streams: [StreamProof; 2],
    /// What is wrong, at most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
    /// Problems beyond these.
    pub unlisted: u64,
    /// What is worth knowing and takes nothing from the record.
    pub notes: Vec<Note>,
}

/// What is proven about one stream of the job's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamProof {
    /// Which.
    pub stream: Stream,
    /// Bytes that the wrapper read, as `run_end` states.
    pub bytes_read: Option<u64>,
    /// Bytes that entries stand for; nothing if entries of it do not tell their bytes.
    pub bytes_stored: Option<u64>,
    /// What is known about its hash.
    pub hash: HashProof,
}

/// What is known about the hash of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashProof {
    /// The wrapper did not record one.
    Absent,
    /// It is recorded; entries such as structured lines do not hold the raw text to compare with.
    Recorded,
    /// The raw text, put together again from the entries, has it.
    Matches,
    /// The raw text, put together again from the entries, has another.
    Differs,
}

/// Something that is missing, or not what the record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// There is no `run_end`.
    NoEnd,
    /// Entries follow `run_end`.
    AfterEnd {
        /// How many.
        entries: u64,
    },
    /// `run_end` states another number than it has.
    EndNumber {
        /// The number that it states.
        said: u64,
        /// The number that it has.
        has: u64,
    },
    /// `run_end` says that output is missing, and nothing names it.
    OutputLost,
    /// No entries with these numbers, first and last included.
    Entries {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
        /// Why, if a `gap` event says so.
        reason: Option<String>,
    },
    /// Entries whose number an entry before them has.
    Repeated {
        /// How many.
        entries: u64,
        /// The first such number.
        first: u64,
    },
    /// No entry stands for these bytes of the job's output.
    Bytes {
        /// Of which stream.
        stream: Stream,
        /// The first that is missing.
        from: u64,
        /// The first behind it; nothing if nobody knows.
        to: Option<u64>,
        /// Why, if a `gap` event says so.
        reason: Option<String>,
    },
    /// Several entries stand for the same bytes of the job's output.
    Overlap {
        /// Of which stream.
        stream: Stream,
        /// Where the first such byte is.
        from: u64,
        /// How many in all.
        bytes: u64,
    },
    /// Entries stand for more bytes than `run_end` says were read.
    TooMuch {
        /// Of which stream.
        stream: Stream,
        /// Read, as `run_end` says.
        said: u64,
        /// Stored.
        stored: u64,
    },
    /// The text of the entries is not what was read.
    StreamHash {
        /// Of which stream.
        stream: Stream,
    },
    /// A `gap` event that is not about bytes of a stream.
    Gap {
        /// Its reason.
        reason: String,
    },
    /// The seal says another number than the file.
    Seal {
        /// Of what.
        what: &'static str,
        /// In the seal.
        sealed: u64,
        /// In the file.
        found: u64,
    },
    /// The bytes of the file are not those that were sealed.
    SealHash,
    /// The index does not fit the entries, so that answers can miss some.
    Index,
    /// The file ends in the middle of a line.
    Torn {
        /// Bytes behind the last whole line.
        bytes: u64,
    },
    /// The record itself says that something is missing, and the file does not tell what.
    Unexplained {
        /// How it stands.
        state: RunState,
    },
}

/// Something worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// The run has ended without a seal; the next build or service makes one.
    NoSeal,
    /// Lines that were not entries of the run; they are stored as they came.
    Malformed {
        /// How many.
        lines: u64,
    },
    /// The collector cut off, left out or wrote anew something, and says so; nothing is missing.
    Repaired {
        /// How many times.
        times: u64,
    },
    /// Entries of a stream do not tell their bytes: they were stored by an older wrapper or another
    /// program.
    NoRanges {
        /// Of which stream.
        stream: Stream,
    },
}

impl Verification {
    /// Whether something is missing or not what the record says. A run that goes on can be in order.
    pub fn is_wrong(&self) -> bool {
        !self.problems.is_empty()
    }

    /// `complete`, `running` or `incomplete`.
    pub fn word(&self) -> &'static str {
        match self.state {
            _ if self.is_wrong() => "incomplete",
            RunState::Running => "running",
            RunState::Complete | RunState::Incomplete { .. } => "complete",
        }
    }
}

/// The word, and for what is incomplete the first reason: `incomplete (wrapper lost)`.
impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.first() {
            None => f.write_str(self.word()),
            Some(problem) => write!(f, "incomplete ({problem})"),
        }
    }
}

impl HashProof {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            HashProof::Absent => "absent",
            HashProof::Recorded => "recorded",
            HashProof::Matches => "matches",
            HashProof::Differs => "differs",
        }
    }
}

impl Problem {
    /// A word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Problem::NoEnd => "no_end",
            Problem::AfterEnd { .. } => "entries_after_end",
            Problem::EndNumber { .. } => "end_number",
            Problem::OutputLost => "output_lost",
            Problem::Entries { .. } => "entries_missing",
            Problem::Repeated { .. } => "entries_repeated",
            Problem::Bytes { .. } => "bytes_missing",
            Problem::Overlap { .. } => "bytes_repeated",
            Problem::TooMuch { .. } => "bytes_unread",
            Problem::StreamHash { .. } => "stream_hash",
            Problem::Gap { .. } => "gap",
            Problem::Seal { .. } => "seal_count",
            Problem::SealHash => "seal_hash",
            Problem::Index => "index",
            Problem::Torn { .. } => "torn",
            Problem::Unexplained { .. } => "unexplained",
        }
    }

    /// The stream that it is about.
    pub fn stream(&self) -> Option<Stream> {
        match self {
            Problem::Bytes { stream, .. }
            | Problem::Overlap { stream, .. }
            | Problem::TooMuch { stream, .. }
            | Problem::StreamHash { stream } => Some(*stream),
            Problem::NoEnd
            | Problem::AfterEnd { .. }
            | Problem::EndNumber { .. }
            | Problem::OutputLost
            | Problem::Entries { .. }
            | Problem::Repeated { .. }
            | Problem::Gap { .. }
            | Problem::Seal { .. }
            | Problem::SealHash
            | Problem::Index
            | Problem::Torn { .. }
            | Problem::Unexplained { .. } => None,
        }
    }

    /// The numbers of what is missing: of entries the first and the last, of bytes the first and the
    /// first behind them.
    pub fn range(&self) -> Option<(u64, Option<u64>)> {
        match self {
            Problem::Entries { from, to, .. } => Some((*from, Some(*to))),
            Problem::Bytes { from, to, .. } => Some((*from, *to)),
            Problem::NoEnd
            | Problem::AfterEnd { .. }
            | Problem::EndNumber { .. }
            | Problem::OutputLost
            | Problem::Repeated { .. }
            | Problem::Overlap { .. }
            | Problem::TooMuch { .. }
            | Problem::StreamHash { .. }
            | Problem::Gap { .. }
            | Problem::Seal { .. }
            | Problem::SealHash
            | Problem::Index
            | Problem::Torn { .. }
            | Problem::Unexplained { .. } => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoEnd => f.write_str("wrapper lost: there is no run_end"),
            Problem::AfterEnd { entries } => write!(f, "{entries} entries follow run_end"),
            Problem::EndNumber { said, has } => {
                write!(f, "run_end has number {has} and states {said}")
            }
            Problem::OutputLost => f.write_str("output lost: run_end says so without naming it"),
            Problem::Entries { from, to, reason } => {
                if from == to {
                    write!(f, "entry {from} is missing")?;
                } else {
                    write!(f, "entries {from} to {to} are missing")?;
                }
                reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
            }
            Problem::Repeated { entries, first } => {
                write!(f, "{entries} entries repeat a number, first {first}")
            }
            Problem::Bytes { stream, from, to, reason } => {
                write!(f, "{} bytes {from}..", stream.as_str())?;
                if let Some(to) = to {
                    write!(f, "{to}")?;
                }
                let reason = reason.as_deref().unwrap_or("no gap on record names them");
                write!(f, " are missing: {reason}")
            }
            Problem::Overlap { stream, from, bytes } => {
                let stream = stream.as_str();
                write!(f, "{bytes} {stream} bytes are stored more than once, first at {from}")
            }
            Problem::TooMuch { stream, said, stored } => {
                let stream = stream.as_str();
                write!(f, "entries stand for {stored} {stream} bytes, and {said} were read")
            }
            Problem::StreamHash { stream } => {
                write!(f, "the text of {} is not what was read", stream.as_str())
            }
            Problem::Gap { reason } => write!(f, "a gap is on record: {reason}"),
            Problem::Seal { what, sealed, found } => {
                write!(f, "the seal says {sealed} {what}, the file has {found}")
            }
            Problem::SealHash => f.write_str("the file is not the one that was sealed"),
            Problem::Index => f.write_str("the index does not fit the entries"),
            Problem::Torn { bytes } => write!(f, "the last {bytes} bytes are no whole line"),
            Problem::Unexplained { state } => write!(f, "the record says {state}"),
        }
    }
}

impl Note {
    /// A word for programs.
    pub fn kind(self) -> &'static str {
        match self {
            Note::NoSeal => "no_seal",
            Note::Malformed { .. } => "malformed",
            Note::Repaired { .. } => "repaired",
            Note::NoRanges { .. } => "no_ranges",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::NoSeal => f.write_str("not sealed yet: the next build or service does it"),
            Note::Malformed { lines } => {
                write!(f, "{lines} lines were not entries of this run and are kept as they came")
            }
            Note::Repaired { times } => {
                write!(
                    f,
                    "repaired {times} times (events store_repaired say what); nothing is missing"
                )
            }
            Note::NoRanges { stream } => {
                write!(f, "entries of {} do not tell their bytes", stream.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests;
