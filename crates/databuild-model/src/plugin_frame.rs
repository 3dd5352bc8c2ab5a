//! What a log saver and the process of a plugin say to each other: JSON lines, a *frame* each. Both ends
//! read and write them here. Page: `docs/formats/plugin-protocol.md`. Nothing here opens a pipe.

use crate::json::write::{write_number, write_string};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Longest frame to a plugin: the largest entry, what stands around it, and as much again in names.
pub const FRAME_BYTES_MAX: usize = crate::limits::ENTRY_LINE_BYTES_MAX + (1 << 20);

/// The version of the protocol that this is.
pub const PROTOCOL: u32 = 1;

/// What a plugin is told first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The version that the saver speaks.
    pub protocol: u32,
    /// The pipeline.
    pub pipeline: String,
    /// What the owner of the pipeline has set.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Milliseconds until an event has to be acknowledged.
    pub deadline_ms: u64,
    /// Most events that are given and not acknowledged.
    pub unacknowledged_max: u64,
}

/// What a plugin answers to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The version that it speaks.
    pub protocol: u32,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// An event, as the saver gives it.
#[derive(Debug, Clone, Copy)]
pub struct GivenEvent<'a> {
    /// Counts on by one from event to event, from 1 at each start of the plugin.
    pub position: u64,
    /// The number of the entry within its run.
    pub sequence: u64,
    /// `log`, `metric`, `event` or `manifest`.
    pub kind: &'a str,
    /// The project.
    pub project: &'a str,
    /// The application.
    pub app: &'a str,
    /// The job; empty if there is none.
    pub job: &'a str,
    /// The job run.
    pub run: &'a str,
    /// Events with a later time may have come before it.
    pub late: bool,
    /// The entry as it is stored: one JSON object without line feeds.
    pub entry: &'a str,
}

/// An event, as the plugin gets it.
#[derive(Debug, Clone, Deserialize)]
pub struct TakenEvent<'a> {
    /// As in [`GivenEvent`].
    pub position: u64,
    /// As in [`GivenEvent`].
    pub sequence: u64,
    /// As in [`GivenEvent`].
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// As in [`GivenEvent`].
    #[serde(borrow)]
    pub project: Cow<'a, str>,
    /// As in [`GivenEvent`].
    #[serde(borrow)]
    pub app: Cow<'a, str>,
    /// As in [`GivenEvent`].
    #[serde(borrow)]
    pub job: Cow<'a, str>,
    /// As in [`GivenEvent`].
    #[serde(borrow)]
    pub run: Cow<'a, str>,
    /// As in [`GivenEvent`].
    #[serde(default)]
    pub late: bool,
    /// As in [`GivenEvent`].
    #[serde(borrow)]
    pub entry: &'a RawValue,
}

/// A frame to a plugin.
#[derive(Debug, Clone)]
pub enum ToPlugin<'a> {
    /// The first one.
    Hello(Hello),
    /// Events, in order.
    Batch(Vec<TakenEvent<'a>>),
    /// Make durable what was given, then say [`FromPlugin::Flushed`] with this number.
    Flush(u64),
    /// Make durable what was given, acknowledge it, and exit.
    Stop,
}

/// What an error of a plugin wants to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It may be otherwise when it is tried again.
    Transient,
    /// One event cannot be processed, however often it is tried.
    Poison,
    /// Nothing will be otherwise before somebody changes something.
    Fatal,
}

/// Why a plugin cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// What it wants to be done.
    pub kind: Trouble,
    /// The event at fault, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// What happened.
    pub reason: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// A frame from a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPlugin {
    /// The first one.
    Hello(About),
    /// Every event up to and with this position is done.
    Ack {
        /// Greater than that of the frame before.
        position: u64,
    },
    /// Every event that was given before this flush is done.
    Flushed {
        /// The number of the flush.
        flush: u64,
    },
    /// It cannot go on. The last frame.
    Error(Complaint),
}

/// Why a line is no frame.
#[derive(Debug, thiserror::Error)]
#[error("not a frame of the plugin protocol: {line}")]
pub struct FrameError {
    /// The beginning of the line.
    pub line: String,
    /// What is wrong with it.
    #[source]
    pub source: serde_json::Error,
}

