//! An entry as the event that a layout sees: which field is the logger, what a measurement says in words.

use super::event::{LayoutEvent, message_and_trace};
use databuild_model::entry::{Content, JobLogEntry, Stream, field};
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
/// Only those are looked at: the fields of a whole batch can stand before them.
pub fn take_named<'a>(fields: &mut Vec<(&'a str, &'a str)>, from: usize) -> Named<'a> {
    let mut best = Best::default();
    let ours = fields.get(from..).unwrap_or_default();
    for (key, value) in ours {
        if let Some(place) = place_of(key) {
            best.offer(place, value);
        }
    }
    if best.any {
        let mut kept = from;
        for at in from..fields.len() {
            let place = fields.get(at).and_then(|(key, _)| place_of(key));
            if !place.is_some_and(|place| best.takes(place)) {
                fields.swap(kept, at);
                kept += 1;
            }
        }
        fields.truncate(kept);
    }
    let value = |it: Option<(u8, &'a str)>| it.map(|(_, value)| value);
    Named { logger: value(best.logger), thread: value(best.thread), trace: value(best.trace) }
}

/// Where a field is shown that has a place of its own. Jobs call it by several names; the usual ones have the
/// lowest numbers, and count most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Logger(u8),
    Thread(u8),
    Trace(u8),
    Nowhere,
}

fn place_of(key: &str) -> Option<Place> {
    Some(match key {
        "logger" => Place::Logger(0),
        "logger_name" => Place::Logger(1),
        "loggerName" => Place::Logger(2),
        "source" => Place::Logger(3),
        "thread" => Place::Thread(0),
        "thread_name" => Place::Thread(1),
        "threadName" => Place::Thread(2),
        "exception" => Place::Trace(0),
        "exc_info" => Place::Trace(1),
        "stack_trace" => Place::Trace(2),
        "stacktrace" => Place::Trace(3),
        "traceback" => Place::Trace(4),
        field::RAW_BASE64 => Place::Nowhere,
        _ => return None,
    })
}

/// What stands in each place: under the most usual name, and of one that stands twice the first.
#[derive(Default)]
struct Best<'a> {
    logger: Option<(u8, &'a str)>,
    thread: Option<(u8, &'a str)>,
    trace: Option<(u8, &'a str)>,
    any: bool,
}

impl<'a> Best<'a> {
    fn offer(&mut self, place: Place, value: &'a str) {
        self.any = true;
        let (best, rank) = match place {
            Place::Logger(rank) => (&mut self.logger, rank),
            Place::Thread(rank) => (&mut self.thread, rank),
            Place::Trace(rank) => (&mut self.trace, rank),
            Place::Nowhere => return,
        };
        if best.is_none_or(|(known, _)| rank < known) {
            *best = Some((rank, value));
        }
    }

    /// Whether the field is shown in `place`. Those with a less usual name stay fields.
    fn takes(&self, place: Place) -> bool {
        let is = |best: Option<(u8, &str)>, rank| best.is_some_and(|(known, _)| known == rank);
        match place {
            Place::Logger(rank) => is(self.logger, rank),
            Place::Thread(rank) => is(self.thread, rank),
            Place::Trace(rank) => is(self.trace, rank),
            Place::Nowhere => true,
        }
    }
}
