//! Every crate is under the workspace's lints. One that has to relax a lint repeats the whole table,
//! because Cargo lets nobody override a single inherited line.

use super::{Complaint, clippy::show, tree::Tree};
use toml::{Table, Value};

/// The one lint that a crate may set by itself, and to what.
const RELAXED: (&str, &str) = ("unsafe_code", "deny");

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let workspace = tree.workspace();
    let wanted = workspace.get("workspace").and_then(|table| table.get("lints"));
    let mut complaints = Vec::new();
    for (file, manifest) in tree.manifests().filter(|(_, m)| m.contains_key("package")) {
        let own = manifest.get("lints").and_then(Value::as_table);
        let Some(own) = own else {
            let what = "add `[lints]` with `workspace = true`";
            complaints.push(Complaint::new(&file.path, 0, what));
            continue;
        };
        if own.get("workspace").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        for (tool, lints) in wanted.and_then(Value::as_table).into_iter().flatten() {
            for (lint, level) in lints.as_table().into_iter().flatten() {
                if !set_alike(own, tool, lint, level) {
                    let what =
                        format!("its own [lints.{tool}] has to repeat `{lint} = {}`", show(level));
                    complaints.push(Complaint::new(&file.path, 0, what));
                }
            }
        }
    }
    complaints
}

fn set_alike(own: &Table, tool: &str, lint: &str, level: &Value) -> bool {
    let set = own.get(tool).and_then(|lints| lints.get(lint));
    set == Some(level) || (lint == RELAXED.0 && set.and_then(Value::as_str) == Some(RELAXED.1))
}
