//! `databuild check`: everything that is wrong with the project file, at once.

use super::args::{CheckArgs, Output};
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::config::env::Environment;
use crate::config::problem::{Problem, Severity};
use crate::config::report::{self, Named};
use crate::config::{self, Config, Source};
use std::collections::HashSet;
use std::io::Write;

/// Runs the command.
pub(crate) fn run(args: &CheckArgs, context: &Context) -> Result<Exit, Failure> {
    let env = Environment::read();
    let file = args.path.as_deref().or(context.global.file.as_deref());
    let (source, config, mut problems) = match config::read(&context.start_folder(), file) {
        Ok(source) => {
            let (config, problems) = config::check(&source, &env);
            (Some(source), config, problems)
        }
        Err(problem) => (None, None, vec![*problem]),
    };
    if let (true, Some(config)) = (args.env, &config) {
        problems.extend(config::machine::check(config, &env));
    }
    if args.deny_warnings {
        for problem in &mut problems {
            problem.severity = Severity::Error;
        }
    }
    print(context, source.as_ref(), config.as_ref(), &problems)?;
    let errors = report::count(&problems, Severity::Error);
    Ok(if errors == 0 { Exit::Done } else { Exit::Config })
}

fn print(
    context: &Context,
    source: Option<&Source>,
    config: Option<&Config>,
    problems: &[Problem],
) -> Result<(), Failure> {
    let file = source.map_or(Named::of("", ""), Source::named);
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Json | Output::Jsonl => {
            writeln!(out, "{}", report::machine(file, problems))?;
        }
        Output::Human | Output::Raw => {
            out.write_all(report::human(file, problems).as_bytes())?;
            match config {
                Some(config) if problems.is_empty() => writeln!(out, "ok: {}", counts(config))?,
                Some(_) | None => out.write_all(report::summary(problems).as_bytes())?,
            }
        }
    }
    Ok(())
}

fn counts(config: &Config) -> String {
    let many =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let outs = config.spec.jobs.iter().flat_map(|job| &job.out);
    let keys: HashSet<_> = outs.flat_map(|out| out.binds()).collect();
    let mut parts = vec![many(config.spec.jobs.len(), "job"), many(keys.len(), "key")];
    if !config.saver.is_empty() {
        parts.push(many(config.saver.len(), "pipeline"));
    }
    parts.join(", ")
}
