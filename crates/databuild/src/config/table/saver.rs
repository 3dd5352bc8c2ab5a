//! The keys of `[saver]`.

use super::{Entry, Shape, key, later};

/// The keys of a pipeline, of which those that select events are the same for all.
macro_rules! pipeline {
    ($($own:expr,)*) => {
        &[$($own,)* LEVEL, LEVELS, LOGGER, LOGGER_LEVELS, APP, JOB, PARTITION, KIND, STREAM, TEXT, MATCHES, FIELDS, START, ON_ERROR, ERRORS, ENABLED]
    };
}

pub(super) const SAVER: &[Entry] = &[
    key(
        "from",
        Shape::Text,
        "\"local\"",
        "local",
        "Where events come from. `local`: the logs of this project.",
    ),
    key(
        "order_window",
        Shape::Duration,
        "\"2s\"",
        "2s",
        "How long a pipeline waits for events of other runs, so that it gets all in the order of time. What comes later is taken all the same, and marked late.",
    ),
    key(
        "window_bytes_max",
        Shape::Size,
        "\"64MiB\"",
        "16MiB",
        "Most bytes of events that wait in memory for their turn, for each pipeline. Beyond it the earliest go on at once.",
    ),
    key(
        "flush_interval",
        Shape::Duration,
        "\"1s\"",
        "1s",
        "The longest until what a pipeline has processed is safe on disk and recorded, so that it is not processed again.",
    ),
    START,
    key(
        "files",
        Shape::Named(&FILES),
        "",
        "",
        "Files of text: one table for each kind of file, such as the errors of every application.",
    ),
    key(
        "plugins",
        Shape::Named(&PLUGIN),
        "",
        "",
        "Programs that process events: one table each. Each has a queue, a place and limits of its own, so that a slow or broken one holds up nobody else.",
    ),
];

const FILES: Entry = key(
    "NAME",
    Shape::Table(FILES_KEYS),
    "",
    "",
    "Files of one kind. An event goes into every pipeline that takes it; all that a table says about events has to be true of it.",
);

const FILES_KEYS: &[Entry] = pipeline![
    key(
        "path",
        Shape::Text,
        "\"logs/{app}/error.log\"",
        "",
        "Where each line goes. It begins with a folder that is the same for all; below it `{app}`, `{job}`, `{run}`, `{build}`, `{level}`, `{date}` (of the event, UTC), `{partition}`, `{stream}` and `{logger}` make files of their own. Values are encoded, and can never lead out of that folder. A relative path is below the project's folder.",
    )
    .required(),
    key(
        "layout",
        Shape::Text,
        "\"%d %-5level [%job] %msg %kvp%n%ex\"",
        "text",
        "What a line looks like: a pattern of logback's language, or `text`, `json`, `logfmt` or `otlp`. See [layouts](layouts.md).",
    ),
    key(
        "compat",
        Shape::OneOf(&["databuild", "logback-1.2", "logback-1.5"]),
        "\"logback-1.2\"",
        "databuild",
        "Whose reading of the pattern counts where they differ, such as in the letters of dates.",
    ),
    key(
        "newlines",
        Shape::OneOf(&["escape", "indent", "raw"]),
        "\"indent\"",
        "escape",
        "What becomes of line breaks within a message. `escape`: they are written as `\\n`, so that a line is an event. `indent`: further lines begin with a tab. `raw`: as they are; then a message can look like several events.",
    ),
    ZONE,
    key(
        "properties",
        Shape::Variables,
        "{ site = \"berlin\" }",
        "none",
        "What `%property{name}` in the layout stands for.",
    ),
    key("rotate", Shape::Table(ROTATE), "{ size = \"100MB\", every = \"day\" }", "", "When a file is closed and the next one begun."),
    key("keep", Shape::Table(KEEP), "{ files = 9, total = \"1GB\" }", "", "Which rolled files are kept, counted for each file that is written; whichever is reached first. The one that was rolled last always is. Without it all are."),
    key("mode", Shape::Text, "\"640\"", "640", "The mode of new files, as `chmod` takes it."),
    key("dir_mode", Shape::Text, "\"750\"", "750", "The mode of new folders."),
    key(
        "open_files",
        Shape::Number,
        "256",
        "256",
        "Most files of this pipeline that are open at once. There can be more: the one that was longest unused is closed, and opened again when something comes.",
    ),
    key(
        "close_idle",
        Shape::Duration,
        "\"30m\"",
        "30m",
        "A file that got nothing for so long is closed, not rolled.",
    ),
];

