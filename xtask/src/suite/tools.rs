//! The programs that gates and tests need beyond Rust. What is missing is installed where that is
//! possible without asking anybody, and each step is printed; what stays missing is said.

use crate::process::command;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, the Debian package with it, and what fails or is not run without it.
type Tool = (&'static str, &'static str, &'static str);

/// What is installed.
const TOOLS: &[Tool] = &[
    ("jq", "jq", "the recipes of docs/how-to"),
    ("strace", "strace", "the rig that breaks system calls"),
    ("valgrind", "valgrind", "the guard of instruction counts"),
];

/// As [`TOOLS`], of packages that would start a service of the whole machine if they were installed. They
/// are unpacked beside what is compiled, for the gates alone.
const UNPACKED: &[Tool] =
    &[("promtool", "prometheus", "the tests of dashboard, alerts and exposition")];

/// What compares ours with what others made, by the name under which Python knows it: the reference for
/// the `OpenMetrics` format, and Grafana's own model of a dashboard.
const PYTHON: &[(&str, &str)] = &[
    ("prometheus_client", "prometheus-client==0.21.1"),
    ("grafana_foundation_sdk", "grafana-foundation-sdk==1769699796!10.4.0"),
];

/// Components of the toolchain, each with the program that shows that it is there.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "rustfmt"), ("clippy-driver", "clippy")];

/// Where programs are that were unpacked.
pub(super) fn unpacked(target: &Path) -> PathBuf {
    target.join("tools/usr/bin")
}

/// Installs what is missing, where it may.
pub(super) fn prepare(target: &Path) {
    for (program, component) in COMPONENTS {
        if !is_there(program) {
            step(command("rustup", Path::new(".")).args(["component", "add", component]));
        }
    }
    let bin = unpacked(target);
    let found = |program: &str| is_there(program) || bin.join(program).exists();
    let missing = |tools: &[Tool]| -> Vec<Tool> {
        tools.iter().filter(|(program, ..)| !found(program)).copied().collect()
    };
    let (install, unpack) = (missing(TOOLS), missing(UNPACKED));
    if install.is_empty() && unpack.is_empty() {
        return;
    }
    if is_there("apt-get") {
        if is_root() {
            step(command("apt-get", Path::new(".")).args(["update", "--quiet"]));
            let packages: Vec<_> = install.iter().map(|(_, package, _)| *package).collect();
            apt_install(&packages);
        }
        for (_, package, _) in &unpack {
            apt_unpack(package, &target.join("tools"));
        }
    }
    for (program, package, without) in install.into_iter().chain(unpack) {
        if !found(program) {
            println!("{program} is missing (package {package}): {without} will fail");
        }
    }
}

fn apt_install(packages: &[&str]) {
    if !packages.is_empty() {
        step(
            command("apt-get", Path::new("."))
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "--quiet", "--yes", "--no-install-recommends"])
                .args(packages),
        );
    }
}

/// Unpacks a package below `folder`, which needs neither rights nor scripts of the package.
fn apt_unpack(package: &str, folder: &Path) {
    // Its name tells the version, which nobody here knows.
    let incoming = folder.join("incoming");
    let archive = || {
        let mut files = fs::read_dir(&incoming).ok()?.flatten().map(|file| file.path());
        files.find(|path| path.extension().is_some_and(|end| end == "deb"))
    };
    fs::remove_dir_all(&incoming).ok();
    if let Err(error) = fs::create_dir_all(&incoming) {
        println!("cannot make {}: {error}", incoming.display());
        return;
    }
    step(command("apt-get", &incoming).args(["download", "--quiet", package]));
    if let Some(archive) = archive() {
        step(command("dpkg", &incoming).arg("--extract").arg(archive).arg(folder));
    }
    fs::remove_dir_all(&incoming).ok();
}

/// Gives the tests that compare with them the packages of [`PYTHON`], in an environment of their own below
/// `target`. Where that is not possible, they are not run.
pub(super) fn prepare_python(target: &Path) {
    let folder = target.join("python");
    let python = folder.join("bin/python3").display().to_string();
    let known = |module: &str| {
        let mut look = command(&python, Path::new("."));
        let found = look.args(["-c", &format!("import {module}")]).output();
        found.is_ok_and(|output| output.status.success())
    };
    if PYTHON.iter().all(|(module, _)| known(module)) || !is_there("python3") {
        return;
    }
    let venv = folder.display().to_string();
    step(command("python3", Path::new(".")).args(["-m", "venv", &venv]));
    let pip = folder.join("bin/pip").display().to_string();
    if is_there(&pip) {
        step(
            command(&pip, Path::new("."))
                .args(["install", "--quiet"])
                .args(PYTHON.iter().map(|p| p.1)),
        );
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
