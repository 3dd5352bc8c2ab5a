//! Every cap of the product, each with its reason. A queue, line, file, batch or loop without one is
//! a defect.

/// Longest piece of one output line that becomes one entry; longer lines become several entries.
///
/// Large enough for any stack trace that was looked at, small enough that 64 concurrent runs hold at
/// most 16 MiB in partial lines, and far below what line-oriented tools choke on.
pub const FRAGMENT_BYTES_MAX: usize = 256 << 10;

/// Most bytes of continuation lines (tracebacks, indented lines) that join one entry.
///
/// The same figure as a fragment: an entry is then never larger than about two fragments.
pub const JOINED_BYTES_MAX: usize = FRAGMENT_BYTES_MAX;

/// Longest line that the collector takes from a wrapper.
///
/// A fragment of control characters grows sixfold in JSON and is carried a second time in base64 if
/// it is not UTF-8; the envelope with 16 outputs adds a few KiB.
pub const ENTRY_LINE_BYTES_MAX: usize = 4 << 20;

/// Longest job run id, because it becomes a file name beside suffixes such as `.jsonl.zst`.
pub const JOB_RUN_ID_BYTES_MAX: usize = 128;

/// Longest job label: it becomes a metric label and a column on the screen.
pub const JOB_LABEL_BYTES_MAX: usize = 256;

/// Longest name of a pipeline of the log saver: it becomes a metric label, and a file name beside
/// suffixes such as `.checkpoint`.
pub const PIPELINE_NAME_BYTES_MAX: usize = 128;

/// Longest partition ref: an object-store key may have 1,024 bytes, the rest is scheme and bucket.
pub const PARTITION_REF_BYTES_MAX: usize = 2048;

/// Outputs are repeated on every entry up to this many; above it only on the first and on the
/// manifest, because a thousand outputs would make each log line a hundred kilobytes.
pub const OUTPUTS_PER_ENTRY_MAX: usize = 16;

/// How deep unknown JSON may nest before it is refused, so that input cannot exhaust the stack.
pub const JSON_DEPTH_MAX: usize = 64;

/// Entries answered when a request gives no limit.
pub const LOGS_LIMIT_DEFAULT: u32 = 1_000;

/// Most entries in one answer of the service; a client asks for the next page.
pub const LOGS_LIMIT_MAX: u32 = 10_000;

/// Longest search pattern, and the size that it may compile to: a pattern must not cost memory that
/// is out of proportion to the request.
pub const PATTERN_BYTES_MAX: usize = 1 << 10;
/// Compiled size of a search pattern, in bytes.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 1 << 20;
