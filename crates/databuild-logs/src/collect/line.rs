//! One line of a wrapper into one line of the file: checked, labelled, and kept as text if it is not
//! an entry. A line is never re-printed where labels can be spliced in, so that unknown keys and the
//! spelling of numbers stay as they came.

use crate::format::IndexHeader;
use crate::store::facts::{LineFacts, LineReader, Looked};
use databuild_model::entry::{Content, JobLogEntry, Kind, LogMessage, WrapperJobEvent, field};
use databuild_model::ids::{AppName, BuildId, JobLabel};
use databuild_model::level::Level;
use databuild_model::manifest::Task;
use databuild_model::scan::Scan;
use databuild_model::time::Timestamp;
use databuild_model::{json, limits};

/// Lines that are ready to be written, and the facts of each.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The lines, each with its line feed.
    pub(super) bytes: Vec<u8>,
    /// The facts of each line and where its line feed stands.
    pub(super) lines: Vec<(LineFacts, usize)>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
    }

    /// Takes the last line back.
    pub(super) fn take_back(&mut self) {
        self.lines.pop();
        self.bytes.truncate(self.lines.last().map_or(0, |(_, end)| end + 1));
    }

    fn end_line(&mut self, facts: LineFacts) {
        self.lines.push((facts, self.bytes.len()));
        self.bytes.push(b'\n');
    }
}

/// Gives the lines of one run their labels.
#[derive(Debug)]
pub(super) struct LineLabeller {
    names: IndexHeader,
    lines: LineReader,
    /// `,"job_label":"…","app":"…"`: goes before the last brace.
    top: Vec<u8>,
    /// `,"job_label":"…"`: goes before the last brace of an event.
    event: Vec<u8>,
    /// `,"task":{"job":{"label":"…"}}`: goes before the last brace of a manifest.
    manifest: Vec<u8>,
}

