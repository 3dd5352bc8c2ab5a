//! Walking over the lines of a run's file, forward or backward, in blocks of bounded size. Knows
//! bytes and newlines; what a line means is judged elsewhere.

use super::file::RunFile;
use std::io;
use std::ops::{ControlFlow, Range};

/// The first block of a walk: one index row's worth, so that a short answer reads little.
const BLOCK_BYTES_MIN: usize = 64 << 10;

/// Blocks double up to this: larger ones no longer make reading faster, and every open walk holds
/// one.
const BLOCK_BYTES_MAX: usize = 1 << 20;

/// What is read at once to look at a single line whose place is known: a page, larger than most
/// lines.
const LINE_READ_BYTES: usize = 4 << 10;

/// Longest line that is looked at; longer ones are passed over and counted. Twice the longest that
/// the collector takes, since it adds labels.
pub(super) const LINE_BYTES_MAX: usize = 2 * databuild_model::limits::ENTRY_LINE_BYTES_MAX;

/// Lines worth looking at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// All lines of a range that begins and ends between two lines.
    Lines(Range<u64>),
    /// The line that begins here.
    Line(u64),
}

/// A line: where it begins, its bytes without the newline, and where the next one begins. The bytes
/// of a line longer than [`LINE_BYTES_MAX`] are left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    pub(super) next: u64,
}

impl<'a> Line<'a> {
    fn new(offset: u64, bytes: &'a [u8], bytes_max: usize) -> Self {
        let next = offset + width(bytes.len()) + 1;
        let bytes = if bytes_max < bytes.len() { &[] } else { bytes };
        Line { offset, bytes, next }
    }

    fn too_long(offset: u64, next: u64) -> Self {
        Line { offset, bytes: &[], next }
    }
}

/// A walk's buffer, reused between spans.
#[derive(Debug)]
pub(super) struct Walker {
    buffer: Vec<u8>,
    /// Where the buffer's first byte stands in the file.
    at: u64,
    block: usize,
    caps: Caps,
}

/// How much is held at once; only tests have others than [`Caps::USUAL`].
#[derive(Debug, Clone, Copy)]
struct Caps {
    block_bytes_max: usize,
    line_read_bytes: usize,
    line_bytes_max: usize,
}

impl Caps {
    const USUAL: Caps = Caps {
        block_bytes_max: BLOCK_BYTES_MAX,
        line_read_bytes: LINE_READ_BYTES,
        line_bytes_max: LINE_BYTES_MAX,
    };
}

/// How a walk over a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// Every line was visited.
    Through,
    /// The visitor had enough.
    Stopped,
}

fn walked(flow: ControlFlow<()>) -> Walked {
    if flow.is_break() { Walked::Stopped } else { Walked::Through }
}

type Visit<'v> = dyn FnMut(Line<'_>) -> ControlFlow<()> + 'v;

impl Walker {
    pub(super) fn new() -> Self {
        Walker { buffer: Vec::new(), at: 0, block: BLOCK_BYTES_MIN, caps: Caps::USUAL }
    }

    /// Visits the lines of `span` in order. A last line without a newline is not visited.
    pub(super) fn forward(
        &mut self,
        file: &RunFile,
        span: &Span,
        visit: &mut Visit<'_>,
    ) -> io::Result<Walked> {
        match span {
            Span::Lines(range) => self.lines_forward(file, range.clone(), visit),
            &Span::Line(offset) => self.one(file, offset, visit),
        }
    }

    /// Visits the lines of `span`, the last one first.
    pub(super) fn backward(
        &mut self,
        file: &RunFile,
        span: &Span,
        visit: &mut Visit<'_>,
    ) -> io::Result<Walked> {
        match span {
            Span::Lines(range) => self.lines_backward(file, range.clone(), visit),
            &Span::Line(offset) => self.one(file, offset, visit),
        }
    }

    fn lines_forward(
        &mut self,
        file: &RunFile,
        range: Range<u64>,
        visit: &mut Visit<'_>,
    ) -> io::Result<Walked> {
        let mut position = range.start;
        let mut want = self.next_block();
        while position < range.end {
            let asked = want.min(size(range.end - position));
            self.load(file, position, asked)?;
            let whole = memchr::memrchr(b'\n', &self.buffer).map_or(0, |at| at + 1);
            if whole == 0 {
                if self.buffer.len() < asked || position + width(asked) >= range.end {
                    break; // the unfinished last line
                }
                if want <= self.caps.line_bytes_max {
                    want *= 2;
                    continue;
                }
                let Some(next) = skip_line(file, position + width(asked), range.end)? else {
                    break;
                };
                if visit(Line::too_long(position, next)).is_break() {
                    return Ok(Walked::Stopped);
                }
                position = next;
                want = self.caps.block_bytes_max;
                continue;
            }
            let mut start = 0;
            let lines = self.buffer.get(..whole).unwrap_or_default();
            for newline in memchr::memchr_iter(b'\n', lines) {
                let bytes = lines.get(start..newline).unwrap_or_default();
                let offset = position + width(start);
                start = newline + 1;
                if visit(Line::new(offset, bytes, self.caps.line_bytes_max)).is_break() {
                    return Ok(Walked::Stopped);
                }
            }
            position += width(whole);
            want = self.next_block();
        }
        Ok(Walked::Through)
    }

