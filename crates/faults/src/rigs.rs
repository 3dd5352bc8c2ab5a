//! The rigs: each breaks something in its own way, and asks the oracle afterwards.

pub(crate) mod power;
