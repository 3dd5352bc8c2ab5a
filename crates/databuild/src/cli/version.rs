//! `databuild version`: what this program is, for people and for scripts.

use super::args::Output;
use super::context::Context;
use super::outcome::{Exit, Failure};
use std::io::Write;

/// Prints name, version and target.
pub(crate) fn run(context: &Context) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let mut out = std::io::stdout().lock();
    match context.global.output {
        Output::Json | Output::Jsonl => {
            let value = serde_json::json!({
                "name": "databuild", "version": version, "os": os, "arch": arch,
                "log_format": 1, "api": "v1",
            });
            writeln!(out, "{value}")?;
        }
        Output::Human | Output::Raw => writeln!(out, "databuild {version} ({os} {arch})")?,
    }
    Ok(Exit::Done)
}
