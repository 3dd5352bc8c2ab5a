//! The outside world of the log saver: sinks, which keep files, and buses, which bring what was stored
//! in the order in which it was stored.
//!
//! The traits, the suites that every implementation passes, and the implementations live here. What is
//! written into the files, and when, is not known here.

pub mod bus;
pub mod sink;
