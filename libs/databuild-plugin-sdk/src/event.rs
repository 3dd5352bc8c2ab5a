//! An event as a processor sees it.

use databuild_model::entry::{Content, JobLogEntry};
use databuild_model::json::{ReadError, read_entry};
use databuild_model::plugin_frame::TakenEvent;

/// One event.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    taken: TakenEvent<'a>,
}

/// An event whose entry is of a form that this version does not read.
#[derive(Debug)]
pub struct NotAnEntry(ReadError);

impl std::fmt::Display for NotAnEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not an entry: {}", self.0)
    }
}

impl std::error::Error for NotAnEntry {}

impl<'a> Event<'a> {
    pub(crate) fn new(taken: TakenEvent<'a>) -> Event<'a> {
        Event { taken }
    }

    /// Its place since the plugin was started. Another start counts anew.
    pub fn position(&self) -> u64 {
        self.taken.position
    }

    /// Its number within its run. With the run it names the event for ever: after a crash it may come again.
    pub fn sequence(&self) -> u64 {
        self.taken.sequence
    }

    /// `log`, `metric`, `event` or `manifest`.
    pub fn kind(&self) -> &str {
        &self.taken.kind
    }

    /// The project.
    pub fn project(&self) -> &str {
        &self.taken.project
    }

    /// The application.
    pub fn app(&self) -> &str {
        &self.taken.app
    }

    /// The job; empty if there is none.
    pub fn job(&self) -> &str {
        &self.taken.job
    }

    /// The job run.
    pub fn run(&self) -> &str {
        &self.taken.run
    }

    /// Whether events with a later time may have come before it.
    pub fn is_late(&self) -> bool {
        self.taken.late
    }

    /// The entry as it is stored: one JSON object.
    pub fn json(&self) -> &'a str {
        self.taken.entry.get()
    }

    /// The entry.
    pub fn entry(&self) -> Result<JobLogEntry, NotAnEntry> {
        read_entry(self.json().as_bytes()).map(|(entry, _)| entry).map_err(NotAnEntry)
    }

    /// The text of a log line; `None` for all else.
    pub fn message(&self) -> Option<String> {
        match self.entry().ok()?.content {
            Content::Log(log) => Some(log.message),
            Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
        }
    }
}
