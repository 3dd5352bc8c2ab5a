//! Draws a board while a build goes on: a block that is redrawn on a terminal, lines elsewhere.

use super::board::{Board, Ended, Fate, Running, SHOWN_MAX};
use crate::render::escape::{Escapes, neutralise};
use crate::render::terminal;
use crate::render::times::{Times, counted};
use databuild_graph::execute::{BuildObserver, Progress};
use databuild_graph::plan::RunNumber;
use databuild_model::bel::{RunEnd, RunSummary, TaskEnd};
use databuild_model::clock::Clock;
use databuild_model::ids::BuildId;
use databuild_model::ids::{JobLabel, PartitionRef};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a log file gets a line while nothing ends. It stays the same however long that takes:
/// whoever waits wants to know that it is alive, not to guess.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

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

/// Shows a build on stderr.
pub(crate) struct Display {
    mode: Mode,
    bar: ProgressBar,
    clock: Arc<dyn Clock>,
    times: Times,
    program: String,
    state: Mutex<State>,
}

struct State {
    board: Board,
    build: Option<BuildId>,
    started: Duration,
    last_line: Duration,
    waits: bool,
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
        let state = State { board, build: None, started: now, last_line: now, waits: false };
        Display { mode, bar, clock, times, program, state: Mutex::new(state) }
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
            Mode::Lines if HEARTBEAT_INTERVAL <= now.saturating_sub(state.last_line) => {
                let line = state.board.heartbeat_line(&self.clock_text(), now);
                self.line(&mut state, &line);
            }
            Mode::Lines | Mode::Silent => {}
        }
    }

    /// Says what runs, now and in full: the answer to SIGUSR1.
    pub(crate) fn dump(&self) {
        let mut state = self.state();
        let now = self.clock.mono();
        let width = terminal::width();
        let mut lines = vec![state.board.heartbeat_line(&self.clock_text(), now)];
        lines.extend(
            state.board.running().iter().map(|run| state.board.running_line(run, now, width)),
        );
        for line in lines {
            self.line(&mut state, &line);
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
        lines.push(state.board.bar_line(now, state.started));
        self.bar.set_message(lines.join("\n"));
        self.bar.tick();
    }

    fn line(&self, state: &mut State, line: &str) {
        state.last_line = self.clock.mono();
        match self.mode {
            Mode::Bar => self.bar.suspend(|| write_line(line)),
            Mode::Lines => write_line(line),
            Mode::Silent => {}
        }
    }

    fn ended(&self, state: &mut State, ended: &Ended) {
        state.board.end(ended.run);
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
            Progress::Planned { wanted, tasks, up_to_date } => {
                self.planned(state, *wanted, *tasks, *up_to_date);
            }
            Progress::TaskStarted { task, run, attempt, .. } => state.board.start(Running {
                run: *run,
                label: task.job_label.clone(),
                outputs: task.outputs.clone(),
                attempt: *attempt,
                since: self.clock.mono(),
                progress: None,
            }),
            Progress::TaskNote { run, progress, .. } => {
                if let Some(text) = progress {
                    let mut safe = String::new();
                    neutralise(&text.replace('\n', " "), Escapes::Nothing, &mut safe);
                    state.board.progress(*run, safe);
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

/// A reader of stderr that went away does not stop a build.
fn write_line(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}
