//! Every key of the project file, once. Unknown keys, types, the JSON Schema, the reference page and
//! the spelling tests all come from this table; a key that is not here does not exist.

mod saver;

/// A key: what it is called, what it takes and what it means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) shape: Shape,
    /// What it means: a sentence or two.
    pub(crate) doc: &'static str,
    /// What it is when it is not given, for people.
    pub(crate) default: &'static str,
    /// A value, as it stands in a file.
    pub(crate) example: &'static str,
    /// Whether this version does what it says.
    pub(crate) state: State,
    /// Whether the table it stands in has to have it.
    pub(crate) presence: Presence,
}

/// Whether a key has to be given. What refuses a table without it is the check of what the table means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It has a default, or nothing follows from it.
    Optional,
    /// Without it the table means nothing.
    Required,
}

impl Entry {
    /// The meaning, and that it must be given if so: what page and schema say.
    pub(crate) fn told(&self) -> String {
        match self.presence {
            Presence::Optional => self.doc.to_owned(),
            Presence::Required => format!("{} Must be given.", self.doc),
        }
    }

    const fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }
}

/// Whether a key has a meaning in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It works.
    Built,
    /// Its name is taken, and it is refused: ignoring it would promise what does not happen.
    Later,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A table with these keys.
    Table(&'static [Entry]),
    /// A table whose names are chosen by the user; the values are as the one entry says.
    Named(&'static Entry),
    /// Text.
    Text,
    /// Text, or a list of texts.
    Texts,
    /// Only a list of texts.
    List,
    /// A text for the shell, or a list: program and arguments.
    Command,
    /// A whole number from 0.
    Number,
    /// A duration such as `90s`.
    Duration,
    /// A size such as `64MiB`.
    Size,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A host and a port.
    Address,
    /// Names and texts.
    Variables,
    /// A text, or a date without quotes.
    Period,
    /// Any number of tables with these keys.
    Tables(&'static [Entry]),
    /// `true` or `false`.
    Flag,
    /// A table of anything, which is handed on.
    Free,
    /// `"any"`, a list of values, or a table with these keys.
    Key(&'static [Entry]),
    /// Anything; it is refused before its value is looked at.
    Anything,
}

impl Shape {
    /// The keys of a table, where the value can be one whose keys are fixed.
    pub(crate) const fn entries(self) -> Option<&'static [Entry]> {
        match self {
            Self::Table(entries) | Self::Tables(entries) | Self::Key(entries) => Some(entries),
            Self::Named(_)
            | Self::Text
            | Self::Texts
            | Self::List
            | Self::Command
            | Self::Number
            | Self::Duration
            | Self::Size
            | Self::OneOf(_)
            | Self::Address
            | Self::Variables
            | Self::Period
            | Self::Flag
            | Self::Free
            | Self::Anything => None,
        }
    }
}

const fn key(
    name: &'static str,
    shape: Shape,
    example: &'static str,
    default: &'static str,
    doc: &'static str,
) -> Entry {
    let (state, presence) = (State::Built, Presence::Optional);
    Entry { name, shape, doc, default, example, state, presence }
}

const fn later(name: &'static str, doc: &'static str) -> Entry {
    Entry { state: State::Later, ..key(name, Shape::Anything, "", "", doc) }
}

/// The whole file.
pub(crate) const ROOT: &[Entry] = &[
    key("project", Shape::Table(PROJECT), "", "", "The project itself."),
    key(
        "keys",
        Shape::Named(&KEY),
        "",
        "",
        "The names that may stand in braces, and their values. `date` is there without being declared.",
    ),
    key(
        "jobs",
        Shape::Named(&JOB),
        "",
        "",
        "How each partition is made: one table a job. Which job needs which follows from `in` and `out`.",
    ),
    key(
        "logs",
        Shape::Table(LOGS),
        "",
        "",
        "What job runs said, kept as JSON lines: one file a run, in folders by day.",
    ),
    key("metrics", Shape::Table(METRICS), "", "", "What job runs measured."),
    key("serve", Shape::Table(SERVE), "", "", "The service."),
    key(
        "saver",
        Shape::Table(saver::SAVER),
        "",
        "",
        "What else happens to logs, in the order of time: files by application and level, and programs that process them.",
    ),
    later("secrets", "Where secrets come from."),
    key(
        "tests",
        Shape::Tables(saver::TESTS),
        "",
        "",
        "Tests of `[saver.files]`, run by `databuild saver test`.",
    ),
    key(
        "include",
        Shape::Texts,
        "[\"apps/*.toml\"]",
        "none",
        "Further files of the project, below its folder: their tables are put beside those that stand here, and a name that is given twice is an error. Relative paths in them are below the project's folder, too.",
    ),
    later("profiles", "Settings for one place or another."),
];

const PROJECT: &[Entry] = &[
    key(
        "name",
        Shape::Text,
        "\"shop\"",
        "the name of the folder",
        "The project's name. It is also the application of every job that names none.",
    ),
    key(
        "root",
        Shape::Text,
        "\"s3://acme-lake/shop\"",
        "the folder of the project file",
        "Where partitions live: a folder, or a URI. A partition `clean/date=2025-01-26` is a file or folder below it.",
    ),
    ON_PARENT_DEATH,
];

const ON_PARENT_DEATH: Entry = key(
    "on_parent_death",
    Shape::OneOf(&["continue", "stop"]),
    "\"stop\"",
    "continue",
    "What becomes of a job when the build that started it is killed. `continue`: it goes on, and the next `databuild` command goes on with it. `stop`: it is stopped in order. A Ctrl-C stops jobs in order either way.",
);

const CAPTURE: Entry = key(
    "capture",
    Shape::OneOf(&["spool", "pipe", "file"]),
    "\"file\"",
    "spool",
    "How the output of jobs gets to us. `spool`: the kernel moves it into files beside the logs, so that nothing is lost and the job goes on when a process of ours is killed. `pipe`: it is read, nothing raw is on the disk, and the job ends with what reads it. `file`: the job writes into a file itself: it outlives the death of all of us, and nothing holds it back.",
);

const KEY: Entry = key(
    "NAME",
    Shape::Key(TIME_KEY),
    "[\"eu\", \"us\"]",
    "",
    "`\"any\"`: any value of `A-Z a-z 0-9 . _ + : -`. A list: these values and no other. A table: periods of time.",
);

const TIME_KEY: &[Entry] = &[
    key(
        "every",
        Shape::Text,
        "\"day\"",
        "day",
        "The length of a period: `hour` (2025-01-26T07, UTC), `day` (2025-01-26), `week` (2025-W04), `month` (2025-01) or `year` (2025).",
    ),
    key(
        "from",
        Shape::Period,
        "2024-01-01",
        "no first one",
        "The first period there is. What lies before does not exist: a range stops here.",
    ),
    key(
        "until",
        Shape::Period,
        "2024-12-31",
        "the newest one that is over",
        "The last period there is.",
    ),
];

const JOB: Entry = key(
    "NAME",
    Shape::Table(JOB_KEYS),
    "",
    "",
    "A job. Its name is its label: in logs, in metrics, on the command line.",
);

const JOB_KEYS: &[Entry] = &[
    key(
        "out",
        Shape::Texts,
        "\"clean/date={date}\"",
        "",
        "What one run makes: a pattern, or several for a run that makes several partitions. Each partition is made by exactly one job.",
    )
    .required(),
    key(
        "in",
        Shape::Texts,
        "\"raw/date={date-6d..date}/region={*}\"",
        "nothing",
        "What one run reads, and what is therefore made before. `{key}` is the run's own value, `{date-1d}` the one before, `{date-6d..date}` a range, `{date in month}` all within a longer period, `region={*}` all values of a key.",
    ),
    key(
        "run",
        Shape::Command,
        "\"python clean.py {in} {out}\"",
        "",
        "How it is made. A text goes to `sh -c` with values quoted for the shell; a list is a program and its arguments. `{in}` and `{out}` are paths or URIs, several become several arguments; `{{name}}` is the text `{name}`.",
    )
    .required(),
    key(
        "needs",
        Shape::Command,
        "\"python needs.py {out}\"",
        "none",
        "A command that prints further partitions that a run needs, one a line.",
    ),
    key(
        "retries",
        Shape::Number,
        "2",
        "0",
        "How often a failed run is tried again. Each try is a run of its own, with a log of its own.",
    ),
    key(
        "timeout",
        Shape::Duration,
        "\"10m\"",
        "none",
        "The longest that a run may take. After it the job is stopped, and its cause of death is `timeout`.",
    ),
    key(
        "grace",
        Shape::Duration,
        "\"10s\"",
        "10s",
        "The time between asking a job to stop and killing it.",
    ),
    key(
        "drain",
        Shape::Duration,
        "\"5s\"",
        "5s",
        "How long output is waited for of processes that outlive the job.",
    ),
    key(
        "heartbeat",
        Shape::Duration,
        "\"30s\"",
        "30s",
        "The time between two heartbeats of a run.",
    ),
    key("app", Shape::Text, "\"finance\"", "the project's name", "Whose logs these are."),
    key("type", Shape::Text, "\"spark\"", "none", "The kind of job, as a label of its metrics."),
    key(
        "dir",
        Shape::Text,
        "\"pipelines\"",
        "the project's folder",
        "The folder that the command starts in, below the project's. `{in}` and `{out}` are then absolute.",
    ),
    key("env", Shape::Variables, "{ TZ = \"UTC\" }", "none", "Variables for the command."),
    Entry { default: "as in `[logs]`", ..CAPTURE },
    Entry { default: "as in `[project]`", ..ON_PARENT_DEATH },
    key(
        "output_rate_max",
        Shape::Size,
        "\"10MB\"",
        "none",
        "Most output that is taken from a run in a second, standard output and error together; then the job waits, and nothing is dropped. A burst of one second goes through at once, and so does what its pipes hold, 1 MiB each. With `capture = \"file\"` nothing holds a job back.",
    ),
    key(
        "output_sample_max",
        Shape::Number,
        "1000",
        "all",
        "Log lines that are kept of a run in a second, standard output and error together; the other ones are left out. Warnings, errors, metrics and events are always kept. Each stretch that is left out is a `gap` in the log with its lines and bytes, `databuild logs verify` names it, the run is shown as incomplete, and its metric `job_output_lines_left_out_total` has the sum. `output_rate_max` slows a job down instead, and loses nothing.",
    ),
];

const LOGS: &[Entry] = &[
    key(
        "dir",
        Shape::Text,
        "\".databuild/logs\"",
        ".databuild/logs",
        "Where logs are kept; a relative folder is below the project's. `DATABUILD_LOGS_DIR` wins over it.",
    ),
    key(
        "refresh_interval",
        Shape::Duration,
        "\"1s\"",
        "1s",
        "The longest that an entry stays unwritten. `DATABUILD_LOG_REFRESH_INTERVAL_MS` (in milliseconds) wins over it.",
    ),
    key(
        "cache_runs",
        Shape::Number,
        "100",
        "100",
        "How many finished runs the service keeps open for reading. `DATABUILD_LOG_CACHE_SIZE` wins over it.",
    ),
    CAPTURE,
    key(
        "spool_bytes_max",
        Shape::Size,
        "\"256MiB\"",
        "64MiB",
        "Most raw output of one run that waits beside the logs to be collected. At this size the job waits.",
    ),
    key(
        "durability",
        Shape::OneOf(&["interval", "process", "always"]),
        "\"always\"",
        "interval",
        "When entries survive a power cut. `interval`: within `refresh_interval`; errors, manifests and the end of a run at once. `process`: at the end of the run. `always`: before anything more of the run is read. They survive the death of our processes in any case.",
    ),
    key(
        "on_full",
        Shape::OneOf(&["block", "fail_job"]),
        "\"fail_job\"",
        "block",
        "What happens when there is no space for what a run says. `block`: the job waits until there is. `fail_job`: the run is given up, and its record says what is missing.",
    ),
    later("keep", "How long logs are kept."),
    later("rate", "How many lines a job may write."),
    later("redact", "What is removed from logs before they are stored."),
];

const METRICS: &[Entry] = &[
    key(
        "labels",
        Shape::List,
        "[\"stage\"]",
        "none",
        "Labels that metrics of jobs may have besides `job_label` and `job_type`. Any other is dropped, and counted.",
    ),
    later("per_run", "Series of single runs."),
    later("seed_names", "Names of metrics as they first were."),
];

const SERVE: &[Entry] = &[
    key(
        "listen",
        Shape::Address,
        "\"127.0.0.1:8440\"",
        "127.0.0.1:8440",
        "Where the service listens. Only this machine's own addresses are possible. `--listen` and `DATABUILD_LISTEN` win over it.",
    ),
    later("token", "Who may use the service."),
];

/// A table of the file: where it stands, and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    /// Its name, dotted; empty for the whole file. `NAME` stands for what the user chooses.
    pub(crate) path: String,
    /// The key that it is the value of; nothing for the whole file.
    pub(crate) entry: Option<&'static Entry>,
}

impl Section {
    /// The keys in it.
    pub(crate) fn entries(&self) -> &'static [Entry] {
        self.entry.map_or(ROOT, |entry| entry.shape.entries().unwrap_or_default())
    }
}

/// All tables of the file, in its order, each before those in it. The one walk through the keys: who
/// lists them takes it from here.
pub(crate) fn sections() -> Vec<Section> {
    let mut found = Vec::new();
    walk(Section { path: String::new(), entry: None }, &mut found);
    found
}

fn walk(section: Section, found: &mut Vec<Section>) {
    let (path, entries) = (section.path.clone(), section.entries());
    found.push(section);
    for entry in entries {
        let mut path =
            if path.is_empty() { entry.name.to_owned() } else { format!("{path}.{}", entry.name) };
        path.retain(|c| c != '[' && c != ']');
        let mut entry = entry;
        if let Shape::Named(named) = entry.shape {
            path = format!("{path}.{}", named.name);
            entry = named;
        }
        if let Shape::Tables(_) = entry.shape {
            path = format!("[{path}]");
        }
        if entry.shape.entries().is_some() {
            walk(Section { path, entry: Some(entry) }, found);
        }
    }
}
