//! What a person must act on: the question to Prometheus, how long it has to hold, and what to say.
//! Each has a page in [`super::RUNBOOKS`] under its name.

mod saver;

use super::promql::{INSTANCE, Query, SCRAPE_JOB, Series, Window};
use crate::metric_templates as templates;

/// Statuses that are no fault of the caller.
const SERVER_ERRORS: &str = "5..";

/// How soon somebody has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Now.
    Critical,
    /// Today.
    Warning,
}

impl Severity {
    /// The value of the label `severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
        }
    }
}

/// One alert.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its name, which is that of its page, too.
    pub name: &'static str,
    /// How soon somebody has to look.
    pub severity: Severity,
    /// How long the question has to have an answer first, as Prometheus writes periods.
    pub lasts: &'static str,
    /// One line for the phone; may hold templates of Prometheus.
    pub summary: &'static str,
    /// What it means, in a sentence or two.
    pub description: &'static str,
    query: Query,
}

impl Alert {
    /// The question; an answer means that something is wrong.
    pub fn expr(&self) -> &str {
        self.query.text()
    }

    /// What the question asks for that the catalogue does not have.
    pub fn problems(&self) -> &[String] {
        self.query.problems()
    }
}

/// Every alert.
pub fn alerts() -> Vec<Alert> {
    vec![
        down(),
        restarting(),
        job_failing(),
        job_stale(),
        job_silent(),
        log_incomplete(),
        logs_dropped(),
        log_gaps(),
        log_disk_filling(),
        log_blocked(),
        log_lagging(),
        log_sync_slow(),
        log_storage_failing(),
        metrics_stuck(),
        http_errors(),
        files_running_out(),
        cardinality(),
        saver::lagging(),
        saver::pipeline_stopped(),
        saver::late_events(),
        saver::dead_letters(),
        saver::gaps(),
        saver::config_reload_failed(),
    ]
}

fn down() -> Alert {
    // A target that Prometheus no longer knows is down, too.
    let scraped = Query::plain(&format!("up{{{SCRAPE_JOB}}}"));
    let none = Query::plain(&format!("absent(up{{{SCRAPE_JOB}}})"));
    Alert {
        name: "DatabuildDown",
        severity: Severity::Critical,
        lasts: "5m",
        summary: "DataBuild's service does not answer",
        description: "Prometheus has had no answer from {{ $labels.instance }} for five minutes. Builds from \
                      the command line go on; the REST service and its numbers do not.",
        query: scraped.with("==", Query::plain("0")).with("or", none),
    }
}

fn restarting() -> Alert {
    Alert {
        name: "DatabuildRestarting",
        severity: Severity::Warning,
        lasts: "0m",
        summary: "DataBuild's service on {{ $labels.instance }} starts again and again",
        description: "It started {{ $value }} times within an hour. What follows logs over HTTP was cut off each \
                      time.",
        query: Series::of(templates::PROCESS_START_TIME_SECONDS)
            .changes(Window::Of("1h"))
            .with(">", Query::plain("3")),
    }
}

/// Counters would miss the first failure of a job: they have no value before it.
pub(super) fn last_run_failed(choose: fn(templates::Family) -> Series) -> Query {
    let ended = || choose(templates::JOB_LAST_COMPLETION_TIMESTAMP_SECONDS).value();
    let good = || choose(templates::JOB_LAST_SUCCESS_TIMESTAMP_SECONDS).value();
    ended().with(">", good()).with("or", ended().with("unless", good()))
}

fn job_failing() -> Alert {
    Alert {
        name: "DatabuildJobFailing",
        severity: Severity::Warning,
        lasts: "5m",
        summary: "The last run of {{ $labels.job_label }} did not end with success",
        description: "Job {{ $labels.job_label }} has ended otherwise for five minutes or more, and no run since \
                      then has made it good. What depends on its partitions is not built.",
        query: last_run_failed(Series::of),
    }
}

/// How old the last success of each job is.
pub(super) fn success_age(choose: fn(templates::Family) -> Series) -> Query {
    let good = choose(templates::JOB_LAST_SUCCESS_TIMESTAMP_SECONDS).value();
    Query::plain("time()").with("-", good)
}

