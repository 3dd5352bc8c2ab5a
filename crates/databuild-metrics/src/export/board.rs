//! What the dashboard shows: rows of questions, for the person who asks "is it well, and if not, since
//! when?". Jobs are counted over a window that the reader chooses, because most run seldom; the
//! service over the time between a few scrapes.

use super::alerts::{error_ratio, last_run_failed, success_age};
use super::promql::{INSTANCE, Query, Series, Window};
use super::reference::grouped;
use crate::metric_templates::{self as templates, Family, FamilyType};

/// How a panel looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// One number, now.
    Number,
    /// A bar for each answer, now.
    Bars,
    /// A line for each answer, over time.
    Lines,
}

impl Look {
    /// Columns of 24, and rows.
    pub(super) fn size(self) -> (u32, u32) {
        match self {
            Look::Number => (4, 4),
            Look::Bars | Look::Lines => (12, 8),
        }
    }
}

/// Panels below a heading.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) closed: bool,
    pub(super) panels: Vec<Panel>,
}

/// One panel.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) look: Look,
    pub(super) title: String,
    pub(super) description: String,
    /// A unit of Grafana.
    pub(super) unit: &'static str,
    /// From where on a value is bad.
    pub(super) red_from: Option<f64>,
    pub(super) targets: Vec<Target>,
}

/// One question of a panel.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) query: Query,
    /// What an answer is called.
    pub(super) legend: String,
    /// Whether to ask for the job runs behind it, too.
    pub(super) exemplars: bool,
}

/// The rows. Families that no panel was made for are in the last one.
pub(super) fn rows() -> Vec<Row> {
    let open = |title, panels| Row { title, closed: false, panels };
    let mut rows = vec![
        open("Now", now()),
        open("Jobs", jobs_row()),
        open("Logs", logs()),
        open("To the disk", collector()),
        open("Log saver", saver()),
        open("Service", service()),
        open("Metrics", metrics()),
    ];
    let panels: Vec<_> = rest(&rows);
    if !panels.is_empty() {
        rows.push(Row { title: "All else", closed: true, panels });
    }
    rows
}

/// The question for the services there are.
pub(super) fn instances() -> String {
    format!("label_values({}, {INSTANCE})", templates::BUILD_INFO.name)
}

/// The question for the jobs there are.
pub(super) fn jobs() -> String {
    format!("label_values({}, job_label)", templates::JOB_RUNS_TOTAL.name)
}

const JOB: &[&str] = &["job_label"];

fn now() -> Vec<Panel> {
    let none = || Query::plain("vector(0)");
    let failing = last_run_failed(Series::chosen).by("count", &[]).with("or", none());
    let gauge = |family| Series::chosen(family).value().by("sum", &[]);
    vec![
        Panel::new(Look::Number, "Jobs whose last run failed", "short").red(1.0).ask(failing),
        Panel::new(Look::Number, "Success rate", "percentunit")
            .describe("Job runs that ended with success, of all that ended in the window.")
            .ask(success_rate()),
        Panel::new(Look::Number, "Job runs under way", "short").ask(gauge(templates::JOBS_RUNNING)),
        Panel::new(Look::Number, "Builds under way", "short").ask(gauge(templates::BUILDS_RUNNING)),
        Panel::new(Look::Number, "Runs with parts of their log missing", "short").red(1.0).ask(
            Series::chosen(templates::LOG_INCOMPLETE_RUNS_TOTAL)
                .increase(Window::Chosen)
                .by("sum", &[]),
        ),
        Panel::new(Look::Number, "Version", "short")
            .ask(Series::chosen(templates::BUILD_INFO).value().by("count", &["version"])),
    ]
}

fn success_rate() -> Query {
    let ended = || Series::chosen(templates::JOB_RUNS_TOTAL);
    let good = ended().is("result", "success").increase(Window::Chosen).by("sum", &[]);
    good.with("/", ended().increase(Window::Chosen).by("sum", &[]))
}

fn ended_by_result(family: Family) -> Query {
    Series::chosen(family).increase(Window::Chosen).by("sum", &["result"])
}

