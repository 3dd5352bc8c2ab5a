//! What a run says while it goes on, added up on the collector's thread for whoever looks.

use super::process::Control;
use databuild_logs::collect::{BatchNote, RunWatch};
use databuild_model::ids::PartitionRef;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

/// What a run said so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Note {
    pub(super) progress: Option<String>,
    pub(super) warnings: u64,
    pub(super) errors: u64,
    pub(super) rows: Option<u64>,
}

/// The outputs that the manifest of a run names, if there is one.
pub(super) type Made = Option<Vec<PartitionRef>>;

/// Adds up what the collector tells.
pub(super) struct Tally {
    pub(super) note: Arc<Mutex<Note>>,
    pub(super) made: Arc<Mutex<Made>>,
    /// A wrapper that hears signals from its first entry on: before, one would kill it.
    pub(super) wrapper: Option<(Arc<Control>, OwnedFd)>,
}

impl RunWatch for Tally {
    fn on_batch(&mut self, batch: &BatchNote) {
        if let Some((control, wrapper)) = self.wrapper.take() {
            control.attach(Some(wrapper));
        }
        if let Some(outputs) = &batch.made {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.get_or_insert_default().extend_from_slice(outputs);
        }
        let mut note = self.note.lock().unwrap_or_else(PoisonError::into_inner);
        note.warnings += batch.warnings;
        note.errors += batch.errors;
        if batch.last_progress.is_some() {
            note.progress.clone_from(&batch.last_progress);
        }
        for point in batch.metrics.iter().filter(|point| point.name == ROWS_METRIC) {
            *note.rows.get_or_insert(0) += whole(point.value);
        }
    }
}

/// The metric by which a job says how many rows it worked through.
const ROWS_METRIC: &str = "rows_processed";

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range")]
fn whole(value: f64) -> u64 {
    if value.is_finite() { value.clamp(0.0, 2f64.powi(53)) as u64 } else { 0 }
}
