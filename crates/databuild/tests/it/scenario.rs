//! Runs the text files in `scenarios/`: files are given, commands are run, whole outputs are expected.
//!
//! ```text
//! # A comment.
//! file databuild.toml
//! | a line of the file
//!
//! $ databuild check
//! | a line of its stdout
//! ! a line of its stderr
//! exit 78
//! ```
//! Commands run in a shell, one after the other, in one world. What differs from run to run (times,
//! ids, durations, the folder) is replaced by a word in brackets. `UPDATE_EXPECT=1` writes what came.

use crate::env::TestEnv;
use regex::Regex;
use std::fmt::Write;
use std::path::{Path, PathBuf};

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)); })*

        #[test]
        fn every_scenario_file_is_run() {
            let mut files: Vec<String> = std::fs::read_dir(folder())
                .expect("the folder")
                .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
                .collect();
            files.sort();
            let mut run = vec![$(concat!(stringify!($name), ".test").to_owned()),*];
            run.sort();
            assert_eq!(files, run);
        }
    };
}

scenarios! {
    build
    complete
    demo
    emit
    exits
    export
    help
    init
    logs
    noproject
    plugin
    run
    transfer
    usage
    verify
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios")
}

fn check(name: &str) {
    let path = folder().join(format!("{name}.test"));
    let text = std::fs::read_to_string(&path).expect("the scenario");
    let got = play(&text);
    if updating() {
        std::fs::write(&path, got).expect("written");
    } else if got != text {
        panic!("{name}.test: UPDATE_EXPECT=1 would make it\n{}", difference(&text, &got));
    }
}

#[expect(clippy::disallowed_methods, reason = "the switch of expect-test, which reads it so too")]
fn updating() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}

/// Plays a scenario and returns it as it should read.
fn play(text: &str) -> String {
    let env = TestEnv::new();
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("$ ") {
            writeln!(out, "{line}").expect("a string");
            // What was expected is replaced by what came.
            while lines.next_if(|next| is_outcome(next)).is_some() {}
            play_command(&env, command, &mut out);
        } else if let Some(name) = line.strip_prefix("file ") {
            writeln!(out, "{line}").expect("a string");
            let mut file = String::new();
            while let Some(next) = lines.next_if(|next| next.starts_with('|')) {
                writeln!(out, "{next}").expect("a string");
                file.push_str(next.strip_prefix("| ").unwrap_or(""));
                file.push('\n');
            }
            env.write(name, &file);
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "not understood: {line}");
            writeln!(out, "{line}").expect("a string");
        }
    }
    out
}

fn is_outcome(line: &str) -> bool {
    line.starts_with('|') || line.starts_with('!') || line.starts_with("exit ")
}

fn play_command(env: &TestEnv, command: &str, out: &mut String) {
    let output = env.sh(command);
    for (mark, bytes) in [('|', &output.stdout), ('!', &output.stderr)] {
        for line in normalise(env, &String::from_utf8_lossy(bytes)).lines() {
            writeln!(out, "{}", format!("{mark} {line}").trim_end()).expect("a string");
        }
    }
    writeln!(out, "exit {}", output.status.code().unwrap_or(-1)).expect("a string");
}

fn normalise(env: &TestEnv, text: &str) -> String {
    let rules = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uuid]"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "[timestamp]"),
        (r"\b\d\d:\d\d:\d\d(\.\d{3})?\b", "[time]"),
        (r"\b(today|yesterday) \d\d:\d\d\b", "[day time]"),
        (r"\b\d+m\d\ds\b|\b\d+\.\d+s\b|\b\d+ms\b", "[took]"),
        (r#""(duration_seconds|took_seconds)":[0-9.e-]+"#, "\"$1\":[took]"),
        (r"\b(pid|process)=\d+", "$1=[pid]"),
        (r"\bduration_seconds=\S+", "duration_seconds=[took]"),
        (r" = \d+(\.\d+)? (s|MB)\b", " = [measured] $2"),
        // Columns are as wide as what was replaced.
        (r"(\S) {2,}", "$1  "),
    ];
    let root = env.root().to_string_lossy().into_owned();
    let mut text = text.replace(&root, "[dir]").replace('\u{1b}', "^[");
    for (pattern, word) in rules {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, word).into_owned();
    }
    text
}

/// The first place where two texts differ, with some lines around it.
fn difference(expected: &str, got: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(6);
    let show = |lines: &[&str], sign: char| -> String {
        lines.iter().skip(same).take(25).map(|line| format!("{sign} {line}\n")).collect()
    };
    let before: String = old.iter().take(same).skip(from).map(|l| format!("  {l}\n")).collect();
    format!("{before}{}{}", show(&old, '-'), show(&new, '+'))
}
