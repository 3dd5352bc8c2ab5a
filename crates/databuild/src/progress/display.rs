//! Draws a board while a build goes on: a block that is redrawn on a terminal, lines elsewhere.

use super::board::{self, Board, Ended, Fate, Running, SHOWN_MAX};
use crate::render::ending;
use crate::render::escape::{Escapes, neutralise};
use crate::render::terminal;
use crate::render::times::{Times, counted};
use databuild_graph::execute::{BuildObserver, Progress};
use databuild_graph::plan::RunNumber;
use databuild_logs::read::LogReader;
use databuild_model::bel::{RunEnd, RunSummary, TaskEnd};
use databuild_model::clock::Clock;
use databuild_model::entry::{Content, Kind};
use databuild_model::ids::{BuildId, JobLabel, JobRunId, PartitionRef};
use databuild_model::json;
use databuild_model::query::{KindSet, LogFilter};
use databuild_model::request::JobLogsRequest;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a log file gets a line while nothing ends. It stays the same however long that takes:
/// whoever waits wants to know that it is alive, not to guess.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// What the block says of the keys that there are.
const KEYS_HINT: &str = "[t] show output";

/// How a build is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A block at the bottom of the terminal.
    Bar,
    /// A line for each run that ends, and a heartbeat.
    Lines,
    /// Only what went wrong, at the end.
    Silent,
}

/// What a build has to say, for whoever writes it among other things. As many as runs begin and end
/// between two looks.
#[derive(Debug)]
pub(crate) enum Said {
    /// A run began.
    Started {
        /// Its number.
        run: RunNumber,
        /// Its id.
        id: JobRunId,
        /// Job and target.
        name: String,
    },
    /// A run ended; its line follows.
    Ended(RunNumber),
    /// A line.
    Line(String),
}

/// Shows a build on stderr.
pub(crate) struct Display {
    mode: Mode,
    bar: ProgressBar,
    clock: Arc<dyn Clock>,
    times: Times,
    program: String,
    reader: Option<LogReader>,
    state: Mutex<State>,
}

struct State {
    board: Board,
    build: Option<BuildId>,
    started: Duration,
    last_line: Duration,
    waits: bool,
    hint: &'static str,
    /// What somebody else is to write, in order; `None` if it is written at once.
    said: Option<Vec<Said>>,
}

