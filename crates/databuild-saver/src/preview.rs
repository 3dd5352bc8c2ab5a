//! What a pipeline of files would write of what is stored: with its filter, order, layout and rolling, by the
//! processor that writes the files, into memory. Nothing is kept of it, and the pipeline does not notice.

use crate::consume::{Consumer, Ready};
use crate::event::{Due, Views};
use crate::files::FileProcessor;
use crate::lane::options;
use crate::limits;
use crate::settings::{FilesSettings, PipelineSettings};
use databuild_io::bus::{Bus, BusBatch, BusError, Cursor, From as BusFrom, Polled, Start, Waker};
use databuild_io::sink::model::ModelSink;
use databuild_model::time::Timestamp;
use databuild_plugin::processor::{
    Checkpointer, Done, LogEvent, LogProcessor, Loss, ProcessorError, ProcessorErrorKind,
    Properties,
};
use databuild_policy::commit::Outputs;
use databuild_policy::roll::keep::KeepPolicy;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Of what is stored.
#[derive(Debug, Clone)]
pub struct PreviewOptions {
    /// The project, whose name the application of a run is that names none.
    pub project: Arc<str>,
    /// From when on.
    pub start: Start,
    /// Of these runs alone.
    pub runs: Option<HashSet<String>>,
    /// At most so many events that the pipeline takes.
    pub events_max: u64,
    /// The time.
    pub now: Timestamp,
}

/// What would be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    /// Each file, rolled ones too, with what would be in it, before it is compressed.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Events in them.
    pub events: u64,
    /// Events that are gone already.
    pub missing: u64,
    /// There is more than what was asked for.
    pub more: bool,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The logs cannot be read.
    #[error("the logs cannot be read")]
    Read(#[from] BusError),
    /// The processor refused something.
    #[error("it cannot be rendered")]
    Render(#[from] ProcessorError),
}

impl PreviewError {
    /// What to do about it.
    pub fn remedy(&self) -> &str {
        match self {
            PreviewError::Read(error) => error.remedy(),
            PreviewError::Render(error) => error.remedy(),
        }
    }
}

/// What the pipeline of `settings`, whose files are as in `files`, would write of what `bus` brings.
pub fn preview(
    settings: &PipelineSettings,
    files: &FilesSettings,
    bus: Box<dyn Bus>,
    given: &PreviewOptions,
) -> Result<Preview, PreviewError> {
    let bus: Box<dyn Bus> = match &given.runs {
        Some(runs) => Box::new(OfRuns { bus, runs: runs.clone() }),
        None => bus,
    };
    let options = options(&given.project, settings, given.start);
    let mut consumer = Consumer::open(bus, options, None)?;
    let sink = ModelSink::new();
    let mut processor = FileProcessor::new(in_memory(files), Arc::new(sink.clone()));
    processor.initialize(&Properties::default(), &Outputs::default(), &mut Nowhere)?;
    let mut preview = Preview::default();
    let mut active = BTreeSet::new();
    let mut views = Views::default();
    loop {
        while !consumer.is_full() && !consumer.tally().is_caught_up {
            consumer.read(Duration::ZERO)?;
        }
        let left = given.events_max - preview.events;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(limits::BATCH_EVENTS_MAX);
        let full = limits::PREVIEW_BYTES_MAX <= processor.tally().bytes;
        if most == 0 || full {
            preview.more = 0 < consumer.waiting().0 || !consumer.tally().is_caught_up;
            break;
        }
        let caught_up = consumer.tally().is_caught_up;
        let ready = if caught_up { consumer.rest(most) } else { consumer.ready(most) };
        if ready.is_empty() && caught_up {
            break;
        }
        let take = |events: &[LogEvent<'_>]| {
            active.extend(events.iter().map(|event| {
                let mut path = String::new();
                files.path.render(&event.view, &mut path);
                path
            }));
            processor.process(events, given.now, &mut Nowhere)
        };
        let due: Vec<Due<'_>> = ready.iter().map(Ready::due).collect();
        views.with(&due, take)?;
        preview.events += ready.len() as u64;
        let last = ready.last().map_or(Done::AsBefore, |last| Done::Upto(last.position));
        consumer.acknowledge(last);
    }
    processor.destroy(given.now, Duration::ZERO, &mut Nowhere)?;
    preview.missing = consumer.tally().missing;
    let ending =
        files.archive.as_ref().and_then(|it| it.compression()).map_or("", |it| it.ending());
    preview.files = sink
        .files()
        .into_iter()
        .map(|(path, text)| {
            let path = files.shown(&path);
            let rolled = if active.contains(&path) { "" } else { ending };
            (path + rolled, text)
        })
        .collect();
    Ok(preview)
}

/// The same files, of which none is removed or compressed.
fn in_memory(files: &FilesSettings) -> FilesSettings {
    FilesSettings {
        archive: files.archive.as_ref().map(|it| it.uncompressed()),
        keep: KeepPolicy::default(),
        ..files.clone()
    }
}

/// Nothing is written down.
struct Nowhere;

impl Checkpointer for Nowhere {
    fn checkpoint(&mut self, _done: Done<'_>, _outputs: &Outputs) -> Result<(), ProcessorError> {
        Ok(())
    }

    fn reject(&mut self, position: u64, reason: &str) -> Result<(), ProcessorError> {
        Err(ProcessorError {
            kind: ProcessorErrorKind::Poison,
            what: reason.to_owned(),
            remedy: "mend the layout or the path".to_owned(),
            position: Some(position),
            source: None,
        })
    }

    /// Nobody else has the files.
    fn lost(&mut self, _loss: &Loss) {}
}

/// What a bus brings of some runs.
struct OfRuns {
    bus: Box<dyn Bus>,
    runs: HashSet<String>,
}

impl Bus for OfRuns {
    fn seek(&mut self, from: &BusFrom) -> Result<(), BusError> {
        self.bus.seek(from)
    }

    fn poll(&mut self, bytes_max: usize, wait: Duration) -> Result<Polled, BusError> {
        let mut polled = self.bus.poll(bytes_max, wait)?;
        // What is left out was there, so there may be more.
        polled.more |= !polled.batches.is_empty();
        let is_one = |source: &str| self.runs.contains(source);
        polled.batches.retain(|batch: &BusBatch| is_one(&batch.source));
        polled.missing.retain(|gone| is_one(&gone.source));
        Ok(polled)
    }

    fn commit(&mut self, cursor: &Cursor) -> Result<(), BusError> {
        self.bus.commit(cursor)
    }

    fn waker(&self) -> Arc<dyn Waker> {
        self.bus.waker()
    }
}

#[cfg(test)]
mod tests;
