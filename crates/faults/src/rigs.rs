//! The rigs: each breaks something in its own way, and asks the oracle afterwards.

pub(crate) mod bugs;
pub(crate) mod ext4;
pub(crate) mod failpoints;
pub(crate) mod full;
pub(crate) mod kill;
pub(crate) mod power;
pub(crate) mod saver;
pub(crate) mod saver_power;
pub(crate) mod scale;
pub(crate) mod syscalls;