const ROTATE: &[Entry] = &[
    key(
        "size",
        Shape::Size,
        "\"100MB\"",
        "none",
        "Before the file would be larger. It is exact; only a single event can be larger than it.",
    ),
    key(
        "every",
        Shape::OneOf(&["second", "minute", "hour", "day", "week", "month"]),
        "\"day\"",
        "none",
        "At the first event of another period of the calendar. A week begins on Sunday.",
    ),
    key("idle", Shape::Duration, "\"1h\"", "none", "When nothing has come for so long."),
    key(
        "on_start",
        Shape::Flag,
        "true",
        "false",
        "Whether what an earlier start left in a file is rolled before anything of this one is written into it.",
    ),
    key(
        "name",
        Shape::Text,
        "\"{name}.%d{yyyy-MM-dd}.%i{ext}\"",
        "by the other keys: `error.2025-01-26.0.log`",
        "What a rolled file is called: `%d{…}` is the date, `%i` an index (`%03i` with three digits), `{name}` the file's own name without its extension, `{ext}` the extension with its dot. It stands in the folder of the file, or, as in `old/{name}.%i{ext}`, in one below it. None is ever overwritten: the next free index is taken.",
    ),
    key(
        "compress",
        Shape::OneOf(&["none", "gzip", "zstd"]),
        "\"zstd\"",
        "by the end of `name`",
        "How rolled files are compressed, in the background. A name that ends with `.gz` or `.zst` says it, too.",
    ),
    key("gzip", Shape::Flag, "true", "false", "The same as `compress = \"gzip\"`."),
    Entry { default: "that of the pipeline", ..ZONE },
    key(
        "window",
        Shape::Table(WINDOW),
        "{ min = 1, max = 7 }",
        "none",
        "Index `min` is always the newest file: at each roll all move up by one, and what is beyond `max` goes.",
    ),
];

const WINDOW: &[Entry] = &[
    key("min", Shape::Number, "1", "1", "The index of the newest file."),
    key("max", Shape::Number, "7", "7", "The index of the oldest file."),
];

const KEEP: &[Entry] = &[
    key(
        "files",
        Shape::Number,
        "9",
        "all",
        "At most so many files, however many periods they are of.",
    ),
    key("age", Shape::Duration, "\"30d\"", "any", "None that was changed longer ago."),
    key(
        "total",
        Shape::Size,
        "\"1GB\"",
        "any",
        "At most so many bytes in all, as they are on the disk.",
    ),
];

const PLUGIN: Entry = key(
    "NAME",
    Shape::Table(PLUGIN_KEYS),
    "",
    "",
    "A program that gets events as frames on its standard input and acknowledges them on its standard output.",
);

const PLUGIN_KEYS: &[Entry] = pipeline![
    key(
        "command",
        Shape::Command,
        "[\"python3\", \"plugins/to_splunk.py\"]",
        "",
        "What is started, in the project's folder. A list is a program and its arguments; a text goes to `sh -c`.",
    )
    .required(),
    key(
        "settings",
        Shape::Free,
        "{ url = \"https://splunk.acme.test:8088\" }",
        "none",
        "What the program is told when it starts, as JSON.",
    ),
    key(
        "env",
        Shape::Variables,
        "{ TZ = \"UTC\" }",
        "none",
        "Its environment, and nothing else; `PATH` is `/usr/local/bin:/usr/bin:/bin` if it is not given.",
    ),
    key(
        "deadline",
        Shape::Duration,
        "\"30s\"",
        "30s",
        "The longest until it has acknowledged what it was given. After it the program is stopped and started again.",
    ),
    key("limits", Shape::Table(LIMITS), "{ memory = \"256MiB\" }", "", "What it may use."),
    later("wasm", "A WASM component instead of a program."),
    later("allow", "What a WASM component may use."),
    later("queue", "Events that are kept for a program that is slow. They wait in the logs themselves."),
];

const LIMITS: &[Entry] = &[
    key("memory", Shape::Size, "\"512MiB\"", "256MiB", "Most memory."),
    key("open_files", Shape::Number, "256", "64", "Most open files."),
    key("processes", Shape::Number, "64", "32", "Most processes and threads that it may start."),
    key("file", Shape::Size, "\"10GiB\"", "1GiB", "The largest file that it may write."),
    key(
        "unacknowledged",
        Shape::Number,
        "10000",
        "4096",
        "Most events that it was given and has not acknowledged.",
    ),
];

const ZONE: Entry = key(
    "zone",
    Shape::Text,
    "\"Europe/Berlin\"",
    "UTC",
    "The zone of dates that name none: `Europe/Berlin`, `UTC`, `GMT+2`.",
);

const LEVEL: Entry = key(
    "level",
    Shape::Text,
    "\"warn\"",
    "all",
    "Log lines of this level and above: trace, debug, info, warn, error, fatal. Metrics, events and manifests count as info.",
);

const LEVELS: Entry = key(
    "levels",
    Shape::List,
    "[\"debug\", \"trace\"]",
    "all",
    "Log lines of exactly these levels.",
);

const LOGGER: Entry = key(
    "logger",
    Shape::Texts,
    "\"audit.*\"",
    "all",
    "Loggers, or sources; `*` is any text, and `audit.*` is `audit` and all below it. Of a list, one has to fit.",
);

