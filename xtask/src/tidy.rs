//! `cargo xtask tidy`: the project's rules that no compiler knows. Each check is one file and one
//! pure function from the tree to complaints; each complaint says what to do. The same list runs as
//! a test, and each rule is broken on purpose in `tests.rs`.

mod attributes;
mod blobs;
mod clippy;
mod contracts;
mod edges;
mod environment;
mod errors;
mod features;
mod formats;
mod header;
mod length;
mod links;
mod lints;
mod metric_names;
mod names;
mod proto_door;
mod pure_check;
mod rust;
mod text;
mod tree;
mod versions;
mod words;

#[cfg(test)]
mod tests;

use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use tree::Tree;

/// A broken rule and the way out.
#[derive(Debug)]
struct Complaint {
    file: String,
    /// From 1; 0 when it is about the whole file.
    line: usize,
    what: String,
}

impl Complaint {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Complaint {
        Complaint { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

type Check = fn(&Tree) -> Vec<Complaint>;

/// Every check by name, in the order in which they are run.
const CHECKS: &[(&str, Check)] = &[
    ("attributes", attributes::check),
    ("blobs", blobs::check),
    ("clippy", clippy::check),
    ("contracts", contracts::check),
    ("edges", edges::check),
    ("environment", environment::check),
    ("errors", errors::check),
    ("features", features::check),
    ("formats", formats::check),
    ("header", header::check),
    ("length", length::check),
    ("links", links::check),
    ("lints", lints::check),
    ("metric_names", metric_names::check),
    ("names", names::check),
    ("proto_door", proto_door::check),
    ("pure_check", pure_check::check),
    ("text", text::check),
    ("versions", versions::check),
    ("words", words::check),
];

/// Files that may break a check for now, as `(check, file)`. It may only shrink: an entry that is no
/// longer needed is a complaint too.
const NAUGHTY: &[(&str, &str)] = &[];

/// Prints what is wrong with the tree below `root`.
///
/// # Errors
/// Something is.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let complaints = complaints(&tree, NAUGHTY);
    for (check, complaint) in &complaints {
        println!("{complaint} [{check}]");
    }
    if !complaints.is_empty() {
        bail!("tidy: {} complaints about {} files", complaints.len(), tree.files.len());
    }
    println!("tidy: {} checks hold for {} files", CHECKS.len(), tree.files.len());
    Ok(())
}

fn complaints(tree: &Tree, naughty: &[(&str, &str)]) -> Vec<(&'static str, Complaint)> {
    let mut found = Vec::new();
    let mut needed = BTreeSet::new();
    for (name, check) in CHECKS {
        for complaint in check(tree) {
            match naughty.iter().find(|entry| **entry == (*name, complaint.file.as_str())) {
                Some(entry) => drop(needed.insert(*entry)),
                None => found.push((*name, complaint)),
            }
        }
    }
    for (check, file) in naughty.iter().filter(|entry| !needed.contains(*entry)) {
        let what = format!("keeps rule `{check}` by now: take it off the naughty list");
        found.push(("naughty", Complaint::new(file, 0, what)));
    }
    found
}
