//! `databuild completions SHELL`: a script for the shell, on stdout.

use super::args::{Cli, CompletionsArgs};
use super::outcome::{Exit, Failure};
use clap::CommandFactory;
use std::io::Write;

/// Prints the script. It is made in memory first, so that a closed pipe is an error and no panic.
pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "databuild", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
