//! The catalogue: every name, type, unit, help text and allowed label, once.
//!
//! Names follow the naming rules of the Prometheus documentation (base units, unit last, `_total` for
//! counters). The four names marked *first* are older than those rules and stay as they are; where
//! they break them, a twin in base units stands beside them.

/// How the values of a family behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyType {
    /// Only ever goes up; starts at zero.
    Counter,
    /// Goes where it likes.
    Gauge,
    /// Observations counted in buckets.
    Histogram,
}

/// One metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Its full name.
    pub name: &'static str,
    /// How its values behave.
    pub kind: FamilyType,
    /// The unit of its values in one word; empty for a plain count or a state.
    pub unit: &'static str,
    /// One sentence for people, without a full stop.
    pub help: &'static str,
    /// The labels that it has by itself, in order.
    pub labels: &'static [&'static str],
    /// Whether labels that the configuration allows by name may be added.
    pub user_labels: bool,
}

const JOB: &[&str] = &["job_label", "job_type"];
const JOB_RESULT: &[&str] = &["job_label", "job_type", "result"];
const JOB_LEVEL: &[&str] = &["job_label", "level"];

macro_rules! catalogue {
    ($($(#[$doc:meta])* $id:ident: $kind:ident $name:literal $unit:literal $labels:ident $user:literal $help:literal;)*) => {
        $($(#[$doc])* pub const $id: Family = Family {
            name: $name,
            kind: FamilyType::$kind,
            unit: $unit,
            help: $help,
            labels: $labels,
            user_labels: $user,
        };)*
        /// Every family, in the order of its definition.
        pub const ALL: &[Family] = &[$($id),*];
    };
}

catalogue! {
    /// How long the run that ended last took. First.
    JOB_RUNTIME_SECONDS: Gauge "databuild_job_runtime_seconds" "seconds" JOB false
        "Time from launch to end of the job run that ended last";
    /// Peak memory of the run that ended last, in units of 2^20 bytes. First.
    JOB_MEMORY_PEAK_MB: Gauge "databuild_job_memory_peak_mb" "" JOB false
        "Peak memory of the process tree of the job run that ended last, in units of 2^20 bytes";
    /// The same in bytes.
    JOB_MEMORY_PEAK_BYTES: Gauge "databuild_job_memory_peak_bytes" "bytes" JOB false
        "Peak memory of the process tree of the job run that ended last";
    /// Processor time of all runs. First.
    JOB_CPU_TOTAL_SECONDS: Counter "databuild_job_cpu_total_seconds" "seconds" JOB false
        "Processor time of the process trees of all job runs";
    /// The same by the naming rules.
    JOB_CPU_SECONDS_TOTAL: Counter "databuild_job_cpu_seconds_total" "seconds" JOB false
        "Processor time of the process trees of all job runs";
    /// Rows, as jobs report them. First.
    ROWS_PROCESSED_TOTAL: Counter "databuild_rows_processed_total" "" JOB true
        "Rows that jobs reported as processed";
    /// Runs by how they ended.
    JOB_RUNS_TOTAL: Counter "databuild_job_runs_total" "" JOB_RESULT false
        "Job runs that ended, by how they ended";
    /// How long runs take.
    JOB_DURATION_SECONDS: Histogram "databuild_job_duration_seconds" "seconds" JOB_RESULT false
        "Time from launch to end of job runs";
    /// Log entries by level.
    LOG_ENTRIES_TOTAL: Counter "databuild_log_entries_total" "" JOB_LEVEL false
        "Log entries stored";
}

/// The names under which the wrapper reports its own measurements, and jobs their rows.
pub mod reported {
    /// Seconds from launch to end.
    pub const JOB_RUNTIME_SECONDS: &str = "job_runtime_seconds";
    /// Peak memory of the process tree in units of 2^20 bytes.
    pub const JOB_MEMORY_PEAK_MB: &str = "job_memory_peak_mb";
    /// Processor seconds of the process tree.
    pub const JOB_CPU_TOTAL_SECONDS: &str = "job_cpu_total_seconds";
    /// Rows that the job has processed.
    pub const ROWS_PROCESSED: &str = "rows_processed";
}

/// The family that a reported measurement belongs to, if the catalogue has one for it.
pub fn family_of(reported_name: &str) -> Option<Family> {
    match reported_name {
        reported::JOB_RUNTIME_SECONDS => Some(JOB_RUNTIME_SECONDS),
        reported::JOB_MEMORY_PEAK_MB => Some(JOB_MEMORY_PEAK_MB),
        reported::JOB_CPU_TOTAL_SECONDS => Some(JOB_CPU_TOTAL_SECONDS),
        reported::ROWS_PROCESSED => Some(ROWS_PROCESSED_TOTAL),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
