//! One page of an answer: the entries of a run that were asked for, from a place on, at most so
//! many, and whether there are more.

use super::ReadError;
use super::cursor::{Cursor, PageToken, TokenError};
use super::follow::Mark;
use super::judge::{Judge, Verdict};
use super::lines::Lines;
use super::open::OpenRun;
use super::walk::{Line, Span, Walked, Walker, width};
use databuild_model::query::LogFilter;
use databuild_model::request::{JobLogsRequest, Order};
use std::io;
use std::ops::ControlFlow;

/// Most bytes of entries in one page. A page is held in memory, perhaps several at once; a client
/// that wants more asks for the next one.
pub const PAGE_BYTES_MAX: usize = 32 << 20;

/// Entries out of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsPage {
    /// The entries, as stored.
    pub lines: Lines,
    /// Whether there was another matching entry when this page was made.
    pub has_more: bool,
    /// What to ask for to get it; set exactly if there is one.
    pub next_page_token: Option<String>,
    /// Where to go on following: what matches after it is not in this page nor, in ascending order,
    /// in a page before.
    pub after: Cursor,
    /// Lines that were passed over because they are no entries.
    pub problems: u64,
    /// How the run stood.
    pub state: super::RunState,
}

/// A page without the run's state.
pub(super) struct Page {
    pub(super) lines: Lines,
    /// The facts of each line.
    pub(super) marks: Vec<Mark>,
    pub(super) next: Option<PageToken>,
    pub(super) after: Cursor,
    pub(super) problems: u64,
}

/// How a walk ended.
enum Stop {
    /// All was looked at.
    End,
    /// The page is full, and there is more from here on.
    Full(u64),
    /// The tail is complete; its last line ends here.
    Tail(u64),
}

/// Answers `request` from `run`.
pub(super) fn answer(run: &OpenRun, request: &JobLogsRequest) -> Result<Page, ReadError> {
    let token = request.page_token.as_deref().map(|text| PageToken::decode(text, request));
    let token = token.transpose().map_err(|source| ReadError::BadToken { source })?;
    let mut judge = Judge::new(request.filter.clone());
    let mut work = Work::new(run, &mut judge, PAGE_BYTES_MAX);
    let started = match (token, request.tail, request.order) {
        (Some(token), _, _) => run.check_place(token.cursor.offset()).map(|at| match at {
            true => Ok(token),
            false => Err(ReadError::BadToken { source: TokenError::Gone }),
        }),
        (None, Some(tail), Order::Asc) => work.tail_start(u64::from(tail)).map(Ok),
        (None, tail, Order::Desc) => Ok(Ok(PageToken {
            cursor: Cursor::from_offset(run.committed),
            remaining: tail.map(u64::from),
        })),
        (None, None, Order::Asc) => Ok(Ok(PageToken { cursor: Cursor::START, remaining: None })),
    };
    let from = started.map_err(|source| run.failed(source))??;
    let page = match request.order {
        Order::Asc => work.ascending(from, request.limit),
        Order::Desc => work.descending(from, request.limit),
    };
    page.map_err(|source| run.failed(source))
}

/// The cursor before the last `tail` entries of `run` that match, and how many these are.
pub(super) fn tail_cursor(
    run: &OpenRun,
    filter: LogFilter,
    tail: u64,
) -> io::Result<(Cursor, u64)> {
    let start = Work::new(run, &mut Judge::new(filter), PAGE_BYTES_MAX).tail_start(tail)?;
    Ok((start.cursor, start.remaining.unwrap_or(0)))
}

/// The entries from `after` on, about `bytes_max` bytes of them.
pub(super) fn batch(
    run: &OpenRun,
    judge: &mut Judge,
    after: Cursor,
    bytes_max: usize,
) -> io::Result<Page> {
    let from = PageToken { cursor: after, remaining: None };
    Work::new(run, judge, bytes_max).ascending(from, None)
}

struct Work<'r> {
    run: &'r OpenRun,
    judge: &'r mut Judge,
    walker: Walker,
    problems: u64,
    bytes_max: usize,
}

/// What a walk gathered.
struct Gathered {
    lines: Lines,
    marks: Vec<Mark>,
    stop: Stop,
    /// What is left of a tail.
    left: Option<u64>,
}

impl<'r> Work<'r> {
    fn new(run: &'r OpenRun, judge: &'r mut Judge, bytes_max: usize) -> Self {
        Work { run, judge, walker: Walker::new(), problems: 0, bytes_max }
    }

