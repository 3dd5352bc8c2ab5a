//! Strangers' code: what a log processor is, the kinds of it that there are, and what keeps each of them
//! from harming anybody else. Knows neither files nor stores nor the saver.

pub mod contract;
pub mod limits;
pub mod process;
pub mod processor;
pub mod testing;
