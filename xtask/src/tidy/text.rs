//! How text is kept: no invisible differences, no promises to come back.

use super::{Complaint, tree::Tree};

/// What is meant for one's own desk, each with what to do about it.
const UNFINISHED: &[(&str, &str)] = &[
    ("FIXME", "do it before it reaches main"),
    ("dbg!(", "take it out"),
    ("todo!(", "an unfinished part is absent, not a trap"),
    ("unimplemented!(", "an unfinished part is absent, not a trap"),
];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in &tree.files {
        let mut complain =
            |line, what: &str| complaints.push(Complaint::new(&file.path, line, what));
        let text = file.text();
        for (i, line) in text.lines().enumerate() {
            let quoted = file.rust.as_ref().is_some_and(|rust| rust.ends_in_literal(i + 1));
            if line.ends_with([' ', '\t', '\r']) && !quoted {
                complain(i + 1, "trailing space: take it off");
            }
            if ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark)) {
                complain(i + 1, "an unsolved merge conflict");
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            complain(text.lines().count(), "end the last line with a newline");
        }
        let Some(rust) = &file.rust else { continue };
        let comments = text.lines().zip(rust.code.lines()).enumerate();
        for (i, (line, code)) in comments {
            for (mark, what) in UNFINISHED {
                // Comments are blanked in the code; a literal that names the mark is no mark.
                let in_comment = line.find("//").and_then(|at| line.get(at..)).unwrap_or_default();
                let commented = code.trim_end().len() < line.find("//").unwrap_or(0) + 1;
                if code.contains(mark) || (commented && in_comment.contains(mark)) {
                    complain(i + 1, &format!("{mark}: {what}"));
                }
            }
        }
    }
    complaints
}
