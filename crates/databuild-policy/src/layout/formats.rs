//! Layouts that are no patterns: JSON lines, logfmt, and OTLP as JSON lines. One line an event, whatever
//! stands in it. Page: `docs/formats/saved-lines.md`.

use super::LayoutEvent;
use databuild_model::json::write::write_string;
use databuild_model::level::Level;

/// `{"timestamp":…,"level":…,"app":…,"job":…,"run":…,"seq":…,"message":…,"fields":{…}}`
pub(super) fn json(event: &LayoutEvent<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    event.timestamp.write_to(out);
    out.extend_from_slice(b"\",\"level\":\"");
    out.extend_from_slice(event.level.as_str().as_bytes());
    out.push(b'"');
    for (key, value) in origin(event) {
        if !value.is_empty() {
            out.push(b',');
            write_string(key, out);
            out.push(b':');
            write_string(value, out);
        }
    }
    out.extend_from_slice(b",\"seq\":");
    number(event.sequence, out);
    out.extend_from_slice(b",\"message\":");
    write_string(event.raw_message, out);
    if !event.fields.is_empty() {
        out.extend_from_slice(b",\"fields\":{");
        for (n, (key, value)) in event.fields.iter().enumerate() {
            if 0 < n {
                out.push(b',');
            }
            write_string(key, out);
            out.push(b':');
            write_string(value, out);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"}\n");
}

fn origin<'a>(event: &LayoutEvent<'a>) -> [(&'static str, &'a str); 8] {
    [
        ("app", event.app),
        ("job", event.job),
        ("run", event.run),
        ("build", event.build),
        ("partition", event.partition),
        ("stream", event.stream),
        ("logger", event.logger),
        ("thread", event.thread),
    ]
}

/// `time=… level=… app=… … msg="…" key=value`
pub(super) fn logfmt(event: &LayoutEvent<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"time=");
    event.timestamp.write_to(out);
    out.extend_from_slice(b" level=");
    out.extend(event.level.as_str().bytes().map(|byte| byte.to_ascii_lowercase()));
    for (key, value) in origin(event) {
        if !value.is_empty() {
            pair(key, value, out);
        }
    }
    out.extend_from_slice(b" seq=");
    number(event.sequence, out);
    pair("msg", event.raw_message, out);
    for (key, value) in event.fields.iter() {
        pair(key, value, out);
    }
    out.push(b'\n');
}

/// Keys keep what is no separator; values are quoted, with JSON's escapes, unless they are plain.
fn pair(key: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    let bad = |c: char| c <= ' ' || matches!(c, '=' | '"' | '\u{7f}');
    for c in key.chars() {
        let c = if bad(c) { '_' } else { c };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.push(b'=');
    if value.is_empty() || value.contains(|c: char| bad(c) || c == '\\' || c.is_control()) {
        write_string(value, out);
    } else {
        out.extend_from_slice(value.as_bytes());
    }
}

/// One `ExportLogsServiceRequest` of the OpenTelemetry protocol as JSON, which is what a collector's
/// file receiver reads line by line. Source: opentelemetry-proto 1.x, `logs/v1/logs.proto`, and the JSON
/// mapping of the OTLP specification (64-bit integers as strings, enums as numbers).
pub(super) fn otlp(event: &LayoutEvent<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"resourceLogs\":[{\"resource\":{\"attributes\":[");
    let resource = [
        ("service.name", event.app),
        ("databuild.job", event.job),
        ("databuild.run", event.run),
        ("databuild.build", event.build),
        ("databuild.partition", event.partition),
    ];
    attributes(resource, out);
    out.extend_from_slice(b"]},\"scopeLogs\":[{\"scope\":{");
    if !event.logger.is_empty() {
        out.extend_from_slice(b"\"name\":");
        write_string(event.logger, out);
    }
    out.extend_from_slice(b"},\"logRecords\":[{\"timeUnixNano\":\"");
    number(u64::try_from(event.timestamp.as_nanos()).unwrap_or(0), out);
    out.extend_from_slice(b"\",\"severityNumber\":");
    number(severity(event.level), out);
    out.extend_from_slice(b",\"severityText\":\"");
    out.extend_from_slice(event.level.as_str().as_bytes());
    out.extend_from_slice(b"\",\"body\":{\"stringValue\":");
    write_string(event.raw_message, out);
    out.extend_from_slice(b"},\"attributes\":[");
    let own = [("log.iostream", event.stream), ("thread.name", event.thread)];
    if attributes(own.into_iter().chain(event.fields.iter()), out) {
        out.push(b',');
    }
    out.extend_from_slice(b"{\"key\":\"databuild.seq\",\"value\":{\"intValue\":\"");
    number(event.sequence, out);
    out.extend_from_slice(b"\"}}]}]}]}]}\n");
}

/// Appends those that have a value, and says whether there is one.
fn attributes<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>, out: &mut Vec<u8>) -> bool {
    let mut any = false;
    for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        if std::mem::replace(&mut any, true) {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"key\":");
        write_string(key, out);
        out.extend_from_slice(b",\"value\":{\"stringValue\":");
        write_string(value, out);
        out.extend_from_slice(b"}}");
    }
    any
}

/// The severity numbers of the OpenTelemetry log data model.
fn severity(level: Level) -> u64 {
    match level {
        Level::Trace => 1,
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
        Level::Fatal => 21,
    }
}

fn number(value: u64, out: &mut Vec<u8>) {
    databuild_model::json::write::write_number(value, out);
}
