//! What we measure: the one catalogue of metric names, and the labels that they may carry.
//!
//! Nothing else in the product spells a metric's name (`cargo xtask tidy` refuses it), and a value
//! that grows with the data, such as a partition or a run, cannot become a label: it does not compile.
//! No store, no HTTP, no clock.

pub mod aggregate;
pub mod export;
pub mod expose;
pub mod guard;
pub mod label;
pub mod limits;
pub mod metric_templates;
pub mod own;
pub mod registry;
pub mod saver;
