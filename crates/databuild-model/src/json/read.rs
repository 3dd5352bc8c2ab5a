//! The lenient reader: what can be understood is, and what had to be overlooked is said.

use crate::entry::{
    Content, Fields, JobLogEntry, Kind, LogMessage, MetricPoint, Stream, Unknown, WrapperJobEvent,
};
use crate::ids::{AppName, BuildId, IdError, JobLabel, JobRunId, PartitionRef};
use crate::level::Level;
use crate::limits;
use crate::manifest::{PartitionManifest, Task};
use crate::origin::Origin;
use crate::time::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Something in an entry that had to be overlooked, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, with dots: `content.log.level`.
    pub at: &'static str,
    /// What was wrong with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// Why a line is not an entry.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not an object.
    #[error("the line is not a JSON object")]
    NotAnObject {
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A key without which it is no entry.
    #[error("an entry needs `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// `job_id` is not a job run id.
    #[error("`job_id` is not a job run id")]
    BadId {
        /// The rule that it breaks.
        #[source]
        source: IdError,
    },
    /// Manifests within manifests, deeper than [`limits::JSON_DEPTH_MAX`].
    #[error("manifests are nested deeper than {max}")]
    TooDeep {
        /// The deepest allowed.
        max: usize,
    },
}

/// Reads one line, without its line feed.
///
/// # Errors
/// When the line is not a JSON object, or has no `job_id` or no content. Everything else that is odd
/// is a [`Problem`] beside an entry.
pub fn read_entry(line: &[u8]) -> Result<(JobLogEntry, Vec<Problem>), ReadError> {
    let object: Object<'_> =
        serde_json::from_slice(line).map_err(|source| ReadError::NotAnObject { source })?;
    let mut reader = Reader { problems: Vec::new() };
    let entry = reader.entry(object)?;
    Ok((entry, reader.problems))
}

/// An object with its keys in order and its values unread. Keys that stand twice are both there.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

struct Reader {
    problems: Vec<Problem>,
}

#[derive(Default)]
struct Envelope<'a> {
    timestamp: Option<Timestamp>,
    job_id: Option<String>,
    outputs: Vec<PartitionRef>,
    sequence_number: Option<u64>,
    content: Option<(Kind, &'a RawValue)>,
    job_label: Option<JobLabel>,
    job_type: Option<String>,
    app: Option<AppName>,
    build_id: Option<BuildId>,
    unknown: Unknown,
}

impl Reader {
    fn problem(&mut self, at: &'static str, what: impl fmt::Display) {
        self.problems.push(Problem { at, what: what.to_string() });
    }

    fn entry(&mut self, object: Object<'_>) -> Result<JobLogEntry, ReadError> {
        let mut e = Envelope::default();
        for (key, value) in object.0 {
            self.top_level(&mut e, key, value);
        }
        let job_id = e.job_id.ok_or(ReadError::Missing { key: "job_id" })?;
        let job_id = JobRunId::parse(job_id).map_err(|source| ReadError::BadId { source })?;
        let (kind, value) = e.content.ok_or(ReadError::Missing { key: "content" })?;
        if e.timestamp.is_none() {
            self.problem("timestamp", "is missing or not a time; 1970 stands for it");
        }
        if e.sequence_number.is_none() {
            self.problem("sequence_number", "is missing; 0 stands for it");
        }
        Ok(JobLogEntry {
            timestamp: e.timestamp.unwrap_or_default(),
            job_id,
            outputs: e.outputs,
            sequence_number: e.sequence_number.unwrap_or_default(),
            content: self.content(kind, value)?,
            job_label: e.job_label,
            job_type: e.job_type,
            app: e.app,
            build_id: e.build_id,
            unknown: e.unknown,
        })
    }

