//! `databuild plugin`: programs of others that process logs, for those who write them.

mod new;
mod run;
mod test;

use super::args::{ConfineArgs, PluginArgs, PluginCommand, PluginStartArgs};
use super::context::Context;
use super::outcome::{Exit, Failure};
use databuild_plugin::process::{Confiner, ProcessSettings, confine};
use databuild_plugin::processor::Properties;
use serde_json::{Map, Value};
use std::time::Duration;

/// The pipeline that a plugin is told when it is tried out.
const PIPELINE: &str = "try";

/// Runs the command.
pub(crate) fn run(args: &PluginArgs, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        PluginCommand::New(args) => new::run(args, context),
        PluginCommand::Test(args) => test::run(args, context),
        PluginCommand::Run(args) => run::run(args, context),
    }
}

/// Hidden `databuild confine`: becomes the plugin, within its limits.
pub(crate) fn become_plugin(args: &ConfineArgs) -> Failure {
    let error = confine(&args.args);
    let (code, remedy) = (error.exit_code(), error.remedy());
    Failure::new(Exit::Child(code), error).remedy(remedy)
}

/// What makes this program the first step of a plugin.
fn confiner() -> Result<Confiner, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(
            Exit::State,
            anyhow::Error::new(error).context("this program does not know its own path"),
        )
    })?;
    Ok(Confiner { program, args: vec!["confine".into()] })
}

fn process_settings(args: &PluginStartArgs, context: &Context) -> Result<ProcessSettings, Failure> {
    let mut process = ProcessSettings::new(args.command.clone(), context.start_folder());
    process.deadline = Duration::from_secs(args.deadline);
    process.memory_bytes_max = args.memory << 20;
    process.settings = settings(&args.settings)?;
    if let Some(path) = search_path() {
        process.environment.insert("PATH".to_owned(), path);
    }
    for pair in &args.environment {
        let (name, value) = name_and_value(pair)?;
        process.environment.insert(name.to_owned(), value.to_owned());
    }
    Ok(process)
}

fn properties(process: &ProcessSettings) -> Properties {
    Properties { pipeline: PIPELINE.to_owned(), settings: process.settings.clone() }
}

fn settings(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut settings = Map::new();
    for pair in pairs {
        let (name, value) = name_and_value(pair)?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        settings.insert(name.to_owned(), value);
    }
    Ok(settings)
}

fn name_and_value(pair: &str) -> Result<(&str, &str), Failure> {
    pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        Failure::text(Exit::Usage, format!("{pair:?} is not NAME=VALUE"))
            .remedy("quote the whole pair if it has blanks: 'url=http://127.0.0.1:8088'")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the programs are that a plugin is started with"
)]
fn search_path() -> Option<String> {
    std::env::var("PATH").ok()
}
