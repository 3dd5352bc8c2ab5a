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
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// Upper bounds of the buckets of a histogram, in its unit, rising; the bucket without a bound is
    /// not among them. Empty for other types.
    pub buckets: &'static [f64],
}

const NONE: &[&str] = &[];
const JOB: &[&str] = &["job_label", "job_type"];
const JOB_RESULT: &[&str] = &["job_label", "job_type", "result"];
const JOB_NAME: &[&str] = &["job_label", "job_type", "name"];
const JOB_LEVEL: &[&str] = &["job_label", "level"];
const RESULT: &[&str] = &["result"];
const REASON: &[&str] = &["reason"];
const FAMILY: &[&str] = &["family"];
const BUILD: &[&str] = &["version"];
const QUEUE: &[&str] = &["queue"];
const OPERATION: &[&str] = &["operation"];
const HTTP: &[&str] = &["route", "code"];
const PIPELINE: &[&str] = &["pipeline"];
const PIPELINE_STAGE: &[&str] = &["pipeline", "stage"];
const PIPELINE_STATE: &[&str] = &["pipeline", "state"];

/// From a job of milliseconds to one of hours.
const JOB_SECONDS: &[f64] = &[
    0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10_800.0, 43_200.0, 86_400.0,
];
/// What a disk or an answer takes: a millisecond when it is well, seconds when it is not.
const SHORT_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Around the second within which entries are durable.
const DELAY_SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 15.0, 60.0];
/// From a run that says a line to one that says ten gigabytes.
const RUN_BYTES: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
/// From a line to the most that is read at once, several times.
const BATCH_BYTES: &[f64] = &[256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0];
/// From less than an entry can be to more than a line of a job that is cut in pieces. The collector counts
/// by the same sizes.
const ENTRY_BYTES: &[f64] = &[256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0];
/// From one entry to what a busy job says in a second.
const BATCH_ENTRIES: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 65_536.0];

