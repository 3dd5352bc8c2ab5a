//! The build: spec (what makes what), plan (what is to be made, and why), build event log, execution.
//!
//! Spec and plan are pure: values in, values out. They read no file, no clock and no environment;
//! what they must know of the world comes in through [`plan::PartitionStates`] and
//! [`plan::NeedsRunner`].

pub mod bel;
pub mod execute;
pub mod limits;
pub mod plan;
pub mod spec;
