//! Entries as text for people who have no terminal: no colours, no alignment over lines, nothing that a
//! terminal would take for a command.

use super::lines;
use databuild_model::entry::{Content, Fields, JobLogEntry};
use databuild_model::json;
use std::fmt::Write;

/// Renders stored lines, one line an entry. What is not an entry is shown as it was stored.
pub(crate) fn text(stored: &[u8]) -> String {
    let mut out = String::with_capacity(stored.len() / 2);
    for line in lines(stored) {
        match json::read_entry(line) {
            Ok((entry, _problems)) => write_entry(&entry, &mut out),
            Err(_) => push_safe(&String::from_utf8_lossy(line), &mut out),
        }
        out.push('\n');
    }
    out
}

fn write_entry(entry: &JobLogEntry, out: &mut String) {
    push(out, format_args!("{} ", entry.timestamp));
    match &entry.content {
        Content::Log(log) => {
            push(out, format_args!("{:<5} ", log.level));
            push_safe(&log.message, out);
            push_fields(&log.fields, out);
        }
        Content::Metric(metric) => {
            out.push_str("metric ");
            push_safe(&metric.name, out);
            push(out, format_args!("={}", metric.value));
            if !metric.unit.is_empty() {
                out.push(' ');
                push_safe(&metric.unit, out);
            }
            push_fields(&metric.labels, out);
        }
        Content::JobEvent(event) => {
            out.push_str("event  ");
            push_safe(&event.event_type, out);
            if let Some(code) = event.exit_code {
                push(out, format_args!("  exit_code={code}"));
            }
            push_fields(&event.metadata, out);
        }
        Content::Manifest(_) => {
            out.push_str("manifest");
            for output in &entry.outputs {
                out.push(' ');
                push_safe(output.as_str(), out);
            }
        }
    }
}

fn push_fields(fields: &Fields, out: &mut String) {
    for (at, (name, value)) in fields.iter().enumerate() {
        out.push_str(if at == 0 { "  " } else { " " });
        push_safe(name, out);
        out.push('=');
        push_safe(value, out);
    }
}

/// Text in which line breaks and control characters are shown, not carried out.
fn push_safe(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\t' => out.push('\t'),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            // Line separators, and what turns the direction of writing or hides text.
            '\u{2028}'
            | '\u{2029}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => push(out, format_args!("\\u{{{:x}}}", u32::from(c))),
            c if c.is_control() => push(out, format_args!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    out.write_fmt(arguments).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::text;
    use expect_test::{Expect, expect};

    fn check(content: &str, expect: &Expect) {
        let line = format!(
            r#"{{"timestamp":"2025-01-27T10:30:46Z","job_id":"a","outputs":[{{"path":"x"}}],"sequence_number":2,"content":{content}}}"#
        );
        expect.assert_eq(&text(line.as_bytes()));
    }

    #[test]
    fn shows_all_kinds() {
        check(
            r#"{"log":{"level":"INFO","message":"Processing started","fields":{"rows":"1000"}}}"#,
            &expect![[r#"
                2025-01-27T10:30:46Z INFO  Processing started  rows=1000
            "#]],
        );
        check(
            r#"{"metric":{"name":"rows","value":12.5,"labels":{"a":"b"},"unit":"rows"}}"#,
            &expect![[r#"
                2025-01-27T10:30:46Z metric rows=12.5 rows  a=b
            "#]],
        );
        check(
            r#"{"job_event":{"event_type":"task_failed","metadata":{"cause":"exit"},"exit_code":3}}"#,
            &expect![[r#"
                2025-01-27T10:30:46Z event  task_failed  exit_code=3  cause=exit
            "#]],
        );
    }

    #[test]
    fn a_message_cannot_forge_a_line_or_command_a_terminal() {
        check(
            r#"{"log":{"level":"WARN","message":"a\nb\u001b[2J\u202ec\u0085d","fields":{}}}"#,
            &expect![[r#"
                2025-01-27T10:30:46Z WARN  a\nb\x1b[2J\u{202e}c\x85d
            "#]],
        );
    }
}
