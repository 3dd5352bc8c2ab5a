//! The last screen of a build that failed: which job, why, what it said, and what to type next.
//!
//! Nothing comes after it, so that nobody has to scroll. Pure: what is known comes in, text goes out.

use crate::render::entry::EntryStyle;
use crate::render::table::cut;
use crate::render::times::{counted, took};
use databuild_graph::plan::RunNumber;
use databuild_model::entry::{Content, JobLogEntry, Kind, Stream};
use databuild_model::level::Level;
use std::fmt;
use std::time::Duration;

/// Most entries of one run: what fits between a heading and two commands on half a screen.
pub(crate) const ENTRIES_MAX: usize = 12;
/// Entries before the first error, for what led to it.
const BEFORE_ERROR: usize = 2;
/// Last words on stderr of a run that said no ERROR.
const LAST_WORDS: usize = 5;
/// Most failed runs that are shown in full.
pub(crate) const RUNS_MAX: usize = 5;
/// Most refs that a list names.
const REFS_MAX: usize = 3;

/// A build that did not make all that was wanted.
#[derive(Debug)]
pub(crate) struct FailedBuild {
    /// Its number.
    pub(crate) number: u64,
    /// How long it took.
    pub(crate) took: Duration,
    /// Tasks whose outputs were made.
    pub(crate) made: u64,
    /// Tasks that failed.
    pub(crate) failed: u64,
    /// Tasks that were not started.
    pub(crate) not_started: u64,
    /// Partitions that were there already.
    pub(crate) up_to_date: u64,
    /// Whether it was told to stop.
    pub(crate) cancelled: bool,
    /// The failed runs, in the order in which they ended: at most [`RUNS_MAX`] with entries.
    pub(crate) runs: Vec<FailedRun>,
    /// What was not started because of them, as job and target.
    pub(crate) blocked: Vec<String>,
}

/// A run that failed, for good.
#[derive(Debug)]
pub(crate) struct FailedRun {
    /// Its number.
    pub(crate) run: RunNumber,
    /// Job and target: `clean date=2025-01-23`.
    pub(crate) name: String,
    /// `exit 3`.
    pub(crate) end: String,
    /// How long it took.
    pub(crate) took: Duration,
    /// Which attempt it was, and of how many.
    pub(crate) attempts: (u32, u32),
    /// What was run.
    pub(crate) command: String,
    /// What to show of what it said.
    pub(crate) extract: Vec<JobLogEntry>,
    /// Entries in all.
    pub(crate) entries: u64,
    /// Entries at ERROR or above.
    pub(crate) errors: u64,
}

/// Picks what tells why a run failed: the first ERROR with what led to it and what follows, else the
/// last words on stderr, else the last words.
pub(crate) fn extract(entries: Vec<JobLogEntry>) -> Vec<JobLogEntry> {
    let mut logs: Vec<JobLogEntry> =
        entries.into_iter().filter(|entry| entry.content.kind() == Kind::Log).collect();
    let log_is =
        |entry: &JobLogEntry, test: &dyn Fn(Level, Option<Stream>) -> bool| match &entry.content {
            Content::Log(log) => test(log.level, log.origin.stream),
            Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => false,
        };
    if let Some(at) = logs.iter().position(|entry| log_is(entry, &|level, _| Level::Error <= level))
    {
        logs.drain(..at.saturating_sub(BEFORE_ERROR));
        logs.truncate(ENTRIES_MAX);
        return logs;
    }
    if logs.iter().any(|entry| log_is(entry, &|_, stream| stream == Some(Stream::Stderr))) {
        logs.retain(|entry| log_is(entry, &|_, stream| stream == Some(Stream::Stderr)));
    }
    logs.drain(..logs.len().saturating_sub(LAST_WORDS));
    logs
}

