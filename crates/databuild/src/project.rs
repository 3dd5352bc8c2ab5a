//! Wiring: from where the program stands to the parts that it needs, each opened when first asked for.
//!
//! State belongs to the project: `.databuild/` beside `databuild.toml`, or in the current folder where
//! there is no project. Reading never needs a project file that is right.

use crate::cli::outcome::{Exit, Failure};
use crate::clock::SystemClock;
use databuild_graph::bel::{Bel, OpenError, QueryError};
use databuild_logs::fs::OsFs;
use databuild_logs::read::{LogReader, ReadError, ReaderOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The name of the project file.
pub(crate) const FILE_NAME: &str = "databuild.toml";

/// Most bytes of decoded indexes that a reader keeps: those of a thousand runs of a million lines.
const CACHE_BYTES: usize = 64 << 20;

/// The project that the program works in, or the folder that stands in for one.
pub(crate) struct Project {
    /// The project file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The folder of the project file, else the one we stand in.
    pub(crate) folder: PathBuf,
    clock: Arc<SystemClock>,
    bel: OnceLock<Arc<Bel>>,
}

impl Project {
    /// Looks upwards from `start` for a project file, unless `file` names one.
    pub(crate) fn find(
        start: &Path,
        file: Option<&Path>,
        clock: Arc<SystemClock>,
    ) -> Result<Project, Failure> {
        if !start.is_dir() {
            return Err(Failure::text(Exit::Usage, format!("{} is no folder", start.display()))
                .remedy("-C takes the folder to work in"));
        }
        let file = match file {
            Some(given) => {
                let path = start.join(given);
                if !path.is_file() {
                    return Err(Failure::text(
                        Exit::Config,
                        format!("there is no project file {}", path.display()),
                    )
                    .remedy("-f takes a project file; without it databuild.toml is looked for"));
                }
                Some(path)
            }
            None => start.ancestors().map(|dir| dir.join(FILE_NAME)).find(|path| path.is_file()),
        };
        let folder = file.as_deref().and_then(Path::parent).unwrap_or(start).to_owned();
        Ok(Project { file, folder, clock, bel: OnceLock::new() })
    }

    /// Where builds, runs and logs are recorded.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.join(".databuild")
    }

    /// Where logs are.
    pub(crate) fn logs_dir(&self) -> PathBuf {
        self.state_dir().join("logs")
    }

    /// The build event log, opened once.
    pub(crate) fn bel(&self) -> Result<Arc<Bel>, Failure> {
        if let Some(bel) = self.bel.get() {
            return Ok(Arc::clone(bel));
        }
        let clock = Arc::clone(&self.clock);
        let bel = Arc::new(Bel::open(self.state_dir().join("bel.sqlite"), clock)?);
        Ok(Arc::clone(self.bel.get_or_init(|| bel)))
    }

    /// The build event log if there is one: questions do not make one.
    pub(crate) fn existing_bel(&self) -> Result<Option<Arc<Bel>>, Failure> {
        if self.state_dir().join("bel.sqlite").is_file() { self.bel().map(Some) } else { Ok(None) }
    }

    /// A reader of the project's logs.
    pub(crate) fn reader(&self) -> LogReader {
        let options =
            ReaderOptions { logs_dir: self.logs_dir(), cache_runs: 100, cache_bytes: CACHE_BYTES };
        LogReader::new(options, Arc::new(OsFs), Arc::<SystemClock>::clone(&self.clock))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let remedy = error.remedy();
        Failure::new(Exit::State, error).remedy(remedy)
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let remedy = error.remedy();
        Failure::new(Exit::State, error).remedy(remedy)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let exit = match &error {
            ReadError::RunNotFound { .. } => Exit::Nothing,
            ReadError::BadToken { .. } => Exit::Usage,
            ReadError::TooManyMetrics { .. } | ReadError::Io { .. } => Exit::State,
        };
        let mut remedy = error.remedy().to_owned();
        if let ReadError::RunNotFound { near, .. } = &error {
            if !near.is_empty() {
                let near: Vec<&str> = near.iter().map(|run| run.as_str()).collect();
                remedy = format!("did you mean {}?\n{remedy}", near.join(" or "));
            }
        }
        Failure::new(exit, error).remedy(remedy)
    }
}
