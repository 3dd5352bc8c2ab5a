//! Events as layouts and processors see them, for a whole batch: borrowed from the stored lines, or from one
//! arena where a text had to be unescaped.

use super::unescape::unescape;
use super::{Line, Plain, RunFacts, Span};
use databuild_model::entry::Stream;
use databuild_model::{json, scan};
use databuild_plugin::processor::{Entity, LogEvent};
use databuild_policy::layout::{
    Fields, LayoutEvent, Named, Taken, message_and_trace, take_named, with_event,
};
use std::ops::Range;

/// Where texts are that cannot be borrowed from lines; kept, so that nothing is allocated per event.
#[derive(Debug, Default)]
pub(crate) struct Views {
    arena: String,
    pairs: Vec<(Span, Span)>,
    events: Vec<Unescaped>,
}

/// An event whose texts are in the arena.
#[derive(Debug, Clone)]
struct Unescaped {
    message: Span,
    pairs: Range<usize>,
    stream: Span,
    /// What has a place of its own, if it is not among the pairs any more.
    named: Option<Named<Span>>,
}

/// What has a place of its own, and which pairs the other fields are.
type Split<'a> = (Named<&'a str>, Range<usize>);

/// The texts of an event.
#[derive(Default)]
struct Read<'a> {
    raw_message: &'a str,
    message: &'a str,
    joined_trace: &'a str,
    stream: &'a str,
    named: Named<&'a str>,
    fields: Fields<'a>,
}

/// One event of a batch: its line, whose it is, and whether it is late.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due<'a> {
    pub(crate) line: &'a Line,
    pub(crate) facts: &'a RunFacts,
    pub(crate) late: bool,
    pub(crate) position: u64,
}

impl Views {
    /// Calls `work` with the events of `due`.
    pub(crate) fn with<T>(
        &mut self,
        due: &[Due<'_>],
        work: impl FnOnce(&[LogEvent<'_>]) -> T,
    ) -> T {
        self.arena.clear();
        self.pairs.clear();
        self.events.clear();
        for due in due.iter().filter(|due| !due.line.is_plain()) {
            self.unescape(due.line);
        }
        let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(self.pairs.len());
        let named: Vec<Split<'_>> =
            self.events.iter().map(|event| self.named(event, &mut pairs)).collect();
        let mut unescaped = self.events.iter().zip(&named);
        let events: Vec<LogEvent<'_>> = due
            .iter()
            .map(|due| {
                let read = match plain(due.line) {
                    Some(read) => read,
                    None => self.read(unescaped.next(), &pairs),
                };
                event(due, &read)
            })
            .collect();
        work(&events)
    }

    fn text(&self, span: Span) -> &str {
        self.arena.get(span.range()).unwrap_or_default()
    }

    /// What has a place of its own, and which of the pairs the others are.
    fn named<'a>(&'a self, event: &Unescaped, pairs: &mut Vec<(&'a str, &'a str)>) -> Split<'a> {
        let from = pairs.len();
        let ours = self.pairs.get(event.pairs.clone()).unwrap_or_default();
        pairs.extend(ours.iter().map(|(key, value)| (self.text(*key), self.text(*value))));
        let named = match event.named {
            Some(Named { logger, thread, trace, taken }) => {
                let text = |span: Option<Span>| span.map(|span| self.text(span));
                Named { logger: text(logger), thread: text(thread), trace: text(trace), taken }
            }
            None => take_named(pairs, from),
        };
        (named, from..pairs.len())
    }

    /// An event whose texts are in the arena.
    fn read<'a>(
        &'a self,
        event: Option<(&Unescaped, &Split<'a>)>,
        pairs: &'a [(&'a str, &'a str)],
    ) -> Read<'a> {
        let Some((event, (named, range))) = event else { return Read::default() };
        let raw_message = self.text(event.message);
        let (message, joined_trace) = message_and_trace(raw_message);
        let fields = pairs.get(range.clone()).unwrap_or_default().into();
        let stream = self.text(event.stream);
        Read { raw_message, message, joined_trace, stream, named: *named, fields }
    }

    fn unescape(&mut self, line: &Line) {
        let (arena, pairs) = (self.arena.len(), self.pairs.len());
        let event = self.unescape_texts(line).unwrap_or_else(|| {
            self.arena.truncate(arena);
            self.pairs.truncate(pairs);
            self.read_in_full(line.text())
        });
        self.events.push(event);
    }

