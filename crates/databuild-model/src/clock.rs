//! Where time comes from: a trait, so that a test can move it. No implementation lives here.

use crate::time::Timestamp;
use std::time::Duration;

/// A source of time. The program owns the real one; tests own theirs.
pub trait Clock: Send + Sync {
    /// Wall-clock time, UTC. It may step in either direction.
    fn wall(&self) -> Timestamp;
    /// Time since some fixed moment; it never goes back. Deadlines and durations use this one.
    fn mono(&self) -> Duration;
}
