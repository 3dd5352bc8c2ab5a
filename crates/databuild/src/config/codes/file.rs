//! `DB01…`: the project file, the environment and the machine.

use super::{Explanation, file, told};

/// A job that is right, to stand beside what is shown.
macro_rules! with_job {
    ($text:literal) => {
        concat!(
            $text,
            "\n[jobs.report]\nout = \"report/date={date}\"\nrun = \"make-report {out}\"\n"
        )
    };
}

pub(super) const ALL: &[Explanation] = &[
    file(
        "DB0101",
        "the file is not TOML",
        "The project file is read as TOML (toml.io). Texts stand in quotes, tables begin with [name], a\nname is given one value. What stands behind such an error may be read wrongly, so other errors\nare told only when this one is gone.",
        "[jobs.report]\nout = report/date={date}\n",
        "[jobs.report]\nout = \"report/date={date}\"\nrun = \"make-report {out}\"\n",
    ),
    told(
        "DB0102",
        "there is no project file",
        "Commands look for databuild.toml in the folder where they are started, and upwards. `-C DIR`\nstarts elsewhere, `-f FILE` names a file. `databuild run -- COMMAND` and `databuild logs` work\nwithout one.",
        "$ cd /tmp && databuild build report",
        "$ databuild -C ~/shop build report",
    ),
    file(
        "DB0103",
        "an unknown key",
        "A key that nothing reads is an error, because a setting with a slip in its name would silently\nnot be in force. The nearest key of the same table is suggested. All keys are on the page\ndocs/reference/config.md, and `databuild schema` prints them for editors.",
        with_job!("[logs]\nrefesh_interval = \"1s\"\n"),
        with_job!("[logs]\nrefresh_interval = \"1s\"\n"),
    ),
    file(
        "DB0104",
        "a value of another type",
        "Each key takes one type of value. Durations and sizes are texts with a unit, numbers stand\nwithout quotes, lists in brackets.",
        "[jobs.report]\nout = \"report/date={date}\"\nrun = \"make-report {out}\"\ntimeout = 600\n",
        "[jobs.report]\nout = \"report/date={date}\"\nrun = \"make-report {out}\"\ntimeout = \"600s\"\n",
    ),
    file(
        "DB0105",
        "a key that is not built yet",
        "The name is taken for something that this version does not do. It is refused and not ignored:\nwhoever writes `keep` expects that logs are kept as it says.",
        with_job!("[logs]\nkeep = { age = \"30d\" }\n"),
        with_job!("[logs]\ndir = \".databuild/logs\"\n"),
    ),
    told(
        "DB0106",
        "a variable that means nothing",
        "A variable of the environment begins with DATABUILD_ and is none that is read. That is a\nwarning: most likely a letter is wrong. docs/reference/environment.md lists them all.",
        "$ DATABUILD_LOG_DIR=/var/log/jobs databuild build report",
        "$ DATABUILD_LOGS_DIR=/var/log/jobs databuild build report",
    ),
    told(
        "DB0107",
        "a variable with a value that means nothing",
        "A variable of the environment is read and its value has no meaning. The refresh interval is a\nnumber of milliseconds, the cache size a number of runs, the address a host and a port.",
        "$ DATABUILD_LOG_REFRESH_INTERVAL_MS=1s databuild serve",
        "$ DATABUILD_LOG_REFRESH_INTERVAL_MS=1000 databuild serve",
    ),
    file(
        "DB0108",
        "an address that cannot be listened on",
        "The service listens on an address and a port of this machine that other machines cannot reach:\nit does not ask who is there, so whoever reaches it may read every log. Let a proxy that asks\nstand before it.",
        with_job!("[serve]\nlisten = \"0.0.0.0:8440\"\n"),
        with_job!("[serve]\nlisten = \"127.0.0.1:8440\"\n"),
    ),
    file(
        "DB0109",
        "a metric label that cannot be",
        "A label is a letter, then letters, digits and _. Labels that metrics have of their own\n(`job_label`, `job_type`) and those that Prometheus keeps for itself cannot be declared.",
        with_job!("[metrics]\nlabels = [\"job-stage\"]\n"),
        with_job!("[metrics]\nlabels = [\"stage\"]\n"),
    ),
    told(
        "DB0110",
        "a folder that cannot be written",
        "`databuild check --env` tries to write where logs, state and partitions will be. The folder, or\nthe nearest one above it that exists, refused.",
        "[logs]\ndir = \"/var/log/jobs\"      # belongs to root",
        "$ sudo install -d -o $USER /var/log/jobs",
    ),
    told(
        "DB0111",
        "a program that is not there",
        "`databuild check --env` looks for the program of each command that is a list. It is looked for\nas the system would: in the folders of PATH, or from the folder of the job if its name has a\nslash.",
        "run = [\"pyhton\", \"clean.py\", \"{in}\", \"{out}\"]",
        "run = [\"python\", \"clean.py\", \"{in}\", \"{out}\"]",
    ),
    told(
        "DB0112",
        "a folder that is not there",
        "`databuild check --env` looks for the folder that each job starts in.",
        "dir = \"pipelnes\"",
        "dir = \"pipelines\"",
    ),
    told(
        "DB0113",
        "files that cannot be included",
        "`include` names files below the project's folder; `*` stands for any text in a name. Only the\nproject file itself includes others.",
        "include = [\"../shared/*.toml\"]",
        "include = [\"apps/*.toml\"]",
    ),
    told(
        "DB0114",
        "a name that stands in two files",
        "The tables of all files of a project are put beside one another. A job, a key, a pipeline or a\nsetting is given once; the message names both places.",
        "databuild.toml: [saver.files.errors]    apps/finance.toml: [saver.files.errors]",
        "databuild.toml: [saver.files.errors]    apps/finance.toml: [saver.files.finance-errors]",
    ),
];