/// Nothing tells how often a job is meant to run; what it did in the week before tells it. So a job
/// that somebody runs once in a while is never stale, and one that was retired is forgotten.
fn job_stale() -> Alert {
    let day = Query::plain("86400");
    let in_time = success_age(Series::of).with("< bool", day);
    // Asked every six hours: 28 times, of which a daily job has all, and one with a backfill on two
    // days not twelve.
    let habit =
        in_time.over_time("sum_over_time", "[7d:6h] offset 2d").with(">=", Query::plain("12"));
    Alert {
        name: "DatabuildJobStale",
        severity: Severity::Warning,
        lasts: "15m",
        summary: "{{ $labels.job_label }} has not ended with success for {{ $value | humanizeDuration }}",
        description: "In the week before, job {{ $labels.job_label }} did so about daily. Either it fails, or \
                      nothing starts it any more.",
        query: success_age(Series::of).with(">", Query::plain("172800")).with("and", habit),
    }
}

fn job_silent() -> Alert {
    Alert {
        name: "DatabuildJobSilent",
        severity: Severity::Warning,
        lasts: "5m",
        summary: "A run of {{ $labels.job_label }} was not heard of for {{ $value | humanizeDuration }}",
        description: "It is under way, and not even its wrapper gives a sign of life, which it does twice a minute. \
                      It hangs with it, or what it says does not get into the store.",
        query: Series::of(templates::JOB_HEARTBEAT_AGE_SECONDS)
            .value()
            .with(">", Query::plain("300")),
    }
}

fn log_incomplete() -> Alert {
    Alert {
        name: "DatabuildLogIncomplete",
        severity: Severity::Warning,
        lasts: "0m",
        summary: "Logs of job runs are not whole",
        description: "In the last hour, {{ $value | humanize }} job runs on {{ $labels.instance }} ended with a \
                      record that says that something is missing.",
        query: Series::of(templates::LOG_INCOMPLETE_RUNS_TOTAL)
            .increase(Window::Of("1h"))
            .with(">", Query::plain("0")),
    }
}

/// What a job's configuration asks to leave out is no accident.
fn logs_dropped() -> Alert {
    Alert {
        name: "DatabuildLogsDropped",
        severity: Severity::Critical,
        lasts: "0m",
        summary: "What jobs say gets lost on {{ $labels.instance }}: {{ $labels.reason }}",
        description: "In the last hour, about {{ $value | humanize }} entries or more did not get into the logs \
                      of runs. Each log says where something is missing.",
        query: Series::of(templates::LOG_DROPPED_ENTRIES_TOTAL)
            .not("reason", "rate_limit")
            .increase(Window::Of("1h"))
            .with(">", Query::plain("0")),
    }
}

fn log_gaps() -> Alert {
    let grew = |family| Series::of(family).increase(Window::Of("1h"));
    let wrong = grew(templates::LOG_SEQUENCE_GAPS_TOTAL)
        .with("+", grew(templates::LOG_MALFORMED_LINES_TOTAL));
    Alert {
        name: "DatabuildLogGaps",
        severity: Severity::Warning,
        lasts: "0m",
        summary: "Logs on {{ $labels.instance }} have gaps, or lines that are no entries",
        description: "In the last hour that was so about {{ $value | humanize }} times. Wrappers do not write \
                      such logs: something else writes into their pipe, or they are of another version.",
        query: wrong.with(">", Query::plain("0")),
    }
}

fn log_blocked() -> Alert {
    Alert {
        name: "DatabuildLogBlocked",
        severity: Severity::Critical,
        lasts: "1m",
        summary: "{{ $value }} job runs on {{ $labels.instance }} stand still: no space for their logs",
        description: "They go on by themselves within seconds of there being space. Nothing is lost until then.",
        query: Series::of(templates::LOG_RUNS_WITHOUT_SPACE).value().with(">", Query::plain("0")),
    }
}

fn log_lagging() -> Alert {
    Alert {
        name: "DatabuildLogLagging",
        severity: Severity::Critical,
        lasts: "2m",
        summary: "Log entries on {{ $labels.instance }} wait for the disk since {{ $value | humanizeDuration }}",
        description: "They should be durable within a second. What is waiting would not survive a power cut, \
                      and jobs stand still when it gets too much.",
        query: Series::of(templates::LOG_COLLECT_LAG_SECONDS).value().with(">", Query::plain("15")),
    }
}

fn log_sync_slow() -> Alert {
    Alert {
        name: "DatabuildLogSyncSlow",
        severity: Severity::Warning,
        lasts: "15m",
        summary: "The disk of the logs of {{ $labels.instance }} is slow",
        description: "One batch of entries in ten takes it {{ $value | humanizeDuration }} or more. Ends of runs \
                      are told that much later, and entries are not durable within the second.",
        query: Series::of(templates::LOG_SYNC_SECONDS)
            .quantile("0.9", &[INSTANCE], Window::Of("15m"))
            .with(">", Query::plain("1")),
    }
}

