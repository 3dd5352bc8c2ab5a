//! The only door to the generated protobuf types: entries, requests and answers go in and come out as
//! the types of this crate, and no generated type leaves. Schema: `proto/databuild/v1/databuild.proto`.

#[rustfmt::skip]
#[expect(unreachable_pub, reason = "the generator makes everything public; the door is this module")]
mod generated;

use crate::entry::{
    Content, Fields, JobLogEntry, LogMessage, MetricPoint, Stream, Unknown, WrapperJobEvent,
};
use crate::ids::{AppName, BuildId, IdError, JobLabel, JobRunId, PartitionRef};
use crate::level::Level;
use crate::manifest::{PartitionManifest, Task};
use crate::origin::Origin;
use crate::query::{KindSet, LevelSet, LogFilter, PatternError, TextMatch};
use crate::request::{JobLogsRequest, JobLogsResponse, Order};
use crate::time::{TimeError, Timestamp};
use generated as pb;
use prost::Message;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Why bytes are not a message of ours.
#[derive(Debug, thiserror::Error)]
pub enum ProtoError {
    /// Not protobuf, or not of this type.
    #[error("the bytes are not such a protobuf message")]
    Decode {
        /// What the decoder said.
        #[source]
        source: prost::DecodeError,
    },
    /// A name breaks its rule.
    #[error("`{field}` is not valid")]
    Id {
        /// The field.
        field: &'static str,
        /// The rule that it breaks.
        #[source]
        source: IdError,
    },
    /// `timestamp` is not a time.
    #[error("`timestamp` is not valid")]
    Time {
        /// What is wrong with it.
        #[source]
        source: TimeError,
    },
    /// `query` cannot be searched for.
    #[error("`query` is not valid")]
    Query {
        /// What is wrong with it.
        #[source]
        source: PatternError,
    },
    /// A number that is none of the enum's, a content that is missing, JSON that is none.
    #[error("`{field}` has no valid value")]
    Value {
        /// The field.
        field: &'static str,
    },
}

/// One entry as `databuild.v1.JobLogEntry`.
pub fn encode_entry(entry: &JobLogEntry) -> Vec<u8> {
    from_entry(entry).encode_to_vec()
}

/// Reads `databuild.v1.JobLogEntry`. Fields and labels come in the order of their names.
pub fn decode_entry(bytes: &[u8]) -> Result<JobLogEntry, ProtoError> {
    let entry = pb::JobLogEntry::decode(bytes).map_err(|source| ProtoError::Decode { source })?;
    to_entry(entry)
}

/// An answer as `databuild.v1.JobLogsResponse`.
pub fn encode_response(response: &JobLogsResponse) -> Vec<u8> {
    pb::JobLogsResponse {
        entries: response.entries.iter().map(from_entry).collect(),
        has_more: response.has_more,
        next_page_token: response.next_page_token.clone(),
    }
    .encode_to_vec()
}

/// Reads `databuild.v1.JobLogsResponse`.
pub fn decode_response(bytes: &[u8]) -> Result<JobLogsResponse, ProtoError> {
    let message =
        pb::JobLogsResponse::decode(bytes).map_err(|source| ProtoError::Decode { source })?;
    Ok(JobLogsResponse {
        entries: message.entries.into_iter().map(to_entry).collect::<Result<_, _>>()?,
        has_more: message.has_more,
        next_page_token: message.next_page_token,
    })
}

/// Reads `databuild.v1.JobLogsRequest`. Zero and empty mean what the schema says of them.
pub fn decode_request(bytes: &[u8]) -> Result<JobLogsRequest, ProtoError> {
    let m = pb::JobLogsRequest::decode(bytes).map_err(|source| ProtoError::Decode { source })?;
    let order = match m.order() {
        pb::Order::Ascending => Order::Asc,
        pb::Order::Descending => Order::Desc,
    };
    let level = |number| Level::from_proto(number).ok_or(ProtoError::Value { field: "min_level" });
    let kind =
        |name: &String| crate::entry::Kind::parse(name).ok_or(ProtoError::Value { field: "kinds" });
    let kinds = m.kinds.iter().map(kind).collect::<Result<Vec<_>, _>>()?;
    let include = match m.query.as_str() {
        "" => None,
        text => Some(TextMatch::contains(text).map_err(|source| ProtoError::Query { source })?),
    };
    Ok(JobLogsRequest {
        filter: LogFilter {
            since: (m.since_timestamp != 0).then(|| Timestamp::from_nanos(m.since_timestamp)),
            until: (m.until_timestamp != 0).then(|| Timestamp::from_nanos(m.until_timestamp)),
            levels: m.min_level.map(level).transpose()?.map(LevelSet::at_least),
            kinds: (!kinds.is_empty()).then(|| KindSet::of(&kinds)),
            include,
            exclude: None,
        },
        job_run_id: id("job_run_id", m.job_run_id, JobRunId::parse)?,
        limit: (m.limit != 0).then_some(m.limit),
        page_token: (!m.page_token.is_empty()).then_some(m.page_token),
        order,
        tail: (m.tail != 0).then_some(m.tail),
    })
}

