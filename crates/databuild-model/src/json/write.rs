//! The strict writer: one spelling for every entry, so that equal entries are equal bytes.

use crate::entry::{
    Content, Fields, JobLogEntry, LogMessage, MetricPoint, Unknown, WrapperJobEvent,
};
use crate::ids::PartitionRef;
use crate::manifest::PartitionManifest;
use crate::origin::Origin;

/// Appends `entry` as one line, without the line feed.
///
/// Keys stand in the order timestamp, job_id, outputs, sequence_number, content, job_label, job_type,
/// app, build_id, and then keys of a newer version. Absent values have no key.
pub fn write_entry(entry: &JobLogEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    entry.timestamp.write_to(out);
    out.extend_from_slice(b"\",\"job_id\":");
    write_string(entry.job_id.as_str(), out);
    out.extend_from_slice(b",\"outputs\":");
    write_refs(&entry.outputs, out);
    out.extend_from_slice(b",\"sequence_number\":");
    write_number(entry.sequence_number, out);
    out.extend_from_slice(b",\"content\":{");
    key(entry.content.kind().content_key(), out);
    match &entry.content {
        Content::Log(log) => write_log(log, out),
        Content::Metric(metric) => write_metric(metric, out),
        Content::JobEvent(event) => write_event(event, out),
        Content::Manifest(manifest) => write_manifest(manifest, out),
    }
    out.push(b'}');
    optional("job_label", entry.job_label.as_ref().map(|label| label.as_str()), out);
    optional("job_type", entry.job_type.as_deref(), out);
    optional("app", entry.app.as_ref().map(|app| app.as_str()), out);
    optional("build_id", entry.build_id.as_ref().map(|build| build.as_str()), out);
    write_unknown(&entry.unknown, out);
    out.push(b'}');
}

/// Appends `text` as a JSON string with its quotes. Only what JSON demands is escaped.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text.as_bytes(), out);
    out.push(b'"');
}

/// Appends the inside of a JSON string. `text` is UTF-8, or part of it.
pub fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = first_special(rest) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, after)) = from.split_first() else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            other => {
                out.extend_from_slice(b"\\u00");
                out.push(hex(other >> 4));
                out.push(hex(other & 15));
            }
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// Where the first byte stands that JSON demands to be escaped.
///
/// Looks at many bytes at once without a branch on each, which the compiler turns into vector code:
/// this is where most of the time of writing a log line goes.
fn first_special(text: &[u8]) -> Option<usize> {
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let clean = text
        .chunks_exact(32)
        .take_while(|chunk| !chunk.iter().fold(false, |found, &byte| found | special(byte)))
        .count()
        * 32;
    let rest = text.get(clean..).unwrap_or_default();
    rest.iter().position(|&byte| special(byte)).map(|at| clean + at)
}

fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// Appends a whole number in decimal, without going through the formatter.
pub fn write_number(value: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut rest = value;
    let mut len = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - len..).unwrap_or_default());
}

fn key(name: &str, out: &mut Vec<u8>) {
    write_string(name, out);
    out.push(b':');
}

fn optional(name: &str, value: Option<&str>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        out.push(b',');
        key(name, out);
        write_string(value, out);
    }
}

fn list<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (n, item) in items.iter().enumerate() {
        if n != 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

fn write_refs(refs: &[PartitionRef], out: &mut Vec<u8>) {
    list(refs, out, |partition, out| {
        out.extend_from_slice(b"{\"path\":");
        write_string(partition.as_str(), out);
        out.push(b'}');
    });
}

fn write_fields(fields: &Fields, out: &mut Vec<u8>) {
    out.push(b'{');
    for (n, (name, value)) in fields.iter().enumerate() {
        if n != 0 {
            out.push(b',');
        }
        key(name, out);
        write_string(value, out);
    }
    out.push(b'}');
}

fn write_unknown(unknown: &Unknown, out: &mut Vec<u8>) {
    for (name, value) in &unknown.0 {
        out.push(b',');
        key(name, out);
        out.extend_from_slice(value.get().as_bytes());
    }
}

fn write_log(log: &LogMessage, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"level\":\"");
    out.extend_from_slice(log.level.as_str().as_bytes());
    out.extend_from_slice(b"\",\"message\":");
    write_string(&log.message, out);
    out.extend_from_slice(b",\"fields\":");
    write_fields(&log.fields, out);
    write_origin(&log.origin, out);
    if log.cr != 0 {
        out.extend_from_slice(b",\"cr\":");
        write_number(u64::from(log.cr), out);
    }
    write_unknown(&log.unknown, out);
    out.push(b'}');
}

