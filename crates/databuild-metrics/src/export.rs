//! What others make of the catalogue, as text: the reference page, a Grafana dashboard, and alerts
//! for Prometheus. Names come from the catalogue, and labels are held against it, so that none of
//! them can ask for something that is not exposed. Nothing here reads or writes a file.

mod alerts;
mod board;
mod grafana;
mod promql;
mod reference;
mod rules;

pub use alerts::{Alert, Severity, alerts};
pub use grafana::dashboard;
pub use reference::page;
pub use rules::rules;

/// Where the pages of the alerts are, below the root of this repository.
pub const RUNBOOKS: &str = "docs/how-to/runbooks";

#[cfg(test)]
mod tests;
