//! Bytes of one output stream in, pieces of text out: lines, lines with what belongs to them,
//! fragments of overlong lines, and the last state of progress lines. Pure: time comes by argument.
//!
//! Nothing is copied and nothing is allocated for an ordinary line: a piece is a slice of the read
//! buffer, and a piece that may still grow simply stays there. What is left out of pieces is the line
//! feed that ends them, carriage returns right before a line feed, and replaced states of progress
//! lines, which are counted. All of it is in the range of bytes that a piece stands for: the ranges of
//! a stream follow one another without a gap.

mod ends;
mod hash;
mod piece;
mod progress;

use crate::limits::{JOIN_HOLD_MAX, JOIN_SILENCE, PROGRESS_BYTES_MAX, READ_BYTES};
use crate::text::{self, Joiner};
use databuild_model::entry::Stream;
use databuild_model::level::Level;
use databuild_model::limits::{FRAGMENT_BYTES_MAX, JOINED_BYTES_MAX};
use ends::{char_boundary, count, stands_alone, without_line_end_cr};
use hash::StreamHash;
pub(crate) use piece::{Form, Moment, Piece, Sink};
use progress::Progress;
use std::borrow::Cow;
use std::time::Duration;

/// The reading end of one stream.
#[derive(Debug)]
pub(crate) struct Capture {
    stream: Stream,
    buffer: Vec<u8>,
    /// What is not consumed yet is `buffer[start..end]`.
    start: usize,
    end: usize,
    /// There is no line feed from the end of the group up to here.
    scanned: usize,
    /// Where in the stream `buffer[start]` stands.
    offset: u64,
    /// Where in the stream the ranges of the pieces end that were given.
    covered: u64,
    /// So many bytes from `start` on are whole lines that make one entry, which may still grow.
    group: usize,
    group_at: Moment,
    group_seen: Duration,
    group_level: Level,
    /// Carriage returns before the line feed of each of its lines.
    group_cr: u32,
    /// Pieces given of the line that begins at `start`.
    fragments: u64,
    fragment_level: Level,
    joiner: Joiner,
    /// Whether `buffer[start..end]` may contain a carriage return.
    may_have_cr: bool,
    progress: Progress,
    at: Moment,
    lines: Option<u64>,
    bytes: u64,
    hash: StreamHash,
    replaced: u64,
}

const BUFFER_BYTES: usize = READ_BYTES + FRAGMENT_BYTES_MAX + JOINED_BYTES_MAX;

impl Capture {
    /// For `stream` from `offset` on: what is before it is in entries, and of the line that goes on
    /// there so many fragments.
    pub(crate) fn going_on(stream: Stream, offset: u64, fragments: u64) -> Self {
        Capture {
            stream,
            // Zeroed memory costs nothing until it is used.
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            scanned: 0,
            offset,
            covered: offset,
            group: 0,
            group_at: Moment::default(),
            group_seen: Duration::ZERO,
            group_level: Level::Info,
            group_cr: 0,
            fragments,
            fragment_level: Level::Info,
            joiner: Joiner::new(),
            may_have_cr: false,
            progress: Progress::default(),
            at: Moment::default(),
            lines: (offset == 0).then_some(0),
            bytes: offset,
            hash: StreamHash::from(offset),
            replaced: 0,
        }
    }

    /// Learns what is before the start from `read`, which gives bytes at an offset, so that lines and
    /// hash are those of the whole stream. What cannot be read leaves them unknown. To be called before
    /// anything else.
    pub(crate) fn recall(&mut self, mut read: impl FnMut(u64, &mut [u8]) -> Option<usize>) {
        let (mut hash, mut lines, mut at) = (StreamHash::from(0), 0, 0);
        while at < self.bytes {
            let most = usize::try_from(self.bytes - at).unwrap_or(READ_BYTES).min(READ_BYTES);
            let space = self.buffer.get_mut(..most).unwrap_or_default();
            let Some(bytes) = read(at, space).and_then(|count| space.get(..count)) else { return };
            if bytes.is_empty() {
                return;
            }
            hash.take(at, bytes);
            lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
            at += bytes.len() as u64;
        }
        (self.hash, self.lines) = (hash, Some(lines));
    }

