//! The build: spec, plan, build event log, execution.
