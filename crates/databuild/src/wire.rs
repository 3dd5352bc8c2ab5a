//! How log entries look on their way out: the one rendering behind `databuild logs -o json` and the
//! REST service, so that both give the same bytes for the same request.
//!
//! Input is always the stored JSON lines, each ended by a newline, as the reader hands them out; they
//! are copied, never printed anew. No I/O and no HTTP here.

pub(crate) mod array;
pub(crate) mod proof;
pub(crate) mod protobuf;
pub(crate) mod sse;
pub(crate) mod text;
pub(crate) mod when;

/// The lines of a stored buffer, without their newlines and without empty ones.
pub(crate) fn lines(stored: &[u8]) -> impl Iterator<Item = &[u8]> {
    stored.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}
