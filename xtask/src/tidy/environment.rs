//! Each environment variable that the product reads or sets is in the reference.

use super::{Complaint, tree::Tree};

const PREFIX: &str = "DATABUILD_";
const PAGE: &str = "docs/reference/environment.md";

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let page = tree.get(PAGE).map(|file| file.text()).unwrap_or_default();
    let mut complaints = Vec::new();
    for (file, rust) in tree.product_files() {
        for (line, literal) in rust.product_literals() {
            let is_name = literal.strip_prefix(PREFIX).is_some_and(|rest| {
                !rest.is_empty() && rest.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            });
            if is_name && !page.contains(&format!("`{literal}")) {
                let what = format!(
                    "{literal} is not in {PAGE}: who sets it, who reads it, what does it do?"
                );
                complaints.push(Complaint::new(&file.path, line, what));
            }
        }
    }
    complaints
}
