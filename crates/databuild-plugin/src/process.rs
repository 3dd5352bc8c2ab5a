//! The kind *process*: a program of somebody else, given events on its standard input.

mod settings;

pub use settings::ProcessSettings;