    /// A log line of whose texts the scanner knew where they are.
    fn unescape_texts(&mut self, line: &Line) -> Option<Unescaped> {
        let texts = line.head.texts.as_ref()?;
        let from = self.pairs.len();
        let message = self.value(line.str(&texts.message)?)?;
        let fields = line.str(&texts.fields)?;
        if !fields.is_empty() {
            let mut is_whole = true;
            scan::members(fields, |key, value| {
                let key = fields.get(key).and_then(|key| self.value(key));
                let value = fields.get(value).and_then(|value| match unquoted(value) {
                    Some(inner) => self.value(inner),
                    None => Some(self.keep(value)),
                });
                match (key, value) {
                    (Some(key), Some(value)) => self.pairs.push((key, value)),
                    _ => is_whole = false,
                }
            })?;
            is_whole.then_some(())?;
        }
        let stream = self.keep(texts.stream.map_or("", Stream::as_str));
        Some(Unescaped { message, pairs: from..self.pairs.len(), stream, named: None })
    }

    /// Everything else, by way of the types.
    fn read_in_full(&mut self, line: &[u8]) -> Unescaped {
        let from = self.pairs.len();
        let Ok((entry, _)) = json::read_entry(line) else {
            let message = self.keep(&String::from_utf8_lossy(line));
            return Unescaped { message, pairs: from..from, stream: Span::default(), named: None };
        };
        with_event(&entry, |event| {
            let message = self.keep(event.raw_message);
            let stream = self.keep(event.stream);
            let mut other =
                |value: &str, default: &str| (value != default).then(|| self.keep(value));
            let logger = other(event.logger, event.job);
            let thread = other(event.thread, event.stream);
            let trace = Some(self.keep(event.trace));
            let named = Some(Named { logger, thread, trace, taken: Taken::default() });
            for (key, value) in event.fields.iter() {
                let pair = (self.keep(key), self.keep(value));
                self.pairs.push(pair);
            }
            Unescaped { message, pairs: from..self.pairs.len(), stream, named }
        })
    }

    /// What stands between the quotes of a string.
    fn value(&mut self, text: &str) -> Option<Span> {
        let from = self.arena.len();
        unescape(text, &mut self.arena)?;
        Span::new(from..self.arena.len())
    }

    /// A text that is empty if it does not fit, which no batch is large enough for.
    fn keep(&mut self, text: &str) -> Span {
        let from = self.arena.len();
        self.arena.push_str(text);
        Span::new(from..self.arena.len()).unwrap_or_default()
    }
}

/// Calls `work` with one event as a selector sees it.
pub(crate) fn with_view<T>(
    views: &mut Views,
    line: &Line,
    facts: &RunFacts,
    work: impl FnOnce(&LayoutEvent<'_>) -> T,
) -> Option<T> {
    let due = Due { line, facts, late: false, position: 0 };
    views.with(&[due], |events| events.first().map(|event| work(&event.view)))
}

/// A log line whose texts are what stands in it. Without escapes and control characters there is no line feed,
/// so no traceback in its message.
fn plain(line: &Line) -> Option<Read<'_>> {
    let texts = line.head.texts.as_ref()?;
    let Plain { logger, thread, taken } = texts.plain.as_ref()?;
    let message = line.str(&texts.message).unwrap_or_default();
    let text = line.text();
    // A place has quotes at least, where there is something.
    let value = |span: &Span| {
        if *span == Span::default() { None } else { scan::plain_value(text, span.range()) }
    };
    let named = Named { logger: value(logger), thread: value(thread), trace: None, taken: *taken };
    let fields = text.get(texts.fields.range()).unwrap_or_default();
    Some(Read {
        raw_message: message,
        message,
        joined_trace: "",
        stream: texts.stream.map_or("", Stream::as_str),
        named,
        fields: Fields::stored(fields, *taken),
    })
}

fn event<'a>(due: &Due<'a>, read: &Read<'a>) -> LogEvent<'a> {
    let (head, facts, named) = (&due.line.head, due.facts, &read.named);
    LogEvent {
        position: due.position,
        sequence: head.sequence,
        late: due.late,
        kind: head.kind,
        entity: Entity {
            project: &facts.project,
            app: &facts.app,
            job: &facts.job,
            run: &facts.run,
        },
        line: due.line.text(),
        view: LayoutEvent {
            timestamp: head.time,
            level: head.level,
            message: read.message,
            raw_message: read.raw_message,
            trace: named.trace.unwrap_or(read.joined_trace),
            logger: named.logger.unwrap_or(&facts.job),
            thread: named.thread.unwrap_or(read.stream),
            fields: read.fields,
            app: &facts.app,
            job: &facts.job,
            run: &facts.run,
            build: &facts.build,
            partition: &facts.partition,
            stream: read.stream,
            sequence: head.sequence,
            started: None,
        },
    }
}

/// What stands between the quotes of a value that is a text.
fn unquoted(value: &str) -> Option<&str> {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
}
