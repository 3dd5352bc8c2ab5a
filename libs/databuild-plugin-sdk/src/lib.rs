//! The kit for log processors in Rust. A processor is a type with four methods; [`run`] does the rest:
//!
//! ```no_run
//! use databuild_plugin_sdk::{Event, Failure, Processor, Progress, Start, run};
//!
//! struct Count(u64);
//!
//! impl Processor for Count {
//!     fn initialize(&mut self, _start: &Start) -> Result<(), Failure> {
//!         Ok(())
//!     }
//!     fn process(&mut self, _event: &Event<'_>) -> Result<Progress, Failure> {
//!         self.0 += 1;
//!         Ok(Progress::Held)
//!     }
//!     fn flush(&mut self) -> Result<(), Failure> {
//!         Ok(())
//!     }
//!     fn destroy(&mut self) -> Result<(), Failure> {
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     run("count", env!("CARGO_PKG_VERSION"), Count(0))
//! }
//! ```
//!
//! Standard output belongs to the protocol (`docs/formats/plugin-protocol.md`); what is written on standard
//! error becomes the log of the plugin. Nothing here opens a file or starts a thread.

mod event;
mod serve;

pub use databuild_model as model;
pub use event::{Event, NotAnEntry};
pub use serve::{run, serve};

use serde_json::{Map, Value};

/// What a processor is told when it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// The pipeline.
    pub pipeline: String,
    /// What its owner has set.
    pub settings: Map<String, Value>,
}

impl Start {
    /// A setting that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }
}

/// How far a processor is with an event that it has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It is done when [`Processor::flush`] returns.
    Held,
    /// This event and all before it are where they belong, and durable.
    Done,
}

/// Why a processor cannot go on. It is started again, and gets what is not done once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may be otherwise when it is tried again.
    Transient {
        /// What happened.
        reason: String,
    },
    /// This event cannot be processed, however often it is tried.
    Poison {
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing will be otherwise before somebody changes something.
    Fatal {
        /// What happened.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
}

impl Failure {
    /// A failure that may pass.
    pub fn transient(reason: impl ToString) -> Failure {
        Failure::Transient { reason: reason.to_string() }
    }

    /// An event that cannot be processed.
    pub fn poison(reason: impl ToString) -> Failure {
        Failure::Poison { reason: reason.to_string() }
    }

    /// A failure that stays until somebody does what `remedy` says.
    pub fn fatal(reason: impl ToString, remedy: impl ToString) -> Failure {
        Failure::Fatal { reason: reason.to_string(), remedy: remedy.to_string() }
    }
}

/// What a plugin does with events.
pub trait Processor {
    /// Gets ready.
    fn initialize(&mut self, start: &Start) -> Result<(), Failure>;

    /// Takes one event. They come sorted by time, then run, then sequence number; those that are not are
    /// late.
    fn process(&mut self, event: &Event<'_>) -> Result<Progress, Failure>;

    /// Makes durable what was taken. Called about once a second.
    fn flush(&mut self) -> Result<(), Failure>;

    /// Lets go of everything. The last call; `flush` was called before.
    fn destroy(&mut self) -> Result<(), Failure>;
}
