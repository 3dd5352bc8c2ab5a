//! What every handler is given: the reader, the build event log, the engine, and the builds that this
//! service runs. Looking things up lives here, answering does not.

use crate::config::current::{ConfigNow, Current};
use crate::saver::host::{Board, Posted};
use crate::server::limits;
use crate::server::logs_query;
use crate::server::owned::OwnedBuilds;
use crate::server::pipelines::Pipelines;
use crate::server::problem::{Problem, Slug};
use crate::server::scrape::Metrics;
use crate::server::views::Run;
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::{BuildFilter, BuildRow};
use databuild_graph::bel::select::{Selected, run_number};
use databuild_graph::execute::view::{Spooled, spooled};
use databuild_graph::execute::{Engine, StopLevel};
use databuild_logs::collect::{CollectorStats, Health};
use databuild_logs::read::LogReader;
use databuild_metrics::own::Moment;
use databuild_model::bel::BuildEvent;
use databuild_model::clock::Clock;
use databuild_model::ids::{BuildId, JobRunId};
use databuild_model::time::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// The parts that the service stands on; made by the program's wiring.
pub(crate) struct Parts {
    /// Logs.
    pub(crate) reader: LogReader,
    /// Builds, runs and partitions.
    pub(crate) bel: Arc<Bel>,
    /// Plans and builds; none if the service only answers questions.
    pub(crate) engine: Option<Arc<Engine>>,
    /// The service that builds into the same folder, if there is one: then this one changes nothing.
    pub(crate) held_by: Option<String>,
    /// The folder of the logs, which has the spools of runs that go on.
    pub(crate) logs_dir: PathBuf,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The settings.
    pub(crate) current: Arc<Current>,
    /// Pipelines of the log saver, whoever runs them.
    pub(crate) pipelines: Pipelines,
    /// What the log saver of this process says; none if it runs none.
    pub(crate) saver: Option<Arc<Board>>,
}

/// The service's state.
pub(crate) struct Service {
    parts: Parts,
    metrics: Arc<Metrics>,
    owned: OwnedBuilds,
    tails: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// One thing that is looked at to say whether the service can work.
pub(crate) struct Check {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What was found.
    pub(crate) result: Result<(), String>,
    /// Whether no question can be answered without it.
    pub(crate) needed: bool,
}

/// Less free than this part of the disk is worth a word.
const DISK_FREE_LOW: f64 = 0.02;

/// Entries are durable within a second; some disks take several times that when they are busy.
const LAG_LONG: Duration = Duration::from_secs(15);

impl Service {
    /// A service on these parts that ends when `stop` becomes true.
    pub(crate) fn new(
        parts: Parts,
        metrics: Arc<Metrics>,
        stop: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Service {
            parts,
            metrics,
            owned: OwnedBuilds::new(),
            tails: Arc::new(Semaphore::new(limits::TAILS_MAX)),
            stop,
        })
    }

    /// Logs.
    pub(crate) fn reader(&self) -> &LogReader {
        &self.parts.reader
    }

    /// What a scrape shows.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Builds, runs and partitions.
    pub(crate) fn bel(&self) -> &Bel {
        &self.parts.bel
    }

    /// Plans and builds of the project as its file has it now.
    pub(crate) fn engine(&self) -> Result<&Arc<Engine>, Problem> {
        self.writable()?;
        self.parts.current.look();
        self.parts.engine.as_ref().ok_or_else(|| {
            Problem::new(
                Slug::NotReady,
                "this service only answers questions: it was started with --no-build",
            )
        })
    }

    /// Pipelines of the log saver.
    pub(crate) fn pipelines(&self) -> &Pipelines {
        &self.parts.pipelines
    }

    /// Whether this service may change anything.
    pub(crate) fn writable(&self) -> Result<(), Problem> {
        self.read_only().map_or(Ok(()), |why| Err(Problem::new(Slug::NotReady, why)))
    }

    /// Why this service may not change anything, if so.
    fn read_only(&self) -> Option<String> {
        let by = self.parts.held_by.as_ref()?;
        Some(format!("this service only answers questions: {by} serves the same logs and builds"))
    }

    /// The builds that this service runs.
    pub(crate) fn owned(&self) -> &OwnedBuilds {
        &self.owned
    }

    /// What the spool of a run tells, as long as there is one.
    pub(crate) fn spooled(&self, run: &JobRunId) -> Option<Spooled> {
        spooled(&self.parts.logs_dir, run)
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.wall()
    }

    /// What a scrape shows of the moment that only this knows.
    pub(crate) fn moment(&self) -> Moment {
        let most = limits::TAILS_MAX as u64;
        let open = most.saturating_sub(self.tails.available_permits() as u64);
        Moment {
            cache: Some(self.parts.reader.cache_requests()),
            streams: Some((open, most)),
            ..Moment::default()
        }
    }

    /// Places for tails.
    pub(crate) fn tails(&self) -> &Arc<Semaphore> {
        &self.tails
    }

