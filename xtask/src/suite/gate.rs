//! One gate: what came of it, how it is shown, and how the closing line is counted.

use super::House;
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::process::{Command, ExitStatus};
use std::time::Instant;

/// A check of the whole tree.
pub(super) type Gate = fn(&House) -> Outcome;

/// What came of a gate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of so many tests, or the one thing that it is about.
    Passed(u64),
    /// Some did not; with what was printed.
    Failed {
        /// Tests that passed all the same.
        passed: u64,
        /// At least 1.
        failed: u64,
        /// The output.
        said: String,
    },
    /// It could not be run here, and why. Counted neither way, but shown.
    NotRun(String),
}

/// The sum of what came of the gates.
#[derive(Default)]
pub(super) struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Tally {
    /// Runs one gate under a heading and shows what came of it.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a gate takes is shown, never decided on"
    )]
    pub(super) fn run(&mut self, name: &str, gate: impl FnOnce() -> Outcome) {
        println!("== {name}");
        if io::stdout().is_terminal() {
            print!("   …\r");
        }
        // A heading that is not shown is not worth stopping for.
        drop(io::stdout().flush());
        let begun = Instant::now();
        let outcome = gate();
        let seconds = begun.elapsed().as_secs_f64();
        match outcome {
            Outcome::Passed(passed) => {
                self.passed += passed;
                println!("   {passed} passed in {seconds:.1} s");
            }
            Outcome::Failed { passed, failed, said } => {
                self.passed += passed;
                self.failed += failed;
                self.failures.push(name.to_owned());
                println!("{}", said.trim_end());
                println!("   {passed} passed, {failed} FAILED in {seconds:.1} s");
            }
            Outcome::NotRun(why) => println!("   not run: {why}"),
        }
    }

    /// Prints the closing line; whether nothing failed.
    pub(super) fn close(self) -> bool {
        if !self.failures.is_empty() {
            println!("\nfailed: {}; one alone: cargo xtask test NAME", self.failures.join(", "));
        }
        println!("\n{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

/// A gate that is one command: its exit says all.
pub(super) fn of_command(command: &mut Command) -> Outcome {
    let (ended_well, said) = output_of(command);
    if ended_well { Outcome::Passed(1) } else { Outcome::Failed { passed: 0, failed: 1, said } }
}

/// A gate that is `cargo test`: it counts tests.
pub(super) fn of_tests(command: &mut Command) -> Outcome {
    let (ended_well, said) = output_of(command);
    judge_tests(ended_well, said)
}

/// Counts the tests in the output of `cargo test`. A run that failed without a failing test, because
/// something did not compile or was killed, counts as one failure.
pub(super) fn judge_tests(ended_well: bool, said: String) -> Outcome {
    let (mut passed, mut failed) = (0, 0);
    for result in said.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
        passed += number_before(result, " passed");
        failed += number_before(result, " failed");
    }
    if ended_well && failed == 0 {
        Outcome::Passed(passed)
    } else {
        Outcome::Failed { passed, failed: failed.max(1), said: without_quiet_dots(&said) }
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Leaves out what the harness prints for tests that passed.
fn without_quiet_dots(said: &str) -> String {
    let dots = |line: &&str| {
        let line = line.split_once(' ').map_or(*line, |(dots, _)| dots);
        line.is_empty() || line.contains(|c| c != '.')
    };
    said.lines().filter(dots).collect::<Vec<_>>().join("\n")
}

/// Whether the command succeeded, and what it said.
pub(crate) fn output_of(command: &mut Command) -> (bool, String) {
    match said_into_a_file(command) {
        Ok((status, mut said)) => {
            if status.code() == Some(124) {
                said.push_str("\nstopped: it took too long\n");
            }
            (status.success(), said)
        }
        Err(error) => (false, format!("cannot start {}: {error}", command.get_program().display())),
    }
}

/// A pipe would stay open, and be waited for, as long as anything lives that a failed test left behind.
fn said_into_a_file(command: &mut Command) -> io::Result<(ExitStatus, String)> {
    let mut file = tempfile::tempfile()?;
    let status = command.stdout(file.try_clone()?).stderr(file.try_clone()?).output()?.status;
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}
