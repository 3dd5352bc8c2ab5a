//! A crate's own `clippy.toml` replaces the workspace's, it does not add to it; so it has to repeat
//! every line.

use super::{Complaint, tree::Tree};
use toml::{Table, Value};

pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let table = |text: &str| text.parse::<Table>();
    let workspace = tree.get("clippy.toml").and_then(|file| table(file.text()).ok());
    let mut complaints = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("/clippy.toml")) {
        let mut complain = |what: String| complaints.push(Complaint::new(&file.path, 0, what));
        match table(file.text()) {
            Err(error) => complain(format!("not TOML: {}", error.message())),
            Ok(own) => {
                for (key, value) in workspace.iter().flatten() {
                    missing(key, value, own.get(key)).into_iter().for_each(&mut complain);
                }
            }
        }
    }
    complaints
}

/// What `own` lacks of the workspace's `wanted`.
fn missing(key: &str, wanted: &Value, own: Option<&Value>) -> Vec<String> {
    match (wanted, own) {
        (Value::Array(wanted), Some(Value::Array(own))) => wanted
            .iter()
            .filter(|item| !own.contains(item))
            .map(|item| format!("{key} has to repeat the workspace's {}", show(item)))
            .collect(),
        (wanted, own) if own == Some(wanted) => Vec::new(),
        (wanted, _) => vec![format!("repeat the workspace's `{key} = {}`", show(wanted))],
    }
}

/// A value as a reader of the file would find it.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Table(table) => table.get("path").map(show).unwrap_or_default(),
        Value::Array(_) => "[…]".to_owned(),
        Value::Float(_) | Value::Datetime(_) => String::new(),
    }
}
