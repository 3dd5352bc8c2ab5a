//! `-C N`: the entries that match, each with its neighbours, as grep shows lines.

use super::sink::Sink;
use databuild_logs::read::{LogReader, ReadError};
use databuild_model::entry::{Content, JobLogEntry};
use databuild_model::ids::JobRunId;
use databuild_model::json;
use databuild_model::query::{Facts, LogFilter, search_text};
use databuild_model::request::JobLogsRequest;
use std::collections::VecDeque;
use std::io;

/// Why it could not be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AroundError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The output could not be written.
    #[error("cannot write the output")]
    Write(#[from] io::Error),
}

/// Writes what `filter` matches of the `place`th run with `near` entries before and after. Neighbours are of the
/// kinds that `wide` lets through.
pub(crate) fn run(
    reader: &LogReader,
    run: &JobRunId,
    filter: &LogFilter,
    wide: LogFilter,
    near: usize,
    (place, sink): (usize, &mut Sink),
) -> Result<u64, AroundError> {
    let mut request = JobLogsRequest { filter: wide, ..JobLogsRequest::all_of(run.clone()) };
    let mut window = Window::new(place, near);
    loop {
        let page = reader.get_job_logs(&request)?;
        for line in page.lines.iter() {
            window.push(line, matches(filter, line), sink)?;
        }
        match page.next_page_token {
            Some(token) => request.page_token = Some(token),
            None => return Ok(window.found),
        }
    }
}

/// The same decision as the reader's, on one line.
fn matches(filter: &LogFilter, line: &[u8]) -> bool {
    let Ok((entry, _problems)) = json::read_entry(line) else {
        return false;
    };
    let mut text = Vec::new();
    if filter.needs_text() {
        search_text(&entry.content, &mut text);
    }
    let level = level_of(&entry);
    let (timestamp, kind) = (entry.timestamp, entry.content.kind());
    filter.matches(&Facts { timestamp, kind, level, text: &text })
}

fn level_of(entry: &JobLogEntry) -> Option<databuild_model::level::Level> {
    match &entry.content {
        Content::Log(log) => Some(log.level),
        Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
    }
}

/// The last entries that were not shown, and how many of the next ones will be.
struct Window {
    place: usize,
    near: usize,
    before: VecDeque<Vec<u8>>,
    after: usize,
    skipped: bool,
    found: u64,
}

impl Window {
    fn new(place: usize, near: usize) -> Self {
        Window { place, near, before: VecDeque::new(), after: 0, skipped: false, found: 0 }
    }

    fn push(&mut self, line: &[u8], found: bool, sink: &mut Sink) -> io::Result<()> {
        if found {
            if self.skipped && 0 < self.found {
                sink.separate()?;
            }
            for line in self.before.drain(..) {
                sink.push(self.place, &line)?;
            }
            sink.push(self.place, line)?;
            self.found += 1;
            self.after = self.near;
            self.skipped = false;
        } else if 0 < self.after {
            self.after -= 1;
            sink.push(self.place, line)?;
        } else {
            if self.near == self.before.len() {
                self.skipped = true;
                self.before.pop_front();
            }
            if 0 < self.near {
                self.before.push_back(line.to_vec());
            } else {
                self.skipped = true;
            }
        }
        Ok(())
    }
}
