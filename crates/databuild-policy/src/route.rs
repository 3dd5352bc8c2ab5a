//! Where an event goes: which events a pipeline takes, and into which file each of them is written.

pub mod loggers;
pub mod meet;
pub mod path;
pub mod select;
