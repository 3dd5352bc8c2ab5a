//! What should happen: pure decisions from (state, input, now) to a verdict.
//!
//! No I/O, no clock, no threads: a verdict is a returned value, and whoever asked for it acts.

pub mod acknowledge;
pub mod backoff;
pub mod batch;
pub mod circuit;
pub mod commit;
pub mod layout;
pub mod naming;
pub mod order;
pub mod problem;
pub mod roll;
pub mod route;