const LOGGER_LEVELS: Entry = key(
    "logger_levels",
    Shape::Variables,
    "{ \"*\" = \"info\", \"shop.sql\" = \"warn\", \"audit\" = \"off\" }",
    "all",
    "From which level on each logger is taken. The longest name that a logger is, or is below of, counts; `*` is all others, which are not taken if it is absent.",
);

const APP: Entry = key("app", Shape::Texts, "\"finance\"", "all", "Applications; `*` is any text.");

const JOB: Entry =
    key("job", Shape::Texts, "[\"clean\", \"ingest-*\"]", "all", "Jobs; `*` is any text.");

const PARTITION: Entry = key(
    "partition",
    Shape::Texts,
    "\"clean/date=2025-01-*\"",
    "all",
    "The first partition that the run makes; `*` is any text.",
);

const KIND: Entry = key(
    "kind",
    Shape::Texts,
    "[\"log\", \"event\"]",
    "log",
    "What entries carry: log, event, metric, manifest, or `all` of them.",
);

const STREAM: Entry = key(
    "stream",
    Shape::OneOf(&["stdout", "stderr"]),
    "\"stderr\"",
    "both",
    "The stream that a line came on.",
);

const TEXT: Entry = key("text", Shape::Text, "\"payment\"", "any", "The message contains this.");

const MATCHES: Entry = key(
    "matches",
    Shape::Text,
    "'took \\d{4,} ms'",
    "any",
    "The message matches this regular expression.",
);

const FIELDS: Entry = key(
    "fields",
    Shape::Variables,
    "{ tenant = \"acme\", user = \"svc-*\" }",
    "any",
    "Fields that have these values; `*` is any text. All of them have to fit.",
);

const START: Entry = key(
    "start",
    Shape::Period,
    "\"end\"",
    "beginning",
    "Where a pipeline begins that has not run before: with all logs that there are (`beginning`), with what comes from now on (`end`), or with what came since a day or a time.",
);

const ON_ERROR: Entry = key(
    "on_error",
    Shape::OneOf(&["block", "skip_to_dlq", "stop"]),
    "\"skip_to_dlq\"",
    "block",
    "What becomes of an event that cannot be processed. `block`: it is tried again, ever more slowly, and nothing behind it is processed. `skip_to_dlq`: it goes into the dead-letter file of the pipeline. `stop`: the pipeline stops until somebody resumes it.",
);

const ERRORS: Entry = key(
    "errors",
    Shape::Table(ERRORS_KEYS),
    "{ stop_after = 100, within = \"10m\" }",
    "",
    "How many failures are too many. Then the pipeline pauses, and tries with one event from time to time; nothing is lost.",
);

const ERRORS_KEYS: &[Entry] = &[
    key("stop_after", Shape::Number, "100", "10", "So many failures."),
    key("within", Shape::Duration, "\"10m\"", "1m", "Within this time."),
];

const ENABLED: Entry = key(
    "enabled",
    Shape::Flag,
    "false",
    "true",
    "Whether the pipeline runs. It is checked in any case.",
);

pub(super) const TESTS: &[Entry] = &[
    key("name", Shape::Text, "\"errors reach error.log\"", "its number", "What the test is about."),
    key(
        "events",
        Shape::Tables(EVENTS),
        "[{ level = \"error\", message = \"boom\" }]",
        "none",
        "What happens, in its order.",
    ),
    key(
        "expect",
        Shape::Named(&EXPECT),
        "",
        "",
        "The lines that each of `[saver.files]` must write of them. What is not named does not matter.",
    ),
];

const EXPECT: Entry = key(
    "NAME",
    Shape::List,
    "[\"*ERROR*boom*\"]",
    "",
    "The lines, in their order; `*` is any text. None if nothing may be written.",
);

const EVENTS: &[Entry] = &[
    key("level", Shape::Text, "\"error\"", "info", "The level."),
    key(
        "message",
        Shape::Text,
        "\"boom\"",
        "nothing",
        "The text, with its traceback if there is one.",
    ),
    key("logger", Shape::Text, "\"audit.login\"", "the job", "The logger."),
    key("thread", Shape::Text, "\"main\"", "the stream", "The thread."),
    key("fields", Shape::Variables, "{ user = \"dana\" }", "none", "The fields."),
    key("app", Shape::Text, "\"finance\"", "the project's name", "The application."),
    key("job", Shape::Text, "\"clean\"", "job", "The job."),
    key("run", Shape::Text, "\"42.6\"", "nothing", "The job run."),
    key("build", Shape::Text, "\"42\"", "nothing", "The build."),
    key("partition", Shape::Text, "\"clean/date=2025-01-26\"", "nothing", "The partition."),
    key("stream", Shape::OneOf(&["stdout", "stderr"]), "\"stderr\"", "stdout", "The stream."),
    key("kind", Shape::Text, "\"metric\"", "log", "What it carries."),
    key("time", Shape::Period, "2025-01-27T10:30:45Z", "2025-01-27T10:30:45Z", "When it happens."),
];
