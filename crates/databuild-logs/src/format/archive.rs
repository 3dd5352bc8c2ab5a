//! The first member of an archive of runs: which runs follow, and what their bytes must be. Page:
//! `docs/formats/run-archive.md`.

use databuild_model::ids::JobRunId;
use databuild_model::time::Day;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The name of the first member of an archive.
pub const MANIFEST_NAME: &str = "databuild-archive.json";

/// What the manifest calls the format.
pub const FORMAT: &str = "databuild-runs";

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The program that wrote it.
    pub written_by: String,
    /// The runs, each once.
    pub runs: Vec<ArchivedRun>,
}

/// One run of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedRun {
    /// The run.
    pub job_run_id: JobRunId,
    /// The folder of its files.
    pub day: Day,
    /// Lines of its entries.
    pub entries: u64,
    /// Bytes of its entries.
    pub bytes: u64,
    /// BLAKE3 of its entries.
    pub blake3: [u8; 32],
    /// How it stood: `complete` or `incomplete (why)`.
    pub state: String,
    /// What the build event log said of it, as JSON; nothing if no build knew it.
    pub record: Option<String>,
}

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of this shape.
    #[error("the first member is no manifest of runs")]
    Shape {
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// Another format, or a newer version.
    #[error(
        "this is {format} of version {version}, and only {FORMAT} of version {VERSION} is read"
    )]
    Version {
        /// The format.
        format: String,
        /// The version.
        version: u32,
    },
    /// A name or number that cannot be one.
    #[error("the manifest says {what} {text:?}, which is none")]
    Value {
        /// What it should be.
        what: &'static str,
        /// What is there.
        text: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Wire {
    format: String,
    version: u32,
    written_by: String,
    #[serde(default)]
    runs: Vec<WireRun>,
}

#[derive(Serialize, Deserialize)]
struct WireRun {
    job_run_id: String,
    day: String,
    entries: u64,
    bytes: u64,
    blake3: String,
    state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<Box<RawValue>>,
}

/// Format and version alone: what a newer version's manifest has in common with ours.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// The manifest as JSON.
pub fn write(manifest: &Manifest) -> Result<Vec<u8>, serde_json::Error> {
    let run = |run: &ArchivedRun| -> Result<WireRun, serde_json::Error> {
        Ok(WireRun {
            job_run_id: run.job_run_id.to_string(),
            day: run.day.to_string(),
            entries: run.entries,
            bytes: run.bytes,
            blake3: blake3::Hash::from_bytes(run.blake3).to_hex().to_string(),
            state: run.state.clone(),
            record: run.record.clone().map(RawValue::from_string).transpose()?,
        })
    };
    let wire = Wire {
        format: FORMAT.to_owned(),
        version: VERSION,
        written_by: manifest.written_by.clone(),
        runs: manifest.runs.iter().map(run).collect::<Result<_, _>>()?,
    };
    let mut text = serde_json::to_vec_pretty(&wire)?;
    text.push(b'\n');
    Ok(text)
}

/// Reads a manifest. Names are parsed, so that no path is ever made from its text.
pub fn read(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let shape = |source| ManifestError::Shape { source };
    let head: Head = serde_json::from_slice(bytes).map_err(shape)?;
    if head.format != FORMAT || head.version != VERSION {
        return Err(ManifestError::Version { format: head.format, version: head.version });
    }
    let wire: Wire = serde_json::from_slice(bytes).map_err(shape)?;
    let runs = wire.runs.into_iter().map(|run| {
        let wrong = |what, text: &str| ManifestError::Value { what, text: text.to_owned() };
        Ok(ArchivedRun {
            job_run_id: JobRunId::parse(run.job_run_id.as_str())
                .map_err(|_| wrong("job_run_id", &run.job_run_id))?,
            day: Day::parse(&run.day).map_err(|_| wrong("day", &run.day))?,
            entries: run.entries,
            bytes: run.bytes,
            blake3: *blake3::Hash::from_hex(&run.blake3)
                .map_err(|_| wrong("blake3", &run.blake3))?
                .as_bytes(),
            state: run.state,
            record: run.record.map(|record| record.get().to_owned()),
        })
    });
    Ok(Manifest { written_by: wire.written_by, runs: runs.collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests;
