//! The programs that gates and tests need beyond Rust. What is missing is installed where that is
//! possible without asking anybody, and each step is printed; what stays missing is said.

use crate::process::command;
use std::path::Path;
use std::process::Command;

/// Programs, the Debian package with each, and what is not run without it.
const TOOLS: &[(&str, &str, &str)] = &[
    ("jq", "jq", "the recipes of docs/how-to"),
    ("promtool", "prometheus", "the tests of dashboard, alerts and exposition"),
    ("valgrind", "valgrind", "the guard of instruction counts"),
];

/// The reference for the `OpenMetrics` format.
const PYTHON_CLIENT: &str = "prometheus-client==0.21.1";

/// Components of the toolchain, each with the program that shows that it is there.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "rustfmt"), ("clippy-driver", "clippy")];

/// Installs what is missing, where it may.
pub(super) fn prepare() {
    for (program, component) in COMPONENTS {
        if !is_there(program) {
            step(command("rustup", Path::new(".")).args(["component", "add", component]));
        }
    }
    let missing: Vec<_> = TOOLS.iter().filter(|(program, ..)| !is_there(program)).collect();
    if missing.is_empty() {
        return;
    }
    if is_root() && is_there("apt-get") {
        let packages: Vec<_> = missing.iter().map(|(_, package, _)| *package).collect();
        step(command("apt-get", Path::new(".")).args(["update", "--quiet"]));
        step(
            command("apt-get", Path::new("."))
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "--quiet", "--yes", "--no-install-recommends"])
                .args(packages),
        );
    }
    for (program, package, without) in missing {
        if !is_there(program) {
            println!("{program} is missing (package {package}): {without} will not be run");
        }
    }
}

/// Gives the tests that compare with it the Python client of Prometheus, in an environment of its own
/// below `target`. Where that is not possible, they are not run.
pub(super) fn prepare_python(target: &Path) {
    let folder = target.join("python");
    let python = folder.join("bin/python3").display().to_string();
    let mut look = command(&python, Path::new("."));
    let known = look.args(["-c", "import prometheus_client"]).output();
    if known.is_ok_and(|output| output.status.success()) || !is_there("python3") {
        return;
    }
    let venv = folder.display().to_string();
    step(command("python3", Path::new(".")).args(["-m", "venv", &venv]));
    let pip = folder.join("bin/pip").display().to_string();
    if is_there(&pip) {
        step(command(&pip, Path::new(".")).args(["install", "--quiet", PYTHON_CLIENT]));
    }
}

/// Whether `program` can be started.
pub(crate) fn is_there(program: &str) -> bool {
    command(program, Path::new(".")).arg("--version").output().is_ok_and(|o| o.status.success())
}

fn is_root() -> bool {
    let id = command("id", Path::new(".")).arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn step(command: &mut Command) {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    println!("+ {} {}", command.get_program().display(), words.join(" "));
    let (ended_well, said) = super::gate::output_of(command);
    if !ended_well {
        println!("{}", said.trim_end());
    }
}
