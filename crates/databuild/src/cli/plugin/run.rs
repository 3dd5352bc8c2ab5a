//! `databuild plugin run`: gives a plugin the entries on stdin, as the log saver would.

use super::{confiner, process_settings, properties};
use crate::cli::args::PluginRunArgs;
use crate::cli::context::Context;
use crate::cli::outcome::{Exit, Failure};
use crate::render::times::counted;
use databuild_model::entry::JobLogEntry;
use databuild_model::json::read_entry;
use databuild_plugin::process::PluginProcess;
use databuild_plugin::processor::{
    Checkpointer, Done, Entity, LogEvent, LogProcessor, Loss, ProcessorError, ProcessorErrorKind,
};
use databuild_policy::commit::Outputs;
use databuild_policy::layout::with_event;
use std::io::{BufRead, Write};
use std::time::Duration;

/// The project whose events they seem to be.
const PROJECT: &str = "try";

/// Events until a flush, where the log saver would flush once a second.
const FLUSH_EVENTS: u64 = 1000;

/// Remembers what is done, for the summary.
#[derive(Default)]
struct Acknowledged(u64);

impl Checkpointer for Acknowledged {
    fn checkpoint(&mut self, done: Done<'_>, _outputs: &Outputs) -> Result<(), ProcessorError> {
        match done {
            Done::AsBefore => {}
            Done::Upto(position) => self.0 = position,
            Done::These(positions) => self.0 += u64::try_from(positions.len()).unwrap_or(0),
        }
        Ok(())
    }

    fn reject(&mut self, position: u64, reason: &str) -> Result<(), ProcessorError> {
        Err(ProcessorError {
            kind: ProcessorErrorKind::Poison,
            what: reason.to_owned(),
            remedy: String::new(),
            position: Some(position),
            source: None,
        })
    }

    /// A program has no files that we know of.
    fn lost(&mut self, _loss: &Loss) {}
}

/// Runs the plugin until stdin ends.
pub(super) fn run(args: &PluginRunArgs, context: &Context) -> Result<Exit, Failure> {
    let settings = process_settings(&args.start, context)?;
    let (properties, deadline) = (properties(&settings), settings.deadline);
    let complaints = Box::new(|line: &[u8]| {
        let mut err = std::io::stderr().lock();
        // Nobody is left to tell if stderr is gone too.
        err.write_all(line).and_then(|()| err.write_all(b"\n")).ok();
    });
    let clock = context.shared_clock();
    let mut plugin = PluginProcess::new(settings, confiner()?, clock, complaints);
    let mut done = Acknowledged::default();
    let given = feed(&mut plugin, &properties, deadline, &mut done, context);
    if !context.global.quiet {
        let (name, version) = plugin
            .about()
            .map_or(("?", "?"), |about| (about.name.as_str(), about.version.as_str()));
        let words = counted(done.0, "event", "events");
        let mut err = std::io::stderr().lock();
        writeln!(err, "{} {}: {words} acknowledged", name.escape_debug(), version.escape_debug())?;
    }
    given.map(|()| Exit::Done)
}

fn feed(
    plugin: &mut PluginProcess,
    properties: &databuild_plugin::processor::Properties,
    deadline: Duration,
    done: &mut Acknowledged,
    context: &Context,
) -> Result<(), Failure> {
    use databuild_model::clock::Clock;
    let now = || context.clock.wall();
    plugin.initialize(properties, &Outputs::default(), done).map_err(failed)?;
    let mut position = 0;
    for (number, line) in (1_u64..).zip(std::io::stdin().lock().split(b'\n')) {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (entry, _) = read_entry(&line).map_err(|error| {
            let error = anyhow::Error::new(error).context(format!("line {number} is no entry"));
            Failure::new(Exit::Usage, error)
                .remedy("`databuild logs -o jsonl` prints entries; docs/formats/entry.md says what they are")
        })?;
        position += 1;
        with_event(&entry, |view| {
            let event = LogEvent {
                position,
                sequence: entry.sequence_number,
                late: false,
                kind: entry.content.kind(),
                entity: entity(&entry),
                line: line.trim_ascii(),
                view: *view,
            };
            plugin.process(&[event], now(), done)
        })
        .map_err(failed)?;
        if position.is_multiple_of(FLUSH_EVENTS) {
            plugin.flush(now(), done).map_err(failed)?;
        }
    }
    plugin.flush(now(), done).map_err(failed)?;
    plugin.destroy(now(), deadline, done).map_err(failed)
}

fn entity(entry: &JobLogEntry) -> Entity<'_> {
    Entity {
        project: PROJECT,
        app: entry.app.as_ref().map_or("", |app| app.as_str()),
        job: entry.job_label.as_ref().map_or("", |job| job.as_str()),
        run: entry.job_id.as_str(),
    }
}

/// A plugin that is at fault, or a command that cannot be run.
fn failed(error: ProcessorError) -> Failure {
    let exit = match error.kind {
        ProcessorErrorKind::Transient | ProcessorErrorKind::Poison | ProcessorErrorKind::Fenced => {
            Exit::JobsFailed
        }
        ProcessorErrorKind::Fatal => Exit::Config,
    };
    let at = error.position.map(|at| format!(" (event {at})")).unwrap_or_default();
    let remedy = error.remedy().to_owned();
    let error = anyhow::Error::new(error).context(format!("the plugin has failed{at}"));
    let failure = Failure::new(exit, error);
    if remedy.is_empty() { failure } else { failure.remedy(remedy) }
}
