//! `[saver.plugins.NAME]`: a program of somebody else that processes the events.

use super::section::Section;
use crate::config::effective::json;
use crate::config::problem::{Code, Problem};
use databuild_plugin::process::ProcessSettings;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::DeValue;

/// Less than this no interpreter starts with.
const MEMORY_BYTES_MIN: u64 = 16 << 20;
/// Where programs are looked for, unless `env` says otherwise. Not the caller's: a service and a shell would
/// start different ones.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

pub(super) fn process(
    section: &Section<'_>,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Option<ProcessSettings> {
    let command = command(section, problems);
    let mut process = ProcessSettings::new(Vec::new(), folder.to_owned());
    process.settings = settings(section, problems);
    process.environment = environment(section, problems);
    process.environment.entry("PATH".to_owned()).or_insert_with(|| PATH.to_owned());
    if let Some(deadline) = section.duration("deadline", problems) {
        process.deadline = deadline;
    }
    if let Some(limits) = section.inner("limits") {
        limited(&limits, &mut process, problems);
    }
    process.command = command?;
    Some(process)
}

fn limited(limits: &Section<'_>, process: &mut ProcessSettings, problems: &mut Vec<Problem>) {
    for (key, limit) in [
        ("open_files", &mut process.open_files_max),
        ("processes", &mut process.processes_max),
        ("unacknowledged", &mut process.unacknowledged_max),
    ] {
        *limit = limits.number(key, 1..=1_000_000, problems).unwrap_or(*limit);
    }
    for (key, limit) in
        [("memory", &mut process.memory_bytes_max), ("file", &mut process.file_bytes_max)]
    {
        *limit = limits.size(key, problems).unwrap_or(*limit);
    }
    if process.memory_bytes_max < MEMORY_BYTES_MIN {
        let span = Some(limits.place("memory"));
        let message = "no program starts with so little memory";
        problems.push(Problem::error(Code::BadPlugin, span, message, "give it 16MiB or more"));
    }
}

fn command(section: &Section<'_>, problems: &mut Vec<Problem>) -> Option<Vec<String>> {
    let Some(value) = section.value("command") else {
        if section.has("wasm") {
            return None;
        }
        let message = "the plugin has no `command`";
        let help = "say what is started: command = [\"python3\", \"plugins/to_splunk.py\"]";
        let span = Some(section.name.clone());
        problems.push(Problem::error(Code::MissingKey, span, message, help));
        return None;
    };
    let command: Vec<String> = match value.get_ref() {
        DeValue::String(text) if !text.trim().is_empty() => {
            vec!["sh".to_owned(), "-c".to_owned(), text.to_string()]
        }
        DeValue::Array(_) => {
            section.texts("command").iter().map(|it| it.value.to_owned()).collect()
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => Vec::new(),
    };
    let first = command.first().map(String::as_str).unwrap_or_default();
    if first.is_empty() || command.iter().any(|it| it.contains('\0')) {
        let message = "the command starts nothing";
        let help = "write the program first: command = [\"python3\", \"plugins/to_splunk.py\"]";
        problems.push(Problem::error(Code::BadPlugin, Some(value.span()), message, help));
        return None;
    }
    Some(command)
}

fn settings(section: &Section<'_>, problems: &mut Vec<Problem>) -> Map<String, Value> {
    let Some(settings) = section.inner("settings") else { return Map::new() };
    let mut map = Map::new();
    for (name, value) in settings.table {
        if let DeValue::Table(inner) = value.get_ref()
            && let [(only, _)] = inner.iter().collect::<Vec<_>>().as_slice()
            && only.get_ref() == "secret"
        {
            let message = "secrets are not built yet";
            let help = "let the program read it itself, from a file that only it may read";
            problems.push(Problem::error(Code::NotBuilt, Some(only.span()), message, help));
        }
        map.insert(name.get_ref().to_string(), json(value.get_ref()));
    }
    map
}

fn environment(section: &Section<'_>, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (name, value) in section.pairs("env") {
        let typed = name.value;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let begins = typed.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || !typed.chars().all(word) || value.value.contains('\0') {
            let message = format!("`{typed}` cannot be a variable of the environment");
            let help = "use letters, digits and _, not beginning with a digit";
            problems.push(Problem::error(Code::BadPlugin, Some(name.span), message, help));
        } else {
            variables.insert(typed.to_owned(), value.value.to_owned());
        }
    }
    variables
}
