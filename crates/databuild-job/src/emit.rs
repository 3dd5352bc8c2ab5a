//! The one writer of entries: what it numbers it also orders, so number and order agree.
//!
//! Entries are appended to a buffer that the loop writes out. Lines of output, of which there are
//! millions, are written directly; the bytes are those of `model::json::write_entry`, which a test
//! holds.

use crate::limits::OUT_BYTES_SOFT;
use crate::lines::{Form, Moment, Piece, Sink};
use crate::report;
use crate::sample::{LeftOut, Sample, Verdict};
use crate::structured::{self, Meaning, Reader};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use databuild_model::entry::{Content, Fields, JobLogEntry, Stream, WrapperJobEvent, event, field};
use databuild_model::ids::{JobRunId, PartitionRef};
use databuild_model::json::write::{write_entry, write_escaped, write_number};
use databuild_model::level::Level;
use databuild_model::limits::OUTPUTS_PER_ENTRY_MAX;
use databuild_model::spool::Resume;
use databuild_model::time::Timestamp;
use std::borrow::Cow;
use std::time::Duration;

/// Numbers entries and keeps them until they are written.
#[derive(Debug)]
pub(crate) struct Emitter {
    run: JobRunId,
    outputs: Vec<PartitionRef>,
    /// What stands in every entry between the timestamp and the sequence number.
    common: Vec<u8>,
    /// The start of an entry up to and with the timestamp, and the time that it is of.
    stamp: Vec<u8>,
    stamp_of: Timestamp,
    sequence: u64,
    out: Vec<u8>,
    sent: usize,
    reader: Reader,
    /// Keeps only a part of the log lines, if that was asked for.
    sample: Option<Sample>,
    /// Nobody reads any more: entries are numbered and forgotten.
    lost: bool,
}

impl Emitter {
    /// For one run.
    pub(crate) fn new(run: JobRunId, outputs: Vec<PartitionRef>) -> Self {
        let shown: &[PartitionRef] =
            if outputs.len() <= OUTPUTS_PER_ENTRY_MAX { &outputs } else { &[] };
        let common = common(&run, shown);
        let mut emitter = Emitter {
            run,
            outputs,
            common,
            stamp: Vec::new(),
            stamp_of: Timestamp::default(),
            sequence: 0,
            out: Vec::new(),
            sent: 0,
            reader: Reader::default(),
            sample: None,
            lost: false,
        };
        emitter.set_stamp(Timestamp::default());
        emitter
    }

    /// Of log lines only so many a second are kept.
    pub(crate) fn keep_only(&mut self, sample: Sample) {
        self.sample = Some(sample);
    }

