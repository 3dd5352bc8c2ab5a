//! Metric names exist in the catalogue alone, so that a name, its labels and its help cannot differ
//! from one place to another.

use super::{Complaint, tree::Tree};

/// How every metric of ours begins.
const PREFIX: &str = "databuild_";
/// Where names may be spelt.
const CATALOGUE: &str = "crates/databuild-metrics/";
/// Names of crates, which begin alike.
const CRATES: &[&str] =
    &["graph", "io", "job", "logs", "metrics", "model", "plugin", "policy", "saver"];
/// Words of the formats that begin alike and name no metric.
const WORDS: &[&str] = &["databuild_event"];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, rust) in tree.product_files().filter(|(file, _)| !file.path.starts_with(CATALOGUE)) {
        for (line, literal) in
            rust.product_literals().filter(|(_, text)| !WORDS.contains(text) && spells_metric(text))
        {
            let what = format!("\"{literal}\": use the constant of databuild-metrics' catalogue");
            complaints.push(Complaint::new(&file.path, line, what));
        }
    }
    complaints
}

fn spells_metric(literal: &str) -> bool {
    literal.match_indices(PREFIX).any(|(at, _)| {
        let before = literal.get(..at).and_then(|text| text.chars().next_back());
        let rest = literal.get(at + PREFIX.len()..).unwrap_or_default();
        let word: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        // A crate's name is followed by the path to something in it.
        let names_crate = CRATES.contains(&word.as_str())
            && !rest.get(word.len()..).unwrap_or_default().starts_with('_');
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !word.is_empty() && !names_crate
    })
}
