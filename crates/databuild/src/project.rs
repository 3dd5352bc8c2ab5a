//! Wiring: from where the program stands to the parts that it needs, each opened when first asked for.
//!
//! State belongs to the project: `.databuild/` beside `databuild.toml`, or in the current folder where
//! there is no project. Reading never needs a project file that is right.

use crate::cli::outcome::{Exit, Failure};
use crate::clock::SystemClock;
use crate::config::env::Environment;
use crate::config::{self, Config};
use crate::measure::{MeasureError, Measuring};
use crate::saver::pipelines::World;
use databuild_graph::bel::{AppendError, Bel, OpenError, QueryError};
use databuild_graph::execute::engine::LEASE_DEFAULT;
use databuild_graph::execute::observe::Unobserved;
use databuild_graph::execute::view::any_has_ended;
use databuild_graph::execute::{CaptureOptions, Engine, EngineParts, WrapperCommand};
use databuild_graph::spec::ProjectSpec;
use databuild_logs::collect::{CollectorOptions, LogCollector, StartError, StopError};
use databuild_logs::fs::OsFs;
use databuild_logs::metrics_feed::{FeedError, MetricsFeed};
use databuild_logs::read::{LogReader, ReadError, ReaderOptions};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

/// Most bytes of decoded indexes that a reader keeps: those of a thousand runs of a million lines.
const CACHE_BYTES: usize = 64 << 20;

/// The project that the program works in, or the folder that stands in for one.
pub(crate) struct Project {
    config: Config,
    folder: PathBuf,
    clock: Arc<SystemClock>,
    bel: OnceLock<Arc<Bel>>,
}

/// An engine with the collector that it feeds.
pub(crate) struct Works {
    engine: Arc<Engine>,
    collector: Arc<LogCollector>,
}

impl Project {
    /// The project that `start` stands in, or the one of `file`; a folder without a project stands in
    /// for one without jobs.
    pub(crate) fn find(
        start: &Path,
        file: Option<&Path>,
        clock: Arc<SystemClock>,
    ) -> Result<Project, Failure> {
        if !start.is_dir() {
            return Err(Failure::text(Exit::Usage, format!("{} is no folder", start.display()))
                .remedy("-C takes the folder to work in"));
        }
        let config = config::load_or_empty(start, file, &Environment::read())?;
        let folder = config.file.as_deref().and_then(Path::parent).unwrap_or(start).to_owned();
        Ok(Project { config, folder, clock, bel: OnceLock::new() })
    }

    /// The settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// What makes what. Fails where there is no project file: nothing could be made.
    pub(crate) fn spec(&self) -> Result<Arc<ProjectSpec>, Failure> {
        if self.config.file.is_none() {
            let message = format!("no {} in {} or above", config::FILE_NAME, self.folder.display());
            return Err(Failure::text(Exit::Config, message)
                .remedy("start a project with `databuild init`, or name one with -C DIR"));
        }
        Ok(Arc::new(self.config.spec.clone()))
    }

    /// Where builds, runs and logs are recorded.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.join(".databuild")
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

    /// What pipelines of the log saver are made with.
    pub(crate) fn saver_world(&self) -> World {
        World {
            logs_dir: self.config.logs_dir.clone(),
            state_dir: self.state_dir(),
            clock: Arc::<SystemClock>::clone(&self.clock),
        }
    }

    /// A reader of the project's logs.
    pub(crate) fn reader(&self) -> LogReader {
        let options = ReaderOptions {
            logs_dir: self.config.logs_dir.clone(),
            cache_runs: self.config.cache_runs,
            cache_bytes: CACHE_BYTES,
        };
        LogReader::new(options, Arc::new(OsFs), Arc::<SystemClock>::clone(&self.clock))
    }
}

impl Project {
    /// What the metrics are made from. A question makes no event log.
    pub(crate) fn measuring(&self) -> Result<Measuring, FeedError> {
        let (dir, labels) = (self.config.logs_dir.clone(), self.config.metric_labels.clone());
        let feed = MetricsFeed::open(dir.clone(), labels, Arc::new(OsFs))?;
        // One that cannot be opened has said so where builds were asked for.
        Ok(Measuring::new(feed, self.existing_bel().ok().flatten(), dir))
    }

