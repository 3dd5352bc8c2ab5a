//! The log saver: brings each pipeline its events in order, writes files exactly once, and keeps pipelines
//! apart, so that a slow or broken one delays only itself. Knows neither the store nor HTTP.

pub mod settings;
