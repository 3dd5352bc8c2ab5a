//! What a line of JSON means: a log entry, a metric, progress, an event of the job's own, or nothing
//! that we know. Pure; a line that is a log entry is not copied.
//!
//! Page: `docs/formats/job-output.md`.

use crate::output::{self, EVENT_KEY, METRIC_PREFIX};
use databuild_model::entry::{Fields, MetricPoint, Unknown, WrapperJobEvent, event};
use databuild_model::json::write::write_escaped;
use databuild_model::level::Level;
use databuild_model::scan;
use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// How usual a key is under which logging libraries write the level: the most usual has 0.
fn level_rank(key: &str) -> Option<usize> {
    match key {
        "level" => Some(0),
        "severity" => Some(1),
        "levelname" => Some(2),
        "lvl" => Some(3),
        "log_level" => Some(4),
        "loglevel" => Some(5),
        "@level" => Some(6),
        "severity_text" => Some(7),
        "severity_number" => Some(8),
        _ => None,
    }
}

/// The same for the text.
fn message_rank(key: &str) -> Option<usize> {
    match key {
        "message" => Some(0),
        "msg" => Some(1),
        "@message" => Some(2),
        _ => None,
    }
}

/// What a line means.
#[derive(Debug)]
pub(crate) enum Meaning<'a> {
    /// A log entry; its fields are [`Reader::fields`].
    Log {
        level: Level,
        /// JSON text of the message.
        message: &'a str,
    },
    Metric(MetricPoint),
    Event(WrapperJobEvent),
    /// It was meant for us and is wrong; the reason.
    Problem(Cow<'static, str>),
    /// A line like any other.
    Nothing,
}

/// A key and its value as they stand in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    /// Between the quotes, escapes and all.
    pub(crate) key: &'a str,
    /// JSON text.
    pub(crate) value: &'a str,
}

/// Where a member stands in the line. Kept as numbers so that the list can be used again.
#[derive(Debug, Clone, Copy)]
struct Place {
    key: (usize, usize),
    value: (usize, usize),
}

/// Reads lines one after another without allocating for each.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    top: Vec<Place>,
    nested: Vec<Place>,
    /// Members of `top` that are not fields.
    used: Vec<usize>,
    /// The member of `nested` that is the message.
    nested_message: Option<usize>,
}

/// The text of a JSON value as a field keeps it: of a string its characters, of all else its JSON.
/// `None` for a string that is no text, such as half of a surrogate pair.
pub(crate) fn field_text(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        None => Some(Cow::Borrowed(value)),
        Some(inner) if memchr::memchr(b'\\', inner.as_bytes()).is_none() => {
            Some(Cow::Borrowed(inner))
        }
        Some(_) => serde_json::from_str(value).ok().map(Cow::Owned),
    }
}

/// Appends the text of a JSON value, as [`field_text`] gives it, as the inside of a JSON string.
/// `false` if it is no text.
pub(crate) fn copy_text(value: &str, out: &mut Vec<u8>) -> bool {
    let Some(text) = field_text(value) else { return false };
    match text {
        // What stands between quotes without an escape is what it has to become.
        Cow::Borrowed(text) if value.starts_with('"') => out.extend_from_slice(text.as_bytes()),
        Cow::Borrowed(text) => write_escaped(text.as_bytes(), out),
        Cow::Owned(text) => write_escaped(text.as_bytes(), out),
    }
    true
}

/// The text of a key, of which we have what stands between its quotes.
pub(crate) fn key_text(key: &str) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'\\', key.as_bytes()).is_none() {
        return Some(Cow::Borrowed(key));
    }
    serde_json::from_str(&format!("\"{key}\"")).ok().map(Cow::Owned)
}