    /// Becomes true when the service is to stop.
    pub(crate) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Does work that may wait for a disk on a thread that may wait.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Service) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let service = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&service)).await {
            Ok(done) => done,
            Err(_panic) => {
                Err(Problem::new(Slug::Internal, "a handler panicked; it told why on stderr"))
            }
        }
    }

    /// The run that a path means: an id, or the number of a build and of a run in it.
    pub(crate) async fn resolve_run(self: &Arc<Self>, text: String) -> Result<JobRunId, Problem> {
        let id = logs_query::run_id(&text)?;
        if run_number(&text).is_none() {
            return Ok(id);
        }
        self.blocking(move |service| match service.bel().find_run(&text)? {
            Selected::One(row) => Ok(row.id),
            Selected::Nothing | Selected::Ambiguous(_) => Ok(id),
        })
        .await
    }

    /// Whether a build knows this run.
    pub(crate) fn knows_run(&self, id: &JobRunId) -> Result<bool, Problem> {
        Ok(matches!(self.bel().find_run(id.as_str())?, Selected::One(row) if row.id == *id))
    }

    /// The number that people use for a run, if a build knows it.
    pub(crate) fn number_of(&self, id: &JobRunId) -> Result<Option<String>, Problem> {
        Ok(match self.bel().find_run(id.as_str())? {
            Selected::One(row) if row.id == *id => Some(row.number.to_string()),
            Selected::One(_) | Selected::Nothing | Selected::Ambiguous(_) => None,
        })
    }

    /// The run as its build knows it; else its id alone.
    pub(crate) fn run_or_stored(&self, id: String) -> Result<Run, Problem> {
        Ok(match self.bel().find_run(&id)? {
            Selected::One(row) if row.id.as_str() == id => Run::from(row),
            Selected::One(_) | Selected::Nothing | Selected::Ambiguous(_) => Run::stored(id),
        })
    }

    /// The build that a path means: its number or its id.
    pub(crate) fn build(&self, text: &str) -> Result<BuildRow, Problem> {
        let found = match text.parse::<u64>() {
            Ok(number) => self.bel().build_numbered(number)?,
            Err(_) => {
                let id = BuildId::parse(text).map_err(|error| {
                    let said = format!("this is no build: {error}");
                    Problem::parameter("path", "build", text, "a number such as 42, or an id", said)
                })?;
                self.bel().build(&id)?
            }
        };
        found
            .ok_or_else(|| Problem::new(Slug::BuildNotFound, format!("there is no build {text:?}")))
    }

    /// Tells a build to stop, wherever it runs: its own process sees the request in the log.
    pub(crate) fn cancel(&self, text: &str) -> Result<BuildRow, Problem> {
        self.writable()?;
        let row = self.build(text)?;
        if !row.state.is_live() {
            let said = format!("build {} has ended: {}", row.number, row.state);
            return Err(Problem::new(Slug::AlreadyEnded, said));
        }
        if row.cancel_by.is_none() {
            let event = BuildEvent::BuildCancelRequested { by: "service".to_owned() };
            self.bel().append(&row.id, [event])?;
        }
        self.owned.stop(&row.id, StopLevel::InOrder);
        self.build(text)
    }

    /// Whether logs and the build event log can be read, and whether more can be stored.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let today = self.now().day();
        let logs = self.reader().list_available_jobs(Some((today, today)));
        let builds = self.bel().builds(&BuildFilter { limit: Some(1), ..BuildFilter::default() });
        let said = |problem: Problem| problem.detail().to_owned();
        let needed = |name, result| Check { name, result, needed: true };
        let useful = |name, result| Check { name, result, needed: false };
        let building = self.read_only().map(|why| useful("building", Err(why)));
        let mut checks = vec![
            needed("logs", logs.map(|_runs| ()).map_err(|error| said(error.into()))),
            needed("builds", builds.map(|_rows| ()).map_err(|error| said(error.into()))),
            useful("disk", self.metrics.disk().map_or(Ok(()), disk_has_room)),
            match self.metrics.health().and_then(hindered) {
                Some(why) => needed("collector", Err(why)),
                None => useful("collector", self.metrics.collector().map_or(Ok(()), collects)),
            },
            useful("metrics", self.metrics.failure().map_or(Ok(()), Err)),
        ];
        let config = self.parts.current.says();
        checks.extend(config.map(|says| useful("config", is_in_use(says))));
        checks.extend(building);
        checks.extend(self.parts.saver.as_ref().map(|board| useful("saver", saves(&board.read()))));
        checks
    }
}

/// Whether this service goes by what the project's files say.
fn is_in_use(says: ConfigNow) -> Result<(), String> {
    let waits = says.remedy();
    says.usable.map_err(|why| format!("cannot be used as it is now: {why}"))?;
    waits.map_or(Ok(()), |waits| Err(format!("is not all in use: {waits}")))
}

/// Whether pipelines do what their configuration says.
fn saves(posted: &Posted) -> Result<(), String> {
    if let Some(problem) = &posted.problem {
        let problem = problem.lines().next().unwrap_or_default();
        return Err(format!("goes on with the configuration of before: {problem}"));
    }
    let first = posted.troubled.first();
    first.map_or(Ok(()), |first| {
        Err(format!("has {} pipelines that need help: {first}", posted.troubled.len()))
    })
}

/// Whether so many free bytes of so many are enough.
fn disk_has_room((free, size): (u64, u64)) -> Result<(), String> {
    #[expect(clippy::cast_precision_loss, reason = "a part of a hundred")]
    let part = free as f64 / size.max(1) as f64;
    if DISK_FREE_LOW <= part {
        return Ok(());
    }
    let (free, part) = (free / 1_000_000, part * 100.0);
    Err(format!(
        "of the logs has {free} MB free, {part:.1} %: jobs will stand still when it is full"
    ))
}

/// Why what jobs say does not get onto the disk at all, if it does not.
fn hindered(health: Health) -> Option<String> {
    let first = health.problems.into_iter().next()?;
    let more = health.count - 1;
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    Some(format!("{first}{more}: look at the disk and the system's log; jobs wait meanwhile"))
}

/// Whether what jobs say gets onto the disk in time.
fn collects(stats: CollectorStats) -> Result<(), String> {
    if 0 < stats.runs_without_space {
        let runs = stats.runs_without_space;
        return Err(format!(
            "has {runs} job runs that stand still: no space on the disk of the logs"
        ));
    }
    if LAG_LONG < stats.lag {
        let seconds = stats.lag.as_secs();
        return Err(format!("has entries that wait for the disk since {seconds} s"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
