//! Passes a command's output on as it is stored: stdout to stdout, stderr to stderr.

use super::super::context::Context;
use super::super::outcome::Failure;
use crate::progress::display::Display;
use crate::render::escape::{Escapes, neutralise};
use crate::render::raw;
use databuild_graph::execute::{BuildObserver, Progress};
use databuild_logs::read::{Cursor, LogReader, Step};
use databuild_model::entry::{Content, Kind, LogMessage, Stream};
use databuild_model::ids::JobRunId;
use databuild_model::json;
use databuild_model::query::{KindSet, LogFilter};
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Attempts that wait to be followed: they come one after the other.
const ATTEMPTS_QUEUED: usize = 16;

/// How long one wait for more takes; the next one follows at once.
const WAIT: Duration = Duration::from_secs(1);

/// How long a run that was started has to make its file.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sees runs begin, and tells the pump.
pub(super) struct Tee<'a> {
    display: &'a Display,
    begun: SyncSender<JobRunId>,
}

/// Follows one run after the other.
pub(super) struct Pump {
    begun: Receiver<JobRunId>,
    reader: LogReader,
    stdout: Shown,
    stderr: Shown,
}

/// What a stream of ours may carry: anything if it is no terminal.
#[derive(Clone, Copy)]
enum Shown {
    Exactly,
    Neutralised(Escapes),
}

/// A tee and its pump.
pub(super) fn pair<'a>(
    display: &'a Display,
    reader: &LogReader,
    context: &Context,
) -> (Tee<'a>, Pump) {
    let (sender, begun) = sync_channel(ATTEMPTS_QUEUED);
    let shown = |is_terminal: bool, colours: bool| match (is_terminal, colours) {
        (false, _) => Shown::Exactly,
        (true, true) => Shown::Neutralised(Escapes::Colours),
        (true, false) => Shown::Neutralised(Escapes::Nothing),
    };
    let pump = Pump {
        begun,
        reader: reader.clone(),
        stdout: shown(io::stdout().is_terminal(), context.colour_stdout()),
        stderr: shown(io::stderr().is_terminal(), context.colour_stderr()),
    };
    (Tee { display, begun: sender }, pump)
}

impl BuildObserver for Tee<'_> {
    fn on_progress(&self, progress: &Progress) {
        self.display.on_progress(progress);
        if let Progress::TaskStarted { job_run_id, .. } = progress {
            // A pump that ended has told why.
            self.begun.send(job_run_id.clone()).ok();
        }
    }
}

impl Pump {
    /// Passes on until no run can begin any more.
    pub(super) fn run(self) -> Result<(), Failure> {
        for run in &self.begun {
            self.follow(&run)?;
        }
        Ok(())
    }

    fn follow(&self, run: &JobRunId) -> Result<(), Failure> {
        let filter = LogFilter { kinds: Some(KindSet::of(&[Kind::Log])), ..LogFilter::default() };
        let mut follower = self.reader.follow(run, filter, Cursor::START).with_patience(PATIENCE);
        loop {
            match follower.next(WAIT)? {
                Step::Idle => {}
                Step::End(_) => return Ok(()),
                Step::Lines(found) => {
                    for line in found.lines.iter() {
                        self.pass_on(line)?;
                    }
                }
            }
        }
    }

    fn pass_on(&self, line: &[u8]) -> io::Result<()> {
        let Ok((entry, _problems)) = json::read_entry(line) else {
            return Ok(());
        };
        let Content::Log(log) = &entry.content else {
            return Ok(());
        };
        match log.origin.stream {
            Some(Stream::Stderr) => io::stderr().write_all(&bytes(log, self.stderr)),
            Some(Stream::Stdout) | None => {
                let mut out = io::stdout().lock();
                out.write_all(&bytes(log, self.stdout))?;
                out.flush()
            }
        }
    }
}

fn bytes(log: &LogMessage, shown: Shown) -> Vec<u8> {
    let mut out = Vec::new();
    match shown {
        Shown::Exactly => raw::exactly(log, &mut out),
        Shown::Neutralised(escapes) => {
            let mut text = String::new();
            neutralise(&log.message, escapes, &mut text);
            out.extend_from_slice(text.as_bytes());
        }
    }
    if raw::ends_line(log) {
        out.push(b'\n');
    }
    out
}
