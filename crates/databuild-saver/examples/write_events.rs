//! What laying out and writing takes of an event, once it is read and its turn has come: entries are read
//! first, and then given to the processor that writes files, again and again.
//!
//! `write_events BASE ROUNDS < ENTRIES`: files of 64 runs go into BASE, and are rolled at 10 MB. Prints
//! nanoseconds of processor time per event, as Linux tells it of the thread.

use databuild_io::sink::{LocalSink, Modes};
use databuild_model::entry::{JobLogEntry, Kind};
use databuild_model::json;
use databuild_model::time::Timestamp;
use databuild_plugin::processor::{
    Checkpointer, Done, Entity, LogEvent, LogProcessor, Loss, ProcessorError, Properties,
};
use databuild_policy::commit::Outputs;
use databuild_policy::layout::{Fields, Layout, LayoutEvent, LayoutOptions, with_event};
use databuild_policy::roll::RotationPolicy;
use databuild_policy::roll::keep::KeepPolicy;
use databuild_policy::roll::name::ArchiveName;
use databuild_policy::roll::period::Zone;
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_policy::route::path::PathTemplate;
use databuild_saver::files::FileProcessor;
use databuild_saver::settings::FilesSettings;
use std::error::Error;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const RUNS: usize = 64;
const BATCH: usize = 256;

/// Keeps no records.
struct Nowhere;

impl Checkpointer for Nowhere {
    fn checkpoint(&mut self, _done: Done<'_>, _outputs: &Outputs) -> Result<(), ProcessorError> {
        Ok(())
    }

    fn reject(&mut self, _position: u64, _reason: &str) -> Result<(), ProcessorError> {
        Ok(())
    }

    fn lost(&mut self, _loss: &Loss) {}
}

fn settings(base: &str) -> Result<FilesSettings, Box<dyn Error>> {
    let wrong = |problems: Vec<_>| format!("{problems:?}");
    let layout = "%d %-5level [%thread] %logger - %msg%n";
    let archive = ArchiveName::parse("{name}.%i{ext}", &Zone::UTC).map_err(wrong)?;
    let path = PathTemplate::parse(&format!("{base}/{{run}}.log")).map_err(wrong)?;
    Ok(FilesSettings {
        own: path.clone(),
        path,
        layout: Layout::parse(layout, &LayoutOptions::default()).map_err(wrong)?,
        rotation: RotationPolicy { bytes_max: Some(10_000_000), ..RotationPolicy::default() },
        archive: Some(ArchiveNaming::Dated(archive)),
        roll_on_start: false,
        keep: KeepPolicy { files: Some(1), ..KeepPolicy::default() },
        open_files_max: 1_024,
        close_idle: Duration::from_secs(1_800),
        file_mode: 0o640,
        folder_mode: 0o750,
    })
}

/// Nanoseconds for which this thread was on a processor.
fn on_processor() -> Result<u64, Box<dyn Error>> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(told.split(' ').next().unwrap_or_default().parse()?)
}

/// The event with texts that live as long as `entry`.
fn view<'a>(entry: &'a JobLogEntry, message: &'a str, run: &'a str) -> LayoutEvent<'a> {
    with_event(entry, |event| LayoutEvent {
        message,
        raw_message: message,
        thread: "worker-1",
        run,
        ..LayoutEvent::saying(event.timestamp, event.level, "")
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: write_events BASE ROUNDS < ENTRIES";
    let mut args = std::env::args_os().skip(1);
    let base = PathBuf::from(args.next().ok_or(usage)?);
    let rounds: usize = args.next().and_then(|it| it.to_str()?.parse().ok()).ok_or(usage)?;
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let entries: Vec<JobLogEntry> = input
        .split(|byte| *byte == b'\n')
        .filter_map(|line| json::read_entry(line).ok())
        .map(|(entry, _)| entry)
        .filter(|entry| entry.content.kind() == Kind::Log)
        .collect();
    let messages: Vec<String> =
        entries.iter().map(|entry| with_event(entry, |it| it.message.to_owned())).collect();
    let runs: Vec<String> = (0..RUNS).map(|run| format!("run-{run}")).collect();
    let events: Vec<LogEvent<'_>> = entries
        .iter()
        .zip(&messages)
        .zip(runs.iter().cycle())
        .zip(1..)
        .map(|(((entry, message), run), position)| LogEvent {
            position,
            sequence: entry.sequence_number,
            late: false,
            kind: Kind::Log,
            entity: Entity { project: "bench", app: "bench", job: "", run },
            line: b"",
            view: LayoutEvent { fields: Fields::NONE, ..view(entry, message, run) },
        })
        .collect();
    let now = events.iter().map(|event| event.view.timestamp).max().unwrap_or(Timestamp::MIN);
    let sink = Arc::new(LocalSink::open(&base, Modes::default())?);
    let mut processor = FileProcessor::new(settings(&base.display().to_string())?, sink);
    processor.initialize(&Properties::default(), &Outputs::default(), &mut Nowhere)?;
    // The first round opens the files.
    events.chunks(BATCH).try_for_each(|batch| processor.process(batch, now, &mut Nowhere))?;
    let before = on_processor()?;
    for _ in 0..rounds {
        events.chunks(BATCH).try_for_each(|batch| processor.process(batch, now, &mut Nowhere))?;
    }
    let took = on_processor()? - before;
    processor.destroy(now, Duration::ZERO, &mut Nowhere)?;
    let count = (events.len() * rounds).max(1) as u64;
    writeln!(std::io::stdout(), "{count} events, {} ns each", took / count)?;
    Ok(())
}
