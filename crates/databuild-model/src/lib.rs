//! What things are: entries, ids, levels, time, the one filter, build events and limits.
//!
//! Values and pure functions only. No I/O, no clock, no threads, no async: every other crate may
//! depend on this one, and a test of it needs nothing but memory.

pub mod bel;
pub mod cause;
pub mod clock;
pub mod entry;
pub mod ids;
pub mod job_config;
pub mod json;
pub mod level;
pub mod limits;
pub mod manifest;
pub mod origin;
pub mod plugin_frame;
pub mod proto;
pub mod query;
pub mod request;
pub mod resume;
pub mod scan;
pub mod spool;
pub mod time;
