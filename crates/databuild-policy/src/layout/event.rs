//! What a layout sees of an entry: borrowed, so that nothing is copied to be rendered.

use super::Fields;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;

/// One event, ready to be rendered.
#[derive(Debug, Clone, Copy)]
pub struct LayoutEvent<'a> {
    /// When it happened.
    pub timestamp: Timestamp,
    /// How severe.
    pub level: Level,
    /// The text without its traceback; see [`message_and_trace`].
    pub message: &'a str,
    /// The text as the job wrote it.
    pub raw_message: &'a str,
    /// The traceback, with line feeds; empty if there is none.
    pub trace: &'a str,
    /// Who says it: the logger that the job named, else the job.
    pub logger: &'a str,
    /// The thread that the job named, else the stream.
    pub thread: &'a str,
    /// Names and values, for `%X`, `%kvp` and the like.
    pub fields: Fields<'a>,
    /// The application.
    pub app: &'a str,
    /// The job.
    pub job: &'a str,
    /// The job run.
    pub run: &'a str,
    /// The build.
    pub build: &'a str,
    /// The first partition that the run makes.
    pub partition: &'a str,
    /// `stdout` or `stderr`; empty for what no stream carried.
    pub stream: &'a str,
    /// The sequence number.
    pub sequence: u64,
    /// When the run was started, if that is known.
    pub started: Option<Timestamp>,
}

impl<'a> LayoutEvent<'a> {
    /// An event that says `text`, and of which nothing else is known.
    pub fn saying(timestamp: Timestamp, level: Level, text: &'a str) -> Self {
        let (message, trace) = message_and_trace(text);
        LayoutEvent {
            timestamp,
            level,
            message,
            raw_message: text,
            trace,
            logger: "",
            thread: "",
            fields: Fields::NONE,
            app: "",
            job: "",
            run: "",
            build: "",
            partition: "",
            stream: "",
            sequence: 0,
            started: None,
        }
    }

    /// The value of the last field called `name`.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name)
    }

    /// The value of the last field called by one of `names`, the first of which counts most.
    pub(crate) fn field_of(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.field(name))
    }
}

/// Splits the text of an entry into what was said and the traceback that belongs to it. Where the
/// text is nothing but a traceback, what was said is the line that names the error.
pub fn message_and_trace(text: &str) -> (&str, &str) {
    if !text.contains('\n') {
        return (text, "");
    }
    let mut before = None;
    let mut at = 0;
    for line in text.split('\n') {
        if let Some(start) = trace_start(line, at, before) {
            let head = text.get(..start).unwrap_or_default().trim_end_matches('\n');
            let trace = text.get(start..).unwrap_or_default();
            let said = if head.is_empty() { said_by(trace) } else { head };
            return (said, trace);
        }
        before = Some((at, line));
        at += line.len() + 1;
    }
    (text, "")
}

/// Where the traceback begins if `line`, which stands at `at`, shows that there is one.
fn trace_start(line: &str, at: usize, before: Option<(usize, &str)>) -> Option<usize> {
    let bare = line.trim_start();
    let opens = bare.starts_with("Traceback (most recent call last)")
        || bare.starts_with("goroutine ") && bare.trim_end().ends_with("]:")
        || bare == "stack backtrace:"
        || bare.starts_with("Exception in thread ");
    if opens {
        return Some(at);
    }
    let is_frame = line.len() != bare.len() && bare.starts_with("at ");
    if !is_frame {
        return None;
    }
    // The line before names the exception.
    let header = before.filter(|(_, line)| super::trace::names_exception(line));
    Some(header.map_or(at, |(start, _)| start))
}

/// The line of a traceback that names the error: the last one of Python's, the first one of others'.
fn said_by(trace: &str) -> &str {
    let mut lines = trace.split('\n').filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    if first.starts_with("Traceback (most recent call last)") {
        let last = lines.rfind(|line| !line.starts_with([' ', '\t']));
        return last.unwrap_or(first);
    }
    first
}
