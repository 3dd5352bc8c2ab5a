//! `MetricsAggregator`: what job runs said becomes totals by job. It reads no file and keeps no
//! cursor; whoever feeds it keeps the cursor beside its state, so that both move together.

use crate::guard::Budget;
use crate::metric_templates as templates;
use crate::metric_templates::{Family, FamilyType, reported};
use crate::registry::{Exemplar, Registry};
use databuild_model::cause::Cause;
use databuild_model::entry::MetricPoint;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Totals over all job runs that were told to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricsAggregator {
    registry: Registry,
    reported_names: BTreeSet<String>,
    #[serde(skip)]
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

impl MetricsAggregator {
    /// An aggregator that has been told nothing. `allowed_labels` are the labels that jobs may add.
    pub fn new(budget: Budget, allowed_labels: Vec<String>) -> Self {
        let reported_names = BTreeSet::new();
        MetricsAggregator { registry: Registry::new(budget), reported_names, allowed_labels }
    }

    /// Goes on with a state that was kept, under the labels that are allowed now.
    pub fn allow_labels(&mut self, allowed_labels: Vec<String>) {
        self.allowed_labels = allowed_labels;
    }

    /// The series.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The series, for what is measured outside job runs.
    pub fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
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
                let bytes = point.value * 1_048_576.0;
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

    /// Entries of a run were stored; `level_counts` in the order of [`Level::ALL`].
    pub fn ingest_entries(&mut self, run: RunOf<'_>, level_counts: &[u64; 6], bytes: u64) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a batch has far fewer than 2^53 of anything"
        )]
        let amount = |count: u64| count as f64;
        for (level, &count) in Level::ALL.into_iter().zip(level_counts) {
            if count != 0 {
                let labels = [("job_label", run.job_label), ("level", level.as_str())];
                self.registry.add(&templates::LOG_ENTRIES_TOTAL, &labels, amount(count), None);
            }
        }
        self.registry.add(&templates::LOG_BYTES_WRITTEN_TOTAL, &[], amount(bytes), None);
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
        for (name, _) in point.labels.iter() {
            if !self.allowed_labels.iter().any(|allowed| allowed == name) {
                self.registry.guard_mut().blame_label(family, run.job_label, name);
                let labels = [("family", family.name)];
                self.registry.count(&templates::METRIC_LABELS_DROPPED_TOTAL, &labels);
            }
        }
        let value = |name: &String| Some((name.clone(), point.labels.get(name)?.to_owned()));
        self.allowed_labels.iter().filter_map(value).collect()
    }

    /// The name, or `__other__` when there are too many already.
    fn reported_name(&mut self, name: &str) -> String {
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
