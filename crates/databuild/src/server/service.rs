//! What every handler is given: the reader, the build event log, the engine, and the builds that this
//! service runs. Looking things up lives here, answering does not.

use crate::server::limits;
use crate::server::logs_query;
use crate::server::owned::OwnedBuilds;
use crate::server::problem::{Problem, Slug};
use crate::server::scrape::Metrics;
use crate::server::views::Run;
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::{BuildFilter, BuildRow};
use databuild_graph::bel::select::{Selected, run_number};
use databuild_graph::execute::{Engine, StopLevel};
use databuild_logs::read::LogReader;
use databuild_model::bel::BuildEvent;
use databuild_model::clock::Clock;
use databuild_model::ids::{BuildId, JobRunId};
use databuild_model::time::Timestamp;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// The parts that the service stands on; made by the program's wiring.
pub(crate) struct Parts {
    /// Logs.
    pub(crate) reader: LogReader,
    /// Builds, runs and partitions.
    pub(crate) bel: Arc<Bel>,
    /// Plans and builds; none if the service only answers questions.
    pub(crate) engine: Option<Arc<Engine>>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// The service's state.
pub(crate) struct Service {
    parts: Parts,
    metrics: Arc<Metrics>,
    owned: OwnedBuilds,
    tails: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// The check that a service can do without.
pub(crate) const METRICS_CHECK: &str = "metrics";

/// What is looked at to say whether the service can work, and what was found.
pub(crate) type Checks = Vec<(&'static str, Result<(), String>)>;

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

    /// Plans and builds.
    pub(crate) fn engine(&self) -> Result<&Arc<Engine>, Problem> {
        self.parts.engine.as_ref().ok_or_else(|| {
            Problem::new(
                Slug::NotReady,
                "this service only answers questions: it was started with --no-build",
            )
        })
    }

    /// The builds that this service runs.
    pub(crate) fn owned(&self) -> &OwnedBuilds {
        &self.owned
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.wall()
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

    /// Whether logs and the build event log can be read.
    pub(crate) fn checks(&self) -> Checks {
        let today = self.now().day();
        let logs = self.reader().list_available_jobs(Some((today, today)));
        let builds = self.bel().builds(&BuildFilter { limit: Some(1), ..BuildFilter::default() });
        let said = |problem: Problem| problem.detail().to_owned();
        vec![
            ("logs", logs.map(|_runs: Vec<JobRunId>| ()).map_err(|error| said(error.into()))),
            ("builds", builds.map(|_rows| ()).map_err(|error| said(error.into()))),
            (METRICS_CHECK, self.metrics.failure().map_or(Ok(()), Err)),
        ]
    }
}
