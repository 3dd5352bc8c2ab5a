//! Writing an archive.

use crate::format::archive::{self, ArchivedRun, MANIFEST_NAME, Manifest};
use crate::read::{LogReader, ReadError};
use databuild_model::ids::JobRunId;
use databuild_policy::naming::{self, RunFile};
use std::io::{self, Read, Write};

/// A run to be exported.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The run.
    pub job_run_id: JobRunId,
    /// What the build event log says of it, as JSON.
    pub record: Option<String>,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A run cannot be read.
    #[error("cannot read what is to be exported")]
    Read(#[source] ReadError),
    /// More of it will come.
    #[error("job run {run} is still running")]
    Running {
        /// The run.
        run: JobRunId,
    },
    /// It changed between two looks.
    #[error("job run {run} changed while it was exported")]
    Changed {
        /// The run.
        run: JobRunId,
    },
    /// The archive cannot be written.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
}

impl ExportError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            ExportError::Read(error) => error.remedy(),
            ExportError::Running { .. } => {
                "wait until it has ended (databuild logs -f), then export it"
            }
            ExportError::Changed { .. } => "export it again",
            ExportError::Write(_) => "look at the permissions and the room where it is written",
        }
    }
}

/// Writes an archive of `wanted` runs, each named once, to `out`. Every run is verified on the way;
/// what is incomplete is exported as such.
pub fn export(
    reader: &LogReader,
    wanted: &[Wanted],
    written_by: &str,
    out: &mut dyn Write,
) -> Result<Manifest, ExportError> {
    let runs = wanted.iter().map(|run| describe(reader, run)).collect::<Result<Vec<_>, _>>()?;
    let manifest = Manifest { written_by: written_by.to_owned(), runs };
    let mut archive = tar::Builder::new(out);
    let text = archive::write(&manifest).map_err(|error| ExportError::Write(error.into()))?;
    append(&mut archive, MANIFEST_NAME, text.len() as u64, &mut text.as_slice())
        .map_err(ExportError::Write)?;
    for run in &manifest.runs {
        let stored = reader.stored(&run.job_run_id).map_err(ExportError::Read)?;
        if stored.bytes() != run.bytes || stored.day() != run.day {
            return Err(ExportError::Changed { run: run.job_run_id.clone() });
        }
        let name = |file| naming::run_path(run.day, &run.job_run_id, file);
        if let Some(index) = &stored.index {
            let bytes = &mut index.as_slice();
            append(&mut archive, &name(RunFile::Index), index.len() as u64, bytes)
                .map_err(ExportError::Write)?;
        }
        append(&mut archive, &name(RunFile::Entries), run.bytes, &mut stored.entries())
            .map_err(ExportError::Write)?;
    }
    let out = archive.into_inner().map_err(ExportError::Write)?;
    out.flush().map_err(ExportError::Write)?;
    Ok(manifest)
}

fn describe(reader: &LogReader, wanted: &Wanted) -> Result<ArchivedRun, ExportError> {
    let found = reader.verify(&wanted.job_run_id, &|_| {}).map_err(ExportError::Read)?;
    if found.state.is_running() {
        return Err(ExportError::Running { run: wanted.job_run_id.clone() });
    }
    Ok(ArchivedRun {
        job_run_id: wanted.job_run_id.clone(),
        day: found.day,
        entries: found.record.entries,
        bytes: found.record.bytes,
        blake3: found.record.blake3,
        state: found.to_string(),
        record: wanted.record.clone(),
    })
}

fn append(
    archive: &mut tar::Builder<&mut dyn Write>,
    name: &str,
    bytes: u64,
    data: &mut dyn Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o640);
    header.set_size(bytes);
    archive.append_data(&mut header, name, data)
}
