//! What the program measures of itself. Each measurement has one typed way in, so neither a label
//! that a family does not have nor a value that grows with the data can be written down.

use crate::guard::Budget;
use crate::label::LabelValue;
use crate::metric_templates as templates;
use crate::metric_templates::Family;
use crate::registry::Registry;
use crate::saver::SaverStats;
use databuild_model::ids::JobLabel;
use databuild_model::time::Timestamp;

/// The series of one process.
#[derive(Debug, Clone)]
pub struct OwnHealth {
    registry: Registry,
}

/// What is known at the moment of a scrape; what is not known has no series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moment {
    /// Job runs under way.
    pub jobs_running: Option<u64>,
    /// Jobs with runs under way, and for how long the quietest of these was not heard of.
    pub heard: Vec<Heard>,
    /// Builds under way.
    pub builds_running: Option<u64>,
    /// Free bytes and size of the file system of the logs.
    pub disk: Option<(u64, u64)>,
    /// Bytes of the log store, and the time of its oldest entry in seconds since 1970.
    pub stored: Option<(u64, Option<f64>)>,
    /// Hits and misses of what is kept in memory of runs.
    pub cache: Option<(u64, u64)>,
    /// Answers that follow a log: how many there are, and how many there may be.
    pub streams: Option<(u64, u64)>,
    /// Seconds since the newest known entry was written.
    pub journal_age: Option<f64>,
    /// Seconds since the metrics knew all that was stored.
    pub cursor_age: Option<f64>,
    /// Whether the last look at the store went well.
    pub refreshed: Option<bool>,
    /// What the collector of this process is doing.
    pub collector: Option<Collecting>,
    /// This process.
    pub process: Option<Process>,
    /// How the reading of the configuration goes, where it is read again.
    pub config: Option<ConfigReload>,
    /// What the log saver of this process is doing.
    pub saver: Option<SaverStats>,
}

/// A job with runs under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The job.
    pub job_label: JobLabel,
    /// The kind of job.
    pub job_type: String,
    /// Seconds since the quietest of its runs was heard of.
    pub age_seconds: f64,
}

/// The configuration of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ConfigReload {
    /// Whether what the file says now could be used.
    pub successful: bool,
    /// Whether it is what is in use.
    pub in_use: bool,
    /// When what is in use was read, in seconds since 1970.
    pub success_seconds: f64,
}

/// A collector of logs, at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Collecting {
    /// Runs that it collects.
    pub runs: u64,
    /// Of these, runs that it has not taken up yet.
    pub runs_new: u64,
    /// Runs of which something is not durable yet.
    pub runs_unsynced: u64,
    /// Runs that stand still for lack of space.
    pub runs_without_space: u64,
    /// Seconds that the oldest entry is waiting to be durable.
    pub lag_seconds: f64,
    /// Logs that could not be written since it began.
    pub write_errors: u64,
    /// Syncs that failed since it began.
    pub sync_errors: u64,
}

/// A process as the kernel sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// Processor time.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// How many it may have; nothing if there is no limit.
    pub max_fds: Option<u64>,
    /// When it started, in seconds since 1970.
    pub start_seconds: f64,
}

impl OwnHealth {
    /// Nothing measured yet, by the program of this version.
    pub fn new(version: &'static str) -> Self {
        let mut registry = Registry::new(Budget::default());
        registry.set(&templates::BUILD_INFO, &[("version", version)], 1.0, Timestamp::default());
        OwnHealth { registry }
    }

    /// The series.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A request was answered. The route is the template of the path, never the path.
    pub fn request(&mut self, route: &'static str, code: u16, seconds: f64) {
        let code = code.to_string();
        let labels = [("route", route), ("code", code.as_str())];
        self.registry.add(&templates::HTTP_REQUESTS_TOTAL, &labels, 1.0, None);
        self.registry.observe(&templates::HTTP_REQUEST_DURATION_SECONDS, &labels, seconds, None);
    }

    /// A look for new entries took so long, and went well or not.
    pub fn refresh(&mut self, seconds: f64, well: bool) {
        self.registry.observe(&templates::METRICS_REFRESH_SECONDS, &[], seconds, None);
        // Without a zero before it the first failure is no increase.
        let failures = float(u64::from(!well));
        self.registry.add(&templates::METRICS_REFRESH_FAILURES_TOTAL, &[], failures, None);
    }