    /// Collects what runs of killed builds said that have ended, and closes them. Without any this is
    /// a look into one folder.
    pub(crate) fn close_ended(&self) {
        if !any_has_ended(&self.config.logs_dir) {
            return;
        }
        // A question is answered with what there is, also where nothing can be written.
        let Ok(works) = self.engine() else { return };
        works.engine().close_ended(&Unobserved).ok();
        works.stop().ok();
    }

    /// An engine that makes partitions and runs commands. Starts the collector.
    pub(crate) fn engine(&self) -> Result<Works, Failure> {
        let options = CollectorOptions {
            refresh_interval: self.config.refresh_interval,
            durability: self.config.durability,
            on_full: self.config.on_full,
            ..CollectorOptions::new(self.config.logs_dir.clone())
        };
        let clock = Arc::<SystemClock>::clone(&self.clock);
        let collector = LogCollector::start(options, Arc::new(OsFs), clock)?;
        let collector = Arc::new(collector);
        let program = std::env::current_exe().map_err(|error| {
            let error = anyhow::Error::new(error).context("cannot find our own program");
            Failure::new(Exit::State, error)
        })?;
        let engine = Arc::new(Engine::new(EngineParts {
            spec: spec_of(&self.config).into(),
            bel: self.bel()?,
            collector: Arc::clone(&collector),
            clock: Arc::<SystemClock>::clone(&self.clock),
            wrapper: WrapperCommand { program, args: wrapper_args() },
            state_dir: self.state_dir(),
            lease: LEASE_DEFAULT,
            capture: CaptureOptions {
                logs_dir: self.config.logs_dir.clone(),
                capture: self.config.capture,
                spool_bytes_max: Some(self.config.spool_bytes_max),
                on_parent_death: self.config.on_parent_death,
            },
        }));
        Ok(Works { engine, collector })
    }
}

/// Wrappers, and the jobs in them, have as many open files as they would have without us.
fn wrapper_args() -> Vec<OsString> {
    let mut args = vec!["wrap".into()];
    if let Some(open_files) = crate::descriptors::before() {
        args.extend(["--open-files".into(), open_files.to_string().into()]);
    }
    args
}

/// What makes what, as these settings have it; nothing where there is no project file.
pub(crate) fn spec_of(config: &Config) -> Option<Arc<ProjectSpec>> {
    config.file.is_some().then(|| Arc::new(config.spec.clone()))
}

impl Works {
    /// The engine.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The collector, for those who watch it; it ends without waiting for them.
    pub(crate) fn collector(&self) -> Weak<LogCollector> {
        Arc::downgrade(&self.collector)
    }

    /// Stores what is open, and ends the collector.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        drop(self.engine);
        match Arc::try_unwrap(self.collector) {
            Ok(collector) => Ok(collector.stop()?),
            // Somebody still uses it, and ends it when they are done.
            Err(_) => Ok(()),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Failure::new(Exit::State, error)
            .remedy("make the logs folder writable, or choose another with DATABUILD_LOGS_DIR")
    }
}

impl From<StopError> for Failure {
    fn from(error: StopError) -> Self {
        Failure::new(Exit::State, error)
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        let remedy = error.remedy();
        Failure::new(Exit::State, error).remedy(remedy)
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        let remedy = error.remedy();
        Failure::new(Exit::State, error).remedy(remedy)
    }
}

impl From<MeasureError> for Failure {
    fn from(error: MeasureError) -> Self {
        match error {
            MeasureError::Feed(error) => error.into(),
            MeasureError::Builds(error) => error.into(),
        }
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
        if let ReadError::RunNotFound { near, .. } = &error
            && !near.is_empty()
        {
            let near: Vec<&str> = near.iter().map(|run| run.as_str()).collect();
            remedy = format!("did you mean {}?\n{remedy}", near.join(" or "));
        }
        Failure::new(exit, error).remedy(remedy)
    }
}