impl Reader {
    /// What `line` means. It has no line feed.
    pub(crate) fn read<'a>(&mut self, line: &'a str) -> Meaning<'a> {
        self.used.clear();
        self.nested.clear();
        self.nested_message = None;
        if let Some(rest) = line.strip_prefix(METRIC_PREFIX) {
            return match collect(rest, &mut self.top) {
                Ok(()) => metric(members(rest, &self.top), "name"),
                Err(error) => Meaning::Problem(format!("metric: {error}").into()),
            };
        }
        if collect(line, &mut self.top).is_err() {
            return Meaning::Nothing;
        }
        let known = Known::of(line, &self.top);
        if known.event_name {
            return job_event(members(line, &self.top));
        }
        if known.message.is_none() && known.metric {
            return metric(members(line, &self.top), "metric");
        }
        if let Some(at) = known.progress
            && !(known.level.is_some() && known.message.is_some())
        {
            return progress(line, &self.top, at);
        }
        // structlog calls the message `event`.
        let message = known.message.or_else(|| known.level.and(known.event));
        self.log(line, known.level, message, known.fields)
    }

    fn log<'a>(
        &mut self,
        line: &'a str,
        level: Option<usize>,
        message: Option<usize>,
        fields: Option<usize>,
    ) -> Meaning<'a> {
        if let Some(at) = fields {
            let value = self.top.get(at).map_or("", |place| member(line, *place).value);
            let base = distance(line, value);
            if collect(value, &mut self.nested).is_ok() {
                for place in &mut self.nested {
                    for it in [&mut place.key, &mut place.value] {
                        *it = (it.0 + base, it.1 + base);
                    }
                }
                self.used.push(at);
            }
        }
        let text = |place: Option<&Place>| place.map(|place| member(line, *place).value);
        let mut found = text(message.and_then(|at| self.top.get(at)));
        self.used.extend(message);
        if found.is_none() {
            // tracing-subscriber puts the message among the fields.
            self.nested_message = self
                .nested
                .iter()
                .position(|place| message_rank(member(line, *place).key).is_some());
            found = text(self.nested_message.and_then(|at| self.nested.get(at)));
        }
        let Some(message) = found else { return Meaning::Nothing };
        let stated = level.and_then(|at| {
            let found = member(line, *self.top.get(at)?);
            let level = level_of(found)?;
            self.used.push(at);
            Some(level)
        });
        Meaning::Log { level: stated.unwrap_or(Level::Info), message }
    }

    /// The fields of the log entry that was read last, from `line`.
    pub(crate) fn fields<'a>(&'a self, line: &'a str) -> impl Iterator<Item = Member<'a>> {
        let top = self.top.iter().enumerate().filter(|(at, _)| !self.used.contains(at));
        let nested =
            self.nested.iter().enumerate().filter(|(at, _)| Some(*at) != self.nested_message);
        top.chain(nested).map(|(_, place)| member(line, *place))
    }
}

/// Where the keys stand that decide what a line means.
#[derive(Debug, Default)]
struct Known {
    level: Option<usize>,
    message: Option<usize>,
    event: Option<usize>,
    progress: Option<usize>,
    /// `fields`, if it is an object.
    fields: Option<usize>,
    metric: bool,
    event_name: bool,
}

impl Known {
    /// One look at each key; of several spellings the most usual one counts.
    fn of(line: &str, top: &[Place]) -> Self {
        let mut known = Known::default();
        let (mut best_level, mut best_message) = (usize::MAX, usize::MAX);
        for (at, place) in top.iter().enumerate() {
            let found = member(line, *place);
            match found.key {
                "event" => known.event = Some(at),
                "progress" => known.progress = Some(at),
                "metric" => known.metric = true,
                EVENT_KEY => known.event_name = true,
                "fields" if found.value.starts_with('{') => known.fields = Some(at),
                key => {
                    if let Some(rank) = message_rank(key).filter(|rank| *rank < best_message) {
                        (known.message, best_message) = (Some(at), rank);
                    } else if let Some(rank) = level_rank(key).filter(|rank| *rank < best_level) {
                        (known.level, best_level) = (Some(at), rank);
                    }
                }
            }
        }
        known
    }
}

fn member(line: &str, place: Place) -> Member<'_> {
    let part = |(from, until): (usize, usize)| line.get(from..until).unwrap_or_default();
    Member { key: part(place.key), value: part(place.value) }
}

fn members<'a>(line: &'a str, places: &[Place]) -> Vec<Member<'a>> {
    places.iter().map(|place| member(line, *place)).collect()
}

/// Bytes from the start of `line` to the start of `part`, which is a slice of it.
fn distance(line: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(line.as_ptr().addr())
}

/// Finds the members of the object that `line` is.
fn collect(line: &str, into: &mut Vec<Place>) -> Result<(), serde_json::Error> {
    into.clear();
    let place = |key: Range<usize>, value: Range<usize>| Place {
        key: (key.start, key.end),
        value: (value.start, value.end),
    };
    match scan::members(line, |key, value| into.push(place(key, value))) {
        Some(()) => Ok(()),
        None => collect_any(line, into),
    }
}

/// The same for what the fast way does not take. Says what is wrong.
fn collect_any(line: &str, into: &mut Vec<Place>) -> Result<(), serde_json::Error> {
    struct Members<'a> {
        line: &'a str,
        into: &'a mut Vec<Place>,
    }
    impl<'de> DeserializeSeed<'de> for Members<'_> {
        type Value = ();
        fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
            from.deserialize_map(self)
        }
    }
    impl<'de> Visitor<'de> for Members<'_> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<&'de RawValue>()? {
                let value = map.next_value::<&'de RawValue>()?;
                let key_at = distance(self.line, key.get());
                let value_at = distance(self.line, value.get());
                self.into.push(Place {
                    // Without the quotes.
                    key: (key_at + 1, (key_at + key.get().len()).saturating_sub(1)),
                    value: (value_at, value_at + value.get().len()),
                });
            }
            Ok(())
        }
    }
    into.clear();
    let mut from = serde_json::Deserializer::from_str(line);
    Members { line, into }.deserialize(&mut from)?;
    from.end()
}

fn level_of(found: Member<'_>) -> Option<Level> {
    let text = field_text(found.value)?;
    if found.key == "level"
        && let Some(level) = bunyan(&text)
    {
        return Some(level);
    }
    Level::parse(&text)
}

