//! The caps of planning, each with its reason.

/// Most partitions that one plan may hold, wanted and needed together.
///
/// A partition of a plan takes about 250 bytes, so this is half a gigabyte; more than this in one
/// request is a slip in a range, and the request says so instead of running out of memory.
pub const PLAN_PARTITIONS_MAX: usize = 2_000_000;

/// Most partitions that one pattern of a job's `in` may stand for, for one run of the job.
///
/// Ten years of hours. Above it a command line could not carry the names either.
pub const INPUTS_PER_TASK_MAX: usize = 100_000;

/// Most problems reported at once: a person fixes the first screen and asks again.
pub const PROBLEMS_MAX: usize = 100;

/// Builds, runs or partitions in one answer when a question gives no limit.
pub const ROWS_DEFAULT: u32 = 50;

/// Most builds, runs or partitions in one answer; the next page goes on after the last one.
pub const ROWS_MAX: u32 = 10_000;

/// Most events in one page: a few megabytes at the usual size of an event.
pub const EVENTS_PAGE_MAX: u32 = 10_000;

/// How many successful runs say how long a job usually takes: enough that one odd run does not
/// matter, few enough that a job that became slower is noticed within a month of days.
pub const USUAL_DURATION_RUNS: u32 = 20;

/// Tasks told in one event of a plan, so that no event is larger than about a hundred kilobytes.
pub const TASKS_PER_EVENT_MAX: usize = 500;

/// How much of the end of a wrapper's own complaints is looked at for its last line.
pub const COMPLAINT_BYTES_MAX: u64 = 4 << 10;

/// Most jobs that one build runs at once: each is a thread, a process tree and two or three open
/// files, and far more than any machine has cores.
pub const PARALLEL_MAX: usize = 1_024;

/// How many wrappers of one run may die before nobody goes on with it: six accidents in one run are
/// none, and with the waits between them it takes a few seconds to say so.
pub const WRAPPER_DEATHS_MAX: u32 = 6;

/// Patterns of a request that are recorded with the build: what a person typed, not what a script
/// listed; the partitions themselves are in the plan.
pub const WANTED_RECORDED_MAX: usize = 1_000;

/// Most bytes that a `needs` command may print: more than 100,000 names of partitions are long.
pub const NEEDS_BYTES_MAX: usize = 16 << 20;

/// How much of what a `needs` command complains about is kept: its last line is shown.
pub const NEEDS_COMPLAINT_BYTES_MAX: usize = 8 << 10;
