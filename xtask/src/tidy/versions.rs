//! A dependency's version stands once, in the workspace's manifest, and comes from the public
//! registry.

use super::{Complaint, tree::Tree};
use toml::{Table, Value};

/// The registry that everybody has.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, manifest) in tree.manifests() {
        for (kind, table) in dependency_tables(&manifest) {
            for (name, _) in table.iter().filter(|(_, value)| !inherits(value)) {
                let what = format!(
                    "{kind}.{name}: write `{name}.workspace = true`, and its version into the root Cargo.toml"
                );
                complaints.push(Complaint::new(&file.path, 0, what));
            }
        }
    }
    for file in tree.files.iter().filter(|file| file.path.ends_with("Cargo.lock")) {
        for (i, line) in file.text().lines().enumerate() {
            let source = line.strip_prefix("source = \"").and_then(|rest| rest.strip_suffix('"'));
            if source.is_some_and(|source| source != REGISTRY) {
                let what = "a source that not everybody can reach: use the public registry";
                complaints.push(Complaint::new(&file.path, i + 1, what));
            }
        }
    }
    complaints
}

/// Every table of dependencies of a manifest, with its kind; also those of a target.
pub(super) fn dependency_tables(manifest: &Table) -> impl Iterator<Item = (&'static str, &Table)> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let scopes =
        std::iter::once(manifest).chain(targets.filter_map(|(_, target)| target.as_table()));
    scopes.flat_map(|scope| {
        KINDS.into_iter().filter_map(move |kind| Some((kind, scope.get(kind)?.as_table()?)))
    })
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}
