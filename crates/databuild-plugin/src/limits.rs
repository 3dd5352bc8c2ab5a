//! Caps of strangers' code, each with its reason. What a pipeline may set itself stands here as a default.

use std::time::Duration;

/// Longest time until a process acknowledges what it was given, if nothing else is set.
///
/// A request to a slow service that is tried three times fits in; half of it does not, twice as long makes
/// a hung plugin look busy for a minute.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A process gets at least this long until it says hello: an interpreter loads its libraries from a cold
/// disk, however short its deadline is for events.
pub const START_TIME_MIN: Duration = Duration::from_secs(10);

/// Most bytes of memory of a process, if nothing else is set: three times what an interpreter with its
/// usual libraries takes.
pub const MEMORY_BYTES_MAX: u64 = 256 << 20;

/// Most open files of a process, if nothing else is set: a few connections and as many files.
pub const OPEN_FILES_MAX: u64 = 64;

/// Most processes and threads that a process may start, if nothing else is set: pools of two libraries.
pub const PROCESSES_MAX: u64 = 32;

/// Largest file that a process may write, if nothing else is set: ten times what people roll logs at.
pub const FILE_BYTES_MAX: u64 = 1 << 30;

/// Most events that are given to a process and not acknowledged, if nothing else is set. Half of it shows
/// in the rate of a plugin that waits for a service; twice as many are a second of events to give again.
pub const UNACKNOWLEDGED_MAX: u64 = 4096;

/// A batch is as large as this if its events are smaller: larger ones are not cheaper for anybody.
pub const BATCH_BYTES: usize = 256 << 10;

/// Longest frame from a process: the reason of an error, and not a page more.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Longest line of what a process says on standard error; longer ones come in pieces.
pub const COMPLAINT_BYTES_MAX: usize = 8 << 10;