    /// The place before the last `tail` matching entries.
    fn tail_start(&mut self, tail: u64) -> io::Result<PageToken> {
        let (mut found, mut start) = (0, self.run.committed);
        if tail != 0 {
            let spans = self.run.index.spans(self.judge.filter(), 0..self.run.committed);
            let judge = &mut *self.judge;
            let mut visit = |line: Line<'_>| {
                if matches!(judge.judge(line.bytes), Verdict::Match(_)) {
                    (found, start) = (found + 1, line.offset);
                }
                if found == tail { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            for span in spans.iter().rev() {
                if self.walker.backward(&self.run.data, span, &mut visit)? == Walked::Stopped {
                    break;
                }
            }
        }
        Ok(PageToken { cursor: Cursor::from_offset(start), remaining: Some(found) })
    }

    fn ascending(&mut self, from: PageToken, limit: Option<u32>) -> io::Result<Page> {
        let start = from.cursor.offset();
        let spans = self.run.index.spans(self.judge.filter(), start..self.run.committed);
        let gathered = self.gather(&spans, from.remaining, limit, Order::Asc)?;
        let after = match gathered.stop {
            Stop::End => self.run.committed,
            Stop::Full(at) => at,
            Stop::Tail(end) => end.max(start),
        };
        Ok(self.page(gathered, after))
    }

    fn descending(&mut self, from: PageToken, limit: Option<u32>) -> io::Result<Page> {
        let spans = self.run.index.spans(self.judge.filter(), 0..from.cursor.offset());
        let gathered = self.gather(&spans, from.remaining, limit, Order::Desc)?;
        Ok(self.page(gathered, from.cursor.offset()))
    }

    fn page(&self, gathered: Gathered, after: u64) -> Page {
        let Gathered { lines, marks, stop, left } = gathered;
        let next = match stop {
            Stop::Full(at) => Some(PageToken { cursor: Cursor::from_offset(at), remaining: left }),
            Stop::End | Stop::Tail(_) => None,
        };
        Page { lines, marks, next, after: Cursor::from_offset(after), problems: self.problems }
    }

    /// Takes what matches, until the page is full, the tail complete, or all was looked at.
    fn gather(
        &mut self,
        spans: &[Span],
        tail: Option<u64>,
        limit: Option<u32>,
        order: Order,
    ) -> io::Result<Gathered> {
        let limit = limit.map_or(u64::MAX, u64::from);
        let (mut lines, mut marks) = (Lines::default(), Vec::new());
        let (mut stop, mut left) = (Stop::End, tail);
        if left == Some(0) {
            return Ok(Gathered { lines, marks, stop: Stop::Tail(0), left });
        }
        let (judge, problems, bytes_max) = (&mut *self.judge, &mut self.problems, self.bytes_max);
        let mut visit = |line: Line<'_>| {
            let facts = match judge.judge(line.bytes) {
                Verdict::Match(facts) => facts,
                Verdict::Other => return ControlFlow::Continue(()),
                Verdict::Broken => {
                    *problems += 1;
                    return ControlFlow::Continue(());
                }
            };
            let full = !lines.is_empty() && bytes_max < lines.bytes() + line.bytes.len();
            if limit == width(lines.len()) || full {
                stop = Stop::Full(match order {
                    Order::Asc => line.offset,
                    Order::Desc => line.next,
                });
                return ControlFlow::Break(());
            }
            lines.push(line.bytes);
            marks.push(Mark::new(facts, line.next));
            left = left.map(|left| left.saturating_sub(1));
            if left == Some(0) {
                stop = Stop::Tail(line.next);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        walk(&mut self.walker, self.run, spans, order, &mut visit)?;
        Ok(Gathered { lines, marks, stop, left })
    }
}

fn walk(
    walker: &mut Walker,
    run: &OpenRun,
    spans: &[Span],
    order: Order,
    visit: &mut dyn FnMut(Line<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    match order {
        Order::Asc => {
            for span in spans {
                if walker.forward(&run.data, span, visit)? == Walked::Stopped {
                    break;
                }
            }
        }
        Order::Desc => {
            for span in spans.iter().rev() {
                if walker.backward(&run.data, span, visit)? == Walked::Stopped {
                    break;
                }
            }
        }
    }
    Ok(())
}