/// The block. `program` is how we were called; the commands in it can be copied.
pub(crate) fn render(
    build: &FailedBuild,
    style: &EntryStyle,
    program: &str,
    width: usize,
) -> String {
    let mut out = String::new();
    heading(build, style, &mut out);
    let groups = grouped(&build.runs);
    for group in groups.iter().take(RUNS_MAX) {
        out.push('\n');
        run_block(build, group, style, program, width, &mut out);
    }
    if let Some(more) = groups.len().checked_sub(RUNS_MAX).filter(|more| 0 < *more) {
        put(
            &mut out,
            format_args!("\nand {more} more: {program} logs {} --failed\n", build.number),
        );
    }
    if !build.blocked.is_empty() {
        let names = build.blocked.iter().take(REFS_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = build.blocked.len().saturating_sub(REFS_MAX);
        let more = if 0 < more { format!(" and {more} more") } else { String::new() };
        let all = format!("{program} runs show {}", build.number);
        put(&mut out, format_args!("\nnot started, they need it: {names}{more} ({all})\n"));
    }
    out
}

/// Appends; writing to a String cannot fail.
fn put(out: &mut String, text: fmt::Arguments<'_>) {
    fmt::Write::write_fmt(out, text).ok();
}

fn heading(build: &FailedBuild, style: &EntryStyle, out: &mut String) {
    let mut parts = vec![format!("{} made", build.made)];
    for (count, word) in [
        (build.failed, "failed"),
        (build.not_started, "not started"),
        (build.up_to_date, "up to date"),
    ] {
        if 0 < count {
            parts.push(format!("{count} {word}"));
        }
    }
    let (sign, word) = if build.cancelled { ("–", "stopped") } else { ("✘", "failed") };
    let title = format!("{sign} build {} {word} after {}", build.number, took(build.took));
    let painted = if build.cancelled { style.paint.warn(&title) } else { style.paint.bad(&title) };
    put(out, format_args!("{painted}: {}\n", parts.join(", ")));
}

/// Runs that failed with the same last words, as one.
fn grouped(runs: &[FailedRun]) -> Vec<Vec<&FailedRun>> {
    let mut groups: Vec<(String, Vec<&FailedRun>)> = Vec::new();
    for run in runs {
        let key = cause_of(run);
        match groups.iter_mut().find(|(known, _)| !key.is_empty() && *known == key) {
            Some((_, group)) => group.push(run),
            None => groups.push((key, vec![run])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// What makes two failures the same: the end and the first error, or the last word.
fn cause_of(run: &FailedRun) -> String {
    let messages = || {
        run.extract.iter().filter_map(|entry| match &entry.content {
            Content::Log(log) => Some((log.level, log.message.as_str())),
            Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
        })
    };
    let first_error = messages().find(|(level, _)| Level::Error <= *level);
    match first_error.or_else(|| messages().next_back()) {
        Some((_, message)) => format!("{}\n{message}", run.end),
        None => String::new(),
    }
}

fn run_block(
    build: &FailedBuild,
    group: &[&FailedRun],
    style: &EntryStyle,
    program: &str,
    width: usize,
    out: &mut String,
) {
    let Some((run, others)) = group.split_first() else {
        return;
    };
    let (attempt, attempts) = run.attempts;
    let attempts =
        if 1 < attempts { format!(", attempt {attempt} of {attempts}") } else { String::new() };
    let name = style.paint.strong(&run.name);
    put(
        out,
        format_args!(
            "{name}      {} after {}      run {}{attempts}\n",
            run.end,
            took(run.took),
            run.run
        ),
    );
    if !run.command.is_empty() {
        let mut command = String::new();
        crate::render::escape::neutralise(
            &run.command.replace('\n', " "),
            crate::render::escape::Escapes::Nothing,
            &mut command,
        );
        put(out, format_args!("  command   {}\n", cut(&command, width.saturating_sub(12).max(20))));
    }
    let mut lines = String::new();
    for entry in &run.extract {
        style.render(entry, "  ", entry.timestamp, &mut lines);
    }
    for line in lines.lines().take(ENTRIES_MAX) {
        out.push_str(line);
        out.push('\n');
    }
    if !others.is_empty() {
        let names: Vec<String> =
            others.iter().take(REFS_MAX).map(|run| format!("{} ({})", run.name, run.run)).collect();
        let more = others.len().saturating_sub(REFS_MAX);
        let more = if 0 < more { format!(" and {more} more") } else { String::new() };
        put(out, format_args!("  the same  {}{more}\n", names.join(", ")));
    }
    let counts = format!(
        "{}, {}",
        counted(run.entries, "entry", "entries"),
        counted(run.errors, "error", "errors")
    );
    put(out, format_args!("  whole log   {program} logs {}      {counts}\n", run.run));
    put(
        out,
        format_args!(
            "  try again   {program} build --retry {}      makes {}, keeps {}\n",
            build.number,
            build.failed + build.not_started,
            build.made
        ),
    );
}

#[cfg(test)]
mod tests;
