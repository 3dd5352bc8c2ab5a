//! A stored line as an event: what is needed to order and select it is read when it comes, the rest when its
//! turn has come. Most lines are read without copying anything.

mod unescape;
mod view;

use databuild_model::entry::{Content, JobLogEntry, Kind, Stream};
use databuild_model::json;
use databuild_model::level::Level;
use databuild_model::scan::{self, Scanner};
use databuild_model::time::Timestamp;
use databuild_policy::layout::{Named, Taken};
use std::ops::Range;
use std::sync::Arc;
pub(crate) use view::{Due, Views, with_view};

/// What all entries of a run have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RunFacts {
    pub(crate) project: Arc<str>,
    pub(crate) run: Arc<str>,
    pub(crate) app: String,
    pub(crate) job: String,
    pub(crate) build: String,
    pub(crate) partition: String,
}

impl RunFacts {
    /// What `line`, the first one that is met of `run`, says. Labels are the same on all lines of a run.
    pub(crate) fn of(project: &Arc<str>, run: &Arc<str>, line: &[u8]) -> RunFacts {
        let facts = RunFacts {
            project: Arc::clone(project),
            run: Arc::clone(run),
            app: project.to_string(),
            ..RunFacts::default()
        };
        let Ok((entry, _)) = json::read_entry(line) else { return facts };
        let JobLogEntry { app, job_label, build_id, outputs, .. } = entry;
        RunFacts {
            app: app.map_or(facts.app, |it| it.as_str().to_owned()),
            job: job_label.map_or_else(String::new, |it| it.as_str().to_owned()),
            build: build_id.map_or_else(String::new, |it| it.as_str().to_owned()),
            partition: outputs.first().map_or_else(String::new, |it| it.as_str().to_owned()),
            ..facts
        }
    }
}

/// Where the text of an event is, and what orders and selects it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The bytes that it came with.
    chunk: Arc<Vec<u8>>,
    range: Range<usize>,
    pub(crate) head: Head,
}

/// What orders and selects an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) time: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) kind: Kind,
    pub(crate) level: Level,
    /// Where the texts of a log entry are, if the scanner knew it.
    texts: Option<Texts>,
}

/// Where the texts of a log entry are in its line.
#[derive(Debug, Clone, PartialEq)]
struct Texts {
    message: Span,
    fields: Span,
    stream: Option<Stream>,
    /// What has a place of its own, if everything is what stands there, without escapes.
    plain: Option<Plain>,
}

/// Where the logger and the thread are that the job named. A line with a traceback among its fields is not
/// plain: it has line feeds in it, so escapes.
#[derive(Debug, Clone, PartialEq)]
struct Plain {
    logger: Span,
    thread: Span,
    taken: Taken,
}

impl Plain {
    fn of(named: Named<Span>) -> Option<Plain> {
        let Named { logger, thread, trace, taken } = named;
        let (logger, thread) = (logger.unwrap_or_default(), thread.unwrap_or_default());
        trace.is_none().then_some(Plain { logger, thread, taken })
    }
}

/// From where to where, in half the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Span {
    from: u32,
    to: u32,
}

impl Span {
    fn new(range: Range<usize>) -> Option<Span> {
        Some(Span { from: range.start.try_into().ok()?, to: range.end.try_into().ok()? })
    }

    fn range(self) -> Range<usize> {
        let at = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        at(self.from)..at(self.to)
    }
}

impl Texts {
    fn of(texts: scan::Texts, named: Named<Span>) -> Option<Texts> {
        Some(Texts {
            message: Span::new(texts.message)?,
            fields: Span::new(texts.fields)?,
            stream: texts.stream,
            plain: if texts.is_plain && texts.are_fields_told { Plain::of(named) } else { None },
        })
    }
}

impl Line {
    /// Reads the head of the line at `range` of `chunk`, which is at `place` of its run.
    pub(crate) fn read(
        scanner: &mut Scanner,
        chunk: &Arc<Vec<u8>>,
        range: Range<usize>,
        place: u64,
        journalled: Timestamp,
    ) -> Line {
        let text = chunk.get(range.clone()).unwrap_or_default();
        let head = Head::read(scanner, text, place, journalled);
        Line { chunk: Arc::clone(chunk), range, head }
    }

    /// The entry, without its line feed.
    pub(crate) fn text(&self) -> &[u8] {
        self.chunk.get(self.range.clone()).unwrap_or_default()
    }

    /// A part of it.
    fn str(&self, span: &Span) -> Option<&str> {
        std::str::from_utf8(self.text().get(span.range())?).ok()
    }

    /// Whether its texts can be borrowed from it.
    fn is_plain(&self) -> bool {
        self.head.texts.as_ref().is_some_and(|texts| texts.plain.is_some())
    }

    /// The same with bytes of its own, so that it does not hold those that it came with.
    pub(crate) fn alone(self) -> Line {
        let chunk = Arc::new(self.text().to_vec());
        Line { range: 0..chunk.len(), chunk, head: self.head }
    }

    /// What it takes of memory while it waits.
    pub(crate) fn bytes(&self) -> usize {
        self.range.len() + size_of::<Line>()
    }
}

impl Head {
    fn read(scanner: &mut Scanner, text: &[u8], place: u64, journalled: Timestamp) -> Head {
        let mut named = Named::default();
        let told = scanner.scan_with(text, |key, value| {
            // A line whose places do not fit is read by the types.
            named.offer(key, Span::new(value).unwrap_or_default());
        });
        if let Some(scan) = told {
            // Measurements, events and manifests are INFO, as a layout shows them.
            return Head {
                time: scan.timestamp,
                sequence: scan.sequence_number,
                kind: scan.kind,
                level: scan.level.unwrap_or(Level::Info),
                texts: scan.texts.and_then(|texts| Texts::of(texts, named)),
            };
        }
        match json::read_entry(text) {
            Ok((entry, _)) => Head {
                time: entry.timestamp,
                sequence: entry.sequence_number,
                kind: entry.content.kind(),
                level: match &entry.content {
                    Content::Log(log) => log.level,
                    Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => Level::Info,
                },
                texts: None,
            },
            // No entry, so it is shown as it is rather than not at all.
            Err(_) => Head {
                time: journalled,
                sequence: place + 1,
                kind: Kind::Log,
                level: Level::Warn,
                texts: None,
            },
        }
    }
}

#[cfg(test)]
mod tests;
