//! Events as layouts and processors see them, for a whole batch: borrowed from the stored lines, or from one
//! arena where a text had to be unescaped.

use super::{Head, Line, RunFacts, peel};
use databuild_model::entry::Kind;
use databuild_model::json;
use databuild_plugin::processor::{Entity, LogEvent};
use databuild_policy::layout::{LayoutEvent, Named, message_and_trace, take_named, with_event};
use std::borrow::Cow;
use std::ops::Range;

/// The events of a batch, half read: texts are places in lines or in the arena.
#[derive(Debug, Default)]
pub(crate) struct Views {
    arena: String,
    pairs: Vec<(Text, Text)>,
    events: Vec<Half>,
}

/// Where a text is.
#[derive(Debug, Clone)]
enum Text {
    Line(Range<usize>),
    Arena(Range<usize>),
}

/// An event with texts that are places.
#[derive(Debug, Clone)]
struct Half {
    message: Text,
    pairs: Range<usize>,
    stream: Text,
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
        let texts: Vec<&str> = due.iter().map(|due| text_of(due.line)).collect();
        for (due, text) in due.iter().zip(&texts) {
            self.read(due.line, text);
        }
        let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(self.pairs.len());
        let mut named: Vec<(Named<'_>, Range<usize>)> = Vec::with_capacity(due.len());
        for (half, line) in self.events.iter().zip(&texts) {
            let from = pairs.len();
            let ours = self.pairs.get(half.pairs.clone()).unwrap_or_default();
            pairs.extend(
                ours.iter().map(|(key, value)| (self.text(key, line), self.text(value, line))),
            );
            let taken =
                if from == pairs.len() { Named::default() } else { take_named(&mut pairs, from) };
            named.push((taken, from..pairs.len()));
        }
        let events = self.events.iter().zip(due).zip(&texts).zip(&named);
        let events: Vec<LogEvent<'_>> = events
            .map(|(((half, due), text), (named, range))| {
                let fields = pairs.get(range.clone()).unwrap_or_default();
                self.event(half, due, text, *named, fields)
            })
            .collect();
        work(&events)
    }

    fn text<'a>(&'a self, text: &Text, line: &'a str) -> &'a str {
        match text {
            Text::Line(range) => line.get(range.clone()).unwrap_or_default(),
            Text::Arena(range) => self.arena.get(range.clone()).unwrap_or_default(),
        }
    }

