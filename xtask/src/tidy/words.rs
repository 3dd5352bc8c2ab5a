//! The tree speaks about the product, to people who have nothing but the tree: no paths of one
//! workplace, no addresses that only we can reach, no talk about how the work was shared out.

use super::{Complaint, tree::Tree};

/// Marks of a text that speaks of elsewhere. Written in two halves, so that this file holds none.
const MARKS: &[(&str, &str, &str)] = &[
    ("/wor", "k/", "a path of one workplace: name the place relative to the tree"),
    (".lib", "rary", "a path of one workplace: say in our own words what was found there"),
    ("/tmp/", "h/", "a path of one workplace: leave it out"),
    ("this ses", "sion", "speak of the product, not of how it was written"),
    ("previous ses", "sion", "speak of the product, not of how it was written"),
    ("next ses", "sion", "speak of the product, not of how it was written"),
    (
        "shared/des",
        "ign",
        "the reader has only the tree: link to ARCHITECTURE.md or docs/decisions",
    ),
    ("/reference/aest", "hetics", "the reader has only the tree: link to STYLE.md"),
];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in &tree.files {
        for (i, line) in file.text().lines().enumerate() {
            let line = line.to_lowercase();
            for (first, second, what) in MARKS {
                if speaks_of(&line, &format!("{first}{second}")) {
                    complaints.push(Complaint::new(&file.path, i + 1, *what));
                }
            }
            if counts_issue(&line) {
                let what = "the reader has only the tree: give the reason itself, not a number";
                complaints.push(Complaint::new(&file.path, i + 1, what));
            }
        }
    }
    complaints
}

/// Whether a line holds `mark` at the beginning of a path or of a word.
fn speaks_of(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "])}_-.".contains(c))
    })
}

/// Whether a line, in lower case, points to a numbered issue of our own.
fn counts_issue(line: &str) -> bool {
    line.match_indices("issue ").any(|(at, word)| {
        let starts = !line.get(..at).is_some_and(|text| text.ends_with(char::is_alphanumeric));
        let rest = line.get(at + word.len()..).unwrap_or_default().trim_start_matches('#');
        starts && rest.starts_with(|c: char| c.is_ascii_digit())
    })
}
