//! Everything that a contributor or CI runs. Each command is a file; none of them is needed to build
//! or use the product.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]

mod bench;
mod codegen;
mod guard;
mod oracle;
mod process;
mod soak;
mod suite;
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
    /// Measure what things cost, next to what any contributor has
    Bench(bench::BenchArguments),
    /// Print lines as jobs do that say something now and then
    #[command(hide = true)]
    Trickle(bench::TrickleArguments),
    /// Print made-up input, the same as that of the benches
    Data {
        /// What it looks like
        form: bench::Form,
        /// How many bytes at least
        #[arg(long, default_value_t = 1 << 20)]
        bytes: usize,
        /// Another seed, other data
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Ask the real logback about layouts and keep what it says as goldens; needs Java and Maven
    Oracle,
    /// Break the machine under the product for a while, and look whether its promises hold
    Soak(soak::SoakArguments),
    /// Run everything that has to hold before a change is good, and count
    Test {
        #[arg(value_name = "GATE", help = format!("Only these gates: {}", suite::gate_names()))]
        only: Vec<String>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Codegen { check } => codegen::run(root(), check),
        Command::Tidy => tidy::run(root()),
        Command::Bench(arguments) => bench::run(root(), &arguments),
        Command::Trickle(arguments) => bench::trickle(&arguments),
        Command::Data { form, bytes, seed } => bench::print_data(form, bytes, seed),
        Command::Oracle => oracle::run(root()),
        Command::Soak(arguments) => soak::run(root(), &arguments),
        Command::Test { only } => match suite::run(root(), &only) {
            // The count is the last line.
            Ok(false) => return ExitCode::FAILURE,
            Ok(true) => Ok(()),
            Err(error) => Err(error),
        },
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