impl FrameError {
    fn new(line: &[u8], source: serde_json::Error) -> FrameError {
        let text = String::from_utf8_lossy(line.get(..SHOWN_BYTES_MAX).unwrap_or(line));
        FrameError { line: text.escape_debug().collect(), source }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        "standard output of a plugin belongs to the protocol; print to standard error instead"
    }
}

/// How much of a wrong line is shown.
const SHOWN_BYTES_MAX: usize = 80;

/// The type of a frame, read before the rest.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<TakenEvent<'a>>,
}

#[derive(Deserialize)]
struct Flush {
    flush: u64,
}

impl<'a> ToPlugin<'a> {
    /// Reads a line, with or without its line feed. Unknown keys are passed over.
    pub fn read(line: &'a [u8]) -> Result<ToPlugin<'a>, FrameError> {
        ToPlugin::parse(line).map_err(|source| FrameError::new(line, source))
    }

    fn parse(line: &'a [u8]) -> Result<ToPlugin<'a>, serde_json::Error> {
        let head: Head<'a> = serde_json::from_slice(line)?;
        match &*head.kind {
            "hello" => serde_json::from_slice(line).map(ToPlugin::Hello),
            "batch" => {
                serde_json::from_slice(line).map(|batch: Batch<'a>| ToPlugin::Batch(batch.events))
            }
            "flush" => {
                serde_json::from_slice(line).map(|flush: Flush| ToPlugin::Flush(flush.flush))
            }
            "stop" => Ok(ToPlugin::Stop),
            other => {
                Err(serde::de::Error::unknown_variant(other, &["hello", "batch", "flush", "stop"]))
            }
        }
    }
}

impl FromPlugin {
    /// Reads a line, with or without its line feed. Unknown keys are passed over.
    pub fn read(line: &[u8]) -> Result<FromPlugin, FrameError> {
        serde_json::from_slice(line).map_err(|source| FrameError::new(line, source))
    }

    /// Appends the frame with its line feed.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_line(self, out);
    }
}

/// Appends the first frame to a plugin.
pub fn write_hello(hello: &Hello, out: &mut Vec<u8>) {
    #[derive(Serialize)]
    struct Frame<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        #[serde(flatten)]
        hello: &'a Hello,
    }
    write_line(&Frame { kind: "hello", hello }, out);
}

/// Appends a frame that asks for a flush.
pub fn write_flush(flush: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"flush\",\"flush\":");
    write_number(flush, out);
    out.extend_from_slice(b"}\n");
}

/// Appends the last frame to a plugin.
pub fn write_stop(out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"stop\"}\n");
}

/// What is written of a value of ours: nothing if it cannot be, which these types exclude.
fn write_line(frame: &impl Serialize, out: &mut Vec<u8>) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, frame).is_err() {
        out.truncate(before);
        return;
    }
    out.push(b'\n');
}

/// Writes one batch event by event, so that its size is known before it is too large.
#[derive(Debug, Default)]
pub struct BatchWriter {
    events: Vec<u8>,
}

impl BatchWriter {
    /// Adds an event.
    pub fn push(&mut self, event: &GivenEvent<'_>) {
        let out = &mut self.events;
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"position\":");
        write_number(event.position, out);
        out.extend_from_slice(b",\"sequence\":");
        write_number(event.sequence, out);
        let texts = [
            (",\"kind\":", event.kind),
            (",\"project\":", event.project),
            (",\"app\":", event.app),
            (",\"job\":", event.job),
            (",\"run\":", event.run),
        ];
        for (key, text) in texts {
            out.extend_from_slice(key.as_bytes());
            write_string(text, out);
        }
        if event.late {
            out.extend_from_slice(b",\"late\":true");
        }
        out.extend_from_slice(b",\"entry\":");
        out.extend_from_slice(event.entry.as_bytes());
        out.push(b'}');
    }

    /// Bytes of the events so far.
    pub fn bytes(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Appends the frame, and begins a new one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"batch\",\"events\":[");
        out.append(&mut self.events);
        out.extend_from_slice(b"]}\n");
    }
}

#[cfg(test)]
mod tests;
