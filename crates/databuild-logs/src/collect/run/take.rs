//! Bytes of a run's pipe into lines, and lines into a batch: what is cut, what is too long, and what
//! comes again after the wrapper or the collector died.

use super::{Ending, Run};
use crate::collect::line::Batch;
use crate::collect::remark;
use databuild_model::limits;
use databuild_model::time::Timestamp;

/// The problem of a line that is longer than [`limits::ENTRY_LINE_BYTES_MAX`].
const TOO_LONG: &str = "the line is longer than an entry may be";

/// A buffer for the beginning of a line is kept up to this size: most lines fit.
const CARRY_KEPT_BYTES: usize = 4 << 10;

impl Run {
    /// Takes what was read from the pipe: whole lines go into `batch`, the rest is kept.
    pub(in crate::collect) fn take(&mut self, read: &[u8], now: Timestamp, batch: &mut Batch) {
        self.make_remarks(now, batch);
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', read) {
            self.end_line(read.get(from..at).unwrap_or_default(), now, batch);
            from = at + 1;
        }
        let rest = read.get(from..).unwrap_or_default();
        if self.overlong.is_some() || limits::ENTRY_LINE_BYTES_MAX < self.carry.len() + rest.len() {
            self.keep_part(rest, false, now, batch);
        } else {
            self.carry.extend_from_slice(rest);
        }
    }

    fn end_line(&mut self, tail: &[u8], now: Timestamp, batch: &mut Batch) {
        let too_long = limits::ENTRY_LINE_BYTES_MAX < self.carry.len() + tail.len();
        if self.overlong.is_some() || too_long {
            self.keep_part(tail, true, now, batch);
        } else if self.carry.is_empty() {
            self.take_line(tail, now, batch);
        } else {
            let mut line = std::mem::take(&mut self.carry);
            line.extend_from_slice(tail);
            self.take_line(&line, now, batch);
            line.clear();
            // A run that is silent after a long line must not hold its memory.
            if line.capacity() <= CARRY_KEPT_BYTES {
                self.carry = line;
            }
        }
    }

    fn take_line(&mut self, line: &[u8], now: Timestamp, batch: &mut Batch) {
        self.labeller.take(line, now, batch);
        if self.repeats_until != 0 {
            self.leave_out_repeated(batch);
        }
    }

    /// Takes the last line back if it is stored already.
    fn leave_out_repeated(&mut self, batch: &mut Batch) {
        let Some((facts, _)) = batch.lines.last() else { return };
        if facts.foreign || facts.sequence == 0 {
            return;
        }
        if facts.sequence <= self.repeats_until {
            if self.repeated.is_empty() {
                self.repeated.start = facts.sequence;
            }
            self.repeated.end = facts.sequence + 1;
            batch.take_back();
            self.tally.replayed();
        } else {
            self.all_repeated();
        }
    }

    /// Nothing comes again any more.
    fn all_repeated(&mut self) {
        self.repeats_until = 0;
        let repeated = std::mem::replace(&mut self.repeated, 0..0);
        if !repeated.is_empty() {
            self.remarks.push(remark::repeated(repeated));
        }
    }

    /// Stores a part of a line that is too long to be an entry.
    fn keep_part(&mut self, tail: &[u8], last: bool, now: Timestamp, batch: &mut Batch) {
        let mut part = std::mem::take(&mut self.carry);
        part.extend_from_slice(tail);
        let mut pieces = self.overlong.take().unwrap_or_default();
        self.labeller.keep(&mut pieces, &part, last, (TOO_LONG, now), batch);
        if !last {
            self.overlong = Some(pieces);
        }
    }

    /// Takes what came without a line feed before the end of the pipe. If the wrapper died there,
    /// the line comes again, whole.
    pub(in crate::collect) fn take_end(&mut self, now: Timestamp, batch: &mut Batch) {
        self.ended = true;
        if self.context.stored_mark.is_some() && self.tally.so_far().end.is_none() {
            self.ending = Ending::LeaveOpen;
            let cut = std::mem::take(&mut self.carry);
            if !cut.is_empty() {
                self.remarks.push(remark::cut_line(cut.len() as u64));
            }
        } else if self.overlong.is_some() || !self.carry.is_empty() {
            self.end_line(&[], now, batch);
        }
        self.all_repeated();
        self.make_remarks(now, batch);
    }

    fn make_remarks(&mut self, now: Timestamp, batch: &mut Batch) {
        for event in std::mem::take(&mut self.remarks) {
            self.labeller.remark(event, now, batch);
        }
    }
}
