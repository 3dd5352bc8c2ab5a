//! Cargo features multiply what has to be tested; the whole project has at most these.

use super::{Complaint, tree::Tree};
use toml::Value;

/// The features that may exist, each a heavy way to the outside world.
const ALLOWED: &[&str] = &["hdfs", "kafka", "object-store", "wasm"];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, manifest) in tree.manifests() {
        let features = manifest.get("features").and_then(Value::as_table);
        for name in features.into_iter().flat_map(|table| table.keys()) {
            if name != "default" && !ALLOWED.contains(&name.as_str()) {
                let what = format!(
                    "feature `{name}`: the project's features are {}; make it always on, or a setting",
                    ALLOWED.join(", ")
                );
                complaints.push(Complaint::new(&file.path, 0, what));
            }
        }
    }
    complaints
}
