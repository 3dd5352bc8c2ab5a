//! An entry as the event that a layout sees: which field is the logger, what a measurement says in words.

use super::event::{LayoutEvent, message_and_trace};
use super::fields::{Named, take_named};
use databuild_model::entry::{Content, JobLogEntry, Stream};
use databuild_model::level::Level;

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
    let Named { logger, thread, trace, .. } = take_named(&mut fields, 0);
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
        fields: fields.as_slice().into(),
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