    fn lines_backward(
        &mut self,
        file: &RunFile,
        range: Range<u64>,
        visit: &mut Visit<'_>,
    ) -> io::Result<Walked> {
        let mut end = range.end;
        let mut want = self.next_block();
        while range.start < end {
            let from = end.saturating_sub(width(want)).max(range.start);
            self.load(file, from, size(end - from))?;
            if self.buffer.last() != Some(&b'\n') {
                break; // the file became shorter than it was: recovery cut an unfinished line
            }
            let body = self.buffer.len() - 1;
            // The first line of a block is whole only where the range begins.
            let first = if from == range.start {
                0
            } else {
                let inside = self.buffer.get(..body).unwrap_or_default();
                match memchr::memchr(b'\n', inside) {
                    Some(at) => at + 1,
                    None if self.caps.line_bytes_max < want => {
                        let start = line_start(file, range.start, from)?;
                        if visit(Line::too_long(start, end)).is_break() {
                            return Ok(Walked::Stopped);
                        }
                        end = start;
                        want = self.caps.block_bytes_max;
                        continue;
                    }
                    None => {
                        want *= 2;
                        continue;
                    }
                }
            };
            let mut line_end = body;
            while first <= line_end {
                let before = self.buffer.get(first..line_end).unwrap_or_default();
                let start = memchr::memrchr(b'\n', before).map_or(first, |at| first + at + 1);
                let bytes = self.buffer.get(start..line_end).unwrap_or_default();
                if visit(Line::new(from + width(start), bytes, self.caps.line_bytes_max)).is_break()
                {
                    return Ok(Walked::Stopped);
                }
                match start.checked_sub(1) {
                    Some(newline) if first < start => line_end = newline,
                    Some(_) | None => break,
                }
            }
            end = from + width(first);
            want = self.next_block();
        }
        Ok(Walked::Through)
    }

    fn one(&mut self, file: &RunFile, offset: u64, visit: &mut Visit<'_>) -> io::Result<Walked> {
        let mut want = self.caps.line_read_bytes;
        loop {
            if let Some(bytes) = self.held(offset) {
                return Ok(walked(visit(Line::new(offset, bytes, self.caps.line_bytes_max))));
            }
            self.load(file, offset, want)?;
            let whole = self.held(offset).is_some();
            if !whole && self.buffer.len() < want {
                return Ok(Walked::Through); // the unfinished last line
            }
            if !whole && self.caps.line_bytes_max < want {
                return Ok(match skip_line(file, offset, u64::MAX)? {
                    Some(next) => walked(visit(Line::too_long(offset, next))),
                    None => Walked::Through,
                });
            }
            want *= 2;
        }
    }

    /// The line at `offset`, if the buffer holds all of it.
    fn held(&self, offset: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset.checked_sub(self.at)?).ok()?;
        let rest = self.buffer.get(start..)?;
        rest.get(..memchr::memchr(b'\n', rest)?)
    }

    fn load(&mut self, file: &RunFile, offset: u64, bytes: usize) -> io::Result<()> {
        self.buffer.resize(bytes, 0);
        self.at = offset;
        let read = file.read_at(offset, &mut self.buffer);
        self.buffer.truncate(read.as_ref().map_or(0, |read| *read));
        read.map(|_| ())
    }

    fn next_block(&mut self) -> usize {
        let block = self.block;
        self.block = (block * 2).min(self.caps.block_bytes_max);
        block
    }
}

/// The end of the last finished line at or before `end`, not before `floor`, which is one too.
pub(super) fn line_start(file: &RunFile, floor: u64, end: u64) -> io::Result<u64> {
    let mut buffer = vec![0; BLOCK_BYTES_MIN];
    let mut end = end;
    while floor < end {
        let from = end.saturating_sub(width(BLOCK_BYTES_MIN)).max(floor);
        let block = buffer.get_mut(..size(end - from)).unwrap_or_default();
        let read = file.read_at(from, block)?;
        let block = block.get(..read).unwrap_or_default();
        if let Some(at) = memchr::memrchr(b'\n', block) {
            return Ok(from + width(at) + 1);
        }
        end = from;
    }
    Ok(floor)
}

/// The beginning of the line after the one that `offset` stands in, if it begins before `end`.
fn skip_line(file: &RunFile, offset: u64, end: u64) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; BLOCK_BYTES_MAX];
    let mut position = offset;
    while position < end {
        let block = buffer.get_mut(..BLOCK_BYTES_MAX.min(size(end - position))).unwrap_or_default();
        let read = file.read_at(position, block)?;
        let block = block.get(..read).unwrap_or_default();
        if let Some(at) = memchr::memchr(b'\n', block) {
            return Ok(Some(position + width(at) + 1));
        }
        if read == 0 {
            break;
        }
        position += width(read);
    }
    Ok(None)
}

/// A length in memory as a length in a file.
pub(super) fn width(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A length in a file as a length in memory; lengths that do not fit are cut where blocks are.
pub(super) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
