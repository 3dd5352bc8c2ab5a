//! `databuild plugin test`: every claim about a plugin, and whether it holds.

use super::{confiner, process_settings, properties};
use crate::cli::args::{Output, PluginTestArgs};
use crate::cli::context::Context;
use crate::cli::outcome::{Exit, Failure};
use crate::render::escape::{Escapes, neutralise};
use databuild_plugin::process::conformance::{Conformance, Finding};
use serde_json::json;
use std::io::Write;

/// Runs the suite and prints each finding as it comes.
pub(super) fn run(args: &PluginTestArgs, context: &Context) -> Result<Exit, Failure> {
    let settings = process_settings(&args.start, context)?;
    let properties = properties(&settings);
    let (confiner, clock) = (confiner()?, context.shared_clock());
    let conformance = Conformance { settings, confiner, properties, clock };
    let mut out = std::io::stdout().lock();
    let human = matches!(context.global.output, Output::Human | Output::Raw);
    if let (true, Ok(about)) = (human, conformance.about()) {
        let (name, version) = (harmless(&about.name), harmless(&about.version));
        writeln!(out, "{name} {version}, protocol {}", about.protocol)?;
    }
    let mut findings = Vec::new();
    for finding in conformance.findings() {
        match context.global.output {
            Output::Human | Output::Raw => human_finding(&mut out, &finding)?,
            Output::Jsonl => writeln!(out, "{}", view(&finding))?,
            Output::Json => {}
        }
        findings.push(finding);
    }
    let holds = findings.iter().filter(|finding| finding.problem.is_none()).count();
    if let Output::Json = context.global.output {
        writeln!(out, "{}", findings.iter().map(view).collect::<serde_json::Value>())?;
    }
    if human {
        writeln!(out, "{holds} of {} claims hold", findings.len())?;
    }
    Ok(if holds == findings.len() { Exit::Done } else { Exit::JobsFailed })
}

fn human_finding(out: &mut impl Write, finding: &Finding) -> std::io::Result<()> {
    let Some(problem) = &finding.problem else {
        return writeln!(out, "  ok    {}", finding.claim);
    };
    writeln!(out, "  FAIL  {}", finding.claim)?;
    writeln!(out, "          {}", harmless(problem))?;
    for line in &finding.complaints {
        writeln!(out, "          | {}", harmless(line))?;
    }
    out.flush()
}

/// Page: `docs/how-to/write-a-processor.md`.
fn view(finding: &Finding) -> serde_json::Value {
    json!({
        "claim": finding.claim,
        "holds": finding.problem.is_none(),
        "problem": finding.problem,
        "stderr": finding.complaints,
        "seconds": finding.took.as_secs_f64(),
    })
}

/// What a stranger's program says, as a terminal may have it.
fn harmless(text: &str) -> String {
    let mut out = String::new();
    neutralise(text, Escapes::Nothing, &mut out);
    out
}
