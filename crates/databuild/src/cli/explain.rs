//! `databuild explain`.

use super::args::ExplainArgs;
use super::context::Context;
use super::outcome::{Exit, Failure};

/// Runs the command.
pub(crate) fn run(_args: &ExplainArgs, _context: &Context) -> Result<Exit, Failure> {
    Err(Failure::not_here_yet())
}
