//! The caps of the store, each with its reason. Those that others must know are in the model.

use std::time::Duration;

/// Bytes taken from a pipe by one read: the largest pipe that an unprivileged process may have.
pub const READ_BYTES_MAX: usize = 1 << 20;

/// Index rows stand for blocks of at least this many bytes: a hundredth of a percent of the data is
/// index, and a block costs tens of microseconds to scan.
pub const BLOCK_BYTES_MIN: u64 = 64 << 10;

/// Blocks of a run's index that are written together: a mebibyte of entries, which a reader of a run that
/// is under way looks through in a millisecond. Until then most runs have ended, and their index is made
/// by one write; with each block of its own a second file of every run is written all the time.
pub const INDEX_BLOCKS_TOGETHER: usize = 16;

/// Largest record of an index or a journal. A block is at most one block's minimum and one line;
/// even if all its lines were warnings, its postings take less than half of it.
pub const RECORD_BYTES_MAX: usize = 4 << 20;

/// Bytes that are hashed at once. The hash takes eight pieces of a kibibyte side by side, several times
/// faster than one after another; up to so many bytes of each open run wait for more to come.
pub const HASH_BYTES: usize = 8 << 10;

/// Threads that sync files. The file system commits what arrives together in one go, so a sync costs
/// the same few milliseconds alone as in company; more threads than this no longer help.
pub const SYNC_THREADS_MAX: usize = 16;

/// The longest wait for more from a pipe that trickles, as long as few do: whoever follows a run sees
/// a line within a quarter of a second.
pub const BATCH_WAIT_MAX: Duration = Duration::from_millis(250);

/// The longest wait for more from a pipe that trickles in a crowd: what is left of
/// [`REFRESH_INTERVAL_MAX`] is for the way to the disk. At 36 KB a second, as of a job that prints a
/// hundred lines, a pipe is less than half full by then.
pub const BATCH_WAIT_CROWD_MAX: Duration = Duration::from_millis(750);

/// How much longer each pipe waits for every one that trickles. A look, an append and their part of a
/// sync cost what fifty lines cost; a third of this would make hundreds of jobs pay more for that than
/// for what they say, and three times of this would delay dozens of them.
pub const BATCH_WAIT_PER_PIPE: Duration = Duration::from_millis(3);

/// Waits shorter than this cost more than they save.
pub const BATCH_WAIT_MIN: Duration = Duration::from_millis(1);

/// Runs that may wait to be taken up by the collector's thread. It takes them between two batches,
/// so this is only ever approached when thousands of runs start in the same millisecond.
pub const NEW_RUNS_MAX: usize = 1024;

/// Runs written at once by one collector. Each has a pipe, which has to stay open, and two files, which
/// may rest; with those in [`FILES_AWAKE_MAX`] they fit into 20,000 descriptors, and leave some.
pub const RUNS_OPEN_MAX: usize = 10_000;

/// Files of runs that have a descriptor at once: one part in so many of what the process may have. A
/// file that was closed costs some microseconds more at its next line, so half as many would do; twice as
/// many leave no room for the pipes of [`RUNS_OPEN_MAX`] runs.
pub const FILES_AWAKE_PART: u64 = 4;
/// See [`FILES_AWAKE_PART`]: no more than this, whatever the process may have.
pub const FILES_AWAKE_MAX: usize = 5_000;

/// Collectors that write into one store at the same time, each with its own journal.
pub const COLLECTORS_MAX: u16 = 4_096;

/// Most metric points handed to a watcher with one batch; the file has all of them.
pub const NOTE_METRICS_MAX: usize = 4_096;

/// The longest that an entry may stay without a sync, whatever was asked for: what the product
/// promises for a power cut.
pub const REFRESH_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// From this many files that are due at once on, the whole file system is synced in their place. It
/// takes along what jobs have written, so a few files are better synced alone; but hundreds of
/// syncs a second cost more than all the rest of collecting.
pub const SYNC_ALL_RUNS_MIN: usize = 48;

