//! `databuild logs verify`: proves records whole, several at once, and names what is missing.

use super::super::args::{Output, VerifyArgs};
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use super::target::{self, Target};
use crate::render::paint::Paint;
use crate::render::times::{counted, grouped};
use crate::wire::proof::Proof;
use databuild_graph::bel::Bel;
use databuild_logs::read::{LogReader, ReadError, RunState};
use databuild_logs::verify::{HashProof, Problem, Verification};
use databuild_model::ids::JobRunId;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Results that may wait to be printed: a slow terminal holds the work up.
const RESULTS_MAX: usize = 64;

/// Problems of one run that a person is shown; the rest is counted.
const SHOWN_MAX: usize = 20;

/// How often the line of progress changes.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// What was found about one run.
type Found = Result<Verification, ReadError>;

/// Verifies what was asked for.
pub(super) fn run(args: &VerifyArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    let bel = project.existing_bel()?;
    let reader = project.reader();
    let targets = if args.all {
        every(bel.as_deref(), &reader)?
    } else if args.targets.is_empty() {
        target::named(&["@latest".to_owned()], bel.as_deref(), &reader)?
    } else {
        target::named(&args.targets, bel.as_deref(), &reader)?
    };
    if targets.is_empty() {
        return Err(Failure::text(Exit::Nothing, "no run is stored")
            .remedy("databuild build or databuild run makes one"));
    }
    let mut told = Told::new(context, targets.len(), args.all || targets.len() != 1);
    verify_each(&targets, &reader, context, &mut told)?;
    told.finish()
}

/// All that is stored, and all that ran and should be.
fn every(bel: Option<&Bel>, reader: &LogReader) -> Result<Vec<Target>, Failure> {
    let rows = bel.map(|bel| bel.runs(&target::all_runs())).transpose()?.unwrap_or_default();
    let mut targets: Vec<Target> =
        rows.into_iter().rev().map(|row| Target { id: row.id.clone(), row: Some(row) }).collect();
    let known: BTreeSet<JobRunId> = targets.iter().map(|target| target.id.clone()).collect();
    let stored = reader.list_available_jobs(None)?;
    let others = stored.into_iter().filter(|id| !known.contains(id));
    targets.extend(others.map(|id| Target { id, row: None }));
    Ok(targets)
}

/// Has a thread for each processor, and hands on what they find in the order of the targets.
fn verify_each(
    targets: &[Target],
    reader: &LogReader,
    context: &Context,
    told: &mut Told<'_>,
) -> Result<(), Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(targets.len());
    let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let (sender, results) = sync_channel(RESULTS_MAX);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(target) = targets.get(at) else { return };
                    let seen = |more| {
                        bytes.fetch_add(more, Ordering::Relaxed);
                    };
                    // Whoever listened has gone: nobody wants more.
                    if sender.send((at, reader.verify(&target.id, &seen))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        // The receiver goes with this call, whatever ends it.
        listen(results, targets, context, &bytes, told)
    })
}

