//! Lines and the levels they state; reports and where they end.

use super::{Joiner, level};
use databuild_model::level::Level;

#[track_caller]
fn check(expect: Level, lines: &[&str]) {
    for line in lines {
        assert_eq!(level(line.as_bytes()), expect, "{line}");
    }
}

#[test]
fn a_stated_level_counts() {
    check(
        Level::Error,
        &[
            "ERROR something",
            "ERROR: x",
            "ERROR:root:x",
            "error: could not compile",
            "Error: no such file",
            "[ERROR] x",
            "[error] x",
            "<err> x",
            "2025-01-27 10:30:45,123 - app.module - ERROR - bad",
            "10:31:07.402 [main] ERROR com.example - bad",
            "[2025-01-27T10:30:45Z] error: x",
            "[2025-01-27T10:30:45Z ERROR app] x",
            "2025-01-27T10:30:45.1Z ERROR app: x",
            "2025/01/27 10:30:45 [error] 12#0: x",
            "2025-01-27 10:30:45 [main] \u{1b}[31mERROR\u{1b}[0m x",
            "time=\"2025-01-27\" level=error msg=\"x\"",
            "level=error msg=x",
            "ts=1 caller=a.go:1 level=error",
            "E0127 10:30:45.1 12 file.go:1] x",
            "\u{1b}[31mERROR\u{1b}[0m x",
            "\u{1b}[1m\u{1b}[31merror: x",
            "Traceback (most recent call last):",
            "  + Exception Group Traceback (most recent call last):",
            "Exception in thread \"main\" java.lang.Error",
            "thread 'main' panicked at src/main.rs:2:5:",
            "fatal error: all goroutines are asleep",
        ],
    );
    check(Level::Warn, &["WARNING: x", "warning: unused", "WARN", "[WARN]\tx", "W0127 10:30:45 x"]);
    check(Level::Debug, &["DEBUG x", "10:31 debug x"]);
    check(Level::Fatal, &["fatal: not a git repository", "CRITICAL - x", "panic: runtime error"]);
}

#[test]
fn what_is_not_stated_is_information() {
    check(
        Level::Info,
        &[
            "",
            "hello",
            "Error handling is on",
            "error rate 0.1",
            "ERRORS: 0",
            "12 errors found",
            "12:30 lunch",
            "2025-01-27 wrote error.log",
            "[1/5] error.c",
            "https://example.org/ERROR",
            "ERROR_COUNT=0",
            "E0127x",
            "x level=error",
            "\u{1b}[31m",
            "éRROR",
        ],
    );
}

/// Joins `text` and shows entries separated by a line of `--`.
fn join(text: &str) -> String {
    let mut joiner = Joiner::new();
    let mut out = String::new();
    for line in text.lines() {
        if out.is_empty() {
            joiner.head(line.as_bytes());
        } else if !joiner.continues(line.as_bytes()) {
            out.push_str("--\n");
            joiner.head(line.as_bytes());
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[track_caller]
fn check_join(entries: &[&str]) {
    assert_eq!(join(&entries.join("\n")), entries.join("\n--\n") + "\n");
}

#[test]
fn indented_lines_join_and_tables_do_not() {
    check_join(&["a\n  b\n\tc", "d", "", " e", " f", "g"]);
    check_join(&["{\n  \"a\": 1\n}", "}"]);
    check_join(&["java.lang.Error: x\n\tat a.B\nCaused by: y\n\tat c.D", "next"]);
}

#[test]
fn a_traceback_is_one_entry_with_its_exception_and_its_causes() {
    check_join(&[
        "before",
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\nValueError: x\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\"\nKeyError: 'k'",
        "after",
    ]);
    check_join(&[
        "thread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1`",
        "after",
    ]);
}

#[test]
fn a_late_line_of_a_report_has_its_level() {
    let mut joiner = Joiner::new();
    assert_eq!(joiner.head(b"Traceback (most recent call last):"), Level::Error);
    assert_eq!(joiner.head(b"  File \"a.py\""), Level::Error);
    assert_eq!(joiner.head(b"ValueError: x"), Level::Error);
    assert_eq!(joiner.head(b"after"), Level::Info);
}
