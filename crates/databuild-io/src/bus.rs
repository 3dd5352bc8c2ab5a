//! What brings stored entries to the log saver, in the order in which they became durable: the journal of
//! this machine's store, or topics of a broker. The trait, its errors, the suite that every implementation
//! passes, and one in memory for tests.

pub mod contract;
pub mod model;

use databuild_model::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How far a reader is, by stream: where it goes on. A stream that is absent begins at its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor(pub BTreeMap<String, u64>);

/// Where a reader that has no cursor begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With all that there is.
    Beginning,
    /// With what comes from now on.
    End,
    /// With what became durable at this time or later; some of what is earlier may come, too.
    Since(Timestamp),
}

/// Where to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// Where an earlier reader was.
    Cursor(Cursor),
    /// Anew.
    Start(Start),
}

/// Entries of one source that became durable together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusBatch {
    /// The stream that brings it: a journal, a partition of a topic.
    pub stream: Arc<str>,
    /// Where it stands in the stream.
    pub offset: u64,
    /// Where the stream goes on after it: behind `offset`, or at `offset` itself if what stands there is given
    /// in several batches and this is not the last. From there all of them come again.
    pub next: u64,
    /// Whose entries they are: a job run.
    pub source: Arc<str>,
    /// When they became durable.
    pub journalled: Timestamp,
    /// The place of the first entry within its source; the following ones count on. A place names the same
    /// entry for ever, however often it is brought.
    pub first_place: u64,
    /// The entries as they are stored: one line each, with its line feed. As they were read, so that nothing
    /// is copied to be shared.
    pub lines: Arc<Vec<u8>>,
    /// The source has nothing more to say.
    pub ended: bool,
}

/// What came of one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Polled {
    /// What is new, in order within each stream.
    pub batches: Vec<BusBatch>,
    /// All that became durable before this moment was given, now or earlier; the least moment if that is
    /// not known.
    pub complete_until: Option<Timestamp>,
    /// Entries that were there and are gone: retention was faster, or somebody removed files.
    pub missing: Vec<Missing>,
    /// Streams that are not what the cursor was of: they were made anew, are read from their beginning, and
    /// bring again what they brought before.
    pub anew: Vec<Arc<str>>,
    /// Whether there was more than was asked for, so that asking again at once is worth it.
    pub more: bool,
}

/// Entries that are gone before they could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The stream that told of them.
    pub stream: Arc<str>,
    /// Where in it.
    pub offset: u64,
    /// Where the stream goes on.
    pub next: u64,
    /// Whose they were.
    pub source: Arc<str>,
    /// The place of the first of them.
    pub first_place: u64,
    /// How many.
    pub entries: u64,
    /// When they became durable.
    pub journalled: Timestamp,
    /// The source has nothing more to say.
    pub ended: bool,
}

/// A reader of what was stored. Each reader has a place of its own: readers never wait for one another.
pub trait Bus: Send {
    /// Goes to a place; what was read before does not count any more.
    fn seek(&mut self, from: &From) -> Result<(), BusError>;

    /// What is new, at most about `bytes_max` bytes of it but at least one batch. If nothing is, waits up to
    /// `wait`, or until [`Waker::wake`] is called.
    fn poll(&mut self, bytes_max: usize, wait: Duration) -> Result<Polled, BusError>;

    /// What is before `cursor` will not be asked for again. A hint: forgetting it costs nothing but space.
    fn commit(&mut self, cursor: &Cursor) -> Result<(), BusError>;

    /// What ends a wait from another thread.
    fn waker(&self) -> Arc<dyn Waker>;
}

/// Ends the wait of a [`Bus`].
pub trait Waker: Send + Sync {
    /// The wait that is going on, or else the next one, ends at once.
    fn wake(&self);
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {what}")]
pub struct BusError {
    /// What was to be read.
    pub what: String,
    /// Whether trying again may help.
    pub transient: bool,
    /// What is wrong with it.
    #[source]
    pub source: std::io::Error,
}

impl BusError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        if self.transient {
            "look at the disk or the broker; the saver tries again by itself"
        } else {
            "update databuild: a later version wrote this"
        }
    }
}
