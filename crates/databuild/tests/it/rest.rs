//! The service from outside: a real process, a real socket, bytes as they are on the wire.

mod builds;
pub(crate) mod client;
mod form;
mod hostile;
mod logs;
mod metrics;
mod pipelines;
mod reload;
pub(crate) mod rig;
mod same_bytes;
mod store;