impl LineLabeller {
    pub(super) fn new(names: IndexHeader) -> Self {
        let mut top = Vec::new();
        let mut member = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                top.extend_from_slice(key.as_bytes());
                json::write_string(value, &mut top);
            }
        };
        member(",\"job_label\":", names.job_label.as_ref().map(JobLabel::as_str));
        member(",\"job_type\":", names.job_type.as_deref());
        member(",\"app\":", names.app.as_ref().map(AppName::as_str));
        member(",\"build_id\":", names.build_id.as_ref().map(BuildId::as_str));
        let (mut event, mut manifest) = (Vec::new(), Vec::new());
        if let Some(label) = &names.job_label {
            event.extend_from_slice(b",\"job_label\":");
            json::write_string(label.as_str(), &mut event);
            manifest.extend_from_slice(b",\"task\":{\"job\":{\"label\":");
            json::write_string(label.as_str(), &mut manifest);
            manifest.extend_from_slice(b"}}");
        }
        LineLabeller {
            lines: LineReader::new(names.job_run_id.clone()),
            names,
            top,
            event,
            manifest,
        }
    }

    /// Appends what is to be stored of `line`, which has no line feed, to `out`: one line, or several
    /// if it must be kept in pieces.
    pub(super) fn take(&mut self, line: &[u8], now: Timestamp, out: &mut Batch) {
        let problem = match self.lines.look(line) {
            Looked::Scanned(facts, scan) if self.splice(line, &scan, &mut out.bytes) => {
                return out.end_line(facts);
            }
            Looked::Scanned(facts, _) => match json::read_entry(line) {
                Ok((entry, _)) => return self.print(entry, facts, out),
                Err(error) => error,
            },
            Looked::Read(facts, entry) => return self.print(*entry, facts, out),
            Looked::Refused(error) => error,
        };
        self.keep(&mut Pieces::default(), line, true, (&problem.to_string(), now), out);
    }

    /// Copies `line` with the labels between. `false`, and nothing copied, if it has some already.
    fn splice(&self, line: &[u8], scan: &Scan<'_>, out: &mut Vec<u8>) -> bool {
        let inner = match scan.kind {
            Kind::Log | Kind::Metric => &[][..],
            Kind::Event if scan.labels.inner => &[][..],
            Kind::Event => &self.event,
            Kind::Manifest if scan.labels.inner && !self.manifest.is_empty() => return false,
            Kind::Manifest => &self.manifest,
        };
        if scan.labels.top {
            return false;
        }
        let (Some(head), Some(tail)) = (line.get(..scan.end), line.get(scan.end..)) else {
            return false;
        };
        if inner.is_empty() {
            out.extend_from_slice(head);
        } else {
            let brace = scan.content.end.saturating_sub(1);
            let (Some(before), Some(after)) = (head.get(..brace), head.get(brace..)) else {
                return false;
            };
            out.extend_from_slice(before);
            // An empty object takes no comma before its first member.
            let first = before.iter().rev().find(|byte| !byte.is_ascii_whitespace());
            out.extend_from_slice(inner.get(usize::from(first == Some(&b'{'))..).unwrap_or(inner));
            out.extend_from_slice(after);
        }
        out.extend_from_slice(&self.top);
        out.extend_from_slice(tail);
        true
    }

    /// Prints an entry that cannot be copied, with the labels that it lacks.
    fn print(&self, mut entry: JobLogEntry, facts: LineFacts, out: &mut Batch) {
        self.label(&mut entry);
        let label = || self.names.job_label.clone();
        match &mut entry.content {
            Content::JobEvent(event) => event.job_label = event.job_label.take().or_else(label),
            Content::Manifest(manifest) if self.names.job_label.is_some() => {
                let task = manifest.task.get_or_insert_with(Task::default);
                task.job_label = task.job_label.take().or_else(label);
            }
            Content::Manifest(_) | Content::Log(_) | Content::Metric(_) => {}
        }
        json::write_entry(&entry, &mut out.bytes);
        out.end_line(facts);
    }

    fn label(&self, entry: &mut JobLogEntry) {
        let names = &self.names;
        entry.job_label = entry.job_label.take().or_else(|| names.job_label.clone());
        entry.job_type = entry.job_type.take().or_else(|| names.job_type.clone());
        entry.app = entry.app.take().or_else(|| names.app.clone());
        entry.build_id = entry.build_id.take().or_else(|| names.build_id.clone());
    }

    /// Stores `bytes`, a line or a part of one that is not an entry, as the text of warnings of at
    /// most [`limits::FRAGMENT_BYTES_MAX`] bytes each. `last`: the line ends here.
    pub(super) fn keep(
        &self,
        pieces: &mut Pieces,
        mut bytes: &[u8],
        last: bool,
        why: (&str, Timestamp),
        out: &mut Batch,
    ) {
        loop {
            let cut = cut_at(bytes, limits::FRAGMENT_BYTES_MAX);
            let (piece, rest) = bytes.split_at_checked(cut).unwrap_or((bytes, &[]));
            let ends = last && rest.is_empty();
            let entry = self.kept(piece, pieces.mark(ends), why);
            json::write_entry(&entry, &mut out.bytes);
            out.end_line(self.lines.facts_of(&entry));
            if rest.is_empty() {
                return;
            }
            bytes = rest;
        }
    }

    /// Appends an event of our own.
    pub(super) fn remark(&self, event: WrapperJobEvent, now: Timestamp, out: &mut Batch) {
        let entry = self.remarked(event, now);
        json::write_entry(&entry, &mut out.bytes);
        out.end_line(self.lines.facts_of(&entry));
    }

    /// The line of an event of our own, with its line feed.
    pub(super) fn event_line(&self, event: WrapperJobEvent, now: Timestamp) -> Vec<u8> {
        let mut line = Vec::new();
        json::write_entry(&self.remarked(event, now), &mut line);
        line.push(b'\n');
        line
    }

    fn remarked(&self, mut event: WrapperJobEvent, now: Timestamp) -> JobLogEntry {
        event.job_label.clone_from(&self.names.job_label);
        let run = self.names.job_run_id.clone();
        let mut entry = JobLogEntry::new(now, run, 0, Content::JobEvent(event));
        self.label(&mut entry);
        entry
    }

    fn kept(
        &self,
        piece: &[u8],
        fragment: Option<(u64, bool)>,
        (problem, now): (&str, Timestamp),
    ) -> JobLogEntry {
        let mut log = LogMessage::new(Level::Warn, String::from_utf8_lossy(piece));
        log.fields.push(field::PROBLEM, problem);
        if std::str::from_utf8(piece).is_err() {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(piece);
            log.fields.push(field::RAW_BASE64, text);
        }
        if let Some((number, last)) = fragment {
            log.fields.push(field::FRAGMENT, number.to_string());
            if last {
                log.fields.push(field::FRAGMENT_LAST, "true");
            }
        }
        let run = self.names.job_run_id.clone();
        let mut entry = JobLogEntry::new(now, run, 0, Content::Log(log));
        self.label(&mut entry);
        entry
    }
}

/// How many pieces of a line were stored.
#[derive(Debug, Default)]
pub(super) struct Pieces(u64);

impl Pieces {
    /// The number of the next piece and whether it is the last; nothing for a line in one piece.
    fn mark(&mut self, last: bool) -> Option<(u64, bool)> {
        if self.0 == 0 && last {
            return None;
        }
        self.0 += 1;
        Some((self.0, last))
    }
}

/// At most `max`, and not within a character if the bytes are UTF-8 there.
fn cut_at(bytes: &[u8], max: usize) -> usize {
    if bytes.len() <= max {
        return bytes.len();
    }
    let is_start = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 != 0x80);
    (max.saturating_sub(3)..=max).rev().find(is_start).unwrap_or(max)
}
