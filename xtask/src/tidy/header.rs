//! Every Rust file begins by saying what lives there.

use super::{Complaint, tree::Tree};

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    tree.rust_files()
        .filter(|(file, _)| {
            let first = file.text().lines().next().unwrap_or_default();
            first.strip_prefix("//!").is_none_or(|said| said.trim().is_empty())
        })
        .map(|(file, _)| {
            Complaint::new(&file.path, 1, "begin with `//!`: what lives here, and what must not?")
        })
        .collect()
}
