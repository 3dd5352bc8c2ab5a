//! `cargo xtask test`: everything that has to hold before a change is good, in one command, on a
//! machine that has Rust and git. Each gate runs even when one before it failed; the last line counts.

mod cache;
mod gate;
mod tools;

#[cfg(test)]
mod tests;

use anyhow::{Result, bail};
pub(crate) use cache::prepare as target_folder;
use gate::{Gate, Tally};
pub(crate) use gate::{Outcome, output_of};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
pub(crate) use tools::is_there;

/// Longest time that one gate may take. All of them together take a third of it on two cores and an
/// empty cache; a gate that needs more hangs, and a count that never comes tells nobody anything.
const GATE_TIME_MAX: Duration = Duration::from_secs(30 * 60);

/// Every gate, in order: the fast ones first.
const GATES: &[(&str, Gate)] = &[
    ("fmt", |house| house.cargo(&["fmt", "--all", "--", "--check"])),
    ("tidy", |house| house.inside(crate::tidy::run)),
    ("codegen", |house| house.inside(|root| crate::codegen::run(root, true))),
    ("clippy", |house| {
        house.cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
    }),
    ("tests", |house| {
        house.tests(&["test", "--locked", "--workspace", "--no-fail-fast", "--", "--quiet"])
    }),
    ("without-features", |house| {
        if !house.has_features() {
            return Outcome::NotRun("there are none".to_owned());
        }
        house.cargo(&["check", "--locked", "--workspace", "--no-default-features"])
    }),
    ("docs", |house| {
        house.cargo(&["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"])
    }),
    ("instructions", crate::guard::gate),
    ("faults", crate::soak::gate),
];

/// Names of the gates, for the help text.
pub(crate) fn gate_names() -> String {
    GATES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Runs the gates called `only`, or all; whether all of them passed.
///
/// # Errors
/// There is no gate of that name, or no place to compile in.
pub(crate) fn run(root: &Path, only: &[String]) -> Result<bool> {
    if let Some(unknown) = only.iter().find(|name| GATES.iter().all(|(known, _)| known != name)) {
        bail!("there is no gate {unknown:?}; there are {}", gate_names());
    }
    let house = House::new(root, cache::prepare()?);
    tools::prepare(&house.target);
    tools::prepare_python(&house.target);
    println!("compiling in {}", house.target.display());
    let mut tally = Tally::default();
    for (name, gate) in GATES {
        if only.is_empty() || only.iter().any(|wanted| wanted == name) {
            tally.run(name, || gate(&house));
        }
    }
    Ok(tally.close())
}

/// Where programs are looked for: those that the machine has, then those that were unpacked.
#[expect(clippy::disallowed_methods, reason = "a program, and the only place where it asks")]
fn with_tools(unpacked: &Path) -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(unpacked);
    path
}

/// The tree under test, and where it is compiled.
pub(crate) struct House {
    root: PathBuf,
    target: PathBuf,
}

impl House {
    /// The tree at `root`, compiled in `target`.
    pub(crate) fn new(root: &Path, target: PathBuf) -> House {
        House { root: root.to_owned(), target }
    }

    /// A command at the root that is stopped when it takes too long.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = crate::process::command("timeout", &self.root);
        command.arg("--kill-after=10").arg(GATE_TIME_MAX.as_secs().to_string()).arg(program);
        command
            .env("PATH", with_tools(&tools::unpacked(&self.target)))
            .env("CARGO_TARGET_DIR", &self.target)
            // Nothing is edited between two compilations here.
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_TERM_COLOR", "never")
            .env("RUSTDOCFLAGS", "-D warnings");
        command
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where it is compiled.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome {
        gate::of_command(self.command("cargo").args(arguments))
    }

    fn tests(&self, arguments: &[&str]) -> Outcome {
        gate::of_tests(self.command("cargo").args(arguments))
    }

    fn inside(&self, check: impl Fn(&Path) -> Result<()>) -> Outcome {
        match check(&self.root) {
            Ok(()) => Outcome::Passed(1),
            Err(error) => Outcome::Failed { passed: 0, failed: 1, said: format!("{error:#}") },
        }
    }

    fn has_features(&self) -> bool {
        let manifests = std::fs::read_dir(self.root.join("crates")).into_iter().flatten().flatten();
        manifests
            .filter_map(|folder| std::fs::read_to_string(folder.path().join("Cargo.toml")).ok())
            .any(|manifest| manifest.lines().any(|line| line.trim() == "[features]"))
    }
}
