//! Everything that a contributor or CI runs. Each command is a file; none of them is needed to build
//! or use the product.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]

mod codegen;
mod process;
mod tidy;

use clap::{Parser, Subcommand};
use std::path::Path;
use std::process::ExitCode;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the Rust types of the wire contract from `proto/`
    Codegen {
        /// Change nothing; fail when the committed file is not what `proto/` says
        #[arg(long)]
        check: bool,
    },
    /// Check the rules of the tree that no compiler knows
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Codegen { check } => codegen::run(root(), check),
        Command::Tidy => tidy::run(root()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> &'static Path {
    const MANIFEST: &str = env!("CARGO_MANIFEST_DIR");
    Path::new(MANIFEST).parent().unwrap_or(Path::new(MANIFEST))
}
