//! An entry as the event that a layout sees: which field is the logger, what a measurement says in words.

use super::event::{LayoutEvent, message_and_trace};
use databuild_model::entry::{Content, JobLogEntry, Stream, field};
use databuild_model::level::Level;

/// Names under which jobs give their logger, their thread and their traceback, the usual ones first.
const LOGGER: &[&str] = &["logger", "logger_name", "loggerName", "source"];
const THREAD: &[&str] = &["thread", "thread_name", "threadName"];
const TRACE: &[&str] = &["exception", "exc_info", "stack_trace", "stacktrace", "traceback"];

/// Calls `work` with `entry` as a layout sees it. Measurements, events and manifests are INFO, and say
/// what they are in words; their labels and facts are the fields.
pub fn with_event<T>(entry: &JobLogEntry, work: impl FnOnce(&LayoutEvent<'_>) -> T) -> T {
    let words;
    let (level, text, fields, stream) = match &entry.content {
        Content::Log(log) => (log.level, log.message.as_str(), &log.fields, log.origin.stream),
        Content::Metric(metric) => {
            let unit = if metric.unit.is_empty() { "" } else { " " };
            words = format!("{} = {}{unit}{}", metric.name, metric.value, metric.unit);
            (Level::Info, words.as_str(), &metric.labels, None)
        }
        Content::JobEvent(event) => {
            words = match event.exit_code {
                Some(code) => format!("{} exit={code}", event.event_type),
                None => event.event_type.clone(),
            };
            (Level::Info, words.as_str(), &event.metadata, None)
        }
        Content::Manifest(manifest) => {
            let made: Vec<&str> = manifest.outputs.iter().map(|it| it.as_str()).collect();
            words = format!("made {}", made.join(", "));
            (Level::Info, words.as_str(), &manifest.metadata, None)
        }
    };
    let mut fields: Vec<(&str, &str)> = fields.iter().collect();
    let Named { logger, thread, trace } = take_named(&mut fields, 0);
    let (message, joined) = message_and_trace(text);
    let job = entry.job_label.as_ref().map_or("", |it| it.as_str());
    let stream = stream.map_or("", Stream::as_str);
    work(&LayoutEvent {
        timestamp: entry.timestamp,
        level,
        message,
        raw_message: text,
        trace: trace.unwrap_or(joined),
        logger: logger.unwrap_or(job),
        thread: thread.unwrap_or(stream),
        fields: &fields,
        app: entry.app.as_ref().map_or("", |it| it.as_str()),
        job,
        run: entry.job_id.as_str(),
        build: entry.build_id.as_ref().map_or("", |it| it.as_str()),
        partition: entry.outputs.first().map_or("", |it| it.as_str()),
        stream,
        sequence: entry.sequence_number,
        started: None,
    })
}

/// What fields say that a layout shows in places of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named<'a> {
    /// Who says it.
    pub logger: Option<&'a str>,
    /// On which thread.
    pub thread: Option<&'a str>,
    /// The traceback.
    pub trace: Option<&'a str>,
}

/// Takes what has a place of its own, and what only our own tools read, out of the fields from `from` on.
pub fn take_named<'a>(fields: &mut Vec<(&'a str, &'a str)>, from: usize) -> Named<'a> {
    // The usual names first, and of one that stands twice the first.
    let mut take = |names: &[&str]| {
        let ours = fields.get(from..).unwrap_or_default();
        let name = *names.iter().find(|name| ours.iter().any(|(key, _)| key == *name))?;
        let value = ours.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        remove(fields, from, name);
        value
    };
    let named = Named { logger: take(LOGGER), thread: take(THREAD), trace: take(TRACE) };
    remove(fields, from, field::RAW_BASE64);
    named
}

/// Only what is from `from` on is looked at: the fields of a whole batch can stand before it.
fn remove<'a>(fields: &mut Vec<(&'a str, &'a str)>, from: usize, name: &str) {
    let ours = fields.get_mut(from..).unwrap_or_default();
    let Some(first) = ours.iter().position(|(key, _)| *key == name) else { return };
    let kept: Vec<(&'a str, &'a str)> =
        ours.iter().skip(first).filter(|(key, _)| *key != name).copied().collect();
    fields.truncate(from + first);
    fields.extend(kept);
}