impl Display {
    /// A display that shows nothing yet. `program` is how we were called.
    pub(crate) fn new(
        mode: Mode,
        board: Board,
        clock: Arc<dyn Clock>,
        times: Times,
        program: String,
    ) -> Self {
        let target = match mode {
            Mode::Bar => ProgressDrawTarget::stderr(),
            Mode::Lines | Mode::Silent => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let now = clock.mono();
        let state = State {
            board,
            build: None,
            started: now,
            last_line: now,
            waits: false,
            hint: "",
            said: None,
        };
        Display { mode, bar, clock, times, program, reader: None, state: Mutex::new(state) }
    }

    /// Where to read what runs said last.
    #[must_use]
    pub(crate) fn with_reader(mut self, reader: LogReader) -> Self {
        self.reader = Some(reader);
        self
    }

    /// Leaves the lines to a caller of [`Display::take_said`].
    #[must_use]
    pub(crate) fn leaving_lines(self) -> Self {
        self.state().said = Some(Vec::new());
        self
    }

    /// What was said since this was asked last.
    pub(crate) fn take_said(&self) -> Vec<Said> {
        self.state().said.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Writes a line, or several, above the block.
    pub(crate) fn print(&self, lines: &str) {
        self.state().last_line = self.clock.mono();
        self.bar.suspend(|| write_line(lines));
    }

    /// Whether keys that are typed can be seen; then the block says which ones there are.
    pub(crate) fn sees_keys(&self, sees: bool) {
        self.state().hint = if sees { KEYS_HINT } else { "" };
    }

    /// Whether there is a block for which keys make sense.
    pub(crate) fn has_block(&self) -> bool {
        self.mode == Mode::Bar
    }

    /// The build, once it has an id.
    pub(crate) fn build(&self) -> Option<BuildId> {
        self.state().build.clone()
    }

    /// Whether a task had to wait for another build.
    pub(crate) fn waits(&self) -> bool {
        self.state().waits
    }

    /// Draws what time has changed. To be called several times a second.
    pub(crate) fn tick(&self) {
        let mut state = self.state();
        let now = self.clock.mono();
        match self.mode {
            Mode::Bar => self.draw(&state, now),
            Mode::Lines => {
                if let Some(line) = self.heartbeat(&state, now) {
                    self.line(&mut state, &line);
                }
            }
            Mode::Silent => {}
        }
    }

    /// The line that is due because nothing was written for so long.
    fn heartbeat(&self, state: &State, now: Duration) -> Option<String> {
        let silent = now.saturating_sub(state.last_line);
        (HEARTBEAT_INTERVAL <= silent).then(|| state.board.heartbeat_line(&self.clock_text(), now))
    }

    /// Says what runs, now and in full, each with what it said last: the answer to the key `t` and to
    /// SIGUSR1, also when nothing else is shown.
    pub(crate) fn dump(&self) {
        let running: Vec<JobRunId> =
            self.state().board.running().iter().map(|run| run.id.clone()).collect();
        // Files are read while the build goes on.
        let said: HashMap<JobRunId, String> = running
            .into_iter()
            .filter_map(|run| Some((run.clone(), self.said_last(&run)?)))
            .collect();
        let mut state = self.state();
        let now = self.clock.mono();
        let width = terminal::width().saturating_sub(1);
        let mut lines = vec![state.board.heartbeat_line(&self.clock_text(), now)];
        for run in state.board.running() {
            lines.push(state.board.running_line(run, now, width));
            lines.push(board::said_line(said.get(&run.id).map(String::as_str), width));
        }
        state.last_line = now;
        self.bar.suspend(|| lines.iter().for_each(|line| write_line(line)));
    }

    /// The last line that the run printed.
    fn said_last(&self, run: &JobRunId) -> Option<String> {
        let filter = LogFilter { kinds: Some(KindSet::of(&[Kind::Log])), ..LogFilter::default() };
        let request =
            JobLogsRequest { filter, tail: Some(1), ..JobLogsRequest::all_of(run.clone()) };
        // Whoever cannot be read has said nothing yet: this is a glance, not a record.
        let page = self.reader.as_ref()?.get_job_logs(&request).ok()?;
        let (entry, _problems) = json::read_entry(page.lines.iter().last()?).ok()?;
        match &entry.content {
            Content::Log(log) => Some(one_line(&log.message)),
            Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
        }
    }

    /// Takes the block away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn draw(&self, state: &State, now: Duration) {
        // One column is left free: a full line would wrap and the block could not be redrawn.
        let width = terminal::width().saturating_sub(1);
        let mut lines: Vec<String> = Vec::new();
        let running = state.board.running();
        for run in running.iter().take(SHOWN_MAX) {
            lines.push(state.board.running_line(run, now, width));
        }
        if let Some(more) = running.len().checked_sub(SHOWN_MAX).filter(|more| 0 < *more) {
            lines.push(format!("  and {more} more"));
        }
        lines.push(state.board.bar_line(now, state.started, (state.hint, width)));
        self.bar.set_message(lines.join("\n"));
        self.bar.tick();
    }

    fn line(&self, state: &mut State, line: &str) {
        state.last_line = self.clock.mono();
        if let Some(said) = &mut state.said {
            if self.mode != Mode::Silent {
                said.push(Said::Line(line.to_owned()));
            }
            return;
        }
        match self.mode {
            Mode::Bar => self.bar.suspend(|| write_line(line)),
            Mode::Lines => write_line(line),
            Mode::Silent => {}
        }
    }

    fn ended(&self, state: &mut State, ended: &Ended) {
        if let Some(said) = &mut state.said {
            said.push(Said::Ended(ended.run));
        }
        let duration = Duration::try_from_secs_f64(ended.summary.duration_seconds);
        state.board.end(ended.run, duration.unwrap_or_default());
        let line = match self.mode {
            Mode::Bar => state.board.ended_line(ended),
            Mode::Lines | Mode::Silent => state.board.ended_log_line(&self.clock_text(), ended),
        };
        self.line(state, &line);
    }

    fn clock_text(&self) -> String {
        self.times.clock_seconds(self.clock.wall())
    }

    // A thread that panicked while it drew left a board that is out of date at worst.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn planned(&self, state: &mut State, wanted: u64, tasks: u64, up_to_date: u64) {
        state.board.plan(tasks);
        let number = state.board.number();
        let mut line = format!(
            "build {number} · {} wanted · {tasks} to make",
            counted(wanted, "partition", "partitions")
        );
        if 0 < up_to_date {
            line = format!("{line}, {up_to_date} up to date");
        }
        if 0 < tasks {
            line = format!("{line} · logs: {} logs {number}", self.program);
        }
        self.line(state, &line);
    }

