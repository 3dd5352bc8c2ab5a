//! The command line: what was typed (`args`), how a command ends (`outcome`), one file per command.

pub(crate) mod args;
mod check;
mod completions;
mod config;
pub(crate) mod context;
pub(crate) mod crash;
mod emit;
mod explain;
mod init;
mod logs;
pub(crate) mod outcome;
mod schema;
mod serve;
mod version;
mod when;
mod wrap;

use args::{Cli, Command};
use clap::Parser;
use context::Context;
use outcome::{Exit, Failure};

/// Reads the arguments and runs the command.
pub(crate) fn main() -> Result<Exit, Failure> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return outcome::print_clap(&answer),
    };
    let context = Context::new(cli.global);
    run(cli.command, &context)
}

fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => check::run(&args, context),
        Command::Config(args) => config::run(&args, context),
        Command::Schema => schema::run(context),
        Command::Explain(args) => explain::run(&args, context),
        Command::Serve(args) => serve::run(&args, context),
        Command::Completions(args) => completions::run(&args),
        Command::Version => version::run(context),
        Command::Init(args) => init::run(&args, context),
        Command::Logs(args) => logs::run(&args, context),
        Command::Emit(args) => emit::run(&args),
        Command::Wrap(args) => wrap::run(args, context),
        Command::Demo(_)
        | Command::Build(_)
        | Command::Run(_)
        | Command::Why(_)
        | Command::Status(_)
        | Command::Runs(_) => Err(Failure::not_here_yet()),
    }
}
