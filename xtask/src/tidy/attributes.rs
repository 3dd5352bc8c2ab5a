//! Attributes that hide something: a silenced lint needs its reason, a test may neither be skipped
//! nor be content with any panic.

use super::{Complaint, tree::Tree};

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, rust) in tree.rust_files() {
        let mut complain =
            |line, what: &str| complaints.push(Complaint::new(&file.path, line, what));
        for (i, line) in rust.code.lines().enumerate() {
            let attribute = line.trim_start().trim_start_matches("#![").trim_start_matches("#[");
            if attribute.len() == line.trim_start().len() {
                continue;
            }
            if attribute.starts_with("allow(") {
                complain(
                    i + 1,
                    "use #[expect(lint, reason = \"…\")]: it says when it is no longer needed",
                );
            }
            if attribute.starts_with("expect(")
                && !whole_attribute(&rust.code, i).contains("reason")
            {
                complain(i + 1, "add reason = \"…\": why is the rule wrong here?");
            }
            if attribute.starts_with("ignore") {
                complain(
                    i + 1,
                    "a test that is not run proves nothing: make it run everywhere, or delete it",
                );
            }
            if attribute.starts_with("should_panic") {
                complain(
                    i + 1,
                    "return the error as a value and compare it: any panic would satisfy this",
                );
            }
        }
    }
    complaints
}

/// The attribute that begins on line `from` (from 0), to its closing bracket.
fn whole_attribute(code: &str, from: usize) -> String {
    let mut whole = String::new();
    for line in code.lines().skip(from) {
        whole.push_str(line);
        if whole.matches('[').count() <= whole.matches(']').count() {
            break;
        }
    }
    whole
}
