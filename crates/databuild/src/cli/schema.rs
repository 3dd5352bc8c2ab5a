//! `databuild schema`: the project file as JSON Schema, for editors.

use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::config::schema::schema;
use std::io::Write;

/// Runs the command.
pub(crate) fn run(_context: &Context) -> Result<Exit, Failure> {
    writeln!(std::io::stdout().lock(), "{:#}", schema())?;
    Ok(Exit::Done)
}
