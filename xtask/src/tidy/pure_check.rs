//! Configuration is parsed, then checked, then used. Checking looks at values alone: it must be
//! possible anywhere, at any time, without leaving a trace.

use super::{Complaint, tree::Tree};

const EFFECTS: &[&str] = &[
    "async ",
    ".await",
    "std::fs",
    "fs::",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "env::var",
    "tokio",
    "rustix",
    "File::",
];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, rust) in tree.product_files().filter(|(file, _)| checks_config(&file.path)) {
        for (line, code) in rust.product_lines() {
            if let Some(effect) = EFFECTS.iter().find(|effect| code.contains(*effect)) {
                let what = format!(
                    "`{}` in a check: take what it finds out as an argument, so that checking stays pure",
                    effect.trim()
                );
                complaints.push(Complaint::new(&file.path, line, what));
            }
        }
    }
    complaints
}

/// Whether `path` is a check of the configuration: `check.rs`, or a file of `check/`, below `config`
/// or `spec`.
fn checks_config(path: &str) -> bool {
    let parts: Vec<&str> =
        path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part)).collect();
    let subject = parts.iter().position(|part| matches!(*part, "config" | "spec"));
    subject.is_some_and(|at| parts.iter().skip(at).any(|part| *part == "check"))
}
