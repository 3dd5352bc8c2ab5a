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
