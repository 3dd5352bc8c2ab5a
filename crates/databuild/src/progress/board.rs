//! What is known of a build under way, and its lines as text. Pure: times come in, strings go out.

use super::estimate::{self, Pace};
use crate::render::ending;
use crate::render::paint::Paint;
use crate::render::table::cut;
use crate::render::times::{counted, grouped, took};
use databuild_graph::plan::RunNumber;
use databuild_model::bel::{RunEnd, RunSummary};
use databuild_model::ids::{JobLabel, JobRunId, PartitionRef};
use std::time::Duration;

/// Most running jobs that are shown at once; more are counted.
pub(crate) const SHOWN_MAX: usize = 8;

/// Columns of the bar.
const BAR_WIDTH: u64 = 22;

/// Widest label that lines are aligned to; longer ones push their line to the right.
const LABEL_WIDTH_MAX: usize = 24;

/// Widest target that lines are aligned to.
const TARGET_WIDTH_MAX: usize = 48;

/// A build under way.
#[derive(Debug)]
pub(crate) struct Board {
    paint: Paint,
    number: u64,
    total: u64,
    made: u64,
    failed: u64,
    not_started: u64,
    label_width: usize,
    target_width: usize,
    running: Vec<Running>,
    pace: Pace,
}

/// A job run under way.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// Its number.
    pub(crate) run: RunNumber,
    /// Its id.
    pub(crate) id: JobRunId,
    /// Its job.
    pub(crate) label: JobLabel,
    /// What it makes.
    pub(crate) outputs: Vec<PartitionRef>,
    /// Which attempt it is.
    pub(crate) attempt: u32,
    /// When it began, on the monotonic clock.
    pub(crate) since: Duration,
    /// What its job usually takes.
    pub(crate) usual: Option<Duration>,
    /// What it said last of its progress.
    pub(crate) progress: Option<String>,
}

/// A job run that ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Its number.
    pub(crate) run: RunNumber,
    /// Its job.
    pub(crate) label: JobLabel,
    /// What it makes.
    pub(crate) outputs: Vec<PartitionRef>,
    /// How it ended.
    pub(crate) end: RunEnd,
    /// The figures.
    pub(crate) summary: RunSummary,
    /// Whether another attempt follows.
    pub(crate) retried: bool,
}

impl Board {
    /// A board on which nothing happened. `label_width` is that of the widest job, so that lines are
    /// aligned from the first on.
    pub(crate) fn new(paint: Paint, label_width: usize) -> Self {
        Board {
            paint,
            number: 0,
            total: 0,
            made: 0,
            failed: 0,
            not_started: 0,
            label_width: label_width.min(LABEL_WIDTH_MAX),
            target_width: 0,
            running: Vec::new(),
            pace: Pace::default(),
        }
    }

    /// The build got its number.
    pub(crate) fn receive(&mut self, number: u64) {
        self.number = number;
    }

    /// The plan has so many tasks.
    pub(crate) fn plan(&mut self, tasks: u64) {
        self.total = tasks;
    }

    /// The build's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// A run began.
    pub(crate) fn start(&mut self, run: Running) {
        let width = ending::target(&run.label, &run.outputs).chars().count();
        self.target_width = self.target_width.max(width.min(TARGET_WIDTH_MAX));
        self.running.push(run);
        self.pace.saw_running(self.running.len());
    }

    /// A run told how far it is.
    pub(crate) fn progress(&mut self, run: RunNumber, text: String) {
        if let Some(running) = self.running.iter_mut().find(|running| running.run == run) {
            running.progress = Some(text);
        }
    }

    /// A run ended after `duration`. What it ends for its task is told by [`Board::settle`].
    pub(crate) fn end(&mut self, run: RunNumber, duration: Duration) {
        self.pace.saw_end(duration);
        self.running.retain(|running| running.run != run);
    }

    /// Nothing more will be done for a task.
    pub(crate) fn settle(&mut self, fate: Fate) {
        match fate {
            Fate::Made => self.made += 1,
            Fate::Failed => self.failed += 1,
            Fate::NotStarted => self.not_started += 1,
        }
    }

    /// What runs now.
    pub(crate) fn running(&self) -> &[Running] {
        &self.running
    }

    /// The line that stays for a run that ended.
    pub(crate) fn ended_line(&self, ended: &Ended) -> String {
        let sign = match ended.end {
            RunEnd::Completed => self.paint.good("✔"),
            RunEnd::Failed | RunEnd::Lost if ended.retried => self.paint.warn("↻"),
            RunEnd::Failed | RunEnd::Lost => self.paint.bad("✘"),
            RunEnd::Cancelled => self.paint.warn("–"),
        };
        let mut facts = Vec::new();
        if ended.end != RunEnd::Completed {
            facts.push(self.paint.bad(&ending::words(&ended.summary)));
        }
        if ended.retried {
            facts.push("again".to_owned());
        }
        if let Some(rows) = ended.summary.rows {
            facts.push(format!("{} rows", grouped(rows)));
        }
        if 0 < ended.summary.warnings {
            let count = counted(ended.summary.warnings, "warning", "warnings");
            facts.push(self.paint.warn(&count));
        }
        let line = format!(
            "{sign} {} {:>8}  {}",
            self.name(&ended.label, &ended.outputs),
            took(Duration::try_from_secs_f64(ended.summary.duration_seconds).unwrap_or_default()),
            facts.join("  "),
        );
        line.trim_end().to_owned()
    }

