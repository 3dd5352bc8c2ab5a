//! Who may depend on whom. The table is the architecture; ARCHITECTURE.md shows it to people.

use super::{Complaint, tree::Tree};
use toml::Table;

/// Each crate with those of ours that it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("databuild-model", &[]),
    ("databuild-policy", &["databuild-model"]),
    ("databuild-metrics", &["databuild-model"]),
    ("databuild-job", &["databuild-model"]),
    ("databuild-logs", &["databuild-model", "databuild-policy", "databuild-metrics"]),
    (
        "databuild-graph",
        &["databuild-model", "databuild-policy", "databuild-metrics", "databuild-logs"],
    ),
    ("databuild-io", &["databuild-model", "databuild-policy", "databuild-metrics"]),
    ("databuild-plugin", &["databuild-model", "databuild-policy", "databuild-metrics"]),
    (
        "databuild-saver",
        &[
            "databuild-model",
            "databuild-policy",
            "databuild-metrics",
            "databuild-io",
            "databuild-plugin",
        ],
    ),
    (
        "databuild",
        &[
            "databuild-model",
            "databuild-policy",
            "databuild-metrics",
            "databuild-job",
            "databuild-logs",
            "databuild-graph",
            "databuild-io",
            "databuild-plugin",
            "databuild-saver",
        ],
    ),
    ("databuild-plugin-sdk", &["databuild-model"]),
    (
        "faults",
        &[
            "databuild-model",
            "databuild-policy",
            "databuild-metrics",
            "databuild-job",
            "databuild-logs",
            "databuild-graph",
            "databuild-io",
            "databuild-plugin",
            "databuild-saver",
        ],
    ),
    ("xtask", &[]),
];

/// Foreign crates that stand for something a part must not know, each with those of ours that may
/// use it and what it would bring in.
const WALLED: &[(&str, &[&str], &str)] = &[
    ("anyhow", &["databuild", "faults", "xtask"], "libraries have one error enum per operation"),
    ("axum", &["databuild"], "only the program serves HTTP"),
    ("clap", &["databuild", "faults", "xtask"], "only programs have arguments"),
    ("glob", &["databuild"], "only the program looks for files of a project"),
    ("hyper", &["databuild", "databuild-io"], "only the program serves HTTP"),
    ("libc", &["databuild-job"], "unsafe code lives in databuild-job's sys.rs alone"),
    ("prost", &["databuild-model"], "generated types stay behind model::proto"),
    ("prost-build", &["xtask"], "building the product generates nothing"),
    ("protox", &["xtask"], "building the product generates nothing"),
    ("roxmltree", &["databuild"], "only the program reads configurations of others"),
    ("rusqlite", &["databuild-graph"], "only the build event log is a database"),
    (
        "rustix",
        &[
            "databuild",
            "databuild-graph",
            "databuild-io",
            "databuild-job",
            "databuild-logs",
            "databuild-plugin",
            "faults",
            "xtask",
        ],
        "model, policy and metrics do no I/O",
    ),
    (
        "tokio",
        &["databuild", "databuild-io", "databuild-plugin", "databuild-saver"],
        "the libraries use threads; only the service is async",
    ),
];

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (file, manifest) in tree.manifests() {
        let mut complain = |what| complaints.push(Complaint::new(&file.path, 0, what));
        let Some(name) = crate_name(&manifest) else { continue };
        if !file.path.ends_with(&format!("{name}/Cargo.toml")) {
            complain(format!("the folder of a crate is called like the crate: {name}"));
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            complain(format!(
                "{name} is a new crate: give it a row in xtask/src/tidy/edges.rs and its reason in ARCHITECTURE.md"
            ));
            continue;
        };
        for used in dependencies(&manifest) {
            if ALLOWED.iter().any(|(known, _)| *known == used) && !allowed.contains(&used.as_str())
            {
                complain(format!(
                    "{name} must not know {used}: move the shared part below both, or pass a value from above"
                ));
            }
            for (_, may, reason) in WALLED.iter().filter(|(foreign, ..)| *foreign == used) {
                if !may.contains(&name) {
                    complain(format!("{name} must not use {used}: {reason}"));
                }
            }
        }
    }
    complaints
}

/// The name of the manifest's crate.
fn crate_name(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

/// Names of all that a manifest depends on, whatever for.
fn dependencies(manifest: &Table) -> Vec<String> {
    super::versions::dependency_tables(manifest)
        .flat_map(|(_, table)| table.keys().cloned().collect::<Vec<_>>())
        .collect()
}
