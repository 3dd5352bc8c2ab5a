//! Caps of the saver, each with its reason.

use std::time::Duration;

/// Read from the bus at once. Half of it costs more calls, twice of it only memory.
pub(crate) const POLL_BYTES: usize = 1 << 20;

/// Most events that a processor gets at once: enough that a call costs nothing per event, few enough that a
/// stop or a flush is not held up.
pub(crate) const BATCH_EVENTS_MAX: usize = 256;

/// Most bytes of entries that a processor gets at once, for events that are large.
pub(crate) const BATCH_BYTES_MAX: usize = 2 << 20;

/// Most bytes of events that wait for their turn in one pipeline, unless its owner sets another number:
/// two seconds of eight megabytes each.
pub const WINDOW_BYTES_DEFAULT: usize = 16 << 20;

/// A checkpoint file is begun anew beyond this: some thousand records, read in a few milliseconds.
pub(crate) const CHECKPOINT_BYTES_MAX: u64 = 1 << 20;

/// Longest checkpoint file that is read: one record of a hundred thousand open runs is 10 MiB.
pub(crate) const CHECKPOINT_READ_BYTES_MAX: usize = 256 << 20;

/// Appended to a file at once.
pub(crate) const WRITE_BYTES: usize = 64 << 10;

/// Text of a preview, which is held in memory: more than anybody reads.
pub(crate) const PREVIEW_BYTES_MAX: u64 = 64 << 20;

/// Bytes of all files of a pipeline that are rendered and not appended.
pub(crate) const BUFFERED_BYTES_MAX: usize = 8 << 20;

/// Paths that are remembered besides those that are open; beyond it they are rendered anew, which costs little.
pub(crate) const PATHS_KEPT_MAX: usize = 16_384;

/// Files synced at the same time: a disk does not take more, and each needs a thread.
pub(crate) const SYNCS_AT_ONCE: usize = 8;

/// Archives that wait to be compressed; beyond it a roll finds them again later by reading the folder.
pub(crate) const COMPRESSIONS_QUEUED: usize = 1_024;

/// Read of an archive at once while it is compressed.
pub(crate) const COMPRESS_READ_BYTES: usize = 1 << 20;

/// How often retention looks at folders in which nothing is rolled.
pub(crate) const KEEP_EVERY: Duration = Duration::from_secs(3_600);

/// A dead-letter file is not appended to beyond this: a pipeline that sets everything aside has to be
/// looked at by a person.
pub(crate) const DEAD_LETTER_BYTES_MAX: u64 = 256 << 20;
