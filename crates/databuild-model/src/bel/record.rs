//! An event with its place, time and identity, and its JSON form: one object on one line.

use super::{BuildEvent, EVENT_VERSION};
use crate::ids::BuildId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One event as it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRecord {
    /// Its place in the log, from 1; later events have higher ones. 0 before it was appended.
    pub idx: u64,
    /// Its UUID, the same in every copy.
    pub event_id: String,
    /// When it was appended, by the clock of its writer.
    pub timestamp: Timestamp,
    /// The build.
    pub build_id: BuildId,
    /// What happened.
    pub event: BuildEvent,
}

/// Why a text is not an event.
#[derive(Debug, thiserror::Error)]
pub enum EventReadError {
    /// Not JSON, or not of this shape.
    #[error("not a build event")]
    Form(#[source] serde_json::Error),
    /// Written by a newer version, in a form that this one does not know.
    #[error("a build event of version {found}, and this program knows versions up to {known}")]
    Newer {
        /// Its version.
        found: u32,
        /// The newest that can be read.
        known: u32,
    },
    /// Its time is not RFC 3339.
    #[error("a build event whose time is {text:?}")]
    Time {
        /// What stands there.
        text: String,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    idx: u64,
    event_id: &'a str,
    timestamp: String,
    build_id: &'a str,
    version: u32,
    #[serde(flatten)]
    event: &'a BuildEvent,
}

#[derive(Deserialize)]
struct Head<'a> {
    idx: u64,
    event_id: String,
    timestamp: String,
    build_id: BuildId,
    version: u32,
    r#type: String,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

impl EventRecord {
    /// The record as one JSON object without a newline.
    pub fn to_json(&self) -> String {
        let line = Line {
            idx: self.idx,
            event_id: &self.event_id,
            timestamp: self.timestamp.to_string(),
            build_id: self.build_id.as_str(),
            version: EVENT_VERSION,
            event: &self.event,
        };
        // Strings, numbers and lists of them: nothing in it can fail to be written.
        serde_json::to_string(&line).unwrap_or_default()
    }

    /// Reads what [`EventRecord::to_json`] wrote; keys that are not known are skipped.
    pub fn from_json(text: &str) -> Result<EventRecord, EventReadError> {
        let head: Head<'_> = serde_json::from_str(text).map_err(EventReadError::Form)?;
        let payload = head.payload.map_or("{}", RawValue::get);
        Ok(EventRecord {
            idx: head.idx,
            event_id: head.event_id,
            timestamp: Timestamp::parse(&head.timestamp)
                .map_err(|_| EventReadError::Time { text: head.timestamp })?,
            build_id: head.build_id,
            event: BuildEvent::from_parts(&head.r#type, head.version, payload)?,
        })
    }
}

impl BuildEvent {
    /// The payload alone, as JSON: what the store keeps beside type and version.
    pub fn payload_json(&self) -> String {
        #[derive(Deserialize)]
        struct Payload {
            payload: Box<RawValue>,
        }
        // As above: a value of ours can always be written, and what we wrote can be read.
        serde_json::to_string(self)
            .and_then(|text| serde_json::from_str::<Payload>(&text))
            .map(|whole| String::from(Box::<str>::from(whole.payload)))
            .unwrap_or_default()
    }

    /// Puts an event together from its type, version and payload.
    pub fn from_parts(
        type_name: &str,
        version: u32,
        payload: &str,
    ) -> Result<BuildEvent, EventReadError> {
        if EVENT_VERSION < version {
            return Err(EventReadError::Newer { found: version, known: EVENT_VERSION });
        }
        let name = serde_json::to_string(type_name).map_err(EventReadError::Form)?;
        serde_json::from_str(&format!(r#"{{"type":{name},"payload":{payload}}}"#))
            .map_err(EventReadError::Form)
    }
}
