//! `databuild metrics export`: what others need to watch us, printed. Needs no project.

use crate::cli::args::ExportArgs;
use crate::cli::outcome::{Exit, Failure};
use databuild_metrics::export;
use std::io::Write;

/// Prints the dashboard or the alerts.
pub(super) fn run(args: &ExportArgs) -> Result<Exit, Failure> {
    let runbooks = args.runbooks.as_deref().unwrap_or(export::RUNBOOKS);
    let text = if args.grafana {
        export::dashboard()
    } else {
        export::rules(runbooks.trim_end_matches('/'))
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}
