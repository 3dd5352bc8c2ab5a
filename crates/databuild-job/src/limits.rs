//! The wrapper's own caps and times, each with its reason. Those that others share are in
//! `databuild_model::limits`.

use std::time::Duration;

/// Most bytes taken by one read(2) of a stream: fits into the cache of a core, and 1,000 wrappers that
/// are busy at once fit into 2 GiB. More costs no less processor time.
pub(crate) const READ_BYTES: usize = 256 << 10;

/// Size asked for the job's pipes: a job that writes in bursts is then not stopped by us. The kernel
/// may refuse, which is fine.
pub(crate) const PIPE_BYTES: usize = 1 << 20;

/// When so many bytes wait for our own reader, nothing more is read from the job: back-pressure.
/// As much as one read makes.
pub(crate) const OUT_BYTES_SOFT: usize = 256 << 10;

/// How long a stream must be silent before the entry that might still grow is let go. Longer than
/// the gap between two writes of one traceback, shorter than what a person who follows notices.
pub(crate) const JOIN_SILENCE: Duration = Duration::from_millis(100);

/// Longest time that an entry is held while lines keep joining it.
pub(crate) const JOIN_HOLD_MAX: Duration = Duration::from_secs(1);

/// Of the states of a progress line, one in so much time is kept.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A progress line is reported before its interval when so many bytes of it are in no entry yet: a
/// spool that is full of them could never be emptied.
pub(crate) const PROGRESS_BYTES_MAX: u64 = 1 << 20;

/// What is left out of a stream is told when so many bytes of it are in no entry: a part of what the
/// smallest spool holds.
pub(crate) const LEFT_OUT_BYTES_MAX: u64 = 1 << 20;

/// The same after so long.
pub(crate) const LEFT_OUT_HOLD_MAX: Duration = Duration::from_secs(1);

/// The wall clock was set if it moved by so much more or less than the other one: nothing that
/// disciplines a clock without setting it does that between two looks.
pub(crate) const CLOCK_STEP_MIN: Duration = Duration::from_millis(500);

/// Time between two looks at the memory and CPU of the process tree. The first looks come sooner,
/// so that short jobs are measured too.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The first look, and the factor by which the wait grows until it is [`SAMPLE_INTERVAL`].
pub(crate) const SAMPLE_FIRST: Duration = Duration::from_millis(25);

/// Time between two rounds of SIGKILL: a process may have forked while the first was sent.
pub(crate) const KILL_AGAIN: Duration = Duration::from_millis(250);

/// Rounds of SIGKILL before we give up on processes that the kernel does not let go (state D).
pub(crate) const KILL_ROUNDS_MAX: u32 = 40;

/// Processes named one by one in `processes_left`; the count is always there.
pub(crate) const PROCESSES_NAMED_MAX: usize = 20;

/// Longest command line shown for a process, in bytes: enough to know it by.
pub(crate) const COMMAND_BYTES_MAX: usize = 200;

/// Most processes looked at in one walk over the tree; a fork bomb must not make us part of it.
pub(crate) const TREE_PROCESSES_MAX: usize = 50_000;

/// Most file names compared when a command was not found, over all folders of `PATH`.
pub(crate) const PATH_NAMES_MAX: usize = 20_000;

/// Default of `grace_ms`: what systemd and Kubernetes users are used to is 10 to 90 s; jobs that need
/// longer say so.
pub(crate) const GRACE_DEFAULT: Duration = Duration::from_secs(10);

/// Default of `drain_ms`: a helper process that flushes and ends needs less.
pub(crate) const DRAIN_DEFAULT: Duration = Duration::from_secs(5);

/// Default of `heartbeat_interval_ms`.
pub(crate) const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(30);

/// Shortest heartbeat interval: below it heartbeats would be a load of their own.
pub(crate) const HEARTBEAT_MIN: Duration = Duration::from_millis(10);

/// Longest time that can be asked for, so that arithmetic on deadlines cannot overflow.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// How long processes may take to be gone after the last of them has closed the job's streams.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

/// When our own output is a file on a full disk, it is tried again after so long.
pub(crate) const FULL_RETRY: Duration = Duration::from_millis(500);

/// Records of the kernel's log looked at for the word that it killed for memory.
pub(crate) const KERNEL_RECORDS_MAX: usize = 4096;

/// Bytes of a segment of the spool: few files for much output, and little to be kept after it is
/// stored. A smaller spool has smaller ones.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 4 << 20;

/// Below it files would be a load of their own.
pub(crate) const SEGMENT_BYTES_MIN: u64 = 64 << 10;

/// Default of `spool_bytes_max`: what a fast job prints in a tenth of a second, while 1,000 of them
/// fit on an ordinary disk.
pub(crate) const SPOOL_BYTES_DEFAULT: u64 = 64 << 20;

/// Least that a spool holds: several times what may have to be read before an entry can be made, and
/// what is stored between two marks; with less a job could wait for ever.
pub(crate) const SPOOL_BYTES_MIN: u64 = 4 << 20;

/// Marks kept of what entries stand for what bytes: more than any spool has segments.
pub(crate) const MARKS_MAX: usize = 4096;

/// When the spool takes nothing (a full disk, a fault), it is tried again after so long.
pub(crate) const SPOOL_RETRY: Duration = Duration::from_millis(500);

/// Time between two looks at the stored mark while the job waits for room in the spool: shorter than
/// what a fast job needs to fill a segment again.
pub(crate) const MARK_LOOK_FULL: Duration = Duration::from_millis(20);

/// The same while there is room.
pub(crate) const MARK_LOOK: Duration = Duration::from_secs(1);

/// Time between two looks at a file that the job writes and that has just grown.
pub(crate) const TAIL_FIRST: Duration = Duration::from_millis(10);

/// The most that it grows to while nothing comes: what a person who follows does not notice.
pub(crate) const TAIL_MAX: Duration = Duration::from_millis(160);

/// Time between two looks for processes of a run that are not descendants of ours: it is a walk over
/// all processes.
pub(crate) const LEFT_LOOK: Duration = Duration::from_millis(100);

/// How long a command that was just being started when its wrapper died may take to show itself.
pub(crate) const LAUNCH_SEARCH: Duration = Duration::from_secs(2);

/// Time between two looks for it.
pub(crate) const LAUNCH_LOOK: Duration = Duration::from_millis(5);
