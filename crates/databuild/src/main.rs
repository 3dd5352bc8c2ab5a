//! The program: reads top to bottom, one exit code per outcome.
//!
//! What the commands do is in `cli/`, what they share with the service is in `project.rs` and in the
//! library crates. Nothing here decides anything but the exit code.

mod cli;
mod clock;
mod config;
mod demo;
mod descriptors;
mod import;
mod measure;
mod progress;
mod project;
mod render;
mod saver;
mod server;
mod wire;

use cli::outcome::{Exit, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = cli::crash::guard(cli::main);
    let exit = match outcome {
        Ok(exit) => exit,
        Err(failure) => report(&failure),
    };
    ExitCode::from(code_of(exit))
}

/// Every exit code of the program. Page: `docs/reference/exit-codes.md`.
fn code_of(exit: Exit) -> u8 {
    match exit {
        Exit::Done => 0,
        Exit::JobsFailed => 1,
        Exit::Usage => 2,
        Exit::Nothing => 4,
        Exit::Unreachable => 69,
        Exit::Bug => 70,
        Exit::State => 74,
        Exit::Busy => 75,
        Exit::Config => 78,
        Exit::Interrupted => 130,
        Exit::Terminated => 143,
        Exit::Child(code) => code,
    }
}

/// A reader that went away (`databuild logs 42 | head`) has what it wanted: that is success.
fn report(failure: &Failure) -> Exit {
    if failure.is_broken_pipe() {
        return Exit::Done;
    }
    cli::outcome::print_failure(failure);
    failure.exit
}

#[cfg(test)]
mod tests {
    use super::{Exit, code_of};

    #[test]
    fn exit_codes_stay_what_they_are() {
        let codes = [
            (Exit::Done, 0),
            (Exit::JobsFailed, 1),
            (Exit::Usage, 2),
            (Exit::Nothing, 4),
            (Exit::Unreachable, 69),
            (Exit::Bug, 70),
            (Exit::State, 74),
            (Exit::Busy, 75),
            (Exit::Config, 78),
            (Exit::Child(124), 124),
            (Exit::Interrupted, 130),
            (Exit::Terminated, 143),
        ];
        for (exit, code) in codes {
            assert_eq!(code_of(exit), code, "{exit:?}");
        }
    }
}
