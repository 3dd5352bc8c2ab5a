//! What a verification of a run's record says to programs: the same over REST and on the command line.
//! A promise to clients, so keys are only added.

use databuild_logs::verify::{StreamProof, Verification};
use serde::Serialize;
use utoipa::ToSchema;

/// What was found when the record of a run was counted and hashed again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Proof {
    /// The run's id.
    job_run_id: String,
    /// The number that people use, such as `42.6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    /// `complete`, `running` or `incomplete`.
    state: &'static str,
    /// Numbered entries that are stored.
    entries: u64,
    /// Numbered entries that the wrapper sent, as far as is known.
    entries_sent: u64,
    /// Bytes of the stored file.
    bytes: u64,
    /// BLAKE3 of the stored file, hexadecimal.
    blake3: String,
    /// The job's standard output.
    stdout: StreamFacts,
    /// The job's standard error.
    stderr: StreamFacts,
    /// What is missing or is not what the record says; empty if all is in order.
    problems: Vec<ProofProblem>,
    /// Problems that are not listed, because there are too many.
    problems_unlisted: u64,
    /// What is worth knowing and takes nothing from the record.
    notes: Vec<ProofNote>,
}

/// What is proven about one stream of the job's output.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamFacts {
    /// Bytes that the wrapper read, as `run_end` states.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_read: Option<u64>,
    /// Bytes that entries stand for; absent if the entries do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_stored: Option<u64>,
    /// `absent`, `recorded` (the entries do not hold the raw text to compare), `matches`, `differs`.
    hash: &'static str,
}

/// Something that is missing, or not what the record says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProofProblem {
    /// A word: `entries_missing`, `bytes_missing`, `no_end`, `seal_hash` …
    kind: &'static str,
    /// `stdout` or `stderr`, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'static str>,
    /// The first entry or byte that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    /// The last entry, or the first byte behind those that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    /// The same for people, with the reason if the record gives one.
    text: String,
}

/// Something worth knowing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProofNote {
    /// A word: `no_seal`, `malformed`, `no_ranges`.
    kind: &'static str,
    /// The same for people.
    text: String,
}

impl Proof {
    /// The proof of a run that people call `number`.
    pub(crate) fn new(found: &Verification, number: Option<String>) -> Self {
        let [stdout, stderr] = &found.streams;
        Proof {
            job_run_id: found.job_run_id.to_string(),
            number,
            state: found.word(),
            entries: found.entries_stored,
            entries_sent: found.entries_sent,
            bytes: found.record.bytes,
            blake3: hexadecimal(&found.record.blake3),
            stdout: stdout.into(),
            stderr: stderr.into(),
            problems: found
                .problems
                .iter()
                .map(|problem| {
                    let range = problem.range();
                    ProofProblem {
                        kind: problem.kind(),
                        stream: problem.stream().map(|stream| stream.as_str()),
                        from: range.map(|(from, _)| from),
                        to: range.and_then(|(_, to)| to),
                        text: problem.to_string(),
                    }
                })
                .collect(),
            problems_unlisted: found.unlisted,
            notes: found
                .notes
                .iter()
                .map(|note| ProofNote { kind: note.kind(), text: note.to_string() })
                .collect(),
        }
    }
}

impl From<&StreamProof> for StreamFacts {
    fn from(proof: &StreamProof) -> Self {
        StreamFacts {
            bytes_read: proof.bytes_read,
            bytes_stored: proof.bytes_stored,
            hash: proof.hash.as_str(),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes all.
        write!(text, "{byte:02x}").ok();
        text
    })
}
