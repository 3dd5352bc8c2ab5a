//! `LogProcessor`: what gets the events of one pipeline in order, and says which of them are done.

use databuild_model::entry::Kind;
use databuild_model::time::Timestamp;
use databuild_policy::commit::Outputs;
use databuild_policy::layout::LayoutEvent;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// Whose event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entity<'a> {
    /// The project.
    pub project: &'a str,
    /// The application.
    pub app: &'a str,
    /// The job; empty if there is none.
    pub job: &'a str,
    /// The job run.
    pub run: &'a str,
}

/// One event on its way through a pipeline.
#[derive(Debug, Clone, Copy)]
pub struct LogEvent<'a> {
    /// Its place in this pipeline: greater than that of the event before, from 1 at each start.
    pub position: u64,
    /// Its number within its run; together with the run it names the event for ever.
    pub sequence: u64,
    /// Events with a later time may have come before it.
    pub late: bool,
    /// What it carries.
    pub kind: Kind,
    /// Whose it is.
    pub entity: Entity<'a>,
    /// The entry as it is stored, without its line feed.
    pub line: &'a [u8],
    /// The entry as a layout sees it.
    pub view: LayoutEvent<'a>,
}

/// What a processor is told when it starts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Properties {
    /// The pipeline.
    pub pipeline: String,
    /// What its owner has set for the processor.
    pub settings: Map<String, Value>,
}

/// Which events are done: they will not come again, whatever happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done<'a> {
    /// As far as it was before.
    AsBefore,
    /// All up to and with this position.
    Upto(u64),
    /// These positions, in any order, and what was done before.
    These(&'a [u64]),
}

/// Writes down how far a processor is.
pub trait Checkpointer {
    /// Writes one record, synced when this returns: which events are done, and what the outputs are that
    /// belong to that. What `done` names must be durable already.
    fn checkpoint(&mut self, done: Done<'_>, outputs: &Outputs) -> Result<(), ProcessorError>;

    /// The event at `position`, which is not done, cannot be processed. If its owner wants that, it is set
    /// aside with the reason and counts as done; else this is the error to fail with.
    fn reject(&mut self, position: u64, reason: &str) -> Result<(), ProcessorError>;

    /// What was written and recorded earlier is not there any more. Told when it is found, before a record
    /// forgets it; so after a crash it may be told twice.
    fn lost(&mut self, loss: &Loss);
}

/// A file of which somebody else has taken something away that was written and recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The file, as a person would look for it.
    pub path: String,
    /// How long it was.
    pub written: u64,
    /// How long it is; 0 if it is gone.
    pub left: u64,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { path, written, left } = self;
        write!(f, "{path} had {written} bytes and has {left}: ")?;
        f.write_str("somebody else has removed, renamed or shortened it")
    }
}

/// What processes the events of one pipeline. Called by one thread, one call at a time.
///
/// A processor whose call fails or panics is dropped without [`LogProcessor::destroy`]; a new one is
/// initialized later with what the last record says, and gets all events again that it does not name.
pub trait LogProcessor: Send {
    /// Gets ready. `recovered` is what the last record says of the outputs: what they have beyond it
    /// will come again.
    fn initialize(
        &mut self,
        properties: &Properties,
        recovered: &Outputs,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError>;

    /// Takes events, sorted by time, then run, then sequence number; those that are not are marked late.
    fn process(
        &mut self,
        events: &[LogEvent<'_>],
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError>;

    /// Makes what was taken durable and writes a record that says so. Called about once a second, also
    /// when there was nothing to take.
    fn flush(
        &mut self,
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError>;

    /// What it has done so far.
    fn tally(&self) -> Tally;

    /// Flushes and ends, within `deadline`.
    fn destroy(
        &mut self,
        now: Timestamp,
        deadline: Duration,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError>;
}

/// What a processor has done since it was initialized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Files that were rolled.
    pub rotations: u64,
    /// Bytes that it wrote.
    pub bytes: u64,
    /// Files that are open.
    pub open_files: u64,
    /// Events that it refused, one by one, without failing.
    pub rejected: u64,
}

/// What an error wants to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProcessorErrorKind {
    /// It may be otherwise when it is tried again.
    Transient,
    /// One event cannot be processed, however often it is tried.
    Poison,
    /// Somebody else has taken the pipeline over.
    Fenced,
    /// Nothing will be otherwise before somebody changes something.
    Fatal,
}

/// Why a processor did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct ProcessorError {
    /// What it wants.
    pub kind: ProcessorErrorKind,
    /// What happened, and where.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// The event at fault, if one is.
    pub position: Option<u64>,
    /// What is behind it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ProcessorError {
    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}
