//! The log saver: brings each pipeline its events in order, writes files exactly once, and keeps pipelines
//! apart, so that a slow or broken one delays only itself. Knows neither the store nor HTTP.

mod checkpoint;
mod consume;
mod event;
pub mod files;
pub mod format;
mod lane;
pub mod limits;
pub mod orders;
pub mod preview;
pub mod saver;
pub mod settings;
pub mod status;
pub mod tap;
pub mod trouble;