macro_rules! catalogue {
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
    ($($(#[$doc:meta])* $id:ident: $kind:ident $(($buckets:ident))? $name:literal $unit:literal $labels:ident $user:literal $help:literal;)*) => {
        $($(#[$doc])* pub const $id: Family = Family {
            name: $name,
            kind: FamilyType::$kind,
            unit: $unit,
            help: $help,
            labels: $labels,
            user_labels: $user,
            buckets: catalogue!(@buckets $($buckets)?),
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
    /// Other measurements that only grow.
    USER_POINTS_TOTAL: Counter "databuild_job_reported_total" "" JOB_NAME true
        "Amounts that jobs reported under names of their own ending in _total, added up";
    /// Other measurements.
    USER_VALUE: Gauge "databuild_job_reported_value" "" JOB_NAME true
        "Values that jobs reported under names of their own, from the run that ended last";
    /// Runs by how they ended.
    JOB_RUNS_TOTAL: Counter "databuild_job_runs_total" "" JOB_RESULT false
        "Job runs that ended, by how they ended";
    /// How long runs take.
    JOB_DURATION_SECONDS: Histogram(JOB_SECONDS) "databuild_job_duration_seconds" "seconds" JOB_RESULT false
        "Time from launch to end of job runs";
    /// How much runs say.
    JOB_LOG_BYTES: Histogram(RUN_BYTES) "databuild_job_log_bytes" "bytes" JOB false
        "Size of the log of job runs that ended";
    /// When a job last ended well.
    JOB_LAST_SUCCESS_TIMESTAMP_SECONDS: Gauge "databuild_job_last_success_timestamp_seconds" "seconds" JOB false
        "When a run of the job last ended with success, in seconds since 1970";
    /// When a job last ended at all.
    JOB_LAST_COMPLETION_TIMESTAMP_SECONDS: Gauge "databuild_job_last_completion_timestamp_seconds" "seconds" JOB false
        "When a run of the job last ended, in seconds since 1970";
    /// Runs that say nothing, not even that they live.
    JOB_HEARTBEAT_AGE_SECONDS: Gauge "databuild_job_heartbeat_age_seconds" "seconds" JOB false
        "Time since a job run under way was heard of last; of several runs of a job the longest. Heartbeats come twice a minute";
    /// Runs under way.
    JOBS_RUNNING: Gauge "databuild_jobs_running" "" NONE false
        "Job runs under way";
    /// Builds under way.
    BUILDS_RUNNING: Gauge "databuild_builds_running" "" NONE false
        "Builds under way";
    /// Builds by how they ended.
    BUILDS_TOTAL: Counter "databuild_builds_total" "" RESULT false
        "Builds that ended, by how they ended";
    /// Tasks of builds by how they ended.
    TASKS_TOTAL: Counter "databuild_tasks_total" "" RESULT false
        "Tasks of builds that ended, by how they ended; delegated: another build made it, skip: not started";
    /// Partitions by what became of them.
    PARTITIONS_TOTAL: Counter "databuild_partitions_total" "" RESULT false
        "Partitions that job runs made, and that they were to make and did not";
    /// Log entries by level.
    LOG_ENTRIES_TOTAL: Counter "databuild_log_entries_total" "" JOB_LEVEL false
        "Log entries stored";
    /// Bytes of run files.
    LOG_BYTES_WRITTEN_TOTAL: Counter "databuild_log_written_bytes_total" "bytes" NONE false
        "Bytes of entries stored";
    /// Lines that were not entries.
    LOG_MALFORMED_LINES_TOTAL: Counter "databuild_log_malformed_lines_total" "" NONE false
        "Lines from wrappers that were not entries and are kept as text";
    /// Jumps in the numbering of a run.
    LOG_SEQUENCE_GAPS_TOTAL: Counter "databuild_log_sequence_gaps_total" "" NONE false
        "Times that an entry's sequence number was not the one after the one before";
    /// What never came into a log.
    LOG_DROPPED_ENTRIES_TOTAL: Counter "databuild_log_dropped_entries_total" "" REASON false
        "Entries missing from logs, as gap events tell; a gap of which nobody knows how many counts as one";
    /// The same in bytes.
    LOG_DROPPED_BYTES_TOTAL: Counter "databuild_log_dropped_bytes_total" "bytes" REASON false
        "Bytes of the output of jobs missing from logs, as far as gap events know how many";
    /// Runs whose record is not whole.
    LOG_INCOMPLETE_RUNS_TOTAL: Counter "databuild_log_incomplete_runs_total" "" NONE false
        "Job runs whose record says that something is missing";
    /// How often entries reach the disk.
    LOG_BATCHES_TOTAL: Counter "databuild_log_batches_total" "" NONE false
        "Batches of entries made durable";
    /// How large batches are.
    LOG_BATCH_ENTRIES: Histogram(BATCH_ENTRIES) "databuild_log_batch_entries" "" NONE false
        "Entries of a run that were made durable together";
    /// The same in bytes.
    LOG_BATCH_BYTES: Histogram(BATCH_BYTES) "databuild_log_batch_bytes" "bytes" NONE false
        "Size of the entries of a run that were made durable together";
    /// How long entries are.
    LOG_ENTRY_BYTES: Histogram(ENTRY_BYTES) "databuild_log_entry_bytes" "bytes" NONE false
        "Size of an entry as it is stored, with its line feed";
    /// How fast the disk is.
    LOG_SYNC_SECONDS: Histogram(SHORT_SECONDS) "databuild_log_sync_seconds" "seconds" NONE false
        "Time that the disk took to make a batch durable (fsync), from the moment it was asked";
    /// What a power cut could take.
    LOG_DURABLE_DELAY_SECONDS: Histogram(DELAY_SECONDS) "databuild_log_durable_delay_seconds" "seconds" NONE false
        "Time from the first entry of a batch to the moment it was durable";
    /// The same of what is not durable yet.
    LOG_COLLECT_LAG_SECONDS: Gauge "databuild_log_collect_lag_seconds" "seconds" NONE false
        "Time that the oldest entry that this process has taken is waiting to be durable";
    /// Runs that this process writes.
    LOG_RUNS_OPEN: Gauge "databuild_log_runs_open" "" NONE false
        "Job runs whose log this process collects";
    /// What is between a job and the disk.
    LOG_QUEUE_DEPTH: Gauge "databuild_log_queue_depth" "" QUEUE false
        "Job runs of this process that wait to be taken up, or to be made durable";
    /// Jobs that stand still.
    LOG_RUNS_WITHOUT_SPACE: Gauge "databuild_log_runs_without_space" "" NONE false
        "Job runs of this process that stand still because their log finds no space on the disk";
    /// A disk that fails.
    LOG_STORAGE_ERRORS_TOTAL: Counter "databuild_log_storage_errors_total" "" OPERATION false
        "Logs that this process could not write or make durable, since it started";
    /// How much is stored.
    LOG_DISK_BYTES: Gauge "databuild_log_disk_bytes" "bytes" NONE false
        "Size of all files of the log store, looked at about once a minute; without the spools of runs under way";
    /// How far back it goes.
    LOG_OLDEST_TIMESTAMP_SECONDS: Gauge "databuild_log_oldest_timestamp_seconds" "seconds" NONE false
        "Time of the oldest entry that is stored, in seconds since 1970";
    /// How often an index had to be read.
    LOG_CACHE_REQUESTS_TOTAL: Counter "databuild_log_cache_requests_total" "" RESULT false
        "Questions to this process that needed what is known of a run: it was kept in memory (hit), or had to be read (miss)";
    /// Room for logs.
    LOG_DISK_FREE_BYTES: Gauge "databuild_log_disk_free_bytes" "bytes" NONE false
        "Free bytes of the file system that logs are on";
    /// Size of that room.
    LOG_DISK_SIZE_BYTES: Gauge "databuild_log_disk_size_bytes" "bytes" NONE false
        "Size of the file system that logs are on";
    /// How old what we know of the store is.
    LOG_JOURNAL_AGE_SECONDS: Gauge "databuild_log_journal_age_seconds" "seconds" NONE false
        "Time since the newest entry that these metrics know was written";
    /// How far the aggregator is behind the store.
    METRICS_CURSOR_AGE_SECONDS: Gauge "databuild_metrics_cursor_age_seconds" "seconds" NONE false
        "Time since these metrics knew all that was stored";
    /// Whether the last look at the store went well.
    METRICS_LAST_REFRESH_SUCCESSFUL: Gauge "databuild_metrics_last_refresh_successful" "" NONE false
        "Whether the last look for new entries went well: 1 or 0";
    /// Looks at the store.
    METRICS_REFRESH_SECONDS: Histogram(SHORT_SECONDS) "databuild_metrics_refresh_seconds" "seconds" NONE false
        "Time that a look for new entries took";
    /// Looks that failed.
    METRICS_REFRESH_FAILURES_TOTAL: Counter "databuild_metrics_refresh_failures_total" "" NONE false
        "Looks for new entries that failed";
    /// Stretches that were gone.
    METRICS_SKIPPED_STRETCHES_TOTAL: Counter "databuild_metrics_skipped_stretches_total" "" NONE false
        "Stretches of log whose files were gone before they were counted";
    /// Series by family.
    METRIC_SERIES: Gauge "databuild_metric_series" "" FAMILY false
        "Series of a family";
    /// Series folded away.
    METRIC_OVERFLOW_TOTAL: Counter "databuild_metric_overflow_total" "" FAMILY false
        "Values that went to the __other__ series because the family's budget is spent";
    /// Labels dropped.
    METRIC_LABELS_DROPPED_TOTAL: Counter "databuild_metric_labels_dropped_total" "" FAMILY false
        "Labels that jobs gave and the configuration does not allow";
    /// Points refused.
    METRIC_POINTS_REJECTED_TOTAL: Counter "databuild_metric_points_rejected_total" "" REASON false
        "Measurements that cannot be counted: not finite, or negative where a value only grows";
    /// Requests.
    HTTP_REQUESTS_TOTAL: Counter "databuild_http_requests_total" "" HTTP false
        "Requests answered";
    /// How long requests take.
    HTTP_REQUEST_DURATION_SECONDS: Histogram(SHORT_SECONDS) "databuild_http_request_duration_seconds" "seconds" HTTP false
        "Time from a request's head to the head of its answer";
    /// Who follows logs.
    HTTP_STREAMS_OPEN: Gauge "databuild_http_streams_open" "" NONE false
        "Answers under way that follow a log";
    /// How many may.
    HTTP_STREAMS_MAX: Gauge "databuild_http_streams_max" "" NONE false
        "Answers that may follow a log at the same time; more are refused";
    /// Whether the configuration that runs is the one that stands in the file.
    CONFIG_LAST_RELOAD_SUCCESSFUL: Gauge "databuild_config_last_reload_successful" "" NONE false
        "Whether the configuration, as the project file has it now, could be used: 1 or 0";
    /// Whether a start would change something.
    CONFIG_IN_USE: Gauge "databuild_config_in_use" "" NONE false
        "Whether all that the project files say is in use: 1 or 0; the check of the configuration at /readyz?verbose says what puts it into use";
    /// How old the configuration that runs is.
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS: Gauge "databuild_config_last_reload_success_timestamp_seconds" "seconds" NONE false
        "When the configuration that is in use was read, in seconds since 1970";
    /// Events of a pipeline, on their way.
    SAVER_EVENTS_TOTAL: Counter "databuild_saver_events_total" "" PIPELINE_STAGE false
        "Events that came to a pipeline (in), that it delivered (out), and that it set aside (rejected)";
    /// How far a pipeline is behind.
    SAVER_LAG_SECONDS: Gauge "databuild_saver_lag_seconds" "seconds" PIPELINE false
        "Time since the oldest event that a pipeline has not delivered was stored; 0 if there is none";
    /// What a pipeline holds.
    SAVER_QUEUE_BYTES: Gauge "databuild_saver_queue_bytes" "bytes" PIPELINE false
        "Bytes of events that a pipeline has taken and not delivered";
    /// What went wrong in a pipeline.
    SAVER_ERRORS_TOTAL: Counter "databuild_saver_errors_total" "" PIPELINE false
        "Attempts of a pipeline to deliver, to make durable or to roll that failed; most are made again";
    /// What a pipeline does.
    SAVER_STATE: Gauge "databuild_saver_state" "" PIPELINE_STATE false
        "State of a pipeline: 1 for the one that it is in, 0 for the others";
    /// Events out of order.
    SAVER_LATE_EVENTS_TOTAL: Counter "databuild_saver_late_events_total" "" PIPELINE false
        "Events that came after the order window had passed them, and were delivered out of order";
    /// Events that were gone.
    SAVER_MISSING_EVENTS_TOTAL: Counter "databuild_saver_missing_events_total" "" PIPELINE false
        "Events that were gone from the store before a pipeline could read them";
    /// Files that somebody else changed.
    SAVER_LOST_FILES_TOTAL: Counter "databuild_saver_lost_files_total" "" PIPELINE false
        "Files of a pipeline of which somebody else removed something that was written";
    /// Files that were finished.
    SAVER_ROTATIONS_TOTAL: Counter "databuild_saver_rotations_total" "" PIPELINE false
        "Files that a pipeline finished by rolling";
    /// Events that could not be delivered at all.
    SAVER_DEAD_LETTERS_TOTAL: Counter "databuild_saver_dead_letters_total" "" PIPELINE false
        "Events that a pipeline gave up and put into its dead-letter file";
    /// What would be done again after a crash.
    SAVER_CHECKPOINT_AGE_SECONDS: Gauge "databuild_saver_checkpoint_age_seconds" "seconds" PIPELINE false
        "Time since a pipeline last made durable how far it has come";
    /// What this is.
    BUILD_INFO: Gauge "databuild_build_info" "" BUILD false
        "Always 1; the label tells the version of the program";
    /// Processor time of the service.
    PROCESS_CPU_SECONDS_TOTAL: Counter "process_cpu_seconds_total" "seconds" NONE false
        "Processor time of this process";
    /// Memory of the service.
    PROCESS_RESIDENT_MEMORY_BYTES: Gauge "process_resident_memory_bytes" "bytes" NONE false
        "Resident memory of this process";
    /// Address space of the service.
    PROCESS_VIRTUAL_MEMORY_BYTES: Gauge "process_virtual_memory_bytes" "bytes" NONE false
        "Address space of this process";
    /// Open files of the service.
    PROCESS_OPEN_FDS: Gauge "process_open_fds" "" NONE false
        "Open file descriptors of this process";
    /// How many it may have.
    PROCESS_MAX_FDS: Gauge "process_max_fds" "" NONE false
        "Open file descriptors that this process may have";
    /// When the service started.
    PROCESS_START_TIME_SECONDS: Gauge "process_start_time_seconds" "seconds" NONE false
        "When this process started, in seconds since 1970";
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

/// The family with this name.
pub fn find(name: &str) -> Option<&'static Family> {
    ALL.iter().find(|family| family.name == name)
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