fn jobs_row() -> Vec<Panel> {
    let ended = || Series::chosen(templates::JOB_RUNS_TOTAL);
    let duration = |quantile| {
        Series::chosen(templates::JOB_DURATION_SECONDS).quantile(quantile, JOB, Window::Chosen)
    };
    let last = |family| Series::chosen(family).value().by("max", JOB);
    vec![
        Panel::new(Look::Lines, "Runs that ended, by result", "short")
            .ask_with_runs(ended().increase(Window::Chosen).by("sum", &["result"])),
        Panel::new(Look::Lines, "Runs without success, by job", "short").ask_with_runs(
            ended().not("result", "success").increase(Window::Chosen).by("sum", &["job_label", "result"]),
        ),
        Panel::new(Look::Lines, "How long runs take", "s")
            .describe("Half of the runs, and 95 of 100, took no longer. Points are runs; their job_run_id leads to the log.")
            .ask_called(duration("0.5"), "{{job_label}}, half")
            .ask_called(duration("0.95"), "{{job_label}}, 95 %"),
        Panel::new(Look::Lines, "How long the last run took", "s").ask(last(templates::JOB_RUNTIME_SECONDS)),
        Panel::new(Look::Bars, "Since the last success", "s")
            .red(172_800.0)
            .ask(success_age(Series::chosen).by("min", JOB)),
        Panel::new(Look::Bars, "Since a run under way was heard of", "s")
            .red(300.0)
            .ask(last(templates::JOB_HEARTBEAT_AGE_SECONDS)),
        Panel::new(Look::Lines, "Rows processed", "short")
            .ask(Series::chosen(templates::ROWS_PROCESSED_TOTAL).increase(Window::Chosen).by("sum", JOB)),
        Panel::new(Look::Lines, "Peak memory of the last run", "bytes").ask(last(templates::JOB_MEMORY_PEAK_BYTES)),
        Panel::new(Look::Lines, "Processor time of runs", "s")
            .describe("Seconds of all processors together, when runs end.")
            .ask(Series::chosen(templates::JOB_CPU_SECONDS_TOTAL).increase(Window::Chosen).by("sum", JOB)),
        Panel::new(Look::Lines, "Builds and their tasks that ended, by result", "short")
            .ask_called(ended_by_result(templates::BUILDS_TOTAL), "builds, {{result}}")
            .ask_called(ended_by_result(templates::TASKS_TOTAL), "tasks, {{result}}"),
        Panel::new(Look::Lines, "Partitions made, and not made", "short")
            .ask(ended_by_result(templates::PARTITIONS_TOTAL)),
    ]
}

/// A gauge of each service.
fn own(family: Family) -> Query {
    Series::chosen(family).value().by("max", &[INSTANCE])
}

fn logs() -> Vec<Panel> {
    let entries = || Series::chosen(templates::LOG_ENTRIES_TOTAL);
    let size =
        |quantile| Series::chosen(templates::JOB_LOG_BYTES).quantile(quantile, JOB, Window::Chosen);
    let counted =
        |family: Family| Series::chosen(family).increase(Window::Chosen).by("sum", &[INSTANCE]);
    vec![
        Panel::new(Look::Lines, "Entries stored, by level", "cps")
            .ask(entries().rate(Window::Scrapes).by("sum", &["level"])),
        Panel::new(Look::Lines, "Errors, by job", "short").ask(
            entries().like("level", "ERROR|FATAL").increase(Window::Chosen).by("sum", JOB),
        ),
        Panel::new(Look::Lines, "Bytes stored", "Bps").ask(
            Series::chosen(templates::LOG_BYTES_WRITTEN_TOTAL).rate(Window::Scrapes).by("sum", &[INSTANCE]),
        ),
        Panel::new(Look::Lines, "What should not be", "short")
            .describe("Lines of wrappers that are no entries, jumps in the numbering, runs with parts missing.")
            .ask_called(counted(templates::LOG_MALFORMED_LINES_TOTAL), "malformed {{instance}}")
            .ask_called(counted(templates::LOG_SEQUENCE_GAPS_TOTAL), "gaps {{instance}}")
            .ask_called(counted(templates::LOG_INCOMPLETE_RUNS_TOTAL), "incomplete {{instance}}"),
        Panel::new(Look::Lines, "Free on the disk of the logs", "bytes").ask_called(own(templates::LOG_DISK_FREE_BYTES), "free {{instance}}").ask_called(own(templates::LOG_DISK_SIZE_BYTES), "size {{instance}}"),
        Panel::new(Look::Lines, "What is stored", "bytes").ask(own(templates::LOG_DISK_BYTES)),
        Panel::new(Look::Lines, "How far back it goes", "s").ask(
            Query::plain("time()").with("-", own(templates::LOG_OLDEST_TIMESTAMP_SECONDS)),
        ),
        Panel::new(Look::Lines, "Missing from logs", "short")
            .red(1.0)
            .describe("Entries, or gaps of which nobody knows how many, by what they come from.")
            .ask(Series::chosen(templates::LOG_DROPPED_ENTRIES_TOTAL).increase(Window::Chosen).by("sum", &["reason"])),
        Panel::new(Look::Lines, "Size of entries", "bytes")
            .ask_called(Series::chosen(templates::LOG_ENTRY_BYTES).quantile("0.5", &[INSTANCE], Window::Chosen), "{{instance}}, half")
            .ask_called(Series::chosen(templates::LOG_ENTRY_BYTES).quantile("0.99", &[INSTANCE], Window::Chosen), "{{instance}}, 99 %"),
        Panel::new(Look::Lines, "Size of the log of a run", "bytes")
            .describe("Half of the runs, and 95 of 100, said no more.")
            .ask_called(size("0.5"), "{{job_label}}, half")
            .ask_called(size("0.95"), "{{job_label}}, 95 %"),
        Panel::new(Look::Lines, "Batches made durable", "cps").ask(
            Series::chosen(templates::LOG_BATCHES_TOTAL).rate(Window::Scrapes).by("sum", &[INSTANCE]),
        ),
        Panel::new(Look::Lines, "Since the newest entry was written", "s").ask(own(templates::LOG_JOURNAL_AGE_SECONDS)),
    ]
}

