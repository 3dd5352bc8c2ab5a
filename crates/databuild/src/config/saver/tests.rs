//! Pipelines in, their settings and all that is wrong with them out.

use crate::config::env::Environment;
use crate::config::report;
use crate::config::tests::source;
use crate::config::{self, Config};
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use databuild_policy::layout::{LayoutEvent, Scratch};
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_saver::settings::{PipelineSettings, ProcessorSettings};
use expect_test::{Expect, expect, expect_file};
use std::fmt::Write as _;

fn config(text: &str) -> (Option<Config>, String) {
    let source = source(text);
    let (config, problems) = config::check(&source, &Environment::default());
    (config, report::human(source.named(), &problems))
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&config(text).1);
}

/// What a pipeline does with an event, and how it rolls.
fn told(pipeline: &PipelineSettings) -> String {
    let when = Timestamp::parse("2025-01-26T23:30:00Z").unwrap();
    let event = LayoutEvent {
        app: "fin/ance",
        job: "clean",
        logger: "audit.x",
        ..LayoutEvent::saying(when, Level::Warn, "two\nlines")
    };
    let mut out = format!(
        "{}: takes={} start={:?} window={:?} {:?} {:?}\n",
        pipeline.name,
        pipeline.selector.takes(Kind::Log, &event),
        pipeline.start,
        pipeline.order_window,
        pipeline.on_error,
        pipeline.errors,
    );
    match &pipeline.processor {
        ProcessorSettings::Files(files) => {
            let (mut path, mut line) = (String::new(), Vec::new());
            files.path.render(&event, &mut path);
            files.layout.render(&event, &mut Scratch::default(), &mut line);
            let archive = files.archive.as_ref().map(|naming| {
                let (ArchiveNaming::Dated(name) | ArchiveNaming::Window { name, .. }) = naming;
                let file = path.rsplit('/').next().unwrap();
                let window = match naming {
                    ArchiveNaming::Window { min, max, .. } => format!(" {min}..={max}"),
                    ArchiveNaming::Dated(_) => String::new(),
                };
                name.bind(file).render_whole(when, 7) + &window
            });
            writeln!(
                out,
                "  {path} {:o} {:o} open={} idle={:?}\n  {:?}",
                files.file_mode,
                files.folder_mode,
                files.open_files_max,
                files.close_idle,
                String::from_utf8(line).unwrap(),
            )
            .unwrap();
            writeln!(
                out,
                "  {:?} size={:?} every={:?} idle={:?} on_start={} {:?}",
                archive,
                files.rotation.bytes_max,
                files.rotation.every.as_ref().map(|it| it.0),
                files.rotation.idle,
                files.roll_on_start,
                files.keep,
            )
            .unwrap();
        }
        ProcessorSettings::Process(process) => writeln!(out, "  {process:?}").unwrap(),
    }
    out
}

#[test]
fn pipelines_become_settings() {
    let (config, problems) = config(include_str!("tests/right.toml"));
    let told: String = config.iter().flat_map(|config| &config.saver).map(told).collect();
    expect_file!["./tests/right.txt"].assert_eq(&(problems + &told));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    expect_file!["./tests/wrong.txt"].assert_eq(&config(include_str!("tests/wrong.toml")).1);
}

