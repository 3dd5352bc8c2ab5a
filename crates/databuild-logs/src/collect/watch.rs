//! What is told, while it runs, to whoever watches a run.

use databuild_model::entry::MetricPoint;
use databuild_model::ids::PartitionRef;

/// Sees a run as it is collected.
pub trait RunWatch: Send {
    /// Called on the collector's thread after a batch was written; must not block.
    fn on_batch(&mut self, note: &BatchNote);
}

/// What was in a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchNote {
    /// Entries.
    pub entries: u64,
    /// Log entries of level WARN.
    pub warnings: u64,
    /// Log entries of level ERROR and FATAL.
    pub errors: u64,
    /// What the last `progress` event said, as its metadata: `done/total` and a message, or the
    /// values in order.
    pub last_progress: Option<String>,
    /// The measurements, up to [`crate::limits::NOTE_METRICS_MAX`].
    pub metrics: Vec<MetricPoint>,
    /// The outputs that a manifest names; `None` if there was no manifest.
    pub made: Option<Vec<PartitionRef>>,
}
