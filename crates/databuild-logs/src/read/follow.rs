//! Following a run: what is there, then what comes, each entry once, until the run ends.

use super::cursor::Cursor;
use super::file::RunFile;
use super::judge::{Judge, LineFacts, Verdict};
use super::lines::Lines;
use super::locate::locate;
use super::page;
use super::state::RunState;
use super::wait::Waiter;
use super::walk::{self, Line, Span, Walker};
use super::{LogReader, ReadError};
use databuild_model::entry::Kind;
use databuild_model::ids::JobRunId;
use databuild_model::level::Level;
use databuild_model::query::LogFilter;
use databuild_model::time::Timestamp;
use databuild_policy::naming;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

/// Most bytes of entries handed over by one step.
const STEP_BYTES_MAX: usize = 1 << 20;

/// A follower that is further behind than this asks the index what it can skip.
const BEHIND_BYTES: u64 = 4 << 20;

/// What [`Follower::next`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Entries that match, at least one.
    Lines(Followed),
    /// Nothing happened in the time given.
    Idle,
    /// The run has ended, and every entry of it was handed over.
    End(RunState),
}

/// Entries handed over, in the order of the run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followed {
    /// The entries, as stored.
    pub lines: Lines,
    /// The facts of each.
    pub marks: Vec<Mark>,
}

/// What is known of an entry without reading it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Where to go on after this entry.
    pub after: Cursor,
    /// When.
    pub timestamp: Timestamp,
    /// Its place in the run.
    pub sequence_number: u64,
    /// What kind.
    pub kind: Kind,
    /// How severe, if it is a log entry.
    pub level: Option<Level>,
}

impl Mark {
    pub(super) fn new(facts: LineFacts, next: u64) -> Self {
        let LineFacts { timestamp, sequence_number, kind, level } = facts;
        Mark { after: Cursor::from_offset(next), timestamp, sequence_number, kind, level }
    }
}

/// Follows one run. Owned by one thread; dropping it ends it.
pub struct Follower {
    reader: LogReader,
    run: JobRunId,
    judge: Judge,
    after: Cursor,
    /// How much longer a run that does not exist is waited for.
    patience: Duration,
    file: Option<Watched>,
    walker: Walker,
    waiter: Waiter,
}

struct Watched {
    data: RunFile,
    path: PathBuf,
}

impl Follower {
    pub(super) fn new(reader: LogReader, run: JobRunId, filter: LogFilter, after: Cursor) -> Self {
        Follower {
            reader,
            run,
            judge: Judge::new(filter),
            after,
            patience: Duration::ZERO,
            file: None,
            walker: Walker::new(),
            waiter: Waiter::default(),
        }
    }

    /// Waits up to `patience` for a run that does not exist yet; otherwise its absence is an error at
    /// once.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The place after the last entry that was looked at.
    pub fn cursor(&self) -> Cursor {
        self.after
    }

    /// What comes next, waiting at most `wait` for it. After [`Step::End`] or an error there is
    /// nothing more to come.
    pub fn next(&mut self, wait: Duration) -> Result<Step, ReadError> {
        let clock = self.reader.store.clock.clone();
        let began = clock.mono();
        let mut waited = Duration::ZERO;
        loop {
            match self.step()? {
                Some(step) => return Ok(step),
                None if wait <= waited => return Ok(Step::Idle),
                None => {}
            }
            let quiet = self.waiter.wait(wait.saturating_sub(waited));
            if self.file.is_none() {
                self.patience = self.patience.saturating_sub(quiet);
            }
            // By its own account too, so that a clock that stands still cannot hold it here.
            waited = (waited + quiet).max(clock.mono().saturating_sub(began));
        }
    }

    fn step(&mut self) -> Result<Option<Step>, ReadError> {
        if !self.find()? {
            return Ok(None);
        }
        let followed = self.read()?;
        if !followed.lines.is_empty() {
            return Ok(Some(Step::Lines(followed)));
        }
        let Some(file) = &self.file else { return Ok(None) };
        let failed = |source| ReadError::Io { path: file.path.clone(), source };
        if file.data.as_fs_file().is_locked().map_err(failed)? {
            return Ok(None);
        }
        let (open, state) = self.reader.look(&self.run)?;
        let more = self.after.offset() < open.committed;
        Ok((!more && !state.is_running()).then_some(Step::End(state)))
    }

    /// Finds the run's file; `false` if it is not there yet.
    fn find(&mut self) -> Result<bool, ReadError> {
        if self.file.is_some() {
            return Ok(true);
        }
        let logs = self.reader.logs();
        let guess = self.reader.store.cache.day_of(&self.run);
        let located = locate(logs, &self.run, guess)
            .map_err(|source| ReadError::Io { path: logs.path.to_owned(), source })?;
        let Some(located) = located else {
            if self.patience.is_zero() {
                // The same answer as every other question about it.
                self.reader.open(&self.run)?;
            }
            return Ok(false);
        };
        let path = logs.path_of(located.day, &self.run, naming::RunFile::Entries);
        self.waiter.watch(&path);
        self.file = Some(Watched { data: located.data, path });
        Ok(true)
    }

    /// What is there beyond the cursor, up to a step's worth.
    fn read(&mut self) -> Result<Followed, ReadError> {
        let Some(file) = &self.file else { return Ok(Followed::default()) };
        let failed = |source| ReadError::Io { path: file.path.clone(), source };
        let bytes = file.data.bytes().map_err(failed)?;
        let start = self.after.offset();
        if start + BEHIND_BYTES < bytes {
            let open = self.reader.open(&self.run)?;
            let page = page::batch(&open, &mut self.judge, self.after, STEP_BYTES_MAX);
            let page = page.map_err(|source| open.failed(source))?;
            self.after = page.after;
            return Ok(Followed { lines: page.lines, marks: page.marks });
        }
        let (followed, after) =
            near_end(file, start, bytes, &mut self.walker, &mut self.judge).map_err(failed)?;
        self.after = Cursor::from_offset(after);
        Ok(followed)
    }
}

/// The entries between `start` and the end of the file, and how far that went.
fn near_end(
    file: &Watched,
    start: u64,
    bytes: u64,
    walker: &mut Walker,
    judge: &mut Judge,
) -> io::Result<(Followed, u64)> {
    let mut followed = Followed::default();
    if bytes <= start {
        return Ok((followed, start));
    }
    let committed = walk::line_start(&file.data, start, bytes)?;
    let mut after = committed;
    let mut visit = |line: Line<'_>| {
        let Verdict::Match(facts) = judge.judge(line.bytes) else {
            return ControlFlow::Continue(());
        };
        followed.lines.push(line.bytes);
        followed.marks.push(Mark::new(facts, line.next));
        if STEP_BYTES_MAX <= followed.lines.bytes() {
            after = line.next;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    let span = Span::Lines(start..committed);
    walker.forward(&file.data, &span, &mut visit)?;
    Ok((followed, after))
}

#[cfg(test)]
mod tests;