/// The numbers that bunyan and pino write as `level`; other numbers are OpenTelemetry's.
fn bunyan(text: &str) -> Option<Level> {
    match text {
        "10" => Some(Level::Trace),
        "20" => Some(Level::Debug),
        "30" => Some(Level::Info),
        "40" => Some(Level::Warn),
        "50" => Some(Level::Error),
        "60" => Some(Level::Fatal),
        _ => None,
    }
}

fn raw(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}

/// The members of an object as fields.
fn object(value: &str) -> Option<Fields> {
    let mut places = Vec::new();
    collect(value, &mut places).ok()?;
    members(value, &places)
        .into_iter()
        .map(|it| Some((key_text(it.key)?.into_owned(), field_text(it.value)?.into_owned())))
        .collect::<Option<Vec<_>>>()
        .map(Fields)
}

fn number(value: &str) -> Option<f64> {
    match field_text(value)?.as_ref() {
        "true" | "false" | "null" => None,
        text => text.trim().parse().ok(),
    }
}

fn metric<'a>(found: Vec<Member<'_>>, name_key: &str) -> Meaning<'a> {
    let problem = |text: &'static str| Meaning::Problem(Cow::Borrowed(text));
    let (mut name, mut value) = (None, None);
    let mut point = MetricPoint::new("", 0.0, "");
    let mut unknown = Unknown::default();
    for it in found {
        match it.key {
            key if key == name_key || key == "metric" && name.is_none() => {
                name = it.value.starts_with('"').then(|| field_text(it.value)).flatten();
            }
            "value" => {
                value = number(it.value);
                if value.is_none() {
                    return problem("metric: value is not a number");
                }
            }
            "labels" => match object(it.value) {
                Some(labels) => point.labels.0.extend(labels.0),
                None => return problem("metric: labels is not an object"),
            },
            "unit" => match field_text(it.value) {
                Some(unit) if it.value.starts_with('"') => point.unit = unit.into_owned(),
                Some(_) | None => return problem("metric: unit is not text"),
            },
            // They would stand beside the name and the origin of the point.
            key @ ("name" | "stream" | "offset" | "bytes" | "cr") => {
                point.labels.push(key, field_text(it.value).unwrap_or_default());
            }
            key => {
                let (Some(key), Some(value)) = (key_text(key), raw(it.value)) else {
                    return problem("metric: a key is not text");
                };
                unknown.0.push((key.into_owned(), value));
            }
        }
    }
    match (name, value) {
        (Some(name), Some(value)) if !name.is_empty() => {
            point.name = name.into_owned();
            point.value = value;
            point.unknown = unknown;
            Meaning::Metric(point)
        }
        (Some(name), Some(_)) if name.is_empty() => problem("metric: name is empty"),
        (Some(_), _) => problem("metric: value is missing"),
        (None, _) => problem("metric: name is missing or not text"),
    }
}

/// Members as metadata; `None` if one of them is not text.
fn metadata(found: impl IntoIterator<Item = (String, Option<String>)>) -> Option<Fields> {
    found
        .into_iter()
        .map(|(key, value)| value.map(|value| (key, value)))
        .collect::<Option<Vec<_>>>()
        .map(Fields)
}

fn texts(it: Member<'_>) -> (String, Option<String>) {
    let key = key_text(it.key);
    let value = field_text(it.value).map(Cow::into_owned);
    let value = value.filter(|_| key.is_some());
    (key.unwrap_or_default().into_owned(), value)
}

/// `{"progress":{…}}` gives its members, `{"progress":0.4}` a `progress`; the other keys follow.
fn progress<'a>(line: &str, top: &[Place], at: usize) -> Meaning<'a> {
    let Some(place) = top.get(at) else { return Meaning::Nothing };
    let found = member(line, *place);
    let inner =
        if found.value.starts_with('{') { object(found.value) } else { metadata([texts(found)]) };
    let others = top.iter().enumerate().filter(|(n, _)| *n != at);
    let others = metadata(others.map(|(_, place)| texts(member(line, *place))));
    let (Some(mut all), Some(others)) = (inner, others) else { return Meaning::Nothing };
    all.0.extend(others.0);
    Meaning::Event(WrapperJobEvent::new(event::PROGRESS, all))
}

/// `{"databuild_event":"name","metadata":{…}}`; other keys become metadata too.
fn job_event<'a>(found: Vec<Member<'_>>) -> Meaning<'a> {
    let mut name = None;
    let mut all = Fields::default();
    for it in found {
        if it.key == EVENT_KEY {
            name = it.value.starts_with('"').then(|| field_text(it.value)).flatten();
        } else if it.key == "metadata"
            && let Some(inner) = object(it.value)
        {
            all.0.extend(inner.0);
        } else if let (key, Some(value)) = texts(it) {
            all.push(key, value);
        } else {
            return Meaning::Problem(Cow::Borrowed("event: a key or value is not text"));
        }
    }
    let Some(name) = name else {
        return Meaning::Problem(Cow::Borrowed("event: the name is not text"));
    };
    match output::check_event_name(&name) {
        Ok(()) => Meaning::Event(WrapperJobEvent::new(name, all)),
        Err(error) => Meaning::Problem(format!("event: {error}").into()),
    }
}

#[cfg(test)]
mod tests;
