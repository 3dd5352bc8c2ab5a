//! `MetricsAggregator`: what job runs said becomes totals by job. It reads no file and keeps no
//! cursor; whoever feeds it keeps the cursor beside its state, so that both move together.

use crate::expose::cut;
use crate::guard::Budget;
use crate::metric_templates as templates;
use crate::metric_templates::{Family, FamilyType, reported};
use crate::registry::{Exemplar, Registry};
use databuild_model::bel::{BuildEnd, TaskEnd};
use databuild_model::cause::Cause;
use databuild_model::entry::MetricPoint;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Totals over all job runs that were told to it.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsAggregator {
    registry: Registry,
    reported_names: BTreeSet<String>,
    /// The values of each allowed label that have series of their own.
    label_values: BTreeMap<String, BTreeSet<String>>,
    allowed_labels: Vec<String>,
}

/// The run that something is told of.
#[derive(Debug, Clone, Copy)]
pub struct RunOf<'a> {
    /// The run; it only ever becomes an exemplar.
    pub job_run_id: &'a str,
    /// The job.
    pub job_label: &'a str,
    /// The kind of job.
    pub job_type: &'a str,
}

/// Entries of a run that became durable together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BatchOf {
    /// Log entries by level, in the order of [`Level::ALL`].
    pub level_counts: [u64; 6],
    /// Entries of any kind.
    pub entries: u64,
    /// Their size in the file.
    pub bytes: u64,
    /// Entries by size, in the order of the buckets of the family; the last ones are longer.
    pub size_counts: [u64; 8],
    /// How that came about; nothing if it is not known.
    pub synced: Option<SyncOf>,
}

/// How a batch became durable.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SyncOf {
    /// Seconds that the disk took.
    pub seconds: f64,
    /// Seconds from the first entry of the batch to its end.
    pub delay_seconds: f64,
}

/// What the record of a run that ended says of its whole log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordOf {
    /// Its size.
    pub bytes: u64,
    /// Lines that were not entries.
    pub malformed: u64,
    /// Jumps in the numbering.
    pub sequence_gaps: u64,
    /// Nothing is missing.
    pub complete: bool,
}

/// A gap in the log of a run, as a `gap` event tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapOf {
    /// What it came from.
    pub reason: GapReason,
    /// Entries that are missing, if their number is known.
    pub entries: Option<u64>,
    /// Bytes of the job's output that are missing, as far as is known.
    pub bytes: u64,
}

/// Why something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// Nobody was there to take it, or what was taken could not be read.
    Capture,
    /// There was no space, and the run was not to wait for it.
    DiskFull,
    /// The disk lost what was written.
    DiskError,
    /// Only so many lines a second were asked for.
    RateLimit,
}

impl GapReason {
    const ALL: [GapReason; 4] =
        [GapReason::Capture, GapReason::DiskFull, GapReason::DiskError, GapReason::RateLimit];

    fn as_str(self) -> &'static str {
        match self {
            GapReason::Capture => "capture",
            GapReason::DiskFull => "disk_full",
            GapReason::DiskError => "disk_error",
            GapReason::RateLimit => "rate_limit",
        }
    }
}

impl MetricsAggregator {
    /// An aggregator that has been told nothing. `allowed_labels` are the labels that jobs may add.
    pub fn new(budget: Budget, mut allowed_labels: Vec<String>) -> Self {
        // In one order whatever the configuration's, so that a series has one name.
        allowed_labels.sort_unstable();
        allowed_labels.dedup();
        MetricsAggregator {
            registry: Registry::new(budget),
            reported_names: BTreeSet::new(),
            label_values: BTreeMap::new(),
            allowed_labels,
        }
    }

    /// The series.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The series, to put back what was kept.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// The names of jobs' own measurements that have series of their own.
    pub fn reported_names(&self) -> impl Iterator<Item = &str> {
        self.reported_names.iter().map(String::as_str)
    }

