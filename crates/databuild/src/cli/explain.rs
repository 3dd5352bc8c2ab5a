//! `databuild explain`: what an error code means.

use super::args::{ExplainArgs, Output};
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::config::codes::{self, Explanation};
use serde_json::{Value, json};
use std::io::Write;

/// Runs the command.
pub(crate) fn run(args: &ExplainArgs, context: &Context) -> Result<Exit, Failure> {
    let chosen: Vec<&Explanation> = match &args.code {
        Some(code) => vec![codes::find(code).ok_or_else(|| unknown(code))?],
        None => codes::all().collect(),
    };
    let mut out = std::io::stdout().lock();
    match (context.global.output, args.code.is_some()) {
        (Output::Json, false) => {
            writeln!(out, "{}", Value::from_iter(chosen.iter().map(|one| machine(one))))?;
        }
        (Output::Json | Output::Jsonl, _) => {
            for one in chosen {
                writeln!(out, "{}", machine(one))?;
            }
        }
        (Output::Human | Output::Raw, true) => {
            for one in chosen {
                out.write_all(one.page().as_bytes())?;
            }
        }
        (Output::Human | Output::Raw, false) => {
            for one in chosen {
                writeln!(out, "{}  {}", one.code, one.title)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn machine(one: &Explanation) -> Value {
    json!({
        "code": one.code,
        "title": one.title,
        "text": one.text,
        "wrong": one.wrong.text(),
        "right": one.right.text(),
    })
}

fn unknown(code: &str) -> Failure {
    Failure::text(Exit::Nothing, format!("there is no error code {code:?}"))
        .remedy("databuild explain    lists them all")
}