fn listen(
    results: Receiver<(usize, Found)>,
    targets: &[Target],
    context: &Context,
    bytes: &AtomicU64,
    told: &mut Told<'_>,
) -> Result<(), Failure> {
    let bar = if std::io::stderr().is_terminal() && !context.global.quiet {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    let mut early = BTreeMap::new();
    let mut at = 0;
    loop {
        match results.recv_timeout(PROGRESS_INTERVAL) {
            Ok((place, found)) => drop(early.insert(place, found)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        bar.set_message(format!(
            "verifying {at} of {}, {}",
            counted(targets.len() as u64, "run", "runs"),
            megabytes(bytes.load(Ordering::Relaxed))
        ));
        while let Some(found) = early.remove(&at)
            && let Some(target) = targets.get(at)
        {
            bar.suspend(|| told.tell(target, found))?;
            at += 1;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(bytes / 1_000_000))
}

/// What was said so far.
struct Told<'a> {
    context: &'a Context,
    paint: Paint,
    runs: usize,
    /// Only what is not complete is told one by one, and a sum at the end.
    many: bool,
    complete: u64,
    running: u64,
    wrong: u64,
    bytes: u64,
    json: Vec<String>,
}

impl<'a> Told<'a> {
    fn new(context: &'a Context, runs: usize, many: bool) -> Self {
        let paint = Paint::new(context.colour_stdout());
        Told {
            context,
            paint,
            runs,
            many,
            complete: 0,
            running: 0,
            wrong: 0,
            bytes: 0,
            json: Vec::new(),
        }
    }

    fn tell(&mut self, target: &Target, found: Found) -> Result<(), Failure> {
        let found = match found {
            Ok(found) => found,
            Err(ReadError::RunNotFound { .. }) => return self.tell_absent(target),
            Err(error) => return Err(error.into()),
        };
        self.bytes += found.record.bytes;
        match found.state {
            _ if found.is_wrong() => self.wrong += 1,
            RunState::Running => self.running += 1,
            RunState::Complete | RunState::Incomplete { .. } => self.complete += 1,
        }
        let number = target.row.as_ref().map(|row| row.number.to_string());
        let mut out = std::io::stdout().lock();
        match self.context.global.output {
            Output::Human | Output::Raw => {
                let all = !self.many || 0 < self.context.global.verbose;
                if all || found.word() != "complete" {
                    out.write_all(self.text(target, &found, all).as_bytes())?;
                }
            }
            Output::Json => self.json.push(json(&Proof::new(&found, number))?),
            Output::Jsonl => writeln!(out, "{}", json(&Proof::new(&found, number))?)?,
        }
        Ok(())
    }

    /// A run that ended and of which nothing is stored; one that never began has nothing to store.
    fn tell_absent(&mut self, target: &Target) -> Result<(), Failure> {
        let ended = target.row.as_ref().is_some_and(|row| row.summary.is_some());
        if !ended {
            self.runs -= 1;
            return Ok(());
        }
        self.wrong += 1;
        let text = "nothing is stored";
        let value = serde_json::json!({
            "job_run_id": target.id.as_str(),
            "number": target.short(),
            "state": "incomplete",
            "problems": [{"kind": "nothing_stored", "text": text}],
        });
        let mut out = std::io::stdout().lock();
        match self.context.global.output {
            Output::Human | Output::Raw => {
                writeln!(out, "run {}  {} ({text})", target.short(), self.paint.bad("incomplete"))?;
            }
            Output::Json => self.json.push(value.to_string()),
            Output::Jsonl => writeln!(out, "{value}")?,
        }
        Ok(())
    }

    fn text(&self, target: &Target, found: &Verification, all: bool) -> String {
        let job = target.row.as_ref().map(|row| row.job_label.to_string());
        let job = job.or_else(|| found.record.job_label.as_ref().map(ToString::to_string));
        let word = match found.word() {
            "complete" => self.paint.good("complete"),
            "running" => self.paint.warn("running"),
            other => self.paint.bad(other),
        };
        let mut lines = vec![format!(
            "run {}  {}  {word} {}/{} entries, {} bytes",
            target.short(),
            job.unwrap_or_default(),
            grouped(found.entries_stored),
            grouped(found.entries_sent),
            grouped(found.record.bytes),
        )];
        for problem in found.problems.iter().take(SHOWN_MAX) {
            lines.push(format!("  {} {problem}", self.paint.bad("✘")));
        }
        let more = found.problems.len().saturating_sub(SHOWN_MAX) as u64 + found.unlisted;
        if 0 < more {
            lines.push(format!("  and {more} more: -o json lists them"));
        }
        if all || found.is_wrong() {
            lines.extend(found.streams.iter().map(|proof| {
                let number = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), grouped);
                let hash = match proof.hash {
                    HashProof::Absent => "",
                    HashProof::Recorded => ", hash on record",
                    HashProof::Matches => ", hash matches",
                    HashProof::Differs => ", hash differs",
                };
                let (stored, read) = (number(proof.bytes_stored), number(proof.bytes_read));
                format!("  {}  {stored}/{read} bytes{hash}", proof.stream.as_str())
            }));
            lines.extend(found.notes.iter().map(|note| format!("  note: {note}")));
        }
        lines.join("\n") + "\n"
    }

    fn finish(self) -> Result<Exit, Failure> {
        let mut out = std::io::stdout().lock();
        match self.context.global.output {
            Output::Json => writeln!(out, "[{}]", self.json.join(","))?,
            Output::Human if self.many => {
                let mut line = format!(
                    "complete {}/{}, {}",
                    grouped(self.complete),
                    counted(self.runs as u64, "run", "runs"),
                    megabytes(self.bytes)
                );
                for (count, what) in [(self.wrong, "incomplete"), (self.running, "running")] {
                    if 0 < count {
                        line.push_str(&format_count(count, what));
                    }
                }
                writeln!(out, "{line}")?;
            }
            Output::Human | Output::Jsonl | Output::Raw => {}
        }
        Ok(if self.wrong == 0 { Exit::Done } else { Exit::JobsFailed })
    }
}

fn format_count(count: u64, what: &str) -> String {
    format!(", {} {what}", grouped(count))
}

fn json(proof: &Proof) -> Result<String, Failure> {
    serde_json::to_string(proof).map_err(|error| Failure::new(Exit::Bug, error))
}

/// What is missing from a run, for whoever shows the run: at most `SHOWN_MAX` lines.
pub(crate) fn problem_lines(found: &Verification) -> impl Iterator<Item = String> + '_ {
    found.problems.iter().take(SHOWN_MAX).map(Problem::to_string)
}
