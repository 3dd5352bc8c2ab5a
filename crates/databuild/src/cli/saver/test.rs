//! `databuild saver test`: the tests of the project file.

use super::super::args::Output;
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use crate::config;
use crate::config::env::Environment;
use crate::config::saver::{Failed, SaverTest};
use serde_json::{Value, json};
use std::io::Write;

/// Runs them.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let env = Environment::read();
    let config = config::load(&context.start_folder(), context.global.file.as_deref(), &env)?;
    if config.tests.is_empty() {
        let message = "the project file has no tests of the log saver";
        return Err(Failure::text(Exit::Nothing, message)
            .remedy("write some: [[tests]] in docs/reference/config.md"));
    }
    let results: Vec<(&SaverTest, Vec<Failed>)> =
        config.tests.iter().map(|test| (test, test.failed(&config.saver))).collect();
    let failed = results.iter().filter(|(_, failed)| !failed.is_empty()).count();
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Json | Output::Jsonl => {
            let tests: Vec<Value> =
                results.iter().map(|(test, failed)| machine(test, failed)).collect();
            writeln!(out, "{}", json!({ "ok": failed == 0, "failed": failed, "tests": tests }))?;
        }
        Output::Human | Output::Raw => {
            for (test, failed) in &results {
                out.write_all(human(test, failed).as_bytes())?;
            }
            let many = results.len();
            let s = if many == 1 { "" } else { "s" };
            writeln!(out, "{many} test{s}, {failed} failed")?;
        }
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::JobsFailed })
}

fn human(test: &SaverTest, failed: &[Failed]) -> String {
    let verdict = if failed.is_empty() { "ok  " } else { "FAIL" };
    let mut lines = vec![format!("{verdict}  {}", test.name)];
    for one in failed {
        lines.push(format!("      {}", one.pipeline));
        for (what, texts) in [("expected", &one.expected), ("written ", &one.written)] {
            lines.extend(texts.iter().map(|it| format!("        {what}  {}", it.escape_debug())));
            if texts.is_empty() {
                lines.push(format!("        {what}  nothing"));
            }
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn machine(test: &SaverTest, failed: &[Failed]) -> Value {
    let failed: Vec<Value> = failed
        .iter()
        .map(
            |it| json!({ "pipeline": it.pipeline, "expected": it.expected, "written": it.written }),
        )
        .collect();
    json!({ "name": test.name, "ok": failed.is_empty(), "failed": failed })
}
