//! The command line: what was typed (`args`), how a command ends (`outcome`), one file per command.

pub(crate) mod args;
mod attend;
mod build;
pub(crate) mod candidates;
mod check;
mod completions;
mod config;
pub(crate) mod context;
pub(crate) mod crash;
mod demo;
mod emit;
mod explain;
mod init;
mod logs;
mod metrics;
pub(crate) mod outcome;
mod plugin;
mod reasons;
mod run;
mod runs;
mod saver;
mod schema;
mod serve;
mod status;
mod version;
mod when;
mod why;
mod wrap;

use args::{Cli, Command};
use clap::Parser;
use context::Context;
use outcome::{Exit, Failure};

/// Reads the arguments and runs the command.
pub(crate) fn main() -> Result<Exit, Failure> {
    if completions::answer() {
        return Ok(Exit::Done);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return outcome::print_clap(&answer),
    };
    if holds_many_files(&cli.command) {
        crate::descriptors::raise();
    }
    let context = Context::new(cli.global);
    run(cli.command, &context)
}

/// Whether a command may have to do with thousands of runs at once.
fn holds_many_files(command: &Command) -> bool {
    matches!(
        command,
        Command::Build(_)
            | Command::Run(_)
            | Command::Serve(_)
            | Command::Saver(_)
            | Command::Demo(_)
    )
}

fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => check::run(&args, context),
        Command::Config(args) => config::run(&args, context),
        Command::Schema => schema::run(context),
        Command::Explain(args) => explain::run(&args, context),
        Command::Serve(args) => serve::run(&args, context),
        Command::Saver(args) => saver::run(&args, context),
        Command::Completions(args) => completions::run(&args),
        Command::Version => version::run(context),
        Command::Init(args) => init::run(&args, context),
        Command::Logs(args) => logs::run(&args, context),
        Command::Metrics(args) => metrics::run(&args, context),
        Command::Emit(args) => emit::run(&args),
        Command::Wrap(args) => wrap::run(args, context),
        Command::Plugin(args) => plugin::run(&args, context),
        Command::Confine(args) => Err(plugin::become_plugin(&args)),
        Command::Demo(args) => demo::run(&args, context),
        Command::Build(args) => build::run(&args, context),
        Command::Run(args) => run::run(&args, context),
        Command::Why(args) => why::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Runs(args) => runs::run(&args, context),
    }
}
