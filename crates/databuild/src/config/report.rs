//! Problems as people and programs read them.

use super::Part;
use super::problem::{Problem, Severity};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::ops::Range;

/// The text of a file, and its name for people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// The text.
    pub(crate) text: &'a str,
    /// Further files whose text follows in it.
    pub(crate) parts: &'a [Part],
}

impl<'a> Named<'a> {
    /// A text of one file.
    pub(crate) fn of(name: &'a str, text: &'a str) -> Self {
        Named { name, text, parts: &[] }
    }

    /// The file that a byte of the text is of, and where it begins in it.
    fn file_of(self, at: usize) -> (Named<'a>, usize) {
        let after = self.parts.iter().position(|part| at < part.start);
        let until = after.unwrap_or(self.parts.len());
        let end =
            after.and_then(|after| self.parts.get(after)).map_or(self.text.len(), |it| it.start);
        let part = until.checked_sub(1).and_then(|last| self.parts.get(last));
        let (name, start) = part.map_or((self.name, 0), |part| (part.name.as_str(), part.start));
        (Named::of(name, self.text.get(start..end).unwrap_or_default()), start)
    }

    /// The file that a piece of the text is of, and the piece within it.
    fn local(self, span: &Range<usize>) -> (Named<'a>, Range<usize>) {
        let (file, start) = self.file_of(span.start);
        (file, span.start - start..span.end.saturating_sub(start))
    }
}

/// The file and line of a byte, as people write it.
pub(crate) fn place(file: Named<'_>, at: usize) -> String {
    let (file, span) = file.local(&(at..at));
    format!("{}:{}", file.name, line_column(file.text, span.start).line)
}

/// Longest piece of a source line that is shown, in characters.
const SHOWN_MAX: usize = 160;

/// A place in a text, for people: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineColumn {
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

/// The line and column of a byte.
pub(crate) fn line_column(text: &str, at: usize) -> LineColumn {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    LineColumn { line, column }
}

/// All problems in the form that a person reads, with the lines they are about.
pub(crate) fn human(file: Named<'_>, problems: &[Problem]) -> String {
    let mut out = String::new();
    for problem in problems {
        one(file, problem, &mut out);
    }
    out
}

/// The line at the end: how many there are, and how to learn more.
pub(crate) fn summary(problems: &[Problem]) -> String {
    let errors = count(problems, Severity::Error);
    let warnings = count(problems, Severity::Warning);
    let many =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let more = problems
        .first()
        .map_or_else(String::new, |first| format!("   databuild explain {}", first.code));
    format!("{}, {}.{more}\n", many(errors, "error"), many(warnings, "warning"))
}

/// How many problems are this bad.
pub(crate) fn count(problems: &[Problem], severity: Severity) -> usize {
    problems.iter().filter(|problem| problem.severity == severity).count()
}

/// All problems as one JSON value.
pub(crate) fn machine(file: Named<'_>, problems: &[Problem]) -> Value {
    let list: Vec<_> = problems.iter().map(|problem| one_json(file, problem)).collect();
    let errors = count(problems, Severity::Error);
    json!({
        "ok": errors == 0,
        "file": file.name,
        "errors": errors,
        "warnings": count(problems, Severity::Warning),
        "problems": list,
    })
}

fn severity(problem: &Problem) -> &'static str {
    match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn one_json(file: Named<'_>, problem: &Problem) -> Value {
    let mut value = json!({
        "severity": severity(problem),
        "code": problem.code,
        "message": problem.message,
        "help": problem.help,
    });
    if let (Some(span), Value::Object(fields)) = (&problem.span, &mut value) {
        let (file, span) = file.local(span);
        let (from, to) = (line_column(file.text, span.start), line_column(file.text, span.end));
        fields.insert("file".to_owned(), json!(file.name));
        fields.insert("line".to_owned(), json!(from.line));
        fields.insert("column".to_owned(), json!(from.column));
        fields.insert("end_line".to_owned(), json!(to.line));
        fields.insert("end_column".to_owned(), json!(to.column));
    }
    value
}

fn one(file: Named<'_>, problem: &Problem, out: &mut String) {
    out.extend([severity(problem), " ", problem.code, ": ", &harmless(&problem.message), "\n"]);
    let Some(span) = &problem.span else {
        out.extend(["   ", &harmless(&problem.help), "\n"]);
        return;
    };
    let (file, span) = file.local(span);
    let place = line_column(file.text, span.start);
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let (line, mark) = excerpt(file.text, &span);
    let help = harmless(&problem.help);
    // Writing into a String cannot fail.
    writeln!(out, "{gutter} ┌─ {}:{}:{}", file.name, place.line, place.column).ok();
    writeln!(out, "{number} │ {line}").ok();
    writeln!(out, "{gutter} │ {mark} {help}").ok();
}

/// The line that a span begins in, and carets below what the span covers of it.
fn excerpt(text: &str, span: &Range<usize>) -> (String, String) {
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    let lead = text.get(start..span.start).unwrap_or_default().chars().count();
    let covered = text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
    let width = covered.chars().count().max(1);
    // A long line is cut so that the place is seen.
    let skip = if SHOWN_MAX / 2 < lead { lead - SHOWN_MAX / 4 } else { 0 };
    let shown: String = line.chars().skip(skip).take(SHOWN_MAX).collect();
    let width = width.min(SHOWN_MAX.saturating_sub(lead - skip).max(1));
    (harmless(&shown), format!("{}{}", " ".repeat(lead - skip), "^".repeat(width)))
}

/// Text of a file on a terminal: no control character, one column each.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if c.is_control() {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