fn id<T>(
    field: &'static str,
    text: String,
    parse: fn(String) -> Result<T, IdError>,
) -> Result<T, ProtoError> {
    parse(text).map_err(|source| ProtoError::Id { field, source })
}

fn optional_id<T>(
    field: &'static str,
    text: String,
    parse: fn(String) -> Result<T, IdError>,
) -> Result<Option<T>, ProtoError> {
    if text.is_empty() { Ok(None) } else { id(field, text, parse).map(Some) }
}

fn from_fields(fields: &Fields) -> BTreeMap<String, String> {
    fields.0.iter().cloned().collect()
}

fn to_fields(map: BTreeMap<String, String>) -> Fields {
    map.into_iter().collect()
}

fn from_unknown(unknown: &Unknown) -> BTreeMap<String, String> {
    unknown.0.iter().map(|(key, value)| (key.clone(), value.get().to_owned())).collect()
}

fn to_unknown(map: BTreeMap<String, String>) -> Result<Unknown, ProtoError> {
    let raw = |(key, json): (String, String)| match RawValue::from_string(json) {
        Ok(value) => Ok((key, value)),
        Err(_) => Err(ProtoError::Value { field: "unknown_json" }),
    };
    map.into_iter().map(raw).collect::<Result<_, _>>().map(Unknown)
}

fn from_refs(refs: &[PartitionRef]) -> Vec<pb::PartitionRef> {
    refs.iter().map(|partition| pb::PartitionRef { str: partition.as_str().to_owned() }).collect()
}

fn to_refs(refs: Vec<pb::PartitionRef>) -> Result<Vec<PartitionRef>, ProtoError> {
    refs.into_iter().map(|partition| id("outputs", partition.str, PartitionRef::parse)).collect()
}

fn from_label(label: Option<&JobLabel>) -> String {
    label.map(|label| label.as_str().to_owned()).unwrap_or_default()
}

fn from_entry(entry: &JobLogEntry) -> pb::JobLogEntry {
    use pb::job_log_entry::Content as To;
    let content = match &entry.content {
        Content::Log(log) => To::Log(from_log(log)),
        Content::Metric(metric) => To::Metric(pb::MetricPoint {
            name: metric.name.clone(),
            value: metric.value,
            labels: from_fields(&metric.labels),
            unit: metric.unit.clone(),
            stream: from_stream(metric.origin).into(),
            offset: metric.origin.offset,
            bytes: metric.origin.bytes,
            unknown_json: from_unknown(&metric.unknown),
        }),
        Content::JobEvent(event) => To::JobEvent(pb::WrapperJobEvent {
            event_type: event.event_type.clone(),
            metadata: from_fields(&event.metadata),
            exit_code: event.exit_code,
            stream: from_stream(event.origin).into(),
            offset: event.origin.offset,
            bytes: event.origin.bytes,
            job_label: from_label(event.job_label.as_ref()),
            unknown_json: from_unknown(&event.unknown),
        }),
        Content::Manifest(manifest) => To::Manifest(from_manifest(manifest)),
    };
    pb::JobLogEntry {
        timestamp: entry.timestamp.to_string(),
        job_id: entry.job_id.as_str().to_owned(),
        outputs: from_refs(&entry.outputs),
        sequence_number: entry.sequence_number,
        content: Some(content),
        job_label: from_label(entry.job_label.as_ref()),
        job_type: entry.job_type.clone().unwrap_or_default(),
        app: entry.app.as_ref().map(|app| app.as_str().to_owned()).unwrap_or_default(),
        build_id: entry.build_id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        unknown_json: from_unknown(&entry.unknown),
    }
}