/// The way of an entry to the disk.
fn collector() -> Vec<Panel> {
    let histogram = |title: &str, unit, family: Family| {
        let of = |quantile| Series::chosen(family).quantile(quantile, &[INSTANCE], Window::Chosen);
        Panel::new(Look::Lines, title, unit)
            .ask_called(of("0.5"), "{{instance}}, half")
            .ask_called(of("0.99"), "{{instance}}, 99 %")
    };
    let queues = Series::chosen(templates::LOG_QUEUE_DEPTH).value().by("sum", &["queue", INSTANCE]);
    let errors = Series::chosen(templates::LOG_STORAGE_ERRORS_TOTAL)
        .increase(Window::Chosen)
        .by("sum", &["operation", INSTANCE]);
    vec![
        histogram("From an entry to the disk", "s", templates::LOG_DURABLE_DELAY_SECONDS)
            .describe("Of all collectors of the store. A second is what is promised."),
        histogram("What the disk takes", "s", templates::LOG_SYNC_SECONDS).red(1.0),
        Panel::new(Look::Lines, "The oldest entry that is not durable", "s")
            .red(15.0)
            .describe("Of the collector of the service itself, as are the queues.")
            .ask(own(templates::LOG_COLLECT_LAG_SECONDS)),
        Panel::new(Look::Lines, "Runs that are written, and wait", "short")
            .ask_called(own(templates::LOG_RUNS_OPEN), "open {{instance}}")
            .ask_called(own(templates::LOG_RUNS_WITHOUT_SPACE), "without space {{instance}}")
            .ask_called(queues, "to {{queue}} {{instance}}"),
        Panel::new(Look::Lines, "Writes and syncs that failed", "short").red(1.0).ask(errors),
        histogram("Entries made durable together", "short", templates::LOG_BATCH_ENTRIES),
        histogram("Bytes made durable together", "bytes", templates::LOG_BATCH_BYTES),
    ]
}

