//! Entries as JSON lines: a strict writer and a lenient reader. Page: `docs/formats/entry.md`.
//!
//! The writer has one spelling for everything. The reader takes what other wrappers write (any key
//! order, `path` or `str` or a bare ref, a flat `content`, numbers as strings) and says what it had
//! to overlook; only a line that cannot be an entry at all is an error.

pub mod read;
pub mod write;

pub use read::{Problem, ReadError, read_entry};
pub use write::{write_entry, write_string};

#[cfg(test)]
pub(crate) mod tests;
