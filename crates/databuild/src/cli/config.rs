//! `databuild config`: the settings in force, and where each comes from.

use super::args::{ConfigArgs, Output};
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::config::effective::{Setting, settings};
use crate::config::env::Environment;
use crate::config::report;
use crate::config::{self, Invalid};
use serde_json::{Map, Value, json};
use std::io::Write;

/// Runs the command.
pub(crate) fn run(args: &ConfigArgs, context: &Context) -> Result<Exit, Failure> {
    let env = Environment::read();
    let source = config::read(&context.start_folder(), context.global.file.as_deref())
        .map_err(|problem| Invalid { source: None, problems: vec![*problem] })?;
    let (config, problems) = config::check(&source, &env);
    let Some(config) = config else {
        return Err(Invalid { source: Some(Box::new(source)), problems }.into());
    };
    let warnings = report::human(source.named(), &config.warnings);
    std::io::stderr().write_all(warnings.as_bytes())?;
    let settings = settings(&source, &config, &env);
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Json => writeln!(out, "{}", machine(&settings, args.origin))?,
        Output::Jsonl => {
            for setting in &settings {
                let line =
                    json!({ "key": setting.key, "value": setting.value, "origin": setting.origin });
                writeln!(out, "{line}")?;
            }
        }
        Output::Human | Output::Raw => {
            for line in lines(&settings, args.origin) {
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(Exit::Done)
}

fn machine(settings: &[Setting], origin: bool) -> Value {
    let value = |setting: &Setting| {
        if origin {
            json!({ "value": setting.value, "origin": setting.origin })
        } else {
            setting.value.clone()
        }
    };
    let fields: Map<_, _> =
        settings.iter().map(|setting| (setting.key.clone(), value(setting))).collect();
    Value::Object(fields)
}

/// A line a setting, in TOML; the origin as a comment.
fn lines(settings: &[Setting], origin: bool) -> Vec<String> {
    let plain: Vec<_> =
        settings.iter().map(|setting| format!("{} = {}", setting.key, setting.value)).collect();
    if !origin {
        return plain;
    }
    let width = plain
        .iter()
        .map(|line| line.chars().count())
        .filter(|&width| width < 60)
        .max()
        .unwrap_or(0);
    let with =
        |(line, setting): (&String, &Setting)| format!("{line:width$}  # {}", setting.origin);
    plain.iter().zip(settings).map(with).collect()
}
