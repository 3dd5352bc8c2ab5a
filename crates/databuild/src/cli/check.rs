//! `databuild check`.

use super::args::CheckArgs;
use super::context::Context;
use super::outcome::{Exit, Failure};

/// Runs the command.
pub(crate) fn run(_args: &CheckArgs, _context: &Context) -> Result<Exit, Failure> {
    Err(Failure::not_here_yet())
}
