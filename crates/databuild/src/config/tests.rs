//! Project files in, everything that is wrong with them out; the table of keys against its pages.

use super::*;
use crate::config::table::{Entry, State, sections};
use expect_test::{Expect, expect, expect_file};
use proptest::prelude::*;
use std::fmt::Write as _;

pub(crate) fn source(text: &str) -> Source {
    Source {
        path: Some(PathBuf::from("/shop/databuild.toml")),
        name: FILE_NAME.to_owned(),
        folder: PathBuf::from("/shop"),
        text: text.to_owned(),
        parts: Vec::new(),
        problems: Vec::new(),
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[track_caller]
fn check_text(text: &str, expected: Expect) {
    let source = source(text);
    let (config, problems) = check(&source, &Environment::default());
    assert_eq!(config.is_some(), report::count(&problems, Severity::Error) == 0);
    expected.assert_eq(&report::human(source.named(), &problems));
}

#[test]
fn the_smallest_file_is_right() {
    check_text(
        "[jobs.report]\nout = \"report/date={date}\"\nrun = \"python report.py --date {date} --out {out}\"\n",
        expect![[""]],
    );
    check_text("", expect![[""]]);
}

#[test]
fn the_whole_example_is_right() {
    check_text(
        r#"#:schema ./.databuild/schema.json
[project]
name = "shop"
root = "s3://acme-lake/shop"

[keys]
date   = { every = "day", from = 2024-01-01 }
month  = { every = "month", from = "2024-01", until = "2029-12" }
year   = { every = "year", from = 2024 }
region = ["eu", "us"]
customer = "any"

[jobs.ingest]
out     = "raw/date={date}/region={region}"
run     = "python ingest.py --date {date} --region {region} --out {out} | awk '{ print $1 }' > ${HOME}/x"
retries = 2
timeout = "10m"
env     = { TZ = "UTC" }

[jobs.clean]
in  = "raw/date={date}/region={region}"
out = "clean/date={date}/region={region}"
run = ["python", "clean.py", "{in}", "--out={out}"]
dir = "pipelines"

[jobs.report]
in    = "clean/date={date-6d..date}/region={*}"
out   = "report/date={date}"
run   = '''
set -e
python report.py --week-ending {date} --out {out}
'''
app   = "finance"
needs = "python needs.py {out}"

[jobs.monthly]
in  = ["report/date={date in month}", "customers/all.csv"]
out = "monthly/month={month}"
run = "x"

[jobs.invoice]
in  = "monthly/month={month}"
out = ["invoice/{customer}/{month}.pdf", "invoice/{customer}/{month}.csv"]
run = "x"
type = "spark"
grace = "1h30m"
drain = "1s"
heartbeat = "500ms"

[logs]
dir = "/var/log/jobs"
refresh_interval = "250ms"
cache_runs = 10

[metrics]
labels = ["stage"]

[serve]
listen = "[::1]:0"
"#,
        expect![[""]],
    );
}

#[test]
fn all_errors_at_once_each_in_its_place() {
    let source = source(include_str!("tests/errors.toml"));
    let (config, problems) = check(&source, &Environment::default());
    assert!(config.is_none());
    let report = report::human(source.named(), &problems);
    expect_file!["./tests/errors.txt"].assert_eq(&report);
}

#[test]
fn a_slip_of_the_pen_is_told_before_what_may_follow_from_it() {
    check_text(
        "[jobs.report]\nout = report/date={date}\nrun = \"x\"\n[logz]\n",
        expect![[r#"
            error DB0101: unexpected key or value, expected newline, `#`
              ┌─ databuild.toml:2:18
            2 │ out = report/date={date}
              │                  ^ put a text in quotes, and each key on a line of its own
            error DB0103: unknown key `logz`
              ┌─ databuild.toml:4:2
            4 │ [logz]
              │  ^^^^ did you mean `logs`?
        "#]],
    );
    check_text(
        "[project\nname = \"x\"\n",
        expect![[r#"
            error DB0101: unclosed table, expected `]`
              ┌─ databuild.toml:1:9
            1 │ [project
              │         ^ close what was opened
            error DB0103: unknown key `name`
              ┌─ databuild.toml:2:1
            2 │ name = "x"
              │ ^^^^ it stands in [project]
        "#]],
    );
    check_text(
        "[project]\nname = \"x\"\nname = \"y\"\n",
        expect![[r#"
            error DB0101: duplicate key
              ┌─ databuild.toml:3:1
            3 │ name = "y"
              │ ^^^^ give each name once
        "#]],
    );
    check_text(
        "a = \"\"\"\n",
        expect![[r#"
            error DB0103: unknown key `a`
              ┌─ databuild.toml:1:1
            1 │ a = """
              │ ^ known here: project, keys, jobs, logs, metrics, serve, saver, tests, include
            error DB0101: invalid multi-line basic string, expected `"`
              ┌─ databuild.toml:2:1
            2 │ 
              │ ^ close what was opened
        "#]],
    );
}

#[test]
fn circles_and_double_makers() {
    check_text(
        r#"
[keys]
v = "any"
[jobs.a]
in  = ["c/date={date}", "x"]
out = "a/date={date}"
run = "x"
[jobs.b]
in  = "a/date={date-2d..date}"
out = "b/date={date}"
run = "x"
[jobs.c]
in  = "b/date={date}"
out = "c/date={date}"
run = "x"
[jobs.self]
in  = "self/{v}"
out = ["self/{v}", "self/b"]
run = "x"
[jobs.past]
in  = "past/date={date-1d}"
out = "past/date={date}"
run = "x"
[jobs.also]
out = "past/date={v}"
run = "x"
"#,
        expect![[r#"
            error DB0217: jobs need one another in a circle: a → c → b → a
              ┌─ databuild.toml:5:8
            5 │ in  = ["c/date={date}", "x"]
              │        ^^^^^^^^^^^^^^^ take one `in` of the circle away
            error DB0216: job `self` needs what it makes itself
               ┌─ databuild.toml:17:7
            17 │ in  = "self/{v}"
               │       ^^^^^^^^^^ read another partition; one of an earlier run is {date-1d}
            error DB0214: the patterns of `out` have different keys
               ┌─ databuild.toml:18:20
            18 │ out = ["self/{v}", "self/b"]
               │                    ^^^^^^^^ use the same keys in each: v
            error DB0215: job `self` makes `self/b` twice: also as `self/{v}`
               ┌─ databuild.toml:18:20
            18 │ out = ["self/{v}", "self/b"]
               │                    ^^^^^^^^ each partition is made by exactly one job: rename one, or give them different values
            error DB0218: job `past` needs its own past, which has no beginning
               ┌─ databuild.toml:21:7
            21 │ in  = "past/date={date-1d}"
               │       ^^^^^^^^^^^^^^^^^^^^^ give the key a start: date = { every = "day", from = "2025-01-01" }
            error DB0215: `past/date={v}` is made by two jobs: `past` makes it too, as `past/date={date}`
               ┌─ databuild.toml:25:7
            25 │ out = "past/date={v}"
               │       ^^^^^^^^^^^^^^^ each partition is made by exactly one job: rename one, or give them different values
        "#]],
    );
}

#[test]
fn places_inside_texts_of_every_spelling() {
    check_text(
        "[jobs.a]\nout = 'a/{x}'\nrun = '''\nécho {y}\n'''\n[jobs.b]\nout = \"b/\\u007bz}\"\nrun = \"\\t {q}\"\n",
        expect![[r#"
            error DB0206: there is no key `x`
              ┌─ databuild.toml:2:10
            2 │ out = 'a/{x}'
              │          ^^^ declare it under [keys]: x = "any", or a list of its values
            error DB0219: `{y}` is not a key of this job
              ┌─ databuild.toml:4:6
            4 │ écho {y}
              │      ^^^ use {in}, {out} or a key of `out`; for the text itself write `{{y}}`
            error DB0206: there is no key `z`
              ┌─ databuild.toml:7:7
            7 │ out = "b/\u007bz}"
              │       ^^^^^^^^^^^^ declare it under [keys]: z = "any", or a list of its values
            error DB0219: `{q}` is not a key of this job
              ┌─ databuild.toml:8:7
            8 │ run = "\t {q}"
              │       ^^^^^^^^ use {in}, {out} or a key of `out`; for the text itself write `{{q}}`
        "#]],
    );
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let long = format!(
        "[jobs.a]\nout = \"a\"\nrun = \"{}{{nothing}} {}\"\n",
        "x ".repeat(200),
        "y ".repeat(200)
    );
    check_text(
        &long,
        expect![[r#"
        error DB0219: `{nothing}` is not a key of this job
          ┌─ databuild.toml:3:408
        3 │ x x x x x x x x x x x x x x x x x x x x {nothing} y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y 
          │                                         ^^^^^^^^^ use {in}, {out} or a key of `out`; for the text itself write `{{nothing}}`
    "#]],
    );
}

#[test]
fn escapes_of_the_file_do_not_reach_the_terminal() {
    let source = source("[jobs.a]\nout = \"a\"\nrun = \"x\"\n# \u{1b}[31m\n\"\u{7f}k\" = 1\n");
    let (_, problems) = check(&source, &Environment::default());
    let text = report::human(source.named(), &problems);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7f}'), "{text:?}");
}

const FILE: &str = "[logs]\ndir = \"l\"\nrefresh_interval = \"2s\"\ncache_runs = 5\n[serve]\nlisten = \"localhost:1\"\n";

fn settings_of(text: &str, variables: &[(&str, &str)]) -> String {
    let env = environment(variables);
    let source = source(text);
    let (config, problems) = check(&source, &env);
    let mut out = report::human(source.named(), &problems);
    for setting in config.iter().flat_map(|config| effective::settings(&source, config, &env)) {
        writeln!(out, "{} = {}  # {}", setting.key, setting.value, setting.origin).expect("text");
    }
    out
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_defaults() {
    expect![[r#"
        project.name = "shop"  # default
        project.root = "/shop"  # default
        project.on_parent_death = "continue"  # default
        logs.dir = "/shop/.databuild/logs"  # default
        logs.refresh_interval = "1000ms"  # default
        logs.cache_runs = 100  # default
        logs.capture = "spool"  # default
        logs.spool_bytes_max = "64MiB"  # default
        logs.durability = "interval"  # default
        logs.on_full = "block"  # default
        metrics.labels = []  # default
        serve.listen = "127.0.0.1:8440"  # default
    "#]]
    .assert_eq(&settings_of("", &[]));
    expect![[r#"
        project.name = "shop"  # default
        project.root = "/shop"  # default
        project.on_parent_death = "continue"  # default
        logs.dir = "/shop/l"  # databuild.toml:2
        logs.refresh_interval = "2000ms"  # databuild.toml:3
        logs.cache_runs = 5  # databuild.toml:4
        logs.capture = "spool"  # default
        logs.spool_bytes_max = "64MiB"  # default
        logs.durability = "interval"  # default
        logs.on_full = "block"  # default
        metrics.labels = []  # default
        serve.listen = "127.0.0.1:1"  # databuild.toml:6
    "#]]
    .assert_eq(&settings_of(FILE, &[]));
    expect![[r#"
        project.name = "shop"  # default
        project.root = "/shop"  # default
        project.on_parent_death = "continue"  # default
        logs.dir = "/logs"  # environment DATABUILD_LOGS_DIR
        logs.refresh_interval = "50ms"  # environment DATABUILD_LOG_REFRESH_INTERVAL_MS
        logs.cache_runs = 7  # environment DATABUILD_LOG_CACHE_SIZE
        logs.capture = "spool"  # default
        logs.spool_bytes_max = "64MiB"  # default
        logs.durability = "interval"  # default
        logs.on_full = "block"  # default
        metrics.labels = []  # default
        serve.listen = "127.0.0.1:9"  # environment DATABUILD_LISTEN
    "#]]
    .assert_eq(&settings_of(
        FILE,
        &[
            ("DATABUILD_LOGS_DIR", "/logs"),
            ("DATABUILD_LOG_REFRESH_INTERVAL_MS", "50"),
            ("DATABUILD_LOG_CACHE_SIZE", "7"),
            ("DATABUILD_LISTEN", "127.0.0.1:9"),
            ("DATABUILD_KEY_DATE", "2025-01-01"),
            ("DATABUILD_PAGER", ""),
            ("HOME", "/root"),
        ],
    ));
}

#[test]
fn variables_that_mean_nothing() {
    expect![[r#"
        error DB0107: the variable DATABUILD_LOG_REFRESH_INTERVAL_MS is "1s", which is not milliseconds
           set it to 1000, or unset it
        error DB0107: the variable DATABUILD_LOG_CACHE_SIZE is "-1", which is not a number of runs
           set it to 100, or unset it
        error DB0107: the variable DATABUILD_LISTEN: `example.org` is not an address
           write an address of this machine and a port: 127.0.0.1:8440
        warning DB0106: the variable `DATABUILD_LOG_DIR` means nothing
           did you mean `DATABUILD_LOGS_DIR`?
    "#]].assert_eq(&settings_of(
        FILE,
        &[
            ("DATABUILD_LOG_DIR", "/logs"),
            ("DATABUILD_LOG_REFRESH_INTERVAL_MS", "1s"),
            ("DATABUILD_LOG_CACHE_SIZE", "-1"),
            ("DATABUILD_LISTEN", "example.org"),
        ],
    ));
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let say = |file: Option<&str>| {
        let read = read(dir.path(), file.map(Path::new));
        let message = read.expect_err("refused").message;
        message.replace(&dir.path().display().to_string(), "DIR")
    };
    expect!["no databuild.toml in DIR or above"].assert_eq(&say(None));
    expect!["nothing.toml cannot be read: No such file or directory (os error 2)"]
        .assert_eq(&say(Some("nothing.toml")));
    std::fs::write(dir.path().join("latin1.toml"), b"# caf\xe9").expect("a file");
    expect!["latin1.toml is not UTF-8: incomplete utf-8 byte sequence from index 5"]
        .assert_eq(&say(Some("latin1.toml")));
    let empty = load_or_empty(dir.path(), None, &Environment::default()).expect("settings");
    assert_eq!((empty.file, empty.logs_dir), (None, dir.path().join(".databuild/logs")));
    std::fs::write(dir.path().join(FILE_NAME), "[project]\nname = \"x\"\n").expect("a file");
    let inner = dir.path().join("a/b");
    std::fs::create_dir_all(&inner).expect("folders");
    let found = load(&inner, None, &Environment::default()).expect("settings");
    assert_eq!(found.file, Some(dir.path().join(FILE_NAME)));
}

#[test]
fn included_files_are_a_part_of_the_project() {
    let dir = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("a file");
    std::fs::create_dir(dir.path().join("apps")).expect("a folder");
    write(
        FILE_NAME,
        "include = [\"apps/*.toml\", \"apps/b.toml\", \"nowhere.toml\", \"../x.toml\"]\n[jobs.a]\nout = \"a\"\nrun = \"x\"\n[saver.files.errors]\npath = \"logs/e.log\"\n[logs]\ncache_runs = 1",
    );
    write(
        "apps/a.toml",
        "[jobs.b]\nin = \"a\"\nout = \"b\"\nrun = \"x {nothing}\"\n[saver.files.other]\npath = \"logs/e.log\"\n",
    );
    write(
        "apps/b.toml",
        "include = \"c.toml\"\n[jobs.a]\nout = \"c\"\nrun = \"x\"\n[logs]\ncache_runs = 2\n[saver.files.errors]\npath = \"x\"\n",
    );
    let source = read(dir.path(), None).expect("a project");
    let (config, problems) = check(&source, &Environment::default());
    assert!(config.is_none());
    expect![[r#"
        error DB0113: no file is called `nowhere.toml`
          ┌─ databuild.toml:1:42
        1 │ include = ["apps/*.toml", "apps/b.toml", "nowhere.toml", "../x.toml"]
          │                                          ^^^^^^^^^^^^^^ correct the name, or take it out
        error DB0113: `../x.toml` is no file below the project's folder
          ┌─ databuild.toml:1:58
        1 │ include = ["apps/*.toml", "apps/b.toml", "nowhere.toml", "../x.toml"]
          │                                                          ^^^^^^^^^^^ write a path below it: apps/*.toml
        error DB0219: `{nothing}` is not a key of this job
          ┌─ apps/a.toml:4:10
        4 │ run = "x {nothing}"
          │          ^^^^^^^^^ use {in}, {out} or a key of `out`; for the text itself write `{{nothing}}`
        error DB0407: `errors` can write the same file as `other`
          ┌─ apps/a.toml:6:8
        6 │ path = "logs/e.log"
          │        ^^^^^^^^^^^^ give them folders or endings of their own: two writers of one file overwrite each other
        error DB0113: an included file includes others
          ┌─ apps/b.toml:1:1
        1 │ include = "c.toml"
          │ ^^^^^^^ let the project file include them
        error DB0114: `a` is defined twice: also at databuild.toml:2
          ┌─ apps/b.toml:2:7
        2 │ [jobs.a]
          │       ^ give each name once
        error DB0114: `cache_runs` is defined twice: also at databuild.toml:8
          ┌─ apps/b.toml:6:1
        6 │ cache_runs = 2
          │ ^^^^^^^^^^ give each name once
        error DB0114: `errors` is defined twice: also at databuild.toml:5
          ┌─ apps/b.toml:7:14
        7 │ [saver.files.errors]
          │              ^^^^^^ give each name once
    "#]].assert_eq(&report::human(source.named(), &problems));

    write(FILE_NAME, "include = \"apps/*.toml\"\n[jobs.a]\nout = \"a\"\nrun = \"x\"");
    write(
        "apps/a.toml",
        "[jobs.b]\nin = \"a\"\nout = \"b\"\nrun = \"x\"\n[[tests]]\nexpect = {}\n",
    );
    write("apps/b.toml", "[logs]\ncache_runs = 2\n[[tests]]\nexpect = {}\n");
    let source = read(dir.path(), None).expect("a project");
    let (config, problems) = check(&source, &Environment::default());
    assert_eq!(problems, Vec::new());
    let config = config.expect("settings");
    assert_eq!((config.spec.jobs.len(), config.cache_runs, config.tests.len()), (2, 2, 2));
    let settings = effective::settings(&source, &config, &Environment::default());
    let origins: Vec<_> = settings.iter().filter(|it| it.key == "logs.cache_runs").collect();
    assert_eq!(origins.iter().map(|it| it.origin.as_str()).collect::<Vec<_>>(), ["apps/b.toml:2"]);
}

#[test]
fn what_the_machine_lacks() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = "[project]\nroot = \"databuild.toml\"\n[jobs.a]\nout = \"a\"\nrun = [\"nosuch\", \"x\"]\n[jobs.b]\nout = \"b\"\nrun = [\"tool\"]\n[jobs.c]\nout = \"c\"\nrun = \"x\"\ndir = \"nowhere\"\n";
    std::fs::write(dir.path().join(FILE_NAME), text).expect("a file");
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let tool = bin.join("tool");
    std::fs::write(&tool, "#!/bin/sh\n").expect("a file");
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("executable");
    let env = environment(&[("PATH", &bin.display().to_string())]);
    let config = load(dir.path(), None, &env).expect("settings");
    let problems = machine::check(&config, &env);
    let text = report::human(Named::of("", ""), &problems);
    expect![[r#"
        error DB0110: DIR/databuild.toml cannot be written: it is not a folder
           make it writable, or choose another folder
        error DB0111: job `a` starts `nosuch`, which is not there
           install it, or correct the command; it is looked for in the folders of PATH
        error DB0112: job `c` starts in DIR/nowhere, which is not there
           make the folder, or correct `dir`
    "#]]
    .assert_eq(&text.replace(&dir.path().display().to_string(), "DIR"));
}

/// Every key with one letter wrong: left out, changed, added, or swapped with its neighbour.
fn misspelt(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let alphabet: Vec<char> = ('a'..='z').chain(['_', '0']).collect();
    let mut all = Vec::new();
    for at in 0..=letters.len() {
        for &letter in &alphabet {
            let mut with = letters.clone();
            with.insert(at, letter);
            all.push(with);
            if at < letters.len() {
                let mut with = letters.clone();
                with[at] = letter;
                all.push(with);
            }
        }
        if at < letters.len() {
            let mut without = letters.clone();
            without.remove(at);
            all.push(without);
        }
        if at + 1 < letters.len() {
            let mut swapped = letters.clone();
            swapped.swap(at, at + 1);
            all.push(swapped);
        }
    }
    all.into_iter().map(|letters| letters.into_iter().collect()).collect()
}

fn header(table: &str) -> String {
    let list = if table.starts_with("[tests.") { "[[tests]]\n" } else { "" };
    let table = table.replace("NAME", "n");
    if table.is_empty() { String::new() } else { format!("{list}[{table}]\n") }
}

#[test]
fn every_key_misspelt_by_one_letter_is_caught_with_the_right_suggestion() {
    let mut checked = 0;
    for section in sections() {
        let (table, entries) = (&section.path, section.entries());
        let known = |name: &str| entries.iter().any(|entry: &Entry| entry.name == name);
        let header = header(table);
        for entry in entries {
            for wrong in misspelt(entry.name).into_iter().filter(|wrong| !known(wrong)) {
                let text = format!("{header}\"{wrong}\" = 1\n");
                let (parsed, mut problems) = tree::parse(&text);
                tree::check(&parsed, &mut problems);
                let [problem] = problems.as_slice() else { panic!("{text}: {problems:?}") };
                assert_eq!(problem.code, Code::UnknownKey.as_str());
                let suggested = format!("`{}`", entry.name);
                assert!(problem.help.contains(&suggested), "{table}.{wrong}: {}", problem.help);
                checked += 1;
            }
        }
    }
    assert!(10_000 < checked, "{checked}");
}

#[test]
fn a_key_in_the_wrong_table_is_sent_to_its_own() {
    check_text(
        "[project]\nretries = 1\n[logs]\nproject = 1\n[serve]\nzzzzzz = 1\n",
        expect![[r#"
        error DB0103: unknown key `retries` in [project]
          ┌─ databuild.toml:2:1
        2 │ retries = 1
          │ ^^^^^^^ it stands in [jobs.NAME]
        error DB0103: unknown key `project` in [logs]
          ┌─ databuild.toml:4:1
        4 │ project = 1
          │ ^^^^^^^ it stands at the top: [project]
        error DB0103: unknown key `zzzzzz` in [serve]
          ┌─ databuild.toml:6:1
        6 │ zzzzzz = 1
          │ ^^^^^^ known here: listen
    "#]],
    );
}

#[test]
fn every_key_of_a_later_version_is_refused_as_such() {
    for section in sections() {
        let (table, entries) = (&section.path, section.entries());
        for entry in entries.iter().filter(|entry| entry.state == State::Later) {
            let text = format!("{}{} = {{}}\n", header(table), entry.name);
            let (parsed, mut problems) = tree::parse(&text);
            tree::check(&parsed, &mut problems);
            let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
            assert_eq!(codes, [Code::NotBuilt.as_str()], "{table} {}", entry.name);
        }
    }
}

#[test]
fn every_example_of_the_table_is_taken() {
    for section in sections() {
        let (table, entries) = (&section.path, section.entries());
        for entry in entries.iter().filter(|entry| !entry.example.is_empty()) {
            let header = header(table);
            let text = format!("{header}{} = {}\n", entry.name, entry.example);
            let (parsed, mut problems) = tree::parse(&text);
            tree::check(&parsed, &mut problems);
            assert_eq!(problems, Vec::new(), "{text}");
        }
    }
}

#[test]
fn the_reference_page_and_the_schema_are_those_of_the_table() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");
    expect_file![format!("{docs}/config.md")].assert_eq(&reference::page());
    expect_file![format!("{docs}/config.schema.json")]
        .assert_eq(&format!("{:#}\n", schema::schema()));
}

#[test]
fn problems_as_json() {
    let source = source("[project]\nnaem = 1\n");
    let (_, problems) = check(&source, &environment(&[("DATABUILD_X", "1")]));
    let value = report::machine(source.named(), &problems);
    expect![[r#"
        {
          "errors": 1,
          "file": "databuild.toml",
          "ok": false,
          "problems": [
            {
              "code": "DB0103",
              "column": 1,
              "end_column": 5,
              "end_line": 2,
              "file": "databuild.toml",
              "help": "did you mean `name`?",
              "line": 2,
              "message": "unknown key `naem` in [project]",
              "severity": "error"
            },
            {
              "code": "DB0106",
              "help": "did you mean `DATABUILD_UTC`?",
              "message": "the variable `DATABUILD_X` means nothing",
              "severity": "warning"
            }
          ],
          "warnings": 1
        }
    "#]]
    .assert_eq(&format!("{value:#}\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let source = source(&text);
        let (_, problems) = check(&source, &Environment::default());
        drop(report::human(Named::of("f", &text), &problems));
    }

    #[test]
    fn no_soup_of_what_files_are_made_of_panics(
        words in proptest::collection::vec(
            prop_oneof![
                Just("["), Just("]"), Just("{"), Just("}"), Just("="), Just("\n"), Just("\""), Just("'''"), Just(","),
                Just("[jobs.a]\n"), Just("out = "), Just("in = "), Just("run = "), Just("\"a/{date-1d..date}\"\n"),
                Just("\"a/{é}{*}{date}\"\n"), Just("[keys]\n"), Just("date = "), Just("2024-01-01"), Just("99999999999999999999"),
                Just("[[jobs]]\n"), Just("jobs.a.b.c = 1\n"), Just("1e9"), Just("\"é {x} {{y}} ${z}\"\n"), Just("[logs]\ncache_runs = "),
            ],
            0..40,
        )
    ) {
        let text = words.concat();
        let source = source(&text);
        let (_, problems) = check(&source, &Environment::default());
        drop(report::human(Named::of("f", &text), &problems));
        drop(report::machine(Named::of("f", &text), &problems));
    }
}
