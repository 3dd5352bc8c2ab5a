//! Which log lines are kept of a job that prints more than was asked to be kept, and what is left out: each
//! stretch of a stream with its bytes and lines, to be told in a `gap`. Pure. It is never done unasked.

use crate::limits::{LEFT_OUT_BYTES_MAX, LEFT_OUT_HOLD_MAX};
use crate::lines::{Form, Piece};
use crate::rate::Rate;
use databuild_model::entry::Stream;
use databuild_model::level::Level;
use std::time::Duration;

/// What becomes of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Keep,
    LeaveOut,
}

/// Bytes of a stream, one after another, that are in no entry because they were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) stream: Stream,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Lines that end in it.
    pub(crate) lines: u64,
    since: Duration,
}

/// What was left out of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LeftOut {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
}

/// Keeps so many lines a second of both streams together. Warnings and what is worse are always kept, and
/// so is all that is no log line; they count.
#[derive(Debug)]
pub(crate) struct Sample {
    rate: Rate,
    per_second: u64,
    now: Duration,
    /// What was left out and not told yet, by stream.
    untold: [Option<Stretch>; 2],
    /// What becomes of the overlong line whose fragments come, by stream.
    line: [Verdict; 2],
    told: LeftOut,
}

fn place(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

impl Sample {
    /// At most `per_second` lines; those of one second may come at once.
    pub(crate) fn new(per_second: u64, now: Duration) -> Sample {
        let per_second = per_second.max(1);
        Sample {
            rate: Rate::new(per_second, now),
            per_second,
            now,
            untold: [None; 2],
            line: [Verdict::Keep; 2],
            told: LeftOut::default(),
        }
    }

    /// What time it is, for all that comes.
    pub(crate) fn set_now(&mut self, now: Duration) {
        self.now = now;
    }

    /// The lines of a second that are kept.
    pub(crate) fn per_second(&self) -> u64 {
        self.per_second
    }

    /// What was left out and not told comes again, or nobody wants to know.
    pub(crate) fn forget(&mut self) {
        self.untold = [None; 2];
        self.line = [Verdict::Keep; 2];
    }

    /// Of what was left out `told` is told, and the rest comes again.
    pub(crate) fn go_on_from(&mut self, told: LeftOut) {
        self.forget();
        self.told = told;
    }

    /// What becomes of a piece of a log of this level.
    pub(crate) fn judge(&mut self, piece: &Piece<'_>, level: Level) -> Verdict {
        let (lines, is_first) = match piece.form {
            Form::Text | Form::Object => {
                (1 + memchr::memchr_iter(b'\n', piece.bytes).count() as u64, true)
            }
            Form::Fragment { number, last } => (u64::from(last), number == 1),
            // One a second comes of these.
            Form::Progress { .. } => return Verdict::Keep,
        };
        let at = place(piece.stream);
        let verdict = if is_first {
            let full = self.rate.opens_at(self.now).is_some();
            if full && level < Level::Warn { Verdict::LeaveOut } else { Verdict::Keep }
        } else {
            self.line.get(at).copied().unwrap_or(Verdict::Keep)
        };
        if let Some(line) = self.line.get_mut(at) {
            *line = verdict;
        }
        match verdict {
            Verdict::Keep => self.rate.take(lines, self.now),
            Verdict::LeaveOut => self.leave_out(piece, lines),
        }
        verdict
    }

    fn leave_out(&mut self, piece: &Piece<'_>, lines: u64) {
        let Some(untold) = self.untold.get_mut(place(piece.stream)) else { return };
        let (stream, from, since) = (piece.stream, piece.offset, self.now);
        let stretch = untold.get_or_insert(Stretch { stream, from, to: from, lines: 0, since });
        stretch.to = piece.offset + piece.span;
        stretch.lines += lines;
    }

    /// Whether what was left out of `stream` has to be told although nothing of it is kept: a spool whose
    /// bytes are in no entry could never be emptied.
    pub(crate) fn is_due(&self, stream: Stream) -> bool {
        self.untold.get(place(stream)).copied().flatten().is_some_and(|it| {
            LEFT_OUT_BYTES_MAX <= it.to - it.from || it.since + LEFT_OUT_HOLD_MAX <= self.now
        })
    }

    /// When something is due at the latest.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.untold.iter().flatten().map(|it| it.since + LEFT_OUT_HOLD_MAX).min()
    }

    /// Where in `stream` the bytes begin that are in no entry yet.
    pub(crate) fn untold_from(&self, stream: Stream) -> Option<u64> {
        self.untold.get(place(stream)).copied().flatten().map(|it| it.from)
    }

    /// What was left out of `stream` last: it is told now.
    pub(crate) fn take(&mut self, stream: Stream) -> Option<Stretch> {
        let stretch = self.untold.get_mut(place(stream))?.take()?;
        self.told.lines += stretch.lines;
        self.told.bytes += stretch.to - stretch.from;
        Some(stretch)
    }

    /// All that was left out and told.
    pub(crate) fn told(&self) -> LeftOut {
        self.told
    }
}

#[cfg(test)]
mod tests;
