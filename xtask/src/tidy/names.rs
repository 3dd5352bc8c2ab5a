//! Files and modules are called by their role. A name that fits everything collects everything.

use super::{Complaint, tree::Tree};

const BANNED: &[&str] =
    &["common", "helper", "helpers", "imp", "misc", "shared", "stuff", "util", "utils"];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, rust) in tree.rust_files() {
        let stems = file.path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
        for stem in stems.filter(|stem| BANNED.contains(stem)) {
            let what = format!(
                "`{stem}` says nothing: name it by what it does, or move each part to its user"
            );
            complaints.push(Complaint::new(&file.path, 0, what));
        }
        if file.path.ends_with("/mod.rs") {
            let what = "write foo.rs beside foo/: ten tabs called mod.rs cannot be told apart";
            complaints.push(Complaint::new(&file.path, 0, what));
        }
        for (i, line) in rust.code.lines().enumerate() {
            let module = line.split_once("mod ").filter(|(before, _)| {
                matches!(before.trim(), "" | "pub" | "pub(crate)" | "pub(super)")
            });
            let name = module.map(|(_, name)| name.trim_end_matches([';', '{', ' ']));
            if name.is_some_and(|name| BANNED.contains(&name) && line.trim_end().ends_with('{')) {
                complaints.push(Complaint::new(
                    &file.path,
                    i + 1,
                    "name the module by what it does",
                ));
            }
        }
    }
    complaints
}