    fn finished(
        &self,
        state: &mut State,
        about: (&JobLabel, &[PartitionRef]),
        end: TaskEnd,
        run: Option<RunNumber>,
        summary: Option<&RunSummary>,
    ) {
        state.board.settle(match end {
            TaskEnd::Made | TaskEnd::Delegated => Fate::Made,
            TaskEnd::Failed => Fate::Failed,
            TaskEnd::NotStarted | TaskEnd::Cancelled => Fate::NotStarted,
        });
        let end = match end {
            TaskEnd::Made => RunEnd::Completed,
            TaskEnd::Failed => RunEnd::Failed,
            TaskEnd::Cancelled => RunEnd::Cancelled,
            TaskEnd::Delegated | TaskEnd::NotStarted => return,
        };
        if let (Some(run), Some(summary)) = (run, summary) {
            let (label, outputs) = (about.0.clone(), about.1.to_vec());
            let summary = summary.clone();
            self.ended(state, &Ended { run, label, outputs, end, summary, retried: false });
        }
    }
}

impl Display {
    fn adopted(&self, state: &mut State, run: RunNumber, about: (&JobLabel, &[PartitionRef])) {
        let about = state.board.name(about.0, about.1);
        let line = format!("… {} goes on as run {run}, whose build was killed", about.trim());
        self.line(state, &line);
    }

    fn adopted_ended(&self, state: &mut State, run: RunNumber, end: RunEnd, summary: &RunSummary) {
        let words = match end {
            RunEnd::Completed => "ended well".to_owned(),
            RunEnd::Cancelled => "was stopped".to_owned(),
            RunEnd::Failed | RunEnd::Lost => ending::words(summary),
        };
        self.line(state, &format!("run {run}, whose build was killed: {words}"));
    }
}

impl BuildObserver for Display {
    fn on_progress(&self, progress: &Progress) {
        let mut state = self.state();
        let state = &mut *state;
        match progress {
            Progress::Received { build, number } => {
                state.build = Some(build.clone());
                state.board.receive(*number);
            }
            Progress::LostBuildEnded { number } => {
                self.line(state, &format!("build {number} had lost its process; it was ended"));
            }
            Progress::RunAdopted { run, job_label, outputs } => {
                self.adopted(state, *run, (job_label, outputs));
            }
            Progress::AdoptedEnded { run, end, summary } => {
                self.adopted_ended(state, *run, *end, summary);
            }
            Progress::Planned { wanted, tasks, up_to_date } => {
                self.planned(state, *wanted, *tasks, *up_to_date);
            }
            Progress::TaskStarted { task, run, job_run_id, attempt, usual } => {
                if let Some(said) = &mut state.said {
                    let target = ending::target(&task.job_label, &task.outputs);
                    let name = format!("{} {target}", task.job_label);
                    said.push(Said::Started { run: *run, id: job_run_id.clone(), name });
                }
                state.board.start(Running {
                    run: *run,
                    id: job_run_id.clone(),
                    label: task.job_label.clone(),
                    outputs: task.outputs.clone(),
                    attempt: *attempt,
                    since: self.clock.mono(),
                    usual: *usual,
                    progress: None,
                });
            }
            Progress::TaskNote { run, progress, .. } => {
                if let Some(text) = progress {
                    state.board.progress(*run, one_line(text));
                }
            }
            Progress::TaskWaiting { task, on } => {
                state.waits = true;
                let about = state.board.name(&task.job_label, &task.outputs);
                self.line(
                    state,
                    &format!("… {} waits for build {on}, which makes it", about.trim()),
                );
            }
            Progress::RetryScheduled { task, run, summary, .. } => {
                let (label, outputs) = (task.job_label.clone(), task.outputs.clone());
                let (run, end, summary) = (*run, RunEnd::Failed, summary.clone());
                self.ended(state, &Ended { run, label, outputs, end, summary, retried: true });
            }
            Progress::TaskFinished { task, end, run, summary, .. } => {
                let about = (&task.job_label, task.outputs.as_slice());
                self.finished(state, about, *end, *run, summary.as_ref());
            }
            Progress::Stopping { at_once: false } => {
                let running = counted(state.board.running().len() as u64, "job", "jobs");
                let line =
                    format!("stopping: {running} may end in order; Ctrl-C again stops at once");
                self.line(state, &line);
            }
            Progress::Stopping { at_once: true } => self.line(state, "stopping at once"),
            Progress::Finished(_) => {}
        }
    }
}

/// A job's text as part of a line of ours.
fn one_line(text: &str) -> String {
    let mut safe = String::new();
    neutralise(&text.replace('\n', " "), Escapes::Nothing, &mut safe);
    safe
}

/// A reader of stderr that went away does not stop a build.
fn write_line(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

#[cfg(test)]
mod tests;