fn write_origin(origin: &Origin, out: &mut Vec<u8>) {
    optional("stream", origin.stream.map(|stream| stream.as_str()), out);
    if let Some(offset) = origin.offset {
        out.extend_from_slice(b",\"offset\":");
        write_number(offset, out);
    }
    if let Some(bytes) = origin.bytes {
        out.extend_from_slice(b",\"bytes\":");
        write_number(bytes, out);
    }
}

fn write_metric(metric: &MetricPoint, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    write_string(&metric.name, out);
    out.extend_from_slice(b",\"value\":");
    write_float(metric.value, out);
    out.extend_from_slice(b",\"labels\":");
    write_fields(&metric.labels, out);
    out.extend_from_slice(b",\"unit\":");
    write_string(&metric.unit, out);
    write_origin(&metric.origin, out);
    write_unknown(&metric.unknown, out);
    out.push(b'}');
}

/// A whole number has no decimal point; what JSON numbers cannot say is a string, as in the JSON
/// mapping of protobuf.
fn write_float(value: f64, out: &mut Vec<u8>) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let text = if value.is_nan() {
        "\"NaN\"".to_owned()
    } else if value == f64::INFINITY {
        "\"Infinity\"".to_owned()
    } else if value == f64::NEG_INFINITY {
        "\"-Infinity\"".to_owned()
    } else if value.trunc() == value
        && value.abs() <= EXACT
        && !(value == 0.0 && value.is_sign_negative())
    {
        format!("{value:.0}")
    } else {
        serde_json::Number::from_f64(value).map(|number| number.to_string()).unwrap_or_default()
    };
    out.extend_from_slice(text.as_bytes());
}

fn write_event(event: &WrapperJobEvent, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"event_type\":");
    write_string(&event.event_type, out);
    out.extend_from_slice(b",\"metadata\":");
    write_fields(&event.metadata, out);
    if let Some(code) = event.exit_code {
        out.extend_from_slice(b",\"exit_code\":");
        out.extend_from_slice(code.to_string().as_bytes());
    }
    write_origin(&event.origin, out);
    optional("job_label", event.job_label.as_ref().map(|label| label.as_str()), out);
    write_unknown(&event.unknown, out);
    out.push(b'}');
}

fn write_manifest(manifest: &PartitionManifest, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"outputs\":");
    write_refs(&manifest.outputs, out);
    out.extend_from_slice(b",\"inputs\":");
    list(&manifest.inputs, out, write_manifest);
    out.extend_from_slice(b",\"start_time\":");
    out.extend_from_slice(manifest.start_time.to_string().as_bytes());
    out.extend_from_slice(b",\"end_time\":");
    out.extend_from_slice(manifest.end_time.to_string().as_bytes());
    if let Some(task) = &manifest.task {
        out.extend_from_slice(b",\"task\":{");
        if let Some(label) = &task.job_label {
            out.extend_from_slice(b"\"job\":{\"label\":");
            write_string(label.as_str(), out);
            out.push(b'}');
        }
        let start = out.len();
        write_unknown(&task.unknown, out);
        if task.job_label.is_none() && start < out.len() {
            out.remove(start);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b",\"metadata\":");
    write_fields(&manifest.metadata, out);
    write_unknown(&manifest.unknown, out);
    out.push(b'}');
}
