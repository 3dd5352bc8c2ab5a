//! An entry as the event that a layout sees: which field is the logger, what a measurement says in words.

use super::event::{LayoutEvent, message_and_trace};
use databuild_model::entry::{Content, Fields, JobLogEntry, Stream, field};
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
    let (logger, thread, trace) =
        (named(fields, LOGGER), named(fields, THREAD), named(fields, TRACE));
    let taken = [logger.map(|it| it.0), thread.map(|it| it.0), trace.map(|it| it.0)];
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .filter(|(name, _)| *name != field::RAW_BASE64 && !taken.contains(&Some(*name)))
        .collect();
    let (message, joined) = message_and_trace(text);
    let job = entry.job_label.as_ref().map_or("", |it| it.as_str());
    let stream = stream.map_or("", Stream::as_str);
    work(&LayoutEvent {
        timestamp: entry.timestamp,
        level,
        message,
        raw_message: text,
        trace: trace.map_or(joined, |(_, trace)| trace),
        logger: logger.map_or(job, |(_, logger)| logger),
        thread: thread.map_or(stream, |(_, thread)| thread),
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

fn named<'a>(fields: &'a Fields, names: &[&str]) -> Option<(&'a str, &'a str)> {
    names.iter().find_map(|name| fields.iter().find(|(key, _)| key == name))
}
