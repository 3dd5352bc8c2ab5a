//! Jobs that say something now and then: a line for each of them every few milliseconds.

use super::{RUN, data};
use anyhow::Result;
use clap::Args;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What to say, how often, to whom.
#[derive(Debug, Args)]
pub(crate) struct TrickleArguments {
    /// Where each job's lines go; without any, all go to standard output
    into: Vec<PathBuf>,
    /// Jobs that share standard output
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Milliseconds between two lines of a job
    #[arg(long, default_value_t = 10)]
    every_ms: u64,
    /// Lines of each job
    #[arg(long, default_value_t = 500)]
    lines: usize,
}

/// Writes a line for each job, one write each, and waits; until all are said.
///
/// # Errors
/// Somebody does not listen any more.
#[expect(clippy::disallowed_methods, reason = "saying nothing for some time is what it is for")]
pub(crate) fn trickle(arguments: &TrickleArguments) -> Result<()> {
    let text = data::entries(RUN, 1, 512 * arguments.lines);
    let lines = text.split_inclusive(|byte| *byte == b'\n').take(arguments.lines);
    let mut outputs: Vec<Box<dyn Write>> = Vec::new();
    for path in &arguments.into {
        outputs.push(Box::new(OpenOptions::new().write(true).open(path)?));
    }
    if outputs.is_empty() {
        outputs.extend((0..arguments.jobs).map(|_| Box::new(std::io::stdout()) as Box<dyn Write>));
    }
    let begun = Instant::now();
    let mut due = Duration::ZERO;
    for line in lines {
        for (run, output) in outputs.iter_mut().enumerate() {
            output.write_all(&of_run(line, run))?;
        }
        due += Duration::from_millis(arguments.every_ms);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

/// A line of [`RUN`] as that of another run.
fn of_run(line: &[u8], run: usize) -> Vec<u8> {
    String::from_utf8_lossy(line).replacen(RUN, &format!("run-{run}"), 1).into_bytes()
}