/// Syncs of runs that may be on their way when another round of them begins: one that takes long,
/// because its run has written much, does not hold up the end of another.
pub const SYNCS_AHEAD_MAX: usize = 2;

/// An error after this long without a sync is synced at once; when errors follow each other faster,
/// those of so much time go together. Otherwise a job that prints nothing but errors would keep the
/// disk busy with a few hundred syncs a second.
pub const SYNC_GAP_MIN: Duration = Duration::from_millis(100);

/// The same for rounds in which the whole file system is synced: what a crowd says is read only four
/// times a second.
pub const SYNC_ALL_GAP_MIN: Duration = Duration::from_millis(250);

/// Runs that the metrics follow at once: those that are open, and the few that a crash left open.
pub const METRIC_RUNS_MAX: usize = 4 * RUNS_OPEN_MAX;

/// The stored mark in a spool is written when this much was stored since: a small part of what a spool
/// holds, and a write that nobody notices.
pub const MARK_BYTES: u64 = 1 << 20;

/// Without syncs by the clock, a run with a spool is synced when this much of it was stored, so that
/// its spool, which may hold a few times as much, can be emptied.
pub const SPOOL_SYNC_BYTES: u64 = 4 << 20;

/// Bytes of a run that are kept in memory until they are durable: what most runs say in a second. A run
/// that says more relies on the kernel's memory and on its spool, and 10,000 runs hold at most 640 MiB.
pub const RETAINED_BYTES_MAX: usize = 64 << 10;

/// Buffers of [`RETAINED_BYTES_MAX`] or less that wait for another run: as many runs as trickle on a
/// machine of the size that this is made for, and 16 MiB at most.
pub const RETAINED_SPARE_MAX: usize = 256;

/// After so many failures of a file in a row the collector says that it is not well.
pub const FAILURES_READY_MAX: u32 = 3;

/// Longest description of a run in its spool: the configuration of a wrapper, whose command and variables
/// the system bounds to a few mebibytes.
pub const SPOOL_RUN_BYTES_MAX: u64 = 64 << 20;

/// Space kept back for seals, journals and the build event log: the ends of ten thousand runs. Of a disk
/// that is small, one part in [`RESERVE_PART`] of it.
pub const RESERVE_BYTES: u64 = 8 << 20;
/// See [`RESERVE_BYTES`].
pub const RESERVE_PART: u64 = 16;

/// Runs that a recovery puts right by the same two syncs: a sync of the file system takes it tens of
/// milliseconds, however little there is to sync, so ten thousand runs should need few. A recovery holds
/// a file of each of twice as many, in a process that has just begun: this part of all that it may have
/// open.
pub const RECOVERED_FILES_PART: u64 = 4;
/// See [`RECOVERED_FILES_PART`]. A thousand files are all that most systems give without being asked.
pub const RECOVERED_TOGETHER_MIN: usize = 64;
/// See [`RECOVERED_FILES_PART`]. More gain nothing, and what they have to be told is kept in memory.
pub const RECOVERED_TOGETHER_MAX: usize = 4_096;

/// Threads by which runs are looked at after a crash: the kernel lets few of them into one folder at once.
pub const RECOVERY_THREADS: usize = 4;

/// Fewer runs than this are looked at by one thread: it takes them milliseconds.
pub const LOOKED_AT_ALONE_MAX: usize = 64;

/// Files looked at, at once, to learn how much the store takes: some milliseconds of a thread that has
/// nothing else to do in its second, and a store of a million files is known after ten minutes.
pub const USAGE_FILES_AT_ONCE: usize = 2_000;

/// Runs of the earliest day whose first entries are looked at: names of ours are in the order of time, so
/// one would do; others have few runs a day or are exact to the day.
pub const USAGE_FIRST_RUNS: usize = 16;
