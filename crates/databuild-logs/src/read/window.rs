//! Lines by number: what a viewer shows of a file that it scrolls through.

use super::judge::{Judge, Verdict};
use super::lines::Lines;
use super::open::OpenRun;
use super::page::PAGE_BYTES_MAX;
use super::place;
use super::state::RunState;
use super::walk::{Line, Span, Walker};
use databuild_model::query::LogFilter;
use std::io;
use std::ops::ControlFlow;

/// Lines of a run that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineWindow {
    /// The lines that are entries, as stored.
    pub lines: Lines,
    /// The number of each line in the file, counted from 0.
    pub numbers: Vec<u64>,
    /// Where the next window begins.
    pub next_line: u64,
    /// Whether there was a line there when this window was made.
    pub has_more: bool,
    /// Lines of the window that are left out because they are no entries.
    pub problems: u64,
    /// How the run stood.
    pub state: RunState,
}

/// The lines `from_line` and after, at most `count`.
pub(super) fn window(
    run: &OpenRun,
    state: RunState,
    from_line: u64,
    count: u32,
) -> io::Result<LineWindow> {
    let (offset, line) = place::of_line(run, from_line)?;
    let mut window = LineWindow {
        lines: Lines::default(),
        numbers: Vec::new(),
        next_line: line,
        has_more: line == from_line && offset < run.committed,
        problems: 0,
        state,
    };
    if line < from_line || count == 0 {
        return Ok(window);
    }
    let mut judge = Judge::new(LogFilter::default());
    let mut seen = 0_u32;
    window.has_more = false;
    let mut visit = |line: Line<'_>| {
        let full = PAGE_BYTES_MAX < window.lines.bytes() + line.bytes.len() && seen != 0;
        if seen == count || full {
            window.has_more = true;
            return ControlFlow::Break(());
        }
        match judge.judge(line.bytes) {
            Verdict::Match(_) | Verdict::Other => {
                window.lines.push(line.bytes);
                window.numbers.push(window.next_line);
            }
            Verdict::Broken => window.problems += 1,
        }
        seen += 1;
        window.next_line += 1;
        ControlFlow::Continue(())
    };
    let rest = Span::Lines(offset..run.committed);
    Walker::new().forward(&run.data, &rest, &mut visit)?;
    Ok(window)
}