    /// These series, and those of the moment.
    pub fn at(&self, moment: &Moment, now: Timestamp) -> Registry {
        let mut registry = self.registry.clone();
        let mut set = |family: &Family, value: Option<f64>| {
            if let Some(value) = value {
                registry.set(family, &[], value, now);
            }
        };
        set(&templates::JOBS_RUNNING, moment.jobs_running.map(float));
        set(&templates::BUILDS_RUNNING, moment.builds_running.map(float));
        set(&templates::LOG_DISK_FREE_BYTES, moment.disk.map(|(free, _)| float(free)));
        set(&templates::LOG_DISK_SIZE_BYTES, moment.disk.map(|(_, size)| float(size)));
        set(&templates::LOG_DISK_BYTES, moment.stored.map(|(bytes, _)| float(bytes)));
        set(&templates::LOG_OLDEST_TIMESTAMP_SECONDS, moment.stored.and_then(|(_, oldest)| oldest));
        set(&templates::HTTP_STREAMS_OPEN, moment.streams.map(|(open, _)| float(open)));
        set(&templates::HTTP_STREAMS_MAX, moment.streams.map(|(_, most)| float(most)));
        set(&templates::LOG_JOURNAL_AGE_SECONDS, moment.journal_age);
        set(&templates::METRICS_CURSOR_AGE_SECONDS, moment.cursor_age);
        let refreshed = moment.refreshed.map(|well| float(u64::from(well)));
        set(&templates::METRICS_LAST_REFRESH_SUCCESSFUL, refreshed);
        if let Some(collector) = moment.collector {
            set(&templates::LOG_COLLECT_LAG_SECONDS, Some(collector.lag_seconds));
            set(&templates::LOG_RUNS_OPEN, Some(float(collector.runs)));
            set(&templates::LOG_RUNS_WITHOUT_SPACE, Some(float(collector.runs_without_space)));
        }
        if let Some(config) = moment.config {
            let successful = float(u64::from(config.successful));
            set(&templates::CONFIG_LAST_RELOAD_SUCCESSFUL, Some(successful));
            let in_use = float(u64::from(config.in_use));
            set(&templates::CONFIG_IN_USE, Some(in_use));
            let read = &templates::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS;
            set(read, Some(config.success_seconds));
        }
        if let Some(process) = moment.process {
            set(&templates::PROCESS_VIRTUAL_MEMORY_BYTES, Some(float(process.virtual_bytes)));
            set(&templates::PROCESS_MAX_FDS, process.max_fds.map(float));
            set(&templates::PROCESS_RESIDENT_MEMORY_BYTES, Some(float(process.resident_bytes)));
            set(&templates::PROCESS_OPEN_FDS, Some(float(process.open_fds)));
            set(&templates::PROCESS_START_TIME_SECONDS, Some(process.start_seconds));
            let cpu = &templates::PROCESS_CPU_SECONDS_TOTAL;
            registry.add(cpu, &[], process.cpu_seconds, None);
        }
        if let Some(collector) = moment.collector {
            for (queue, runs) in
                [("take_up", collector.runs_new), ("durable", collector.runs_unsynced)]
            {
                let labels = [("queue", queue)];
                registry.set(&templates::LOG_QUEUE_DEPTH, &labels, float(runs), now);
            }
            for (operation, errors) in
                [("write", collector.write_errors), ("sync", collector.sync_errors)]
            {
                let labels = [("operation", operation)];
                registry.add(&templates::LOG_STORAGE_ERRORS_TOTAL, &labels, float(errors), None);
            }
        }
        for Heard { job_label, job_type, age_seconds } in &moment.heard {
            let label = job_label.label();
            let labels = [("job_label", label.as_str()), ("job_type", job_type.as_str())];
            registry.set(&templates::JOB_HEARTBEAT_AGE_SECONDS, &labels, *age_seconds, now);
        }
        if let Some((hits, misses)) = moment.cache {
            for (result, count) in [("hit", hits), ("miss", misses)] {
                let labels = [("result", result)];
                registry.add(&templates::LOG_CACHE_REQUESTS_TOTAL, &labels, float(count), None);
            }
        }
        if let Some(saver) = &moment.saver {
            saver.tell(&mut registry, now);
        }
        registry
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes above 2^53 are shown rounded")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