fn to_entry(entry: pb::JobLogEntry) -> Result<JobLogEntry, ProtoError> {
    use pb::job_log_entry::Content as From;
    let content = match entry.content.ok_or(ProtoError::Value { field: "content" })? {
        From::Log(log) => Content::Log(to_log(log)?),
        From::Metric(metric) => Content::Metric(MetricPoint {
            origin: to_origin(metric.stream(), metric.offset, metric.bytes),
            name: metric.name,
            value: metric.value,
            labels: to_fields(metric.labels),
            unit: metric.unit,
            unknown: to_unknown(metric.unknown_json)?,
        }),
        From::JobEvent(event) => Content::JobEvent(WrapperJobEvent {
            origin: to_origin(event.stream(), event.offset, event.bytes),
            event_type: event.event_type,
            metadata: to_fields(event.metadata),
            exit_code: event.exit_code,
            job_label: optional_id("job_label", event.job_label, JobLabel::parse)?,
            unknown: to_unknown(event.unknown_json)?,
        }),
        From::Manifest(manifest) => Content::Manifest(to_manifest(manifest)?),
    };
    Ok(JobLogEntry {
        timestamp: Timestamp::parse(&entry.timestamp)
            .map_err(|source| ProtoError::Time { source })?,
        job_id: id("job_id", entry.job_id, JobRunId::parse)?,
        outputs: to_refs(entry.outputs)?,
        sequence_number: entry.sequence_number,
        content,
        job_label: optional_id("job_label", entry.job_label, JobLabel::parse)?,
        job_type: (!entry.job_type.is_empty()).then_some(entry.job_type),
        app: optional_id("app", entry.app, AppName::parse)?,
        build_id: optional_id("build_id", entry.build_id, BuildId::parse)?,
        unknown: to_unknown(entry.unknown_json)?,
    })
}

fn from_stream(origin: Origin) -> pb::LogStream {
    match origin.stream {
        None => pb::LogStream::Unspecified,
        Some(Stream::Stdout) => pb::LogStream::Stdout,
        Some(Stream::Stderr) => pb::LogStream::Stderr,
    }
}

fn to_origin(stream: pb::LogStream, offset: Option<u64>, bytes: Option<u64>) -> Origin {
    let stream = match stream {
        pb::LogStream::Unspecified => None,
        pb::LogStream::Stdout => Some(Stream::Stdout),
        pb::LogStream::Stderr => Some(Stream::Stderr),
    };
    Origin { stream, offset, bytes }
}

fn from_log(log: &LogMessage) -> pb::LogMessage {
    pb::LogMessage {
        level: log.level.to_proto(),
        message: log.message.clone(),
        fields: from_fields(&log.fields),
        stream: from_stream(log.origin).into(),
        offset: log.origin.offset,
        bytes: log.origin.bytes,
        cr: log.cr,
        unknown_json: from_unknown(&log.unknown),
    }
}

fn to_log(log: pb::LogMessage) -> Result<LogMessage, ProtoError> {
    Ok(LogMessage {
        cr: log.cr,
        origin: to_origin(log.stream(), log.offset, log.bytes),
        level: Level::from_proto(log.level).ok_or(ProtoError::Value { field: "level" })?,
        message: log.message,
        fields: to_fields(log.fields),
        unknown: to_unknown(log.unknown_json)?,
    })
}

fn from_manifest(manifest: &PartitionManifest) -> pb::PartitionManifest {
    pb::PartitionManifest {
        outputs: from_refs(&manifest.outputs),
        inputs: manifest.inputs.iter().map(from_manifest).collect(),
        start_time: manifest.start_time,
        end_time: manifest.end_time,
        task: manifest.task.as_ref().map(|task| pb::Task {
            job: task.job_label.as_ref().map(|l| pb::JobLabel { label: l.as_str().to_owned() }),
            unknown_json: from_unknown(&task.unknown),
        }),
        metadata: from_fields(&manifest.metadata),
        unknown_json: from_unknown(&manifest.unknown),
    }
}

fn to_manifest(manifest: pb::PartitionManifest) -> Result<PartitionManifest, ProtoError> {
    let task = |task: pb::Task| {
        let job_label = task.job.map(|job| id("task.job.label", job.label, JobLabel::parse));
        let unknown = to_unknown(task.unknown_json)?;
        job_label.transpose().map(|job_label| Task { job_label, unknown })
    };
    Ok(PartitionManifest {
        outputs: to_refs(manifest.outputs)?,
        inputs: manifest.inputs.into_iter().map(to_manifest).collect::<Result<_, _>>()?,
        start_time: manifest.start_time,
        end_time: manifest.end_time,
        task: manifest.task.map(task).transpose()?,
        metadata: to_fields(manifest.metadata),
        unknown: to_unknown(manifest.unknown_json)?,
    })
}

#[cfg(test)]
mod tests;
