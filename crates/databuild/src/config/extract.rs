//! From the parsed file to a draft of the project and the raw settings. Values of another type were
//! noted before and count as absent here.

use databuild_graph::spec::draft::{CommandDraft, JobDraft, KeyDraft, ProjectDraft};
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Settings of the file that are not about what makes what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) logs_dir: Option<String>,
    pub(super) refresh_interval: Option<String>,
    pub(super) cache_runs: Option<i64>,
    pub(super) on_parent_death: Option<String>,
    pub(super) capture: Option<String>,
    pub(super) spool_bytes_max: Option<String>,
    pub(super) durability: Option<String>,
    pub(super) on_full: Option<String>,
    pub(super) metric_labels: Vec<String>,
    pub(super) listen: Option<String>,
}

pub(super) fn draft(table: &DeTable<'_>, folder: &Path) -> ProjectDraft {
    let project = inner(table, "project");
    ProjectDraft {
        name: project.and_then(|project| text(project, "name")),
        folder: folder.to_owned(),
        root: project.and_then(|project| text(project, "root")),
        keys: in_order(inner(table, "keys"))
            .filter_map(|(name, value)| Some((name, key(value)?)))
            .collect(),
        jobs: in_order(inner(table, "jobs"))
            .filter_map(|(label, value)| Some(job(label, value.as_table()?)))
            .collect(),
    }
}

pub(super) fn raw(table: &DeTable<'_>) -> Raw {
    let logs = inner(table, "logs");
    Raw {
        logs_dir: logs.and_then(|logs| text(logs, "dir")),
        refresh_interval: logs.and_then(|logs| text(logs, "refresh_interval")),
        cache_runs: logs.and_then(|logs| number(logs, "cache_runs")),
        on_parent_death: inner(table, "project").and_then(|it| text(it, "on_parent_death")),
        capture: logs.and_then(|logs| text(logs, "capture")),
        spool_bytes_max: logs.and_then(|logs| text(logs, "spool_bytes_max")),
        durability: logs.and_then(|logs| text(logs, "durability")),
        on_full: logs.and_then(|logs| text(logs, "on_full")),
        metric_labels: inner(table, "metrics")
            .map(|metrics| texts(metrics, "labels"))
            .unwrap_or_default(),
        listen: inner(table, "serve").and_then(|serve| text(serve, "listen")),
    }
}

/// The value under a name.
pub(super) fn get<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}

fn inner<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a DeTable<'i>> {
    get(table, name)?.get_ref().as_table()
}

/// The entries of a table in the order of the file.
fn in_order<'a, 'i>(
    table: Option<&'a DeTable<'i>>,
) -> impl Iterator<Item = (String, &'a DeValue<'i>)> {
    let mut entries: Vec<_> = table.into_iter().flatten().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries.into_iter().map(|(name, value)| (name.get_ref().to_string(), value.get_ref()))
}

fn text(table: &DeTable<'_>, name: &str) -> Option<String> {
    get(table, name)?.get_ref().as_str().map(str::to_owned)
}

/// A list of texts; a single text is a list of one.
fn texts(table: &DeTable<'_>, name: &str) -> Vec<String> {
    match get(table, name).map(Spanned::get_ref) {
        Some(DeValue::String(one)) => vec![one.to_string()],
        Some(DeValue::Array(items)) => list(items),
        _ => Vec::new(),
    }
}

fn list(items: &toml::de::DeArray<'_>) -> Vec<String> {
    items.iter().filter_map(|item| item.get_ref().as_str()).map(str::to_owned).collect()
}

fn number(table: &DeTable<'_>, name: &str) -> Option<i64> {
    let number = get(table, name)?.get_ref().as_integer()?;
    // A number too large for us is out of every range that we have.
    Some(i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).unwrap_or(i64::MAX))
}

fn key(value: &DeValue<'_>) -> Option<KeyDraft> {
    match value {
        DeValue::String(word) => Some(KeyDraft::Word(word.to_string())),
        DeValue::Array(items) => Some(KeyDraft::List(list(items))),
        DeValue::Table(table) => Some(KeyDraft::Time {
            every: text(table, "every"),
            from: period(table, "from"),
            until: period(table, "until"),
        }),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            None
        }
    }
}

/// A period: text, a date without quotes, or a year.
fn period(table: &DeTable<'_>, name: &str) -> Option<String> {
    match get(table, name)?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Datetime(date) => Some(date.to_string()),
        DeValue::Integer(year) => Some(year.as_str().to_owned()),
        DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn command(table: &DeTable<'_>, name: &str) -> Option<CommandDraft> {
    match get(table, name)?.get_ref() {
        DeValue::String(text) => Some(CommandDraft::Shell(text.to_string())),
        DeValue::Array(items) => Some(CommandDraft::Direct(list(items))),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => None,
    }
}

fn job(label: String, table: &DeTable<'_>) -> JobDraft {
    let env = |table: &DeTable<'_>| -> BTreeMap<String, String> {
        let pairs = table.iter().filter_map(|(name, value)| {
            Some((name.get_ref().to_string(), value.get_ref().as_str()?.to_owned()))
        });
        pairs.collect()
    };
    JobDraft {
        label,
        out: texts(table, "out"),
        inputs: texts(table, "in"),
        run: command(table, "run"),
        needs: command(table, "needs"),
        retries: number(table, "retries"),
        timeout: text(table, "timeout"),
        grace: text(table, "grace"),
        drain: text(table, "drain"),
        heartbeat: text(table, "heartbeat"),
        app: text(table, "app"),
        job_type: text(table, "type"),
        env: inner(table, "env").map(env).unwrap_or_default(),
        dir: text(table, "dir"),
        capture: text(table, "capture"),
        on_parent_death: text(table, "on_parent_death"),
        output_rate_max: text(table, "output_rate_max"),
        output_sample_max: number(table, "output_sample_max"),
    }
}
