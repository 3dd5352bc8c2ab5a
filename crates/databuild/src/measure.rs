//! Bringing the metrics up to date: the store's totals, the ends of builds, and what the machine says
//! at the moment. The same for the service and for `databuild metrics`. No rendering, no HTTP.

mod process;

use databuild_graph::bel::rows::{BuildFilter, EventFilter, RunFilter, RunRow};
use databuild_graph::bel::{Bel, QueryError};
use databuild_logs::collect::CollectorStats;
use databuild_logs::fs::OsFs;
use databuild_logs::metrics_feed::{FeedError, JOB_TYPE_DEFAULT, MetricsFeed, StoreUsage};
use databuild_metrics::own::{Collecting, Heard, Moment};
use databuild_metrics::registry::Registry;
use databuild_model::bel::transition::{BuildState, RunState};
use databuild_model::bel::{BuildEnd, BuildEnded, BuildEvent, PartitionSet, TaskEnd, TaskEnded};
use databuild_model::ids::JobLabel;
use databuild_model::time::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use process::of_this_process;

/// What a collector of this process is doing, as the metrics have it.
pub(crate) fn of_collector(stats: &CollectorStats) -> Collecting {
    Collecting {
        runs: stats.runs,
        runs_new: stats.runs_new,
        runs_unsynced: stats.runs_unsynced,
        runs_without_space: stats.runs_without_space,
        lag_seconds: stats.lag.as_secs_f64(),
        write_errors: stats.write_errors,
        sync_errors: stats.sync_errors,
    }
}

/// Events read at once.
const EVENTS_AT_ONCE: u32 = 1_000;

/// Most builds or runs under way that are counted; more are shown as so many.
const UNDER_WAY_MAX: u32 = 10_000;

/// What the metrics are made from.
pub(crate) struct Measuring {
    feed: MetricsFeed,
    bel: Option<Arc<Bel>>,
    logs_dir: PathBuf,
    usage: StoreUsage,
}

/// Why the metrics are not up to date.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    /// The store.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The build event log.
    #[error("cannot count builds")]
    Builds(#[from] QueryError),
}

impl Measuring {
    /// On a store, with the build event log if there is one.
    pub(crate) fn new(feed: MetricsFeed, bel: Option<Arc<Bel>>, logs_dir: PathBuf) -> Self {
        let usage = StoreUsage::new(Arc::new(OsFs), logs_dir.clone());
        Measuring { feed, bel, logs_dir, usage }
    }

    /// Looks on how much is stored, for some milliseconds; answers whether there is more to look at now.
    pub(crate) fn look_at_usage(&mut self, wall: Timestamp, mono: Duration) -> bool {
        self.usage.look(wall, mono);
        self.usage.is_looking()
    }

    /// Counts what is new, and keeps it if this process is the one that does. What a scrape shows is
    /// always kept before, so that no counter falls when this process dies.
    pub(crate) fn refresh(&mut self) -> Result<(), MeasureError> {
        self.feed.read_new()?;
        self.count_builds()?;
        Ok(self.feed.save()?)
    }

    fn count_builds(&mut self) -> Result<(), QueryError> {
        let Some(bel) = &self.bel else { return Ok(()) };
        let types = EventFilter { types: counted_types(), ..EventFilter::default() };
        loop {
            let upto = self.feed.builds_upto();
            let page = bel.events(upto, &types, EVENTS_AT_ONCE)?;
            self.feed.count_builds(page.events.iter().map(|event| &event.event), page.next_idx);
            if !page.has_more {
                return Ok(());
            }
        }
    }

    /// The totals of the store.
    pub(crate) fn totals(&self) -> &Registry {
        self.feed.totals().registry()
    }

    /// A number that is another one whenever the totals may be others.
    pub(crate) fn version(&self) -> u64 {
        self.feed.version()
    }

    /// The labels that jobs may add.
    pub(crate) fn labels(&self) -> &[String] {
        self.feed.labels()
    }

    /// The latest time of an entry that is counted.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.feed.newest()
    }

    /// What is under way, and how full the disk is.
    pub(crate) fn moment(&self, now: Timestamp) -> Result<Moment, QueryError> {
        let stored = self.usage.found().map(|stored| (stored.bytes, stored.oldest.map(seconds)));
        let mut moment = Moment { disk: disk(&self.logs_dir), stored, ..Moment::default() };
        if let Some(bel) = &self.bel {
            let limit = Some(UNDER_WAY_MAX);
            let states = RunState::ALL.into_iter().filter(|state| state.is_live()).collect();
            let runs = bel.runs(&RunFilter { states, limit, ..RunFilter::default() })?;
            moment.jobs_running = Some(runs.len() as u64);
            moment.heard = self.heard(&runs, now);
            let states = BuildState::ALL.into_iter().filter(|state| state.is_live()).collect();
            let builds = bel.builds(&BuildFilter { states, limit, ..BuildFilter::default() })?;
            moment.builds_running = Some(builds.len() as u64);
        }
        Ok(moment)
    }
}

impl Measuring {
    /// The quietest run of each job. One of which nothing was read yet was heard of when it started.
    fn heard(&self, runs: &[RunRow], now: Timestamp) -> Vec<Heard> {
        let mut quietest: BTreeMap<(&JobLabel, &str), f64> = BTreeMap::new();
        for run in runs {
            let Some(started) = run.started_at else { continue };
            let last = self.feed.heard(&run.id).map_or(started, |heard| heard.max(started));
            let age = now.since(last).as_secs_f64();
            let job = (&run.job_label, run.job_type.as_deref().unwrap_or(JOB_TYPE_DEFAULT));
            let known = quietest.entry(job).or_insert(age);
            *known = known.max(age);
        }
        let heard = quietest.into_iter().map(|((job_label, job_type), age_seconds)| Heard {
            job_label: job_label.clone(),
            job_type: job_type.to_owned(),
            age_seconds,
        });
        heard.collect()
    }
}

/// How the events that are counted are called in the log.
fn counted_types() -> Vec<String> {
    let set = || PartitionSet { run: 0, partitions: Vec::new() };
    let events = [
        BuildEvent::BuildEnded(BuildEnded { end: BuildEnd::Completed, reason: None }),
        BuildEvent::TaskEnded(TaskEnded { task: 0, end: TaskEnd::Made, reason: None }),
        BuildEvent::PartitionsMade(set()),
        BuildEvent::PartitionsFailed(set()),
    ];
    events.iter().map(|event| event.type_name().to_owned()).collect()
}

/// Seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay exact to a microsecond")]
pub(crate) fn seconds(at: Timestamp) -> f64 {
    at.as_nanos() as f64 / 1e9
}

/// Free bytes, and the size of the file system that logs are on, or will be.
fn disk(dir: &Path) -> Option<(u64, u64)> {
    let stat = dir.ancestors().find_map(|dir| rustix::fs::statvfs(dir).ok())?;
    Some((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}