    fn event<'a>(
        &'a self,
        half: &Half,
        due: &Due<'a>,
        text: &'a str,
        named: Named<'a>,
        fields: &'a [(&'a str, &'a str)],
    ) -> LogEvent<'a> {
        let (head, facts, line) = (&due.line.head, due.facts, due.line.text());
        let raw_message = self.text(&half.message, text);
        let stream = self.text(&half.stream, text);
        let (message, joined) = message_and_trace(raw_message);
        LogEvent {
            position: due.position,
            sequence: head.sequence,
            late: due.late,
            kind: head.kind,
            entity: entity(facts),
            line,
            view: LayoutEvent {
                timestamp: head.time,
                level: head.level,
                message,
                raw_message,
                trace: named.trace.unwrap_or(joined),
                logger: named.logger.unwrap_or(&facts.job),
                thread: named.thread.unwrap_or(stream),
                fields,
                app: &facts.app,
                job: &facts.job,
                run: &facts.run,
                build: &facts.build,
                partition: &facts.partition,
                stream,
                sequence: head.sequence,
                started: None,
            },
        }
    }

    fn read(&mut self, line: &Line, text: &str) {
        let from = self.pairs.len();
        let half = self.read_fast(&line.head, text).unwrap_or_else(|| {
            self.pairs.truncate(from);
            self.read_in_full(line.text())
        });
        self.events.push(half);
    }

    /// A log line that the scanner understood.
    fn read_fast(&mut self, head: &Head, line: &str) -> Option<Half> {
        let content = head.content.clone().filter(|_| head.kind == Kind::Log)?;
        let base = content.start;
        let text = line.get(content)?;
        let from = self.pairs.len();
        let (mut message, mut stream, mut fields) = (None, None, None);
        peel::members(text, |key, value| match text.get(key) {
            Some("message") => message = Some(value),
            Some("stream") => stream = Some(value),
            Some("fields") => fields = Some(value),
            Some(_) | None => {}
        })?;
        if let Some(object) = fields {
            let inner = text.get(object.clone())?;
            let base = base + object.start;
            let arena = &mut self.arena;
            let pairs = &mut self.pairs;
            let mut whole = true;
            peel::members(inner, |key, value| {
                // Keys come without their quotes.
                let key = inner.get(key.clone()).map(|text| place(text, base + key.start, arena));
                let value = value_place(inner, value, base, arena);
                match (key, value) {
                    (Some(Some(key)), Some(value)) => pairs.push((key, value)),
                    _ => whole = false,
                }
            })?;
            whole.then_some(())?;
        }
        let mut member = |value: Option<Range<usize>>| match value {
            Some(value) => value_place(text, value, base, &mut self.arena),
            None => Some(Text::Line(0..0)),
        };
        let (message, stream) = (member(message)?, member(stream)?);
        Some(Half { message, pairs: from..self.pairs.len(), stream })
    }

    /// Everything else, by way of the types.
    fn read_in_full(&mut self, line: &[u8]) -> Half {
        let from = self.pairs.len();
        let Ok((entry, _)) = json::read_entry(line) else {
            let message = self.keep(&String::from_utf8_lossy(line));
            return Half { message, pairs: from..from, stream: Text::Line(0..0) };
        };
        with_event(&entry, |event| {
            let message = self.keep(event.raw_message);
            let stream = self.keep(event.stream);
            let named = [
                ("logger", event.logger, event.job),
                ("thread", event.thread, event.stream),
                ("exception", event.trace, message_and_trace(event.raw_message).1),
            ];
            // Under a name that is taken out again, so that both ways lead to the same event.
            for (name, value, default) in named {
                if value != default {
                    let pair = (self.keep(name), self.keep(value));
                    self.pairs.push(pair);
                }
            }
            for (key, value) in event.fields {
                let pair = (self.keep(key), self.keep(value));
                self.pairs.push(pair);
            }
            Half { message, pairs: from..self.pairs.len(), stream }
        })
    }

    fn keep(&mut self, text: &str) -> Text {
        keep(&mut self.arena, text)
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

/// A line as text. Those that are not UTF-8 have all their texts in the arena.
fn text_of(line: &Line) -> &str {
    std::str::from_utf8(line.text()).unwrap_or_default()
}

fn entity(facts: &RunFacts) -> Entity<'_> {
    Entity { project: &facts.project, app: &facts.app, job: &facts.job, run: &facts.run }
}

fn keep(arena: &mut String, text: &str) -> Text {
    let from = arena.len();
    arena.push_str(text);
    Text::Arena(from..arena.len())
}

/// The place of a text that stands between quotes at `at` of the line; unescaped if need be.
fn place(text: &str, at: usize, arena: &mut String) -> Option<Text> {
    if !text.contains('\\') {
        return Some(Text::Line(at..at + text.len()));
    }
    let plain: Cow<'_, str> = serde_json::from_str(&format!("\"{text}\"")).ok()?;
    Some(keep(arena, &plain))
}

/// The place of the value at `range` of `text`, which begins at `base` of the line: a text without its
/// quotes, anything else as its JSON text.
fn value_place(text: &str, range: Range<usize>, base: usize, arena: &mut String) -> Option<Text> {
    let value = text.get(range.clone())?;
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => place(inner, base + range.start + 1, arena),
        None => Some(Text::Line(base + range.start..base + range.end)),
    }
}
