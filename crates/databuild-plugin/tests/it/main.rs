//! The kind *process* with real processes: plugins that work, and plugins that do everything wrong.

#![cfg(test)]

mod contract;
mod hostile;
mod limits;
mod rig;
