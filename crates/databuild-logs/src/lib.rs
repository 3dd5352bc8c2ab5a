//! The log store: what job runs say is collected into one plain file a run, indexed, ordered in a
//! journal, and read back.
//!
//! Knows nothing of processes, graphs or HTTP. Files are touched through [`fs::Fs`] alone, time comes
//! from a `Clock`, and there is one writer for each file.

pub mod limits;

pub mod fs;

pub mod format;

pub mod store;

pub mod collect;

pub mod metrics_feed;

pub mod tail;

pub mod read;

pub mod verify;

pub mod archive;

#[cfg(test)]
mod testing;