/// Pipelines; empty where none is configured.
fn saver() -> Vec<Panel> {
    let pipeline: &[&str] = &["pipeline"];
    let events = |stage: &str| {
        Series::chosen(templates::SAVER_EVENTS_TOTAL)
            .is("stage", stage)
            .rate(Window::Scrapes)
            .by("sum", pipeline)
    };
    let now = |family: Family| Series::chosen(family).value().by("max", pipeline);
    let grew = |family: Family| Series::chosen(family).increase(Window::Chosen).by("sum", pipeline);
    let not_running = Series::chosen(templates::SAVER_STATE)
        .not("state", "running")
        .value()
        .by("max", &["pipeline", "state"]);
    vec![
        Panel::new(Look::Bars, "Behind what is stored, by pipeline", "s")
            .red(300.0)
            .ask(now(templates::SAVER_LAG_SECONDS)),
        Panel::new(Look::Lines, "Pipelines that wait, or were halted", "short")
            .red(1.0)
            .describe(
                "1 while a pipeline is in that state; a pipeline that runs is in none of them.",
            )
            .ask(not_running),
        Panel::new(Look::Lines, "Events delivered, by pipeline", "cps").ask(events("out")),
        Panel::new(Look::Lines, "Events that came, and were set aside", "cps")
            .describe("Events that its filter takes, and those of them that could not be processed.")
            .ask_called(events("in"), "{{pipeline}}, in")
            .ask_called(events("rejected"), "{{pipeline}}, set aside"),
        Panel::new(Look::Lines, "Taken and not delivered", "bytes")
            .ask(now(templates::SAVER_QUEUE_BYTES)),
        Panel::new(Look::Lines, "Since the last checkpoint", "s")
            .describe("What came after it is done again after a crash.")
            .ask(now(templates::SAVER_CHECKPOINT_AGE_SECONDS)),
        Panel::new(Look::Lines, "What went wrong in pipelines", "short")
            .describe(
                "Attempts that failed, events out of order, events given up; events that were gone before they \
                 were read, files that somebody else took away.",
            )
            .ask_called(grew(templates::SAVER_ERRORS_TOTAL), "errors {{pipeline}}")
            .ask_called(grew(templates::SAVER_LATE_EVENTS_TOTAL), "late {{pipeline}}")
            .ask_called(grew(templates::SAVER_DEAD_LETTERS_TOTAL), "given up {{pipeline}}")
            .ask_called(grew(templates::SAVER_MISSING_EVENTS_TOTAL), "gone {{pipeline}}")
            .ask_called(grew(templates::SAVER_LOST_FILES_TOTAL), "files taken {{pipeline}}"),
        Panel::new(Look::Lines, "Files finished", "short")
            .ask(grew(templates::SAVER_ROTATIONS_TOTAL)),
    ]
}

fn service() -> Vec<Panel> {
    let requests = || Series::chosen(templates::HTTP_REQUESTS_TOTAL).rate(Window::Scrapes);
    let duration = |quantile| {
        Series::chosen(templates::HTTP_REQUEST_DURATION_SECONDS).quantile(
            quantile,
            &["route"],
            Window::Scrapes,
        )
    };
    let started = Query::plain("time()").with("-", own(templates::PROCESS_START_TIME_SECONDS));
    vec![
        Panel::new(Look::Lines, "Requests, by route", "reqps")
            .ask(requests().by("sum", &["route"])),
        Panel::new(Look::Lines, "Requests, by status", "reqps")
            .ask(requests().by("sum", &["code"])),
        Panel::new(Look::Lines, "Followers of logs", "short")
            .ask_called(own(templates::HTTP_STREAMS_OPEN), "{{instance}}")
            .ask_called(own(templates::HTTP_STREAMS_MAX), "at most, {{instance}}"),
        Panel::new(Look::Lines, "How long answers take", "s")
            .ask_called(duration("0.5"), "{{route}}, half")
            .ask_called(duration("0.99"), "{{route}}, 99 %"),
        Panel::new(Look::Lines, "Errors of the service", "percentunit")
            .red(0.05)
            .ask(error_ratio(Series::chosen, Window::Scrapes)),
        Panel::new(Look::Lines, "Processors used", "short").ask(
            Series::chosen(templates::PROCESS_CPU_SECONDS_TOTAL)
                .rate(Window::Scrapes)
                .by("sum", &[INSTANCE]),
        ),
        Panel::new(Look::Lines, "Memory", "bytes")
            .ask(own(templates::PROCESS_RESIDENT_MEMORY_BYTES)),
        Panel::new(Look::Lines, "Open files", "short")
            .ask_called(own(templates::PROCESS_OPEN_FDS), "{{instance}}")
            .ask_called(own(templates::PROCESS_MAX_FDS), "at most, {{instance}}"),
        Panel::new(Look::Lines, "Since the start", "s").ask(started),
        Panel::new(Look::Lines, "The project file can be used, and is in use", "short")
            .ask_called(own(templates::CONFIG_LAST_RELOAD_SUCCESSFUL), "sound {{instance}}")
            .ask_called(own(templates::CONFIG_IN_USE), "in use {{instance}}"),
        Panel::new(Look::Lines, "Since the configuration was read", "s").ask(
            Query::plain("time()")
                .with("-", own(templates::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS)),
        ),
    ]
}

