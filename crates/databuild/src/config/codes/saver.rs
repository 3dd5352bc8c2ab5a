//! `DB04…`: the log saver.

use super::{Explanation, file, told};

/// Files that are right, to stand beside what is shown.
macro_rules! files {
    ($text:literal) => {
        concat!("[saver.files.errors]\nlevel = \"warn\"\npath = \"logs/{app}/error.log\"\n", $text)
    };
}

pub(super) const ALL: &[Explanation] = &[
    file(
        "DB0401",
        "a pipeline with a name that is none",
        "The name of a pipeline becomes a folder, a label of metrics and a word on the command line:\nletters, digits, - and _, at most 64, and no name twice.",
        "[saver.files.\"my errors\"]\npath = \"logs/{app}/error.log\"\n",
        "[saver.files.my-errors]\npath = \"logs/{app}/error.log\"\n",
    ),
    file(
        "DB0402",
        "a key that a pipeline needs is missing",
        "Files need a `path`, a plugin needs a `command`; all else has a default.",
        "[saver.files.errors]\nlevel = \"warn\"\n",
        files!(""),
    ),
    file(
        "DB0403",
        "a path that cannot be",
        "A path begins with a folder that is the same for all its files, so that no event can choose\nwhere it is written. Below it, fields in braces make files of their own: {app}, {job}, {run},\n{build}, {level}, {date}, {partition}, {stream}, {logger}.",
        "[saver.files.errors]\npath = \"{app}/error.log\"\n",
        files!(""),
    ),
    file(
        "DB0404",
        "a layout with a slip in it",
        "A layout is `text`, `json`, `logfmt`, `otlp` or a pattern: %word with options in braces. Words\nthat do not exist, options that mean nothing and brackets that do not close are errors, because a\nfile with empty or broken lines is found too late. docs/reference/layouts.md lists the words.",
        files!("layout = \"%d %levl %msg%n\"\n"),
        files!("layout = \"%d %level %msg%n\"\n"),
    ),
    file(
        "DB0405",
        "a selection with a slip in it",
        "What selects events is written with words that there are: levels are trace, debug, info, warn,\nerror and fatal, kinds are log, event, metric and manifest. `level` is a minimum, `levels` are\nexactly those. A regular expression has neither look-around nor back references.",
        "[saver.files.errors]\nlevel = \"wran\"\npath = \"logs/{app}/error.log\"\n",
        files!(""),
    ),
    file(
        "DB0406",
        "a pipeline that can take nothing",
        "What is asked of an event cannot be true of any. All keys of a pipeline have to fit at once:\nmetrics, events and manifests are of level info and come on no stream, an empty list fits nothing.",
        "[saver.files.metrics]\nkind = \"metric\"\nlevel = \"warn\"\npath = \"logs/{app}/metrics.log\"\n",
        "[saver.files.metrics]\nkind = \"metric\"\npath = \"logs/{app}/metrics.log\"\n",
    ),
    file(
        "DB0407",
        "two pipelines that can write the same file",
        "A file has one writer: two would overwrite and roll away each other's lines. That counts for\nrolled files too. Where `app` or `job` of a pipeline allow one value only, the field in its path\ncounts as that value.",
        "[saver.files.errors]\nlevel = \"warn\"\npath = \"logs/{app}.log\"\n\n[saver.files.all]\npath = \"logs/{job}.log\"\n",
        "[saver.files.errors]\nlevel = \"warn\"\npath = \"logs/{app}.err\"\n\n[saver.files.all]\npath = \"logs/{job}.log\"\n",
    ),
    file(
        "DB0408",
        "a name of rolled files that cannot be",
        "A name has a date (%d{…}), an index (%i) or both, so that no two rolled files have the same.\n{name} and {ext} are those of the file itself. The date must not come again: %d{HH} alone names\nthe files of every day alike.",
        files!("rotate = { every = \"hour\", name = \"{name}.%d{HH}{ext}\" }\n"),
        files!("rotate = { every = \"hour\", name = \"{name}.%d{yyyy-MM-dd_HH}{ext}\" }\n"),
    ),
    file(
        "DB0409",
        "rolling that cannot work as it says",
        "`rotate` says when a file is closed, `keep` which of the closed ones go. One without the other,\na window wider than a hundred files, a name that is the same for two files of a period: each would\nlose lines or keep all, and neither is what is meant.",
        files!("keep = { files = 9 }\n"),
        files!("rotate = { size = \"100MB\" }\nkeep = { files = 9 }\n"),
    ),
    file(
        "DB0410",
        "a time zone that does not exist",
        "A zone is named as in Europe/Berlin or America/New_York, or is UTC, GMT+2 and the like. One that\ndoes not exist is an error, and not silently UTC.",
        files!("zone = \"Berlin\"\n"),
        files!("zone = \"Europe/Berlin\"\n"),
    ),
    file(
        "DB0411",
        "a mode that cannot be",
        "Modes are written as chmod takes them, as text. The owner must be able to write files and to\nenter folders.",
        files!("mode = \"rw-r-----\"\n"),
        files!("mode = \"640\"\n"),
    ),
    file(
        "DB0412",
        "a plugin that cannot be started",
        "A plugin is a program and its arguments, some variables, and limits under which it can at least\nstart.",
        "[saver.plugins.splunk]\ncommand = []\n",
        "[saver.plugins.splunk]\ncommand = [\"python3\", \"plugins/to_splunk.py\"]\n",
    ),
    file(
        "DB0413",
        "a setting of the saver that cannot be",
        "Times and sizes of the saver have limits beyond which it could not do what it is for: an event\nthat is waited for longer than an hour, a window too small for one batch, a place to start that is\nno time.",
        "[saver]\nstart = \"yesterdy\"\n",
        "[saver]\nstart = 2025-01-27\n",
    ),
    file(
        "DB0414",
        "a test of the log saver that means nothing",
        "A test has events and the lines that files of `[saver.files]` must write of them. Levels and\nkinds are those that there are.",
        files!(
            "\n[[tests]]\nevents = [{ level = \"error\", message = \"boom\" }]\nexpect = { eror = [\"*boom*\"] }\n"
        ),
        files!(
            "\n[[tests]]\nevents = [{ level = \"error\", message = \"boom\" }]\nexpect = { errors = [\"*boom*\"] }\n"
        ),
    ),
    told(
        "DB0421",
        "a configuration of logback that cannot be read",
        "`databuild saver import` reads XML as logback does, without a DTD: what a file includes from\nelsewhere is not looked for.",
        "<configuration>\n  <root>\n</configuration>",
        "<configuration>\n  <root/>\n</configuration>",
    ),
    told(
        "DB0422",
        "something in a configuration of logback that has no counterpart",
        "Whatever cannot be kept as it was is refused, because leaving it out would change what is\nwritten. Take it out of the configuration, or leave a whole appender out with --without NAME.\ndocs/how-to/import-logback.md lists what is read.",
        "<appender name=\"OUT\" class=\"ch.qos.logback.core.ConsoleAppender\">",
        "$ databuild saver import logback.xml --without OUT",
    ),
    told(
        "DB0423",
        "a value in a configuration of logback that means nothing here",
        "Logback reads many wrong values as something else without a word: a level that does not exist is\nDEBUG, a pattern with a slip prints errors into the file. Here they are errors.",
        "<level>WRAN</level>",
        "<level>WARN</level>",
    ),
    told(
        "DB0424",
        "a variable in a configuration of logback without a value",
        "Variables come from the configuration itself; those that logback would take from Java or from the\nenvironment are given with --set. Without a value logback writes NAME_IS_UNDEFINED.",
        "<file>${LOG_DIR}/app.log</file>",
        "$ databuild saver import logback.xml --set LOG_DIR=/var/log/app",
    ),
];
