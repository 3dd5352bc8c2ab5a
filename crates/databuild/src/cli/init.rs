//! `databuild init`: starts a project in a folder, on a template.

use super::args::{InitArgs, Template};
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::demo::history::History;
use crate::demo::{self, WriteError};
use crate::render::times::counted;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes the project.
pub(crate) fn run(args: &InitArgs, context: &Context) -> Result<Exit, Failure> {
    let dir: PathBuf = context.start_folder().join(&args.dir).components().collect();
    let shown = args.dir.display();
    let made = match args.template {
        Template::Blank => {
            demo::write_blank(&dir)?;
            "one small job".to_owned()
        }
        Template::Quakes => {
            demo::write_quakes(&dir)?;
            "3 jobs on a month of invented earthquakes".to_owned()
        }
        Template::Git => {
            let history = history_for(&dir)?;
            demo::write_git(&dir, &history)?;
            format!(
                "3 jobs on {} of git history",
                counted(history.commits as u64, "commit", "commits")
            )
        }
    };
    let mut err = std::io::stderr().lock();
    writeln!(err, "✔ {}  {made}", args.dir.join("databuild.toml").display())?;
    let there = if args.dir == Path::new(".") { String::new() } else { format!(" -C {shown}") };
    writeln!(err, "next: {}{there} check", context.program())?;
    Ok(Exit::Done)
}

/// The history around `dir`, else the one that ships.
pub(super) fn history_for(dir: &Path) -> Result<History, Failure> {
    // The folder itself may not be there yet.
    let existing = dir.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    History::around(existing)
        .or_else(History::shipped)
        .ok_or_else(|| Failure::text(Exit::Bug, "the history that ships cannot be read"))
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let remedy = error.remedy();
        let exit = match &error {
            WriteError::Exists { .. } => Exit::Usage,
            WriteError::Io { .. } => Exit::State,
        };
        Failure::new(exit, error).remedy(remedy)
    }
}