    /// The sequence number of the last entry.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.sequence
    }

    /// What `resume` says is stored; nothing waits to be written, and somebody reads.
    pub(crate) fn go_on_from(&mut self, resume: &Resume) {
        self.sequence = resume.next_sequence.max(1) - 1;
        self.out = Vec::new();
        self.sent = 0;
        self.lost = false;
        if let Some(sample) = &mut self.sample {
            let (lines, bytes) = (resume.lines_left_out, resume.bytes_left_out);
            sample.go_on_from(LeftOut { lines, bytes });
        }
    }

    /// Whole lines that wait to be written.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    /// `count` bytes of [`Emitter::waiting`] were written.
    pub(crate) fn written(&mut self, count: usize) {
        self.sent = self.out.len().min(self.sent + count);
        // Moving what is left only when it is the smaller part moves each byte about once, and keeps
        // the buffer from growing while a reader never quite catches up.
        if self.out.len() - self.sent <= self.sent {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Nobody reads any more.
    pub(crate) fn lose(&mut self) {
        self.lost = true;
        if let Some(sample) = &mut self.sample {
            sample.forget();
        }
        self.out = Vec::new();
        self.sent = 0;
    }

    /// Appends an entry.
    pub(crate) fn entry(&mut self, when: Timestamp, content: Content) {
        self.sequence += 1;
        if self.lost {
            return;
        }
        let with_outputs = self.outputs.len() <= OUTPUTS_PER_ENTRY_MAX
            || self.sequence == 1
            || matches!(content, Content::Manifest(_));
        let mut entry = JobLogEntry::new(when, self.run.clone(), self.sequence, content);
        if with_outputs {
            entry.outputs.clone_from(&self.outputs);
        }
        write_entry(&entry, &mut self.out);
        self.out.push(b'\n');
    }

    /// Appends an event.
    pub(crate) fn event(
        &mut self,
        when: Timestamp,
        name: &str,
        metadata: Fields,
        exit: Option<i32>,
    ) {
        let mut event = WrapperJobEvent::new(name, metadata);
        event.exit_code = exit;
        self.entry(when, Content::JobEvent(event));
    }

    /// What time it is: tells what was left out, if it has to be told by now.
    pub(crate) fn tick(&mut self, at: Moment) {
        let Some(sample) = &mut self.sample else { return };
        sample.set_now(at.mono);
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.tell_if_due(stream, at.wall);
        }
    }

    /// When [`Emitter::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.sample.as_ref()?.deadline()
    }

    /// Tells all that was left out. What was left out of the run, if anything.
    pub(crate) fn tell_left_out(&mut self, when: Timestamp) -> Option<LeftOut> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.tell_left_out_of(stream, when);
        }
        let told = self.sample.as_ref()?.told();
        (told != LeftOut::default()).then_some(told)
    }

    /// Where in `stream` the bytes begin that are in no entry although they were taken.
    pub(crate) fn untold_from(&self, stream: Stream) -> Option<u64> {
        self.sample.as_ref()?.untold_from(stream)
    }

    fn tell_left_out_of(&mut self, stream: Stream, when: Timestamp) {
        let Some(sample) = &mut self.sample else { return };
        let per_second = sample.per_second();
        if let Some(stretch) = sample.take(stream) {
            let facts = report::left_out(stretch, per_second);
            self.event(when, event::GAP, facts, None);
        }
    }

    fn tell_if_due(&mut self, stream: Stream, when: Timestamp) {
        if self.sample.as_ref().is_some_and(|it| it.is_due(stream)) {
            self.tell_left_out_of(stream, when);
        }
    }

    /// Whether a piece of a log of this level is left out. If it is not, what was left out before it is told.
    fn leaves_out(&mut self, piece: &Piece<'_>, level: Level) -> bool {
        let Some(sample) = &mut self.sample else { return false };
        match sample.judge(piece, level) {
            Verdict::Keep => {
                self.tell_left_out_of(piece.stream, piece.when);
                false
            }
            Verdict::LeaveOut => {
                self.tell_if_due(piece.stream, piece.when);
                true
            }
        }
    }

    fn set_stamp(&mut self, when: Timestamp) {
        self.stamp.clear();
        self.stamp.extend_from_slice(b"{\"timestamp\":\"");
        when.write_to(&mut self.stamp);
        self.stamp_of = when;
    }

    /// Everything of a log entry up to the quote that begins the message.
    fn begin_log(&mut self, when: Timestamp, level: Level) {
        if when != self.stamp_of {
            self.set_stamp(when);
        }
        self.sequence += 1;
        self.out.extend_from_slice(&self.stamp);
        self.out.extend_from_slice(&self.common);
        write_number(self.sequence, &mut self.out);
        self.out.extend_from_slice(b",\"content\":{\"log\":{\"level\":\"");
        self.out.extend_from_slice(level.as_str().as_bytes());
        self.out.extend_from_slice(b"\",\"message\":\"");
    }

    /// Everything of a log entry after its fields.
    fn end_log(&mut self, piece: &Piece<'_>, cr: u32) {
        self.out.extend_from_slice(b"},\"stream\":\"");
        self.out.extend_from_slice(piece.stream.as_str().as_bytes());
        self.out.extend_from_slice(b"\",\"offset\":");
        write_number(piece.offset, &mut self.out);
        self.out.extend_from_slice(b",\"bytes\":");
        write_number(piece.span, &mut self.out);
        if cr != 0 {
            self.out.extend_from_slice(b",\"cr\":");
            write_number(u64::from(cr), &mut self.out);
        }
        self.out.extend_from_slice(b"}}}\n");
    }

    fn plain(&mut self, piece: &Piece<'_>, problem: Option<&str>) {
        let level = if problem.is_some() { Level::Warn } else { piece.level };
        self.begin_log(piece.when, level);
        let text = std::str::from_utf8(piece.bytes);
        match text {
            Ok(text) => write_escaped(text.as_bytes(), &mut self.out),
            Err(_) => {
                let readable = String::from_utf8_lossy(piece.bytes);
                write_escaped(readable.as_bytes(), &mut self.out);
            }
        }
        self.out.extend_from_slice(b"\",\"fields\":{");
        let mut fields = FieldWriter { out: &mut self.out, first: true };
        let mut replaced = 0;
        match piece.form {
            Form::Text | Form::Object => {}
            Form::Fragment { number, last } => {
                fields.push(field::FRAGMENT, number.to_string().as_bytes());
                if last {
                    fields.push(field::FRAGMENT_LAST, b"true");
                }
            }
            Form::Progress { replaced: states } => replaced = states,
        }
        // Where the length alone does not tell that something was left out, the field does.
        let looks_whole = piece.span <= piece.bytes.len() as u64 + 1;
        if replaced != 0 || piece.loses && looks_whole {
            fields.push(field::PROGRESS_STATES, replaced.to_string().as_bytes());
        }
        if text.is_err() {
            fields.push(field::RAW_BASE64, STANDARD.encode(piece.bytes).as_bytes());
        }
        if let Some(problem) = problem {
            fields.push(field::PROBLEM, problem.as_bytes());
        }
        self.end_log(piece, if piece.loses { 0 } else { piece.cr });
    }

    /// Writes the line as text, unless it is left out.
    fn text(&mut self, piece: &Piece<'_>, problem: Option<&str>) {
        let level = if problem.is_some() { Level::Warn } else { piece.level };
        if !self.leaves_out(piece, level) {
            self.plain(piece, problem);
        }
    }

    /// Writes the line as what it means, or as text if it means nothing.
    fn object(&mut self, piece: &Piece<'_>) {
        let Ok(line) = std::str::from_utf8(piece.bytes) else { return self.text(piece, None) };
        let mut reader = std::mem::take(&mut self.reader);
        match reader.read(line) {
            Meaning::Log { level, .. } if self.leaves_out(piece, level) => {}
            Meaning::Log { level, message } => {
                let (before, sequence) = (self.out.len(), self.sequence);
                if !self.structured(piece, &reader, line, level, message) {
                    self.out.truncate(before);
                    self.sequence = sequence;
                    self.plain(piece, None);
                }
            }
            Meaning::Metric(mut point) => {
                self.tell_left_out_of(piece.stream, piece.when);
                point.origin = piece.origin();
                self.entry(piece.when, Content::Metric(point));
            }
            Meaning::Event(mut event) => {
                self.tell_left_out_of(piece.stream, piece.when);
                event.origin = piece.origin();
                self.entry(piece.when, Content::JobEvent(event));
            }
            Meaning::Problem(why) => self.text(piece, Some(&why)),
            Meaning::Nothing => self.text(piece, None),
        }
        self.reader = reader;
    }

    /// `false` if some string in the line is no text.
    fn structured(
        &mut self,
        piece: &Piece<'_>,
        reader: &Reader,
        line: &str,
        level: Level,
        message: &str,
    ) -> bool {
        self.begin_log(piece.when, level);
        if !structured::copy_text(message, &mut self.out) {
            return false;
        }
        self.out.extend_from_slice(b"\",\"fields\":{");
        let mut fields = FieldWriter { out: &mut self.out, first: true };
        for member in reader.fields(line) {
            if !fields.push_json(member.key, member.value) {
                return false;
            }
        }
        self.end_log(piece, 0);
        true
    }
}

