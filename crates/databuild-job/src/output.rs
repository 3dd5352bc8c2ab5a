//! The lines by which a job tells the wrapper more than text: what `databuild emit` prints.
//!
//! Page: `docs/formats/job-output.md`. How they are understood is in `structured.rs`; a test holds
//! that everything made here is understood there.

use databuild_model::entry::{Fields, event};
use databuild_model::level::Level;
use serde_json::Value;
use std::fmt::Write;

/// What a metric line begins with; a JSON object follows.
pub const METRIC_PREFIX: &str = "__DATABUILD_METRIC__::";

/// The key of a job's own event.
pub const EVENT_KEY: &str = "databuild_event";

/// Why a job cannot emit an event of some name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventNameError {
    /// No name.
    #[error("an event needs a name")]
    Empty,
    /// The wrapper's own word: a job that could say it could forge its own end.
    #[error("{0:?} is an event of the wrapper")]
    Reserved(String),
}

impl EventNameError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            EventNameError::Empty => "give the event a name such as checkpoint_written",
            EventNameError::Reserved(_) => "choose another name, for instance with a prefix",
        }
    }
}

const RESERVED: [&str; 17] = [
    event::JOB_CONFIG_STARTED,
    event::CONFIG_VALIDATE_FAIL,
    event::TASK_LAUNCHED,
    event::TASK_LAUNCH_FAIL,
    event::HEARTBEAT,
    event::PROGRESS,
    event::TASK_COMPLETED,
    event::TASK_FAILED,
    event::TASK_CANCELLED,
    event::TASK_TIMEOUT,
    event::PROCESSES_LEFT,
    event::GAP,
    event::CLOCK_STEP,
    event::WRAPPER_RESTARTED,
    event::CAPTURE_RESUMED,
    event::JOB_EXEC_FAIL,
    event::RUN_END,
];

/// Whether a job may emit an event called `name`.
pub fn check_event_name(name: &str) -> Result<(), EventNameError> {
    if name.is_empty() {
        Err(EventNameError::Empty)
    } else if RESERVED.contains(&name) {
        Err(EventNameError::Reserved(name.to_owned()))
    } else {
        Ok(())
    }
}

/// A line that becomes a metric. No newline at the end, here and below.
pub fn metric_line(name: &str, value: f64, labels: &Fields, unit: &str) -> String {
    let mut line = format!("{METRIC_PREFIX}{{\"name\":{}", quoted(name));
    line.push_str(",\"value\":");
    push_number(value, &mut line);
    if !labels.is_empty() {
        line.push_str(",\"labels\":");
        push_object(labels, &mut line);
    }
    if !unit.is_empty() {
        line.push_str(",\"unit\":");
        line.push_str(&quoted(unit));
    }
    line.push('}');
    line
}

/// A line that becomes a structured log entry.
pub fn log_line(level: Level, message: &str, fields: &Fields) -> String {
    let mut line = format!("{{\"level\":\"{level}\",\"message\":{}", quoted(message));
    if !fields.is_empty() {
        line.push_str(",\"fields\":");
        push_object(fields, &mut line);
    }
    line.push('}');
    line
}

/// A line that becomes a `progress` event: `done` of `total`, in whatever the job counts.
pub fn progress_line(done: f64, total: Option<f64>, message: &str) -> String {
    let mut line = String::from("{\"progress\":{\"done\":");
    push_number(done, &mut line);
    if let Some(total) = total {
        line.push_str(",\"total\":");
        push_number(total, &mut line);
    }
    if !message.is_empty() {
        line.push_str(",\"message\":");
        line.push_str(&quoted(message));
    }
    line.push_str("}}");
    line
}

/// A line that becomes an event of the job's own.
pub fn event_line(name: &str, metadata: &Fields) -> Result<String, EventNameError> {
    check_event_name(name)?;
    let mut line = format!("{{\"{EVENT_KEY}\":{}", quoted(name));
    if !metadata.is_empty() {
        line.push_str(",\"metadata\":");
        push_object(metadata, &mut line);
    }
    line.push('}');
    Ok(line)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn push_object(fields: &Fields, line: &mut String) {
    for (n, (key, value)) in fields.iter().enumerate() {
        line.push(if n == 0 { '{' } else { ',' });
        line.push_str(&quoted(key));
        line.push(':');
        line.push_str(&quoted(value));
    }
    line.push('}');
}

/// Whole numbers without a decimal point; what JSON numbers cannot say as a string.
fn push_number(value: f64, line: &mut String) {
    let done = if value.is_nan() {
        write!(line, "\"NaN\"")
    } else if value.is_infinite() {
        write!(line, "\"{}Infinity\"", if value < 0.0 { "-" } else { "" })
    } else {
        write!(line, "{value}")
    };
    debug_assert!(done.is_ok(), "writing into a String cannot fail");
}

#[cfg(test)]
mod tests;
