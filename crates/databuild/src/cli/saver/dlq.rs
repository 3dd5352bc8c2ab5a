//! `databuild saver dlq`: what a pipeline set aside, the last ones, with why.

use super::super::args::Output;
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use super::{clean, find, home};
use crate::project::Project;
use crate::saver::letters::letters;
use databuild_saver::format::dead_letter::DeadLetter;
use std::io::Write;

pub(super) fn run(
    pipeline: &str,
    tail: usize,
    context: &Context,
    project: &Project,
) -> Result<Exit, Failure> {
    let home = home(project)?;
    if home.is_none() || !crate::saver::look::has_folder(&project.saver_world(), pipeline) {
        find(project, pipeline)?;
    }
    let found = home.map_or(Ok(Vec::new()), |home| letters(&home, pipeline, tail))?;
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Json => {
            let found: Vec<&str> = found.iter().map(|(line, _)| line.as_str()).collect();
            writeln!(out, "[{}]", found.join(","))?;
        }
        Output::Jsonl | Output::Raw => {
            for (line, _) in &found {
                writeln!(out, "{line}")?;
            }
        }
        Output::Human => {
            for (_, letter) in &found {
                out.write_all(told(letter).as_bytes())?;
            }
        }
    }
    if found.is_empty() && !context.global.quiet {
        writeln!(std::io::stderr(), "{pipeline} has set nothing aside")?;
    }
    Ok(Exit::Done)
}

fn told(letter: &DeadLetter) -> String {
    let entry = letter.entry.as_ref().map(|entry| entry.get());
    let text = entry.or(letter.raw.as_deref()).unwrap_or("(the entry was not at hand)");
    format!(
        "{} run {} line {}: {}\n    {}\n",
        letter.at,
        clean(&letter.run),
        letter.place,
        clean(&letter.reason),
        clean(text)
    )
}
