//! The settings in force, each with where it comes from.

use super::env::Environment;
use super::extract::get;
use super::report::place as place_of;
use super::{Config, Source};
use databuild_graph::spec::Root;
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its key in TOML, dotted.
    pub(crate) key: String,
    /// Its value. As JSON; for texts, numbers and lists TOML is written alike.
    pub(crate) value: Value,
    /// `databuild.toml:12`, `environment DATABUILD_LOGS_DIR` or `default`.
    pub(crate) origin: String,
}

/// All settings in force, in the order of the reference page.
pub(crate) fn settings(source: &Source, config: &Config, env: &Environment) -> Vec<Setting> {
    let (table, _) = super::include::parse(source);
    let table = table.get_ref();
    let origin =
        |path: &[&str], variable: Option<&str>| match (variable, place(source, table, path)) {
            (Some(variable), _) => format!("environment {variable}"),
            (None, Some(place)) => place,
            (None, None) => "default".to_owned(),
        };
    let one = |key: [&str; 2], value: Value, variable: Option<&str>| Setting {
        key: key.join("."),
        value,
        origin: origin(&key, variable),
    };
    let root = match &config.spec.root {
        Root::Local(path) => path.display().to_string(),
        Root::Uri(uri) => uri.clone(),
    };
    let milliseconds = u64::try_from(config.refresh_interval.as_millis()).unwrap_or(u64::MAX);
    let mut all = vec![
        one(["project", "name"], json!(config.spec.name.as_str()), None),
        one(["project", "root"], json!(root), None),
        one(["project", "on_parent_death"], json!(config.on_parent_death.as_str()), None),
    ];
    for section in ["keys", "jobs"] {
        if let Some(DeValue::Table(inner)) = get(table, section).map(Spanned::get_ref) {
            as_typed(source, inner, section, &mut all);
        }
    }
    all.extend([
        one(
            ["logs", "dir"],
            json!(config.logs_dir),
            env.logs_dir.as_ref().map(|_| "DATABUILD_LOGS_DIR"),
        ),
        one(
            ["logs", "refresh_interval"],
            json!(format!("{milliseconds}ms")),
            env.refresh_interval_ms.as_ref().map(|_| "DATABUILD_LOG_REFRESH_INTERVAL_MS"),
        ),
        one(
            ["logs", "cache_runs"],
            json!(config.cache_runs),
            env.cache_size.as_ref().map(|_| "DATABUILD_LOG_CACHE_SIZE"),
        ),
        one(["logs", "capture"], json!(config.capture.as_str()), None),
        one(["logs", "spool_bytes_max"], json!(size(config.spool_bytes_max)), None),
        one(["logs", "durability"], json!(config.durability.as_str()), None),
        one(["logs", "on_full"], json!(config.on_full.as_str()), None),
        one(["metrics", "labels"], json!(config.metric_labels), None),
        one(
            ["serve", "listen"],
            json!(config.listen.to_string()),
            env.listen.as_ref().map(|_| "DATABUILD_LISTEN"),
        ),
    ]);
    if let Some(DeValue::Table(inner)) = get(table, "saver").map(Spanned::get_ref) {
        as_typed(source, inner, "saver", &mut all);
    }
    all
}

/// A size as it is written in a file, in the largest unit that divides it.
fn size(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// Where in the file a key has its value, if it has one.
fn place(source: &Source, table: &DeTable<'_>, path: &[&str]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    match rest {
        [] => Some(line(source, key.span().start)),
        rest => place(source, value.get_ref().as_table()?, rest),
    }
}

fn line(source: &Source, at: usize) -> String {
    place_of(source.named(), at)
}

/// Everything below a table, as the file has it, in its order.
fn as_typed(source: &Source, table: &DeTable<'_>, path: &str, all: &mut Vec<Setting>) {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in entries {
        let key = format!("{path}.{}", quoted(name.get_ref()));
        let value = value.get_ref();
        match value.as_table() {
            Some(inner) => as_typed(source, inner, &key, all),
            None => all.push(Setting {
                key,
                value: json(value),
                origin: line(source, name.span().start),
            }),
        }
    }
}

/// A name as TOML writes it in a dotted key.
fn quoted(name: &str) -> String {
    let bare =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { json!(name).to_string() }
}

pub(super) fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => {
            json!(number.as_str().replace('_', "").parse::<i64>().unwrap_or(i64::MAX))
        }
        DeValue::Float(number) => json!(number.as_str()),
        DeValue::Boolean(truth) => json!(truth),
        DeValue::Datetime(date) => json!(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(name, value)| (name.get_ref().to_string(), json(value.get_ref())))
            .collect(),
    }
}