    fn top_level<'a>(&mut self, e: &mut Envelope<'a>, key: String, value: &'a RawValue) {
        match key.as_str() {
            "timestamp" => match self.text("timestamp", value).as_deref().map(Timestamp::parse) {
                Some(Ok(time)) => e.timestamp = Some(time),
                Some(Err(error)) => self.problem("timestamp", error),
                None => {}
            },
            "job_id" | "job_run_id" => e.job_id = self.text("job_id", value),
            "outputs" => e.outputs = self.refs("outputs", value),
            "sequence_number" => e.sequence_number = self.number("sequence_number", value),
            "content" => match serde_json::from_str::<Object<'a>>(value.get()) {
                Ok(inner) => inner.0.into_iter().for_each(|(key, value)| self.kind(e, &key, value)),
                Err(_) => self.problem("content", "is not an object"),
            },
            "log" | "metric" | "job_event" | "event" | "manifest" => self.kind(e, &key, value),
            "job_label" => e.job_label = self.id("job_label", value, JobLabel::parse),
            "job_type" => e.job_type = self.text("job_type", value),
            "app" => e.app = self.id("app", value, AppName::parse),
            "build_id" => e.build_id = self.id("build_id", value, BuildId::parse),
            _ => e.unknown.0.push((key, value.to_owned())),
        }
    }

    fn kind<'a>(&mut self, e: &mut Envelope<'a>, key: &str, value: &'a RawValue) {
        match (Kind::parse(key), e.content) {
            (Some(kind), None) => e.content = Some((kind, value)),
            (Some(_), Some(_)) => {
                self.problem("content", "has more than one kind; the first counts")
            }
            (None, _) => self.problem("content", format_args!("has the unknown kind `{key}`")),
        }
    }

    fn content(&mut self, kind: Kind, value: &RawValue) -> Result<Content, ReadError> {
        let object = self.object(kind.content_key(), value);
        Ok(match kind {
            Kind::Log => Content::Log(self.log(object)),
            Kind::Metric => Content::Metric(self.metric(object)),
            Kind::Event => Content::JobEvent(self.event(object)),
            Kind::Manifest => Content::Manifest(self.manifest(object, 0)?),
        })
    }

    fn log(&mut self, object: Object<'_>) -> LogMessage {
        let mut log = LogMessage::new(Level::Info, "");
        for (key, value) in object.0 {
            match key.as_str() {
                "level" => match self.loose(value) {
                    text if text.is_empty() => {
                        self.problem("level", "is empty; INFO stands for it")
                    }
                    text => match Level::parse(&text) {
                        Some(level) => log.level = level,
                        None => self.problem(
                            "level",
                            format_args!("`{text}` is no level; INFO stands for it"),
                        ),
                    },
                },
                "message" => log.message = self.loose(value),
                "fields" => log.fields = self.fields("fields", value),
                "cr" => log.cr = self.number("cr", value).unwrap_or_default(),
                key if self.origin(&mut log.origin, key, value) => {}
                _ => log.unknown.0.push((key, value.to_owned())),
            }
        }
        log
    }

    fn metric(&mut self, object: Object<'_>) -> MetricPoint {
        let mut metric = MetricPoint::new("", f64::NAN, "");
        let mut has_value = false;
        for (key, value) in object.0 {
            match key.as_str() {
                "name" => metric.name = self.loose(value),
                "value" => match self.loose(value).parse::<f64>() {
                    Ok(number) => (metric.value, has_value) = (number, true),
                    Err(_) => self.problem("value", "is not a number; NaN stands for it"),
                },
                "labels" => metric.labels = self.fields("labels", value),
                "unit" => metric.unit = self.loose(value),
                key if self.origin(&mut metric.origin, key, value) => {}
                _ => metric.unknown.0.push((key, value.to_owned())),
            }
        }
        if !has_value && self.problems.is_empty() {
            self.problem("value", "is missing; NaN stands for it");
        }
        metric
    }

    fn event(&mut self, object: Object<'_>) -> WrapperJobEvent {
        let mut event = WrapperJobEvent::new("", Fields::default());
        for (key, value) in object.0 {
            match key.as_str() {
                "event_type" => event.event_type = self.loose(value),
                "metadata" => event.metadata = self.fields("metadata", value),
                "exit_code" => event.exit_code = self.loose(value).parse().ok(),
                "job_label" => event.job_label = self.id("job_label", value, JobLabel::parse),
                key if self.origin(&mut event.origin, key, value) => {}
                _ => event.unknown.0.push((key, value.to_owned())),
            }
        }
        event
    }

    /// Whether `key` is one of those that say where the job wrote something.
    fn origin(&mut self, origin: &mut Origin, key: &str, value: &RawValue) -> bool {
        match key {
            "stream" => {
                origin.stream = self.text("stream", value).as_deref().and_then(Stream::parse);
            }
            "offset" => origin.offset = self.number("offset", value),
            "bytes" => origin.bytes = self.number("bytes", value),
            _ => return false,
        }
        true
    }

    fn manifest(
        &mut self,
        object: Object<'_>,
        depth: usize,
    ) -> Result<PartitionManifest, ReadError> {
        if limits::JSON_DEPTH_MAX < depth {
            return Err(ReadError::TooDeep { max: limits::JSON_DEPTH_MAX });
        }
        let mut manifest = PartitionManifest::default();
        for (key, value) in object.0 {
            match key.as_str() {
                "outputs" => manifest.outputs = self.refs("outputs", value),
                "inputs" => {
                    for input in self.items("inputs", value) {
                        let input = self.object("inputs", input);
                        manifest.inputs.push(self.manifest(input, depth + 1)?);
                    }
                }
                "start_time" => manifest.start_time = self.number("start_time", value).unwrap_or(0),
                "end_time" => manifest.end_time = self.number("end_time", value).unwrap_or(0),
                "task" => manifest.task = Some(self.task(value)),
                "metadata" => manifest.metadata = self.fields("metadata", value),
                _ => manifest.unknown.0.push((key, value.to_owned())),
            }
        }
        Ok(manifest)
    }

    fn task(&mut self, value: &RawValue) -> Task {
        let mut task = Task::default();
        for (key, value) in self.object("task", value).0 {
            if key == "job" {
                for (key, value) in self.object("task.job", value).0 {
                    if key == "label" {
                        task.job_label = self.id("task.job.label", value, JobLabel::parse);
                    }
                }
            } else {
                task.unknown.0.push((key, value.to_owned()));
            }
        }
        task
    }

    fn object<'a>(&mut self, at: &'static str, value: &'a RawValue) -> Object<'a> {
        serde_json::from_str(value.get()).unwrap_or_else(|_| {
            self.problem(at, "is not an object");
            Object(Vec::new())
        })
    }

    fn items<'a>(&mut self, at: &'static str, value: &'a RawValue) -> Vec<&'a RawValue> {
        serde_json::from_str(value.get()).unwrap_or_else(|_| {
            self.problem(at, "is not a list");
            Vec::new()
        })
    }

    fn text(&mut self, at: &'static str, value: &RawValue) -> Option<String> {
        let text = serde_json::from_str(value.get()).ok();
        if text.is_none() {
            self.problem(at, "is not a text");
        }
        text
    }

    /// A text as it is, anything else as its JSON text.
    fn loose(&mut self, value: &RawValue) -> String {
        serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
    }

    /// A number, or a text of digits as the JSON mapping of protobuf writes 64-bit numbers.
    fn number<T: std::str::FromStr>(&mut self, at: &'static str, value: &RawValue) -> Option<T> {
        let number = self.loose(value).parse().ok();
        if number.is_none() {
            self.problem(at, "is not a whole number in range");
        }
        number
    }

    fn id<T>(
        &mut self,
        at: &'static str,
        value: &RawValue,
        parse: fn(String) -> Result<T, IdError>,
    ) -> Option<T> {
        match parse(self.text(at, value)?) {
            Ok(id) => Some(id),
            Err(error) => {
                self.problem(at, error);
                None
            }
        }
    }

    fn fields(&mut self, at: &'static str, value: &RawValue) -> Fields {
        let object = self.object(at, value);
        object.0.into_iter().map(|(key, value)| (key, self.loose(value))).collect()
    }

    fn refs(&mut self, at: &'static str, value: &RawValue) -> Vec<PartitionRef> {
        let mut refs = Vec::new();
        for item in self.items(at, value) {
            match serde_json::from_str::<crate::job_config::RefText>(item.get()) {
                Ok(text) => match PartitionRef::parse(text.path) {
                    Ok(partition) => refs.push(partition),
                    Err(error) => self.problem(at, error),
                },
                Err(_) => self.problem(at, "has an item that is not a partition ref"),
            }
        }
        refs
    }
}