    /// What comes next stands at `offset` of the stream: what is between is lost. To be called after
    /// [`Capture::step`] has returned `false`.
    pub(crate) fn skip_to(&mut self, offset: u64, sink: &mut impl Sink) {
        self.finish(sink);
        self.progress.close();
        self.consume(self.end);
        (self.group, self.fragments) = (0, 0);
        (self.offset, self.covered, self.bytes) = (offset, offset, offset);
        self.hash = StreamHash::default();
    }

    /// Bytes read so far, those before the start included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Up to here the stream is in pieces that were given away.
    pub(crate) fn consumed(&self) -> u64 {
        self.covered
    }

    /// Lines read so far; a last one without a line feed counts once the stream has ended. `None` if
    /// the start was in the middle.
    pub(crate) fn lines(&self) -> Option<u64> {
        self.lines
    }

    /// BLAKE3 of all bytes of the stream so far, if all of them were read here.
    pub(crate) fn hash(&self) -> Option<String> {
        self.hash.hex()
    }

    /// Goes on with the hash of a capture that has read further than to where this one begins.
    pub(crate) fn inherit_hash(&mut self, before: &mut Capture) {
        self.hash = std::mem::take(&mut before.hash);
    }

    /// States of progress lines that pieces given here have replaced.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Room for the next read. Never empty after [`Capture::step`] has returned `false`.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.start != 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned = self.scanned.saturating_sub(self.start);
            self.start = 0;
        }
        let until = self.buffer.len().min(self.end + READ_BYTES);
        self.buffer.get_mut(self.end..until).unwrap_or_default()
    }

    /// `count` bytes of [`Capture::space`] were filled.
    pub(crate) fn filled(&mut self, count: usize, at: Moment) {
        let until = self.buffer.len().min(self.end + count);
        if !self.may_have_cr {
            self.may_have_cr = memchr::memchr(b'\r', self.slice(self.end, until)).is_some();
        }
        self.hash.take(self.bytes, self.buffer.get(self.end..until).unwrap_or_default());
        self.end = until;
        self.at = at;
        self.bytes += count as u64;
    }

    /// Gives `sink` what is ready, until it is full. `true` means that there may be more.
    pub(crate) fn step(&mut self, sink: &mut impl Sink) -> bool {
        loop {
            if sink.full() {
                return true;
            }
            let line_at = self.start + self.group;
            let from = self.scanned.max(line_at);
            match memchr::memchr(b'\n', self.slice(from, self.end)) {
                Some(at) => {
                    self.scanned = from + at + 1;
                    self.line(from + at, 1, sink);
                }
                None => {
                    self.scanned = self.end;
                    self.shorten(self.end, sink);
                    self.partial(sink);
                    return false;
                }
            }
        }
    }

    /// The stream has ended: gives `sink` all that is left. To be called after [`Capture::step`] has
    /// returned `false`.
    pub(crate) fn finish(&mut self, sink: &mut impl Sink) {
        if self.start + self.group < self.end || 0 < self.fragments || self.progress.is_open() {
            self.line(self.end, 0, sink);
        }
        self.release(sink);
        if self.covered < self.offset {
            self.report_progress(self.at, false, sink);
        }
    }

    /// Something came on the other stream at `at`: a line that came before and only waits for lines
    /// that may belong to it goes first, so that entries stand in the order in which they happened.
    pub(crate) fn go_before(&mut self, at: Moment, sink: &mut impl Sink) {
        if self.group_at.mono < at.mono && !self.joiner.expects_more() {
            self.release(sink);
        }
    }

    /// When [`Capture::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let group = (self.group != 0)
            .then(|| (self.group_seen + JOIN_SILENCE).min(self.group_at.mono + JOIN_HOLD_MAX));
        match (group, self.progress.due()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Lets go what has waited long enough.
    pub(crate) fn tick(&mut self, now: Moment, sink: &mut impl Sink) {
        let late = |deadline: Option<Duration>| deadline.is_some_and(|it| it <= now.mono);
        if self.group != 0 && late(self.deadline()) && !late(self.progress.due()) {
            self.release(sink);
        }
        if late(self.progress.due()) {
            // What ends in a carriage return now is a state, not half of a line end.
            self.at = now;
            if self.slice(self.start + self.group, self.end).ends_with(b"\r") {
                self.states(self.end, sink);
            }
            self.report_states(now, sink);
        }
    }

    fn slice(&self, from: usize, until: usize) -> &[u8] {
        self.buffer.get(from..until).unwrap_or_default()
    }

    fn consume(&mut self, until: usize) {
        self.offset += (until.saturating_sub(self.start)) as u64;
        self.start = until;
        if self.start == self.end {
            (self.start, self.end, self.scanned) = (0, 0, 0);
            self.may_have_cr = false;
        }
    }

    /// Where in the stream `buffer[at]` stands.
    fn place(&self, at: usize) -> u64 {
        self.offset + at.saturating_sub(self.start) as u64
    }

    /// A piece whose own bytes begin at `from` and whose range ends at `until`.
    fn piece<'a>(&self, from: usize, until: usize, bytes: &'a [u8], form: Form) -> Piece<'a> {
        Piece {
            stream: self.stream,
            offset: self.covered,
            span: self.place(until).saturating_sub(self.covered),
            cr: 0,
            loses: self.covered < self.place(from),
            when: self.at.wall,
            level: Level::Info,
            bytes,
            form,
        }
    }

    /// A line ends at `until`; `newline` bytes end it.
    fn line(&mut self, until: usize, newline: usize, sink: &mut impl Sink) {
        self.lines = self.lines.map(|lines| lines + 1);
        self.shorten(until, sink);
        let line_at = self.start + self.group;
        let after = until + newline;
        let text = self.without_cr(line_at, until);
        let text_end = line_at + text.len();
        let cr = count(until - text_end);
        if 0 < self.fragments {
            self.fragment(text_end, Some((after, cr)), sink);
            self.consume(after);
            self.joiner.reset();
            return;
        }
        if self.progress.is_open() || self.may_have_cr && memchr::memchr(b'\r', text).is_some() {
            self.release(sink);
            let line_end = after - text_end;
            self.states(text_end, sink);
            self.consume(self.start + line_end);
            if self.progress.has_states() {
                self.report_progress(self.at, newline == 1, sink);
            }
            self.progress.close();
            self.joiner.reset();
            return;
        }
        let text = self.buffer.get(line_at..text_end).unwrap_or_default();
        if self.group != 0 {
            let joined = self.group + (after - line_at);
            let same_end = cr == self.group_cr || newline == 0 && cr == 0;
            if self.joiner.continues(text) && same_end && joined <= JOINED_BYTES_MAX {
                self.group = joined;
                self.group_seen = self.at.mono;
                return;
            }
            self.release(sink);
        }
        let text = self.buffer.get(line_at..text_end).unwrap_or_default();
        if stands_alone(text) {
            sink.take(&Piece { cr, ..self.piece(line_at, after, text, Form::Object) });
            self.covered = self.place(after);
            self.joiner.reset();
            self.consume(after);
            return;
        }
        self.group_level = self.joiner.head(text);
        self.group_cr = cr;
        self.group = after - line_at;
        self.group_at = self.at;
        self.group_seen = self.at.mono;
    }

    fn without_cr(&self, from: usize, until: usize) -> &[u8] {
        let mut text = self.slice(from, until);
        if self.may_have_cr {
            while let Some(shorter) = text.strip_suffix(b"\r") {
                text = shorter;
            }
        }
        text
    }

    /// Gives the group away as one piece.
    fn release(&mut self, sink: &mut impl Sink) {
        if self.group == 0 {
            return;
        }
        let until = self.start + self.group;
        let raw = self.slice(self.start, until);
        let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
        let text = if self.may_have_cr { without_line_end_cr(raw) } else { Cow::Borrowed(raw) };
        let piece = Piece {
            level: self.group_level,
            when: self.group_at.wall,
            cr: self.group_cr,
            ..self.piece(self.start, until, &text, Form::Text)
        };
        sink.take(&piece);
        self.covered = self.place(until);
        self.group = 0;
        self.consume(until);
    }

    /// Gives away pieces of the line that goes up to `until`, until what is left of it is no longer
    /// than one piece.
    fn shorten(&mut self, until: usize, sink: &mut impl Sink) {
        while FRAGMENT_BYTES_MAX < until.saturating_sub(self.start + self.group) {
            self.release(sink);
            let most = self.start + FRAGMENT_BYTES_MAX;
            let window = self.slice(self.start, most);
            let state_end = if self.fragments == 0 && self.may_have_cr {
                memchr::memrchr(b'\r', window)
            } else {
                None
            };
            if let Some(at) = state_end {
                let state_end = self.start + at + 1;
                self.states(state_end, sink);
                continue;
            }
            // A line that shows progress and then goes on for long is a long line after all.
            self.report_states(self.at, sink);
            self.progress.close();
            self.fragment(char_boundary(&self.buffer, self.start, most), None, sink);
        }
    }

    /// Gives away the next fragment. `end` is there for the last of a line: where the range ends, and
    /// the carriage returns in between.
    fn fragment(&mut self, until: usize, end: Option<(usize, u32)>, sink: &mut impl Sink) {
        self.fragments += 1;
        let bytes = self.buffer.get(self.start..until).unwrap_or_default();
        if self.fragments == 1 {
            self.fragment_level = text::level(bytes);
        }
        let form = Form::Fragment { number: self.fragments, last: end.is_some() };
        let (after, cr) = end.unwrap_or((until, 0));
        let level = self.fragment_level;
        sink.take(&Piece { level, cr, ..self.piece(self.start, after, bytes, form) });
        self.covered = self.place(after);
        if end.is_some() {
            self.fragments = 0;
        } else {
            self.consume(until);
        }
    }

    /// Looks for finished states in a line whose end was not read yet.
    fn partial(&mut self, sink: &mut impl Sink) {
        if !self.may_have_cr || 0 < self.fragments {
            return;
        }
        let line_at = self.start + self.group;
        let rest = self.slice(line_at, self.end);
        // The last byte may be half of a line end.
        let sure = rest.get(..rest.len().saturating_sub(1)).unwrap_or_default();
        let finished = memchr::memrchr(b'\r', sure);
        let ends_in_cr = rest.ends_with(b"\r");
        if let Some(at) = finished {
            self.release(sink);
            self.states(self.start + at + 1, sink);
        }
        if ends_in_cr {
            self.progress.expect(self.at.mono);
        }
        self.may_have_cr = memchr::memchr(b'\r', self.slice(self.start, self.end)).is_some();
    }

    /// Takes the states that stand in the line up to `until`, and consumes them. The group is empty,
    /// or is given away first.
    fn states(&mut self, until: usize, sink: &mut impl Sink) {
        self.release(sink);
        let line = self.buffer.get(self.start..until).unwrap_or_default();
        self.progress.take(line, self.offset, self.at.mono);
        self.consume(until);
        if PROGRESS_BYTES_MAX <= self.offset - self.covered {
            self.report_progress(self.at, false, sink);
        }
    }

    /// Gives away the last state if there is one.
    fn report_states(&mut self, now: Moment, sink: &mut impl Sink) {
        if self.progress.has_states() {
            self.report_progress(now, false, sink);
        }
    }

    /// Gives away what was consumed of a progress line: its last state, or nothing but its range.
    /// `newline` tells whether the range ends in a line feed.
    fn report_progress(&mut self, now: Moment, newline: bool, sink: &mut impl Sink) {
        let span = self.offset - self.covered;
        let (state, offset, replaced) = self.progress.report();
        let rest = span - state.len() as u64 - u64::from(newline);
        let loses = 0 < replaced || offset != self.covered || state.is_empty();
        sink.take(&Piece {
            stream: self.stream,
            offset: self.covered,
            span,
            cr: if loses { 0 } else { u32::try_from(rest).unwrap_or(u32::MAX) },
            loses,
            when: now.wall,
            level: text::level(state),
            bytes: state,
            form: Form::Progress { replaced },
        });
        self.covered = self.offset;
        self.replaced += replaced;
    }
}

#[cfg(test)]
mod tests;
