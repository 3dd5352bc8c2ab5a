//! One entry as a person reads it: time, level, message, fields. Machine forms are in `crate::wire`.

use super::escape::{Escapes, neutralise};
use super::paint::Paint;
use super::times::{Times, relative};
use databuild_model::cause::run_end;
use databuild_model::entry::{
    Content, Fields, JobLogEntry, LogMessage, MetricPoint, Stream, WrapperJobEvent, event, field,
};
use databuild_model::level::Level;
use databuild_model::manifest::PartitionManifest;
use databuild_model::time::Timestamp;

/// How the time before an entry is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeForm {
    /// Date, time and offset.
    Full,
    /// Time of day.
    Clock,
    /// Since the run began.
    Relative,
    /// Not at all.
    None,
}

/// How entries are written.
#[derive(Debug, Clone)]
pub(crate) struct EntryStyle {
    /// Our colours.
    pub(crate) paint: Paint,
    /// What the job's own escapes may do.
    pub(crate) escapes: Escapes,
    /// The zone.
    pub(crate) times: Times,
    /// The form of the time.
    pub(crate) form: TimeForm,
}

/// Columns of the level, as wide as `metric` and `stderr`.
const LEVEL_WIDTH: usize = 6;

impl EntryStyle {
    /// Appends the entry as one or more whole lines. `prefix` comes first on each of them and is
    /// already painted; `start` is what relative times count from.
    pub(crate) fn render(
        &self,
        entry: &JobLogEntry,
        prefix: &str,
        start: Timestamp,
        out: &mut String,
    ) {
        let time = self.time(entry.timestamp, start);
        let (head, text) = match &entry.content {
            Content::Log(log) => (self.log_head(log), self.log_text(log)),
            Content::Metric(metric) => (self.head("metric"), self.metric_text(metric)),
            Content::JobEvent(event) => (self.head("event"), self.event_text(event)),
            Content::Manifest(manifest) => (self.head("made"), self.manifest_text(manifest)),
        };
        let indent = super::table::shown_width(&time) + super::table::shown_width(&head);
        let mut lines = text.split('\n');
        out.push_str(prefix);
        out.push_str(&time);
        out.push_str(&head);
        out.push_str(lines.next().unwrap_or_default());
        trim_blanks(out);
        out.push('\n');
        for line in lines {
            out.push_str(prefix);
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(line);
            trim_blanks(out);
            out.push('\n');
        }
    }

    fn time(&self, time: Timestamp, start: Timestamp) -> String {
        let text = match self.form {
            TimeForm::Full => self.times.full(time),
            TimeForm::Clock => self.times.clock(time),
            TimeForm::Relative => format!("{:>10}", relative(time, start)),
            TimeForm::None => return String::new(),
        };
        format!("{} ", self.paint.faint(&text))
    }

    fn head(&self, word: &str) -> String {
        self.paint.faint(&format!("{word:LEVEL_WIDTH$} "))
    }

    /// A line on stderr that says no level of its own is no INFO: it shows the stream.
    fn log_head(&self, log: &LogMessage) -> String {
        let word = match (log.origin.stream, log.level) {
            (Some(Stream::Stderr), Level::Info) => "stderr",
            (_, level) => level.as_str(),
        };
        let padded = format!("{word:LEVEL_WIDTH$} ");
        match log.level {
            Level::Fatal | Level::Error => self.paint.bad(&padded),
            Level::Warn => self.paint.warn(&padded),
            Level::Info => padded,
            Level::Debug | Level::Trace => self.paint.faint(&padded),
        }
    }

    fn log_text(&self, log: &LogMessage) -> String {
        let mut text = String::new();
        let mut lines = log.message.split('\n');
        neutralise(lines.next().unwrap_or_default(), self.escapes, &mut text);
        self.push_fields(&log.fields, &mut text);
        for line in lines {
            text.push('\n');
            neutralise(line, self.escapes, &mut text);
        }
        text
    }

    fn metric_text(&self, metric: &MetricPoint) -> String {
        let mut text = String::new();
        neutralise(&metric.name, Escapes::Nothing, &mut text);
        text.push_str(" = ");
        text.push_str(&metric.value.to_string());
        if !metric.unit.is_empty() {
            text.push(' ');
            neutralise(&metric.unit, Escapes::Nothing, &mut text);
        }
        self.push_fields(&metric.labels, &mut text);
        text
    }

    fn event_text(&self, event: &WrapperJobEvent) -> String {
        let mut text = String::new();
        neutralise(&event.event_type, Escapes::Nothing, &mut text);
        if let Some(code) = event.exit_code {
            text.push_str(" exit=");
            text.push_str(&code.to_string());
        }
        let told: Fields = event
            .metadata
            .iter()
            .filter(|(name, _)| is_worth_a_look(&event.event_type, name))
            .collect();
        self.push_fields(&told, &mut text);
        text
    }

    fn manifest_text(&self, manifest: &PartitionManifest) -> String {
        let refs: Vec<&str> = manifest.outputs.iter().map(|output| output.as_str()).collect();
        let mut text = String::new();
        neutralise(&refs.join(", "), Escapes::Nothing, &mut text);
        self.push_fields(&manifest.metadata, &mut text);
        text
    }

    fn push_fields(&self, fields: &Fields, out: &mut String) {
        let mut text = String::new();
        for (name, value) in fields.iter().filter(|(name, _)| *name != field::RAW_BASE64) {
            text.push_str(if text.is_empty() { "  " } else { " " });
            neutralise(name, Escapes::Nothing, &mut text);
            text.push('=');
            if value.is_empty() || value.contains([' ', '"', '\n', '\t']) {
                neutralise(&format!("{value:?}"), Escapes::Nothing, &mut text);
            } else {
                neutralise(value, Escapes::Nothing, &mut text);
            }
        }
        out.push_str(&self.paint.faint(&text));
    }
}

/// The wrapper's events carry facts for programs; a person wants those that tell the story. Other
/// people's events are shown whole.
fn is_worth_a_look(event_type: &str, name: &str) -> bool {
    match event_type {
        event::JOB_CONFIG_STARTED => name == "job_label" || name == "attempt",
        event::TASK_LAUNCHED => name == "pid" || name == "argv0",
        event::HEARTBEAT => name != "pid",
        event::TASK_COMPLETED
        | event::TASK_FAILED
        | event::TASK_CANCELLED
        | event::TASK_TIMEOUT => name == "reason" || name == run_end::DURATION_SECONDS,
        event::JOB_EXEC_FAIL => name == "reason",
        event::RUN_END => {
            name == run_end::CAUSE || name == run_end::SIGNAL || name == run_end::COMPLETE
        }
        _ => true,
    }
}

fn trim_blanks(out: &mut String) {
    let len = out.trim_end_matches(' ').len();
    out.truncate(len);
}

#[cfg(test)]
mod tests;