fn metrics() -> Vec<Panel> {
    let refresh = |quantile| {
        Series::chosen(templates::METRICS_REFRESH_SECONDS).quantile(
            quantile,
            &[INSTANCE],
            Window::Scrapes,
        )
    };
    let grew =
        |family: Family, label| Series::chosen(family).increase(Window::Chosen).by("sum", &[label]);
    vec![
        Panel::new(Look::Lines, "Series, by family", "short")
            .ask(Series::chosen(templates::METRIC_SERIES).value().by("sum", &["family"])),
        Panel::new(Look::Lines, "Values folded into __other__", "short")
            .describe("`databuild metrics check` names the job and the label.")
            .ask(grew(templates::METRIC_OVERFLOW_TOTAL, "family")),
        Panel::new(Look::Lines, "What jobs gave and was not taken", "short")
            .ask_called(
                grew(templates::METRIC_LABELS_DROPPED_TOTAL, "family"),
                "labels of {{family}}",
            )
            .ask_called(
                grew(templates::METRIC_POINTS_REJECTED_TOTAL, "reason"),
                "points, {{reason}}",
            ),
        Panel::new(Look::Lines, "Behind what is stored", "s")
            .red(300.0)
            .ask(own(templates::METRICS_CURSOR_AGE_SECONDS)),
        Panel::new(Look::Lines, "Looks for new entries", "s")
            .describe("What a look took. A scrape looks at nothing.")
            .ask_called(refresh("0.5"), "{{instance}}, half")
            .ask_called(refresh("0.99"), "{{instance}}, 99 %"),
        Panel::new(Look::Lines, "Looks that failed", "short")
            .red(1.0)
            .ask(grew(templates::METRICS_REFRESH_FAILURES_TOTAL, INSTANCE)),
    ]
}

/// A plain panel for each family that none of `rows` asks for.
fn rest(rows: &[Row]) -> Vec<Panel> {
    let asked: Vec<_> = rows
        .iter()
        .flat_map(|row| &row.panels)
        .flat_map(|panel| &panel.targets)
        .map(|target| target.query.text())
        .collect();
    let words = |text: &str, name: &str| {
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(|word| word.strip_suffix("_bucket").unwrap_or(word) == name)
    };
    let shown = |family: &Family| asked.iter().any(|text| words(text, family.name));
    let families = grouped().into_iter().flat_map(|(_, families)| families);
    families.filter(|family| !shown(family)).map(plain).collect()
}

fn plain(family: Family) -> Panel {
    let series = Series::chosen(family);
    let labels: Vec<_> = family.labels.iter().copied().chain([INSTANCE]).collect();
    let query = match family.kind {
        FamilyType::Counter => series.increase(Window::Chosen).by("sum", &labels),
        FamilyType::Gauge => series.value().by("max", &labels),
        FamilyType::Histogram => series.quantile("0.95", &labels, Window::Chosen),
    };
    let unit = match family.unit {
        "seconds" => "s",
        "bytes" => "bytes",
        "ratio" => "percentunit",
        _ => "short",
    };
    Panel::new(Look::Lines, family.name, unit).describe(family.help).ask(query)
}

impl Panel {
    fn new(look: Look, title: &str, unit: &'static str) -> Panel {
        let (title, description) = (title.to_owned(), String::new());
        Panel { look, title, description, unit, red_from: None, targets: Vec::new() }
    }

    fn describe(mut self, text: &str) -> Panel {
        text.clone_into(&mut self.description);
        self
    }

    fn red(mut self, from: f64) -> Panel {
        self.red_from = Some(from);
        self
    }

    /// Asks; an answer is called by its labels.
    fn ask(self, query: Query) -> Panel {
        let names: Vec<_> = query.labels().iter().map(|label| format!("{{{{{label}}}}}")).collect();
        let legend = names.join(" ");
        self.ask_called(query, &legend)
    }

    fn ask_called(mut self, query: Query, legend: &str) -> Panel {
        let exemplars = query.text().contains(templates::JOB_DURATION_SECONDS.name);
        self.targets.push(Target { query, legend: legend.to_owned(), exemplars });
        self
    }

    fn ask_with_runs(self, query: Query) -> Panel {
        let mut panel = self.ask(query);
        panel.targets.iter_mut().for_each(|target| target.exemplars = true);
        panel
    }
}