    /// The same for a log file: one line that starts with the time and can be searched for.
    pub(crate) fn ended_log_line(&self, clock: &str, ended: &Ended) -> String {
        let word = match ended.end {
            RunEnd::Completed => "made",
            RunEnd::Failed | RunEnd::Lost if ended.retried => "RETRY",
            RunEnd::Failed | RunEnd::Lost => "FAILED",
            RunEnd::Cancelled => "stopped",
        };
        let summary = &ended.summary;
        let mut line = format!(
            "{clock} {word} {} {}",
            ended.label,
            ending::target(&ended.label, &ended.outputs)
        );
        if ended.end != RunEnd::Completed {
            line = match (summary.exit_code, summary.reason.is_none()) {
                (Some(code), true) => format!("{line} exit={code}"),
                _ => format!("{line} ({})", ending::words(summary)),
            };
        }
        let duration = Duration::try_from_secs_f64(summary.duration_seconds).unwrap_or_default();
        line = format!("{line} {} run={}", took(duration), ended.run);
        if let Some(rows) = summary.rows {
            line = format!("{line} rows={rows}");
        }
        if 0 < summary.warnings {
            line = format!("{line} warnings={}", summary.warnings);
        }
        line
    }

    /// The line of a run under way.
    pub(crate) fn running_line(&self, running: &Running, now: Duration, width: usize) -> String {
        let elapsed = now.saturating_sub(running.since);
        let name = self.name(&running.label, &running.outputs);
        let mut text = format!("▸ {name} {:>8}", took(elapsed));
        if let Some(usual) = estimate::slow(elapsed, running.usual) {
            text = format!("{text}  slow: usually {}", took(usual));
        }
        if 1 < running.attempt {
            text = format!("{text}  attempt {}", running.attempt);
        }
        if let Some(progress) = &running.progress {
            text = format!("{text}  {progress}");
        }
        cut(&text, width)
    }

    /// The last line of the block; `hint` stands at its end if there is room.
    pub(crate) fn bar_line(
        &self,
        now: Duration,
        started: Duration,
        (hint, width): (&str, usize),
    ) -> String {
        let done = self.done();
        let filled = (done * BAR_WIDTH).checked_div(self.total).unwrap_or(BAR_WIDTH);
        let blocks = |sign: &str, count: u64| sign.repeat(usize::try_from(count).unwrap_or(0));
        let bar = format!("{}{}", blocks("█", filled), blocks("░", BAR_WIDTH - filled));
        let mut line = format!("  {done}/{} {bar}", self.total);
        for (count, word) in [(self.failed, "failed"), (self.running.len() as u64, "running")] {
            if 0 < count {
                line = format!("{line}   {count} {word}");
            }
        }
        let waiting = self.total.saturating_sub(done + self.running.len() as u64);
        if 0 < waiting {
            line = format!("{line}   {waiting} waiting");
        }
        line = format!("{line}   {}", took(now.saturating_sub(started)));
        let running: Vec<_> = self
            .running
            .iter()
            .map(|running| (now.saturating_sub(running.since), running.usual))
            .collect();
        let left = self.pace.left(&running, waiting).map(estimate::about);
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        for (gap, part) in [("   ", left), ("     ", hint)] {
            if let Some(part) = part
                && line.chars().count() + gap.len() + part.chars().count() <= width
            {
                line = format!("{line}{gap}{part}");
            }
        }
        line
    }

    /// What a log file gets while nothing ends.
    pub(crate) fn heartbeat_line(&self, clock: &str, now: Duration) -> String {
        let names: Vec<String> = self
            .running
            .iter()
            .take(SHOWN_MAX)
            .map(|running| {
                let target = ending::target(&running.label, &running.outputs);
                let elapsed = took(now.saturating_sub(running.since));
                format!("{} {target} ({elapsed})", running.label)
            })
            .collect();
        let more = self.running.len().saturating_sub(SHOWN_MAX);
        let more = if 0 < more { format!(" and {more} more") } else { String::new() };
        let running =
            if names.is_empty() { "nothing, waiting".to_owned() } else { names.join(", ") };
        format!(
            "{clock} … build {}: {}/{} done, running: {running}{more}",
            self.number,
            self.done(),
            self.total
        )
    }

    fn done(&self) -> u64 {
        self.made + self.failed + self.not_started
    }

    /// Job and target, padded to what was seen so far.
    pub(crate) fn name(&self, label: &JobLabel, outputs: &[PartitionRef]) -> String {
        let target = ending::target(label, outputs);
        let (wide, wider) = (self.label_width, self.target_width);
        format!("{:wide$}  {target:wider$}", label.as_str())
    }
}

/// `reading orders.csv`, `nothing yet`: what a run said last, as a line under its own.
pub(crate) fn said_line(said: Option<&str>, width: usize) -> String {
    cut(&format!("    said last: {}", said.unwrap_or("nothing yet")), width)
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its outputs are there.
    Made,
    /// They are not, and it was tried.
    Failed,
    /// It was not tried.
    NotStarted,
}

#[cfg(test)]
mod tests;