    /// The labels and values that have series of their own.
    pub fn label_values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.label_values
            .iter()
            .flat_map(|(label, all)| all.iter().map(move |v| (label.as_str(), v.as_str())))
    }

    /// Puts back a name that was kept.
    pub fn restore_name(&mut self, name: &str) {
        self.reported_name(name);
    }

    /// Puts back a label's value that was kept.
    pub fn restore_label_value(&mut self, label: &str, value: &str) {
        self.label_values.entry(label.to_owned()).or_default().insert(value.to_owned());
    }

    /// A measurement of a run. Counters add up; gauges take the latest.
    pub fn ingest_metric(&mut self, run: RunOf<'_>, point: &MetricPoint, at: Timestamp) {
        let exemplar = exemplar(run, point.value, at);
        match point.name.as_str() {
            reported::JOB_RUNTIME_SECONDS => {
                self.gauge(run, &templates::JOB_RUNTIME_SECONDS, point.value, at);
            }
            reported::JOB_MEMORY_PEAK_MB => {
                self.gauge(run, &templates::JOB_MEMORY_PEAK_MB, point.value, at);
                // The wrapper tells thousandths of these units; a part of a byte is none.
                let bytes = (point.value * 1_048_576.0).round();
                self.gauge(run, &templates::JOB_MEMORY_PEAK_BYTES, bytes, at);
            }
            reported::JOB_CPU_TOTAL_SECONDS => {
                for family in [&templates::JOB_CPU_TOTAL_SECONDS, &templates::JOB_CPU_SECONDS_TOTAL]
                {
                    self.registry.add(family, &of_job(run), point.value, None);
                }
            }
            reported::ROWS_PROCESSED => {
                let family = &templates::ROWS_PROCESSED_TOTAL;
                let user = self.user_labels(run, family, point);
                let labels: Vec<_> = of_job(run).into_iter().chain(borrow(&user)).collect();
                self.registry.add(family, &labels, point.value, Some(exemplar));
            }
            name => self.ingest_reported(run, name, point, at),
        }
    }

    /// A measurement under a name of the job's own.
    fn ingest_reported(&mut self, run: RunOf<'_>, name: &str, point: &MetricPoint, at: Timestamp) {
        let counts = name.ends_with("_total") || point.unit == "count";
        let family = if counts { &templates::USER_POINTS_TOTAL } else { &templates::USER_VALUE };
        let user = self.user_labels(run, family, point);
        let name = self.reported_name(name);
        let [label, kind] = of_job(run);
        let labels: Vec<_> =
            [label, kind, ("name", name.as_str())].into_iter().chain(borrow(&user)).collect();
        match family.kind {
            FamilyType::Counter => self.registry.add(family, &labels, point.value, None),
            FamilyType::Gauge | FamilyType::Histogram => {
                self.registry.set(family, &labels, point.value, at);
            }
        }
    }

    /// A run ended.
    pub fn ingest_end(&mut self, run: RunOf<'_>, cause: Cause, seconds: f64, at: Timestamp) {
        let [label, kind] = of_job(run);
        let labels = [label, kind, ("result", result_word(cause))];
        let exemplar = exemplar(run, seconds, at);
        self.registry.add(&templates::JOB_RUNS_TOTAL, &labels, 1.0, Some(exemplar.clone()));
        self.registry.observe(&templates::JOB_DURATION_SECONDS, &labels, seconds, Some(exemplar));
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 stay exact to a microsecond"
        )]
        let now = at.as_nanos() as f64 / 1e9;
        self.gauge(run, &templates::JOB_LAST_COMPLETION_TIMESTAMP_SECONDS, now, at);
        if cause == Cause::Success {
            self.gauge(run, &templates::JOB_LAST_SUCCESS_TIMESTAMP_SECONDS, now, at);
        }
    }

    /// What the record of a run that ended at `at` says of its log.
    pub fn ingest_record(&mut self, run: RunOf<'_>, record: &RecordOf, at: Timestamp) {
        let counts = [
            (&templates::LOG_MALFORMED_LINES_TOTAL, record.malformed),
            (&templates::LOG_SEQUENCE_GAPS_TOTAL, record.sequence_gaps),
            (&templates::LOG_INCOMPLETE_RUNS_TOTAL, u64::from(!record.complete)),
        ];
        for (family, count) in counts {
            self.registry.add(family, &[], amount(count), None);
        }
        // Without a zero before it the first gap is no increase.
        GapReason::ALL.into_iter().for_each(|reason| self.drop_entries(reason, 0, 0));
        let bytes = amount(record.bytes);
        let exemplar = exemplar(run, bytes, at);
        self.registry.observe(&templates::JOB_LOG_BYTES, &of_job(run), bytes, Some(exemplar));
    }

    /// A run says that something of its log is missing.
    pub fn ingest_gap(&mut self, gap: &GapOf) {
        self.drop_entries(gap.reason, gap.entries.unwrap_or(1), gap.bytes);
    }

    fn drop_entries(&mut self, reason: GapReason, entries: u64, bytes: u64) {
        let labels = [("reason", reason.as_str())];
        let dropped = [
            (&templates::LOG_DROPPED_ENTRIES_TOTAL, entries),
            (&templates::LOG_DROPPED_BYTES_TOTAL, bytes),
        ];
        for (family, count) in dropped {
            self.registry.add(family, &labels, amount(count), None);
        }
    }

    /// A stretch of log is not there any more, and was not counted before it went.
    pub fn ingest_skipped(&mut self) {
        self.registry.count(&templates::METRICS_SKIPPED_STRETCHES_TOTAL, &[], 1.0);
    }

    /// A task of a build ended.
    pub fn ingest_task_end(&mut self, end: TaskEnd) {
        let result = match end {
            TaskEnd::Made => "success",
            TaskEnd::Delegated => "delegated",
            TaskEnd::Failed => "failure",
            TaskEnd::NotStarted => "skip",
            TaskEnd::Cancelled => "cancellation",
        };
        let all = ["success", "delegated", "failure", "skip", "cancellation"];
        self.count_result(&templates::TASKS_TOTAL, &all, result);
    }

    /// Without a zero before it the first failure is no increase.
    fn count_result(&mut self, family: &Family, all: &[&str], result: &str) {
        for one in all {
            let times = if *one == result { 1.0 } else { 0.0 };
            self.registry.add(family, &[("result", one)], times, None);
        }
    }

    /// Partitions were made, or were not although a run was to make them.
    pub fn ingest_partitions(&mut self, made: u64, failed: u64) {
        for (result, count) in [("success", made), ("failure", failed)] {
            let labels = [("result", result)];
            self.registry.add(&templates::PARTITIONS_TOTAL, &labels, amount(count), None);
        }
    }

    /// A build ended.
    pub fn ingest_build_end(&mut self, end: BuildEnd) {
        let result = match end {
            BuildEnd::Completed => "success",
            BuildEnd::Failed => "failure",
            BuildEnd::Cancelled => "cancellation",
            BuildEnd::Lost => "error",
        };
        let all = ["success", "failure", "cancellation", "error"];
        self.count_result(&templates::BUILDS_TOTAL, &all, result);
    }

    /// Entries of a run were stored.
    pub fn ingest_batch(&mut self, run: RunOf<'_>, batch: &BatchOf) {
        for (level, count) in Level::ALL.into_iter().zip(batch.level_counts) {
            if count != 0 {
                let labels = [("job_label", run.job_label), ("level", level.as_str())];
                self.registry.add(&templates::LOG_ENTRIES_TOTAL, &labels, amount(count), None);
            }
        }
        let registry = &mut self.registry;
        registry.add(&templates::LOG_BYTES_WRITTEN_TOTAL, &[], amount(batch.bytes), None);
        registry.count(&templates::LOG_BATCHES_TOTAL, &[], 1.0);
        registry.observe(&templates::LOG_BATCH_ENTRIES, &[], amount(batch.entries), None);
        registry.observe(&templates::LOG_BATCH_BYTES, &[], amount(batch.bytes), None);
        if batch.size_counts.iter().any(|count| *count != 0) {
            let sum = amount(batch.bytes);
            registry.observe_counts(&templates::LOG_ENTRY_BYTES, &[], &batch.size_counts, sum);
        }
        if let Some(sync) = batch.synced {
            let delay = sync.delay_seconds.max(0.0);
            registry.observe(&templates::LOG_SYNC_SECONDS, &[], sync.seconds, None);
            registry.observe(&templates::LOG_DURABLE_DELAY_SECONDS, &[], delay, None);
        }
    }

    fn gauge(&mut self, run: RunOf<'_>, family: &Family, value: f64, at: Timestamp) {
        self.registry.set(family, &of_job(run), value, at);
    }

    /// The labels of `point` that are allowed, in the order of the configuration; the others are
    /// counted.
    fn user_labels(
        &mut self,
        run: RunOf<'_>,
        family: &Family,
        point: &MetricPoint,
    ) -> Vec<(String, String)> {
        let mut dropped = 0;
        for (name, _) in point.labels.iter() {
            if !self.allowed_labels.iter().any(|allowed| allowed == name) {
                self.registry.guard_mut().blame_label(family, run.job_label, name);
                dropped += 1;
            }
        }
        if dropped != 0 {
            let labels = [("family", family.name)];
            let dropped = amount(dropped);
            self.registry.count(&templates::METRIC_LABELS_DROPPED_TOTAL, &labels, dropped);
        }
        let mut kept = Vec::new();
        for name in &self.allowed_labels {
            let Some(value) = point.labels.get(name) else { continue };
            let value = cut(value);
            let known = self.label_values.entry(name.clone()).or_default();
            let fits = known.contains(value) || known.len() < crate::limits::LABEL_VALUES_MAX;
            if fits && !known.contains(value) {
                known.insert(value.to_owned());
            }
            if !fits {
                self.registry.guard_mut().blame_label(family, run.job_label, name);
                let labels = [("family", family.name)];
                self.registry.count(&templates::METRIC_OVERFLOW_TOTAL, &labels, 1.0);
            }
            let value = if fits { value } else { crate::registry::OTHER };
            kept.push((name.clone(), value.to_owned()));
        }
        kept
    }

    /// The name, or `__other__` when there are too many already.
    fn reported_name(&mut self, name: &str) -> String {
        let name = cut(name);
        if self.reported_names.contains(name) {
            return name.to_owned();
        }
        if self.reported_names.len() < crate::limits::REPORTED_NAMES_MAX {
            self.reported_names.insert(name.to_owned());
            return name.to_owned();
        }
        crate::registry::OTHER.to_owned()
    }
}

#[expect(clippy::cast_precision_loss, reason = "nothing is stored 2^53 times at once")]
fn amount(count: u64) -> f64 {
    count as f64
}

fn of_job(run: RunOf<'_>) -> [(&'static str, &str); 2] {
    [("job_label", run.job_label), ("job_type", run.job_type)]
}

fn borrow(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn exemplar(run: RunOf<'_>, value: f64, at: Timestamp) -> Exemplar {
    Exemplar { job_run_id: run.job_run_id.to_owned(), value, at_nanos: at.as_nanos() }
}

/// The result words of the OpenTelemetry conventions for pipelines.
fn result_word(cause: Cause) -> &'static str {
    match cause {
        Cause::Success => "success",
        Cause::Exit | Cause::Signal | Cause::Oom => "failure",
        Cause::Timeout => "timeout",
        Cause::Cancelled => "cancellation",
        Cause::LaunchFailed | Cause::ConfigInvalid | Cause::WrapperLost => "error",
    }
}

#[cfg(test)]
mod tests;