#[test]
fn rolled_files_are_called_by_what_rolls_them() {
    let name = |rotate: &str| {
        let text = format!("[saver.files.x]\npath = \"l/{{job}}.log\"\nrotate = {{ {rotate} }}\n");
        let (config, problems) = config(&text);
        let Some(config) = config else { return problems };
        let ProcessorSettings::Files(files) = &config.saver[0].processor else { panic!() };
        let naming = files.archive.as_ref().unwrap();
        let (ArchiveNaming::Dated(name) | ArchiveNaming::Window { name, .. }) = naming;
        let when = Timestamp::parse("2025-01-26T23:30:00Z").unwrap();
        format!("{rotate}: {}\n", name.bind("error.log").render_whole(when, 7))
    };
    let all: String = [
        "size = \"1MB\"",
        "every = \"day\"",
        "every = \"day\", zone = \"Europe/Berlin\"",
        "every = \"hour\", gzip = true",
        "size = \"1MB\", every = \"month\", compress = \"zstd\"",
        "every = \"week\"",
        "every = \"second\"",
        "every = \"minute\", idle = \"1s\"",
        "on_start = true",
        "size = \"1MB\", window = { max = 3 }",
        "size = \"1MB\", every = \"day\", window = {}",
        "size = \"1MB\", name = \"{name}-%03i{ext}\", compress = \"gzip\"",
        "size = \"1MB\", name = \"{name}-%03i{ext}.zst\"",
        "every = \"day\", name = \"old/%d{yyyy/MM, aux}/{name}.%d{\\\"dd,HH-yyyy-MM\\\"}{ext}\"",
    ]
    .into_iter()
    .map(name)
    .collect();
    expect![[r#"
        size = "1MB": error.7.log
        every = "day": error.2025-01-26.log
        every = "day", zone = "Europe/Berlin": error.2025-01-27.log
        every = "hour", gzip = true: error.2025-01-26_23.log.gz
        size = "1MB", every = "month", compress = "zstd": error.2025-01.7.log.zst
        every = "week": error.2025-W05.log
        every = "second": error.2025-01-26_23-30-00.log
        every = "minute", idle = "1s": error.2025-01-26_23-30.7.log
        on_start = true: error.7.log
        size = "1MB", window = { max = 3 }: error.7.log
        size = "1MB", every = "day", window = {}: error.7.log
        size = "1MB", name = "{name}-%03i{ext}", compress = "gzip": error-007.log.gz
        size = "1MB", name = "{name}-%03i{ext}.zst": error-007.log.zst
        every = "day", name = "old/%d{yyyy/MM, aux}/{name}.%d{\"dd,HH-yyyy-MM\"}{ext}": old/2025/01/error.26,23-2025-01.log
    "#]]
    .assert_eq(&all);
}

#[test]
fn files_that_would_have_two_writers() {
    check(
        r#"
[saver.files.all]
path = "logs/{job}.log"
[saver.files.errors]
path = "logs/{app}-errors.log"
[saver.files.a]
app = "a"
path = "apps/{app}/x.log"
rotate = { size = "1MB" }
[saver.files.b]
app = "b"
path = "apps/{app}/x.log"
rotate = { size = "1MB" }
[saver.files.c]
app = ["a", "c"]
path = "apps/{app}/x.log"
[saver.files.rolled]
path = "r/x.log"
rotate = { size = "1MB" }
[saver.files.odd]
path = "r/x.0.log"
[saver.files.one]
path = "s/one.log"
rotate = { size = "1MB", name = "old.%i" }
[saver.files.two]
path = "s/two.log"
rotate = { size = "1MB", name = "old.%i" }
[saver.files.off]
enabled = false
path = "s/two.log"
"#,
        expect![[r#"
            error DB0407: `all` can write the same file as `errors`
              ┌─ databuild.toml:5:8
            5 │ path = "logs/{app}-errors.log"
              │        ^^^^^^^^^^^^^^^^^^^^^^^ give them folders or endings of their own: two writers of one file overwrite each other
            error DB0407: `a` can write the same file as `c`
               ┌─ databuild.toml:16:8
            16 │ path = "apps/{app}/x.log"
               │        ^^^^^^^^^^^^^^^^^^ give them folders or endings of their own: two writers of one file overwrite each other
            error DB0407: `b` can write the same file as `c`
               ┌─ databuild.toml:16:8
            16 │ path = "apps/{app}/x.log"
               │        ^^^^^^^^^^^^^^^^^^ give them folders or endings of their own: two writers of one file overwrite each other
            error DB0407: a rolled file of `rolled` can have the name that `odd` writes
               ┌─ databuild.toml:21:8
            21 │ path = "r/x.0.log"
               │        ^^^^^^^^^^^ name rolled files otherwise, or let them stand in other folders
            error DB0407: rolled files of `one` and `two` can have the same names
               ┌─ databuild.toml:26:8
            26 │ path = "s/two.log"
               │        ^^^^^^^^^^^ begin `rotate.name` with {name}, which is the name of the file itself
        "#]],
    );
}

#[test]
fn tests_say_what_is_written_otherwise() {
    let text = r#"
[saver.files.errors]
level  = "warn"
path   = "logs/{app}/error.log"
layout = "%-5level [%app %job %logger] %msg %kvp%n%ex"
[saver.files.debug]
levels = ["debug"]
path   = "logs/{app}/debug.log"

[[tests]]
name   = "errors reach error.log and debug.log stays empty"
events = [{ app = "finance", level = "error", message = "boom", fields = { user = "dana" } }]
expect = { errors = ["ERROR [[finance job job] boom user=*dana*"], debug = [] }

[[tests]]
events = [{ level = "warn", message = "one" }, { level = "info" }, { level = "debug", job = "x", message = "a\nb", time = 2025-01-01T00:00:00Z }]
expect = { errors = [], debug = ["*two*"] }
"#
    .replace("[[finance", "[finance");
    let (config, problems) = config(&text);
    assert_eq!(problems, "");
    let config = config.unwrap();
    let told: String = config
        .tests
        .iter()
        .map(|test| format!("{}: {:#?}\n", test.name, test.failed(&config.saver)))
        .collect();
    expect![[r#"
        errors reach error.log and debug.log stays empty: []
        test 2: [
            Failed {
                pipeline: "debug",
                expected: [
                    "*two*",
                ],
                written: [
                    "2025-01-01 00:00:00.000 DEBUG [x] a\\nb ",
                ],
            },
            Failed {
                pipeline: "errors",
                expected: [],
                written: [
                    "WARN  [shop job job] one ",
                ],
            },
        ]
    "#]]
    .assert_eq(&told);
}

#[test]
fn tests_that_cannot_be_run_are_refused() {
    check(
        "[saver.files.errors]\npath = \"logs/e.log\"\n[[tests]]\nevents = [{ level = \"wran\", kind = \"logs\", time = \"x\" }]\nexpect = { erors = [] }\n[[tests]]\nevent = 1\n",
        expect![[r#"
            error DB0414: there is no level `wran`
              ┌─ databuild.toml:4:21
            4 │ events = [{ level = "wran", kind = "logs", time = "x" }]
              │                     ^^^^^^ did you mean `warn`?
            error DB0414: there is no kind `logs`
              ┌─ databuild.toml:4:36
            4 │ events = [{ level = "wran", kind = "logs", time = "x" }]
              │                                    ^^^^^^ did you mean `log`?
            error DB0414: `x` is not a time
              ┌─ databuild.toml:4:51
            4 │ events = [{ level = "wran", kind = "logs", time = "x" }]
              │                                                   ^^^ write it as in 2025-01-27T10:30:45.000Z
            error DB0414: there are no files `erors`
              ┌─ databuild.toml:5:12
            5 │ expect = { erors = [] }
              │            ^^^^^ did you mean `errors`?
            error DB0414: the test expects nothing
              ┌─ databuild.toml:6:1
            6 │ [[tests]]
              │ ^^^^^^^^^ say what is written: expect = { errors = ["*boom*"] }
            error DB0103: unknown key `event` in [[tests]]
              ┌─ databuild.toml:7:1
            7 │ event = 1
              │ ^^^^^ did you mean `events`?
        "#]],
    );
    check(
        "[tests]\nname = \"x\"\n",
        expect![[r#"
        error DB0104: `tests` is a list of tables, not a table
          ┌─ databuild.toml:1:1
        1 │ [tests]
          │ ^^^^^^^ begin each with [[tests]]
    "#]],
    );
}
