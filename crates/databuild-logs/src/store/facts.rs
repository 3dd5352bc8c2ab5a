//! What the store must know of one line, and how it is found out.

use crate::format::RunEnd;
use databuild_model::cause::{Cause, run_end};
use databuild_model::entry::{Content, JobLogEntry, Kind, WrapperJobEvent, event};
use databuild_model::ids::JobRunId;
use databuild_model::json;
use databuild_model::level::Level;
use databuild_model::scan::{Scan, Scanner};
use databuild_model::time::Timestamp;

/// The facts of a line that is an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct LineFacts {
    /// When.
    pub timestamp: Timestamp,
    /// Its place in the run; 0 if it did not come from the run's wrapper.
    pub sequence: u64,
    /// What it carries.
    pub kind: Kind,
    /// How severe, if it is a log entry.
    pub level: Option<Level>,
    /// It says that it is an entry of another run.
    pub foreign: bool,
    /// What a `run_end` event says.
    pub end: Option<Box<RunEnd>>,
}

/// Reads the lines of one run.
#[derive(Debug)]
pub struct LineReader {
    run: JobRunId,
    scanner: Scanner,
}

/// A line that was looked at.
#[derive(Debug)]
pub enum Looked<'a> {
    /// An entry in the usual form.
    Scanned(LineFacts, Scan<'a>),
    /// An entry in a form that needs the full reader.
    Read(LineFacts, Box<JobLogEntry>),
    /// Not an entry, and why.
    Refused(json::ReadError),
}

impl LineReader {
    /// A reader of the lines of `run`.
    pub fn new(run: JobRunId) -> Self {
        LineReader { run, scanner: Scanner::new() }
    }

    /// The run.
    pub fn run(&self) -> &JobRunId {
        &self.run
    }

    /// Looks at `line`, which has no line feed.
    pub fn look<'a>(&mut self, line: &'a [u8]) -> Looked<'a> {
        if let Some(scan) = self.scanner.scan(line) {
            let is_end = scan.event_type == Some(event::RUN_END);
            let facts = LineFacts {
                timestamp: scan.timestamp,
                sequence: scan.sequence_number,
                kind: scan.kind,
                level: scan.level,
                foreign: scan.job_id != self.run.as_str().as_bytes(),
                end: if is_end { end_of_line(line) } else { None },
            };
            return Looked::Scanned(facts, scan);
        }
        match json::read_entry(line) {
            Ok((entry, _)) => Looked::Read(self.facts_of(&entry), Box::new(entry)),
            Err(error) => Looked::Refused(error),
        }
    }

    /// The facts of an entry.
    pub fn facts_of(&self, entry: &JobLogEntry) -> LineFacts {
        let (level, end) = match &entry.content {
            Content::Log(log) => (Some(log.level), None),
            Content::JobEvent(event) => (None, end_of_event(event)),
            Content::Metric(_) | Content::Manifest(_) => (None, None),
        };
        LineFacts {
            timestamp: entry.timestamp,
            sequence: entry.sequence_number,
            kind: entry.content.kind(),
            level,
            foreign: entry.job_id != self.run,
            end,
        }
    }
}

impl Looked<'_> {
    /// The facts, if the line is an entry.
    pub fn facts(&self) -> Option<&LineFacts> {
        match self {
            Looked::Scanned(facts, _) | Looked::Read(facts, _) => Some(facts),
            Looked::Refused(_) => None,
        }
    }
}

fn end_of_line(line: &[u8]) -> Option<Box<RunEnd>> {
    match json::read_entry(line).ok()?.0.content {
        Content::JobEvent(event) => end_of_event(&event),
        Content::Log(_) | Content::Metric(_) | Content::Manifest(_) => None,
    }
}

/// What a `run_end` event says. What it does not say, or says in other words, is taken for the
/// worse: a cause nobody knows for a lost wrapper, and not complete.
fn end_of_event(event: &WrapperJobEvent) -> Option<Box<RunEnd>> {
    if event.event_type != event::RUN_END {
        return None;
    }
    let metadata = |name| event.metadata.get(name);
    Some(Box::new(RunEnd {
        exit_code: event.exit_code,
        signal: metadata(run_end::SIGNAL).and_then(|text| text.parse().ok()),
        cause: metadata(run_end::CAUSE).and_then(Cause::parse).unwrap_or(Cause::WrapperLost),
        complete: metadata(run_end::COMPLETE) == Some("true"),
        duration_seconds: metadata(run_end::DURATION_SECONDS)
            .and_then(|text| text.parse().ok())
            .filter(|seconds: &f64| seconds.is_finite())
            .unwrap_or(0.0),
    }))
}
