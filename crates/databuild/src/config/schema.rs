//! The table of keys as JSON Schema, for editors. Only words that draft 4 has too are used, so that
//! tools which know no newer one take it as well.

use super::table::{Entry, Presence, ROOT, Shape, State};
use serde_json::{Map, Value, json};

/// The schema of a project file.
pub(crate) fn schema() -> Value {
    let mut schema = table(ROOT);
    if let Value::Object(fields) = &mut schema {
        fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        fields.insert("title".to_owned(), json!("databuild.toml"));
    }
    schema
}

fn table(entries: &[Entry]) -> Value {
    let built = entries.iter().filter(|entry| entry.state == State::Built);
    let properties: Map<_, _> =
        built.map(|entry| (entry.name.to_owned(), described(entry))).collect();
    let mut table =
        json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let required: Vec<_> = entries
        .iter()
        .filter(|entry| entry.presence == Presence::Required)
        .map(|entry| entry.name)
        .collect();
    // Draft 4 has no empty list of required keys.
    if let (Value::Object(fields), false) = (&mut table, required.is_empty()) {
        fields.insert("required".to_owned(), json!(required));
    }
    table
}

fn described(entry: &Entry) -> Value {
    let mut value = shape(entry.shape);
    if let Value::Object(fields) = &mut value {
        let or_nothing = |what: &str, text: &str| match text {
            "" => String::new(),
            text => format!(" {what}: {text}."),
        };
        let (default, example) =
            (or_nothing("Default", entry.default), or_nothing("Example", entry.example));
        fields
            .insert("description".to_owned(), json!(format!("{}{default}{example}", entry.told())));
    }
    value
}

fn shape(shape: Shape) -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    match shape {
        Shape::Table(entries) => table(entries),
        Shape::Named(entry) => {
            json!({ "type": "object", "additionalProperties": described(entry) })
        }
        Shape::Text | Shape::Period | Shape::Address => json!({ "type": "string" }),
        Shape::Texts | Shape::Command => json!({ "anyOf": [{ "type": "string" }, texts] }),
        Shape::List => texts,
        Shape::Number => json!({ "type": "integer", "minimum": 0 }),
        Shape::Duration => json!({ "type": "string", "pattern": "^([0-9]+ *(ms|s|m|h|d|w) *)+$" }),
        Shape::Size => json!({ "type": "string", "pattern": "^[0-9]+ *(B|[kKMGT]i?B)$" }),
        Shape::OneOf(words) => json!({ "enum": words }),
        Shape::Variables => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Shape::Key(entries) => json!({ "anyOf": [{ "enum": ["any"] }, texts, table(entries)] }),
        Shape::Tables(entries) => json!({ "type": "array", "items": table(entries) }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Free => json!({ "type": "object" }),
        Shape::Anything => json!({}),
    }
}
