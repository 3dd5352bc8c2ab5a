//! The build event log.