fn log_storage_failing() -> Alert {
    Alert {
        name: "DatabuildLogStorageFailing",
        severity: Severity::Critical,
        lasts: "0m",
        summary: "The disk of the logs of {{ $labels.instance }} fails: {{ $labels.operation }}",
        description: "In the last hour that happened {{ $value | humanize }} times. The logs of those runs end \
                      there.",
        query: Series::of(templates::LOG_STORAGE_ERRORS_TOTAL)
            .increase(Window::Of("1h"))
            .with(">", Query::plain("0")),
    }
}

/// The free part of the file system of the logs.
fn disk_free() -> Query {
    let free = Series::of(templates::LOG_DISK_FREE_BYTES).value();
    free.with("/", Series::of(templates::LOG_DISK_SIZE_BYTES).value())
}

/// A large disk is not filling at 20 % free, and a small one may be full within the hour at 30 %: so
/// the pace counts, and the level only when it is really low.
fn log_disk_filling() -> Alert {
    let below = |part| disk_free().with("<", Query::plain(part));
    let pace = Series::of(templates::LOG_DISK_FREE_BYTES).predict(Window::Of("6h"), 14_400);
    let soon = below("0.3").with("and", pace.with("<", Query::plain("0")));
    Alert {
        name: "DatabuildLogDiskFilling",
        severity: Severity::Critical,
        lasts: "10m",
        summary: "{{ $value | humanizePercentage }} of the disk of the logs of {{ $labels.instance }} is free",
        description: "It is nearly full, or will be within four hours at the pace of the last six. Jobs wait \
                      while their logs cannot be written.",
        query: below("0.05").with("or", soon),
    }
}

fn metrics_stuck() -> Alert {
    let behind = Series::of(templates::METRICS_CURSOR_AGE_SECONDS).value();
    // A service that never got through has no age.
    let never = Series::of(templates::METRICS_LAST_REFRESH_SUCCESSFUL).value();
    let never = never.with("==", Query::plain("0"));
    Alert {
        name: "DatabuildMetricsStuck",
        severity: Severity::Warning,
        lasts: "5m",
        summary: "Metrics of jobs on {{ $labels.instance }} are not up to date",
        description: "The service answers, but has not got through what is stored. Other alerts about jobs say \
                      how things were then.",
        query: behind.with(">", Query::plain("300")).with("or", never),
    }
}

/// The part of the answers that say that the fault is ours.
pub(super) fn error_ratio(choose: fn(templates::Family) -> Series, window: Window) -> Query {
    let requests = || choose(templates::HTTP_REQUESTS_TOTAL);
    let errors = requests().like("code", SERVER_ERRORS).rate(window).by("sum", &[INSTANCE]);
    errors.with("/", requests().rate(window).by("sum", &[INSTANCE]))
}

fn http_errors() -> Alert {
    Alert {
        name: "DatabuildHttpErrors",
        severity: Severity::Warning,
        lasts: "10m",
        summary: "{{ $value | humanizePercentage }} of the answers of {{ $labels.instance }} are errors of the service",
        description: "For ten minutes, more than one request in twenty was answered with a status of 500 or above.",
        query: error_ratio(Series::of, Window::Of("5m")).with(">", Query::plain("0.05")),
    }
}

fn files_running_out() -> Alert {
    let open = Series::of(templates::PROCESS_OPEN_FDS).value();
    let used = open.with("/", Series::of(templates::PROCESS_MAX_FDS).value());
    Alert {
        name: "DatabuildFilesRunningOut",
        severity: Severity::Warning,
        lasts: "5m",
        summary: "{{ $labels.instance }} has {{ $value | humanizePercentage }} of the open files that it may have",
        description: "At all of them it takes neither runs nor requests.",
        query: used.with(">", Query::plain("0.8")),
    }
}

fn cardinality() -> Alert {
    Alert {
        name: "DatabuildCardinality",
        severity: Severity::Warning,
        lasts: "0m",
        summary: "{{ $labels.family }} has more series than it may",
        description: "In the last hour, about {{ $value | humanize }} values of {{ $labels.family }} went to the \
                      series __other__, because its budget is spent. Nothing else is harmed; those values cannot \
                      be told apart.",
        query: Series::of(templates::METRIC_OVERFLOW_TOTAL)
            .increase(Window::Of("1h"))
            .with(">", Query::plain("0")),
    }
}
