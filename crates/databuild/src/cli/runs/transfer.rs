//! `databuild runs export` and `import`: logs of runs as one file.

use super::super::args::Output;
use super::super::context::Context;
use super::super::logs::target;
use super::super::outcome::{Exit, Failure};
use super::show::run_json;
use crate::project::Project;
use crate::render::times::{counted, grouped};
use databuild_logs::archive::export::{self, ExportError, Wanted};
use databuild_logs::archive::import::{self, ImportError};
use databuild_logs::fs::OsFs;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::Path;

/// Writes an archive of what `targets` name.
pub(super) fn export(
    targets: &[String],
    file: &Path,
    context: &Context,
    project: &Project,
) -> Result<Exit, Failure> {
    let bel = project.existing_bel()?;
    let reader = project.reader();
    let wanted: Vec<Wanted> = target::named(targets, bel.as_deref(), &reader)?
        .into_iter()
        .map(|target| Wanted {
            job_run_id: target.id,
            record: target.row.map(|row| run_json(&row).to_string()),
        })
        .collect();
    let written_by = concat!("databuild ", env!("CARGO_PKG_VERSION"));
    let manifest = if file == Path::new("-") {
        if io::stdout().is_terminal() {
            return Err(Failure::text(Exit::Usage, "an archive is not for a terminal").remedy(
                "name a file, or pass it on: databuild runs export 42 - | zstd > 42.tar.zst",
            ));
        }
        export::export(&reader, &wanted, written_by, &mut io::stdout().lock())?
    } else {
        let made = File::create_new(file).map_err(|error| cannot(file, "make", error))?;
        let done = export::export(&reader, &wanted, written_by, &mut BufWriter::new(&made));
        let done = done.map_err(Failure::from).and_then(|manifest| {
            made.sync_all().map_err(|error| cannot(file, "write", error))?;
            Ok(manifest)
        });
        if done.is_err() {
            // Half an archive is of no use; the error that made it so is what is told.
            std::fs::remove_file(file).ok();
        }
        done?
    };
    if !context.global.quiet {
        let mut err = io::stderr().lock();
        for run in manifest.runs.iter().filter(|run| run.state != "complete") {
            writeln!(err, "run {} is {}", run.job_run_id, run.state)?;
        }
        let bytes: u64 = manifest.runs.iter().map(|run| run.bytes).sum();
        let runs = counted(manifest.runs.len() as u64, "run", "runs");
        writeln!(err, "exported {runs}, {} bytes of entries", grouped(bytes))?;
    }
    Ok(Exit::Done)
}

/// Takes an archive in.
pub(super) fn import(file: &Path, context: &Context, project: &Project) -> Result<Exit, Failure> {
    let mut input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let opened = File::open(file).map_err(|error| cannot(file, "read", error))?;
        Box::new(BufReader::new(opened))
    };
    let logs_dir = &project.config().logs_dir;
    let done = import::import(&OsFs, logs_dir, &project.reader(), &mut input)?;
    let mut out = io::stdout().lock();
    let values = done.iter().map(|run| {
        serde_json::json!({
            "job_run_id": run.run.job_run_id.as_str(),
            "entries": run.run.entries,
            "bytes": run.run.bytes,
            "state": run.run.state,
            "was_there": run.was_there,
        })
    });
    match context.global.output {
        Output::Human | Output::Raw => {
            for run in &done {
                let word = if run.was_there { "was there" } else { "imported" };
                let entries = counted(run.run.entries, "entry", "entries");
                writeln!(out, "{word}  {}  {entries}, {}", run.run.job_run_id, run.run.state)?;
            }
        }
        Output::Json => writeln!(out, "{}", serde_json::Value::Array(values.collect()))?,
        Output::Jsonl => {
            for value in values {
                writeln!(out, "{value}")?;
            }
        }
    }
    Ok(Exit::Done)
}

fn cannot(file: &Path, what: &str, error: io::Error) -> Failure {
    let typed = [io::ErrorKind::AlreadyExists, io::ErrorKind::NotFound].contains(&error.kind());
    let exit = if typed { Exit::Usage } else { Exit::State };
    let error = anyhow::Error::new(error).context(format!("cannot {what} {}", file.display()));
    Failure::new(exit, error).remedy("name another file")
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let remedy = error.remedy();
        match error {
            ExportError::Read(error) => error.into(),
            ExportError::Running { .. } | ExportError::Changed { .. } => {
                Failure::new(Exit::Busy, error).remedy(remedy)
            }
            ExportError::Write(_) => Failure::new(Exit::State, error).remedy(remedy),
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let remedy = error.remedy();
        let exit = match &error {
            ImportError::Busy => Exit::Busy,
            ImportError::Read(_)
            | ImportError::NoManifest { .. }
            | ImportError::Manifest(_)
            | ImportError::Member { .. }
            | ImportError::Absent { .. }
            | ImportError::Damaged { .. }
            | ImportError::Different { .. } => Exit::Usage,
            ImportError::Store(_) | ImportError::Write { .. } => Exit::State,
        };
        Failure::new(exit, error).remedy(remedy)
    }
}
