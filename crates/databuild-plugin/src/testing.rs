//! Processors for tests: one that works, and one that does not. Nothing but tests uses them.

mod faulty;
mod gate;
mod memory;

pub use faulty::{FAILURE, Fault, FaultyProcessor, Trouble, When};
pub use gate::Gate;
pub use memory::{Mailbox, MemoryProcessor};
