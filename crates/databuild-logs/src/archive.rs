//! Runs as one file that can be carried away: written here, and taken in again after it was proven to
//! be what was written.
//!
//! The container is tar, so that anybody can look inside. What is taken in is written beside the store
//! first; nothing of an archive is in the store before all of it was checked, and a run that is there
//! is never replaced.

pub mod export;
pub mod import;

#[cfg(test)]
mod tests;