impl Sink for Emitter {
    fn full(&self) -> bool {
        OUT_BYTES_SOFT <= self.out.len() - self.sent
    }

    fn take(&mut self, piece: &Piece<'_>) {
        if self.lost {
            self.sequence += 1;
            return;
        }
        match piece.form {
            Form::Object => self.object(piece),
            Form::Text | Form::Fragment { .. } | Form::Progress { .. } => self.text(piece, None),
        }
    }
}

struct FieldWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl FieldWriter<'_> {
    fn push(&mut self, key: &str, value: &[u8]) {
        self.out.extend_from_slice(if self.first { b"\"" } else { b",\"" });
        self.first = false;
        write_escaped(key.as_bytes(), self.out);
        self.out.extend_from_slice(b"\":\"");
        write_escaped(value, self.out);
        self.out.push(b'"');
    }
}

impl FieldWriter<'_> {
    /// Both as they stand in a line of JSON. `false` if one of them is no text.
    fn push_json(&mut self, key: &str, value: &str) -> bool {
        self.out.extend_from_slice(if self.first { b"\"" } else { b",\"" });
        self.first = false;
        match structured::key_text(key) {
            Some(Cow::Borrowed(key)) => self.out.extend_from_slice(key.as_bytes()),
            Some(Cow::Owned(key)) => write_escaped(key.as_bytes(), self.out),
            None => return false,
        }
        self.out.extend_from_slice(b"\":\"");
        let is_text = structured::copy_text(value, self.out);
        self.out.push(b'"');
        is_text
    }
}

/// What every entry has after its timestamp: `","job_id":…,"outputs":[…],"sequence_number":`.
fn common(run: &JobRunId, outputs: &[PartitionRef]) -> Vec<u8> {
    let mut common = Vec::new();
    common.extend_from_slice(b"\",\"job_id\":\"");
    write_escaped(run.as_str().as_bytes(), &mut common);
    common.extend_from_slice(b"\",\"outputs\":[");
    for (n, output) in outputs.iter().enumerate() {
        common.extend_from_slice(if n == 0 { b"{\"path\":\"" } else { b",{\"path\":\"" });
        write_escaped(output.as_str().as_bytes(), &mut common);
        common.extend_from_slice(b"\"}");
    }
    common.extend_from_slice(b"],\"sequence_number\":");
    common
}

#[cfg(test)]
mod tests;
