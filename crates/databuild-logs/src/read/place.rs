//! Finding places in a run's file by number: of a line, or of an entry.

use super::cursor::Cursor;
use super::open::OpenRun;
use super::walk::{Line, Span, Walked, Walker, size, width};
use databuild_model::json::read_entry;
use databuild_model::scan::Scanner;
use std::io;
use std::ops::{ControlFlow, Range};

/// Newlines are counted in blocks of this size.
const COUNT_BYTES: usize = 1 << 20;

/// The place after the entry with this sequence number, or the beginning if there is none.
pub(super) fn after_sequence(run: &OpenRun, sequence: u64) -> io::Result<Cursor> {
    let mut scanner = Scanner::new();
    let mut walker = Walker::new();
    let mut found = None;
    let mut visit = |line: Line<'_>| {
        let number = scanner
            .scan(line.bytes)
            .map(|scan| scan.sequence_number)
            .or_else(|| read_entry(line.bytes).ok().map(|(entry, _)| entry.sequence_number));
        if number == Some(sequence) {
            found = Some(Cursor::from_offset(line.next));
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let rows = run.index.rows().iter();
    let blocks = rows.filter(|row| row.min_sequence <= sequence && sequence <= row.max_sequence);
    let blocks = blocks.map(|row| row.offset..row.end());
    for range in blocks.chain(std::iter::once(run.index.covered()..run.committed)) {
        if walker.forward(&run.data, &Span::Lines(range), &mut visit)? == Walked::Stopped {
            break;
        }
    }
    Ok(found.unwrap_or(Cursor::START))
}

/// Where line `number` begins, counted from 0, or the end of the last finished line with the number
/// of lines.
pub(super) fn of_line(run: &OpenRun, number: u64) -> io::Result<(u64, u64)> {
    let (offset, line) = run.index.before_line(number);
    let mut at = (offset, line);
    each_newline(run, offset..run.committed, &mut |after| {
        if at.1 == number {
            return ControlFlow::Break(());
        }
        at = (after, at.1 + 1);
        ControlFlow::Continue(())
    })?;
    Ok(at)
}

/// The number of the line that begins at `offset`, counted from 0: how many lines there are before.
pub(super) fn line_number(run: &OpenRun, offset: u64) -> io::Result<u64> {
    let (start, line) = run.index.before_offset(offset);
    let mut lines = line;
    each_newline(run, start..offset, &mut |_| {
        lines += 1;
        ControlFlow::Continue(())
    })?;
    Ok(lines)
}

fn each_newline(
    run: &OpenRun,
    range: Range<u64>,
    visit: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; COUNT_BYTES.min(size(range.end.saturating_sub(range.start)))];
    let mut position = range.start;
    while position < range.end {
        let block = buffer.get_mut(..COUNT_BYTES.min(size(range.end - position)));
        let block = block.unwrap_or_default();
        let read = run.data.read_at(position, block)?;
        let block = block.get(..read).unwrap_or_default();
        if block.is_empty() {
            break;
        }
        for at in memchr::memchr_iter(b'\n', block) {
            if visit(position + width(at) + 1).is_break() {
                return Ok(());
            }
        }
        position += width(read);
    }
    Ok(())
}
