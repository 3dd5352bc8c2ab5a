//! The binary files beside the entries: the index of a run and the journal of a collector.
//!
//! Bytes to values and back, nothing else: no file is touched here. Both files are a header and then
//! records with a checksum each ([`frame`]), only ever appended to. Whatever a file holds, reading it
//! gives the records up to the first that is not whole, and where that is. Pages:
//! `docs/formats/run-index.md`, `docs/formats/journal.md`.

pub mod archive;
pub mod bytes;
pub mod frame;
pub mod index;
pub mod journal;
pub mod metrics_state;
pub mod record;

pub use index::{Block, IndexHeader, IndexRow, Posting, RunIndex};
pub use journal::{BatchRecord, JournalRecord};
pub use metrics_state::MetricsState;
pub use record::{RunEnd, RunRecord};
