//! `databuild emit`: one line on stdout that the wrapper understands as more than text.

use super::args::{EmitArgs, EmitWhat};
use super::outcome::{Exit, Failure};
use databuild_job::output;
use databuild_model::entry::Fields;
use databuild_model::level::Level;
use std::io::Write;

/// Prints the line.
pub(crate) fn run(args: &EmitArgs) -> Result<Exit, Failure> {
    let line = line(&args.what)?;
    let mut out = std::io::stdout().lock();
    // One write, so that lines of jobs that emit in parallel do not mix.
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()?;
    Ok(Exit::Done)
}

fn line(what: &EmitWhat) -> Result<String, Failure> {
    match what {
        EmitWhat::Log { level, message, fields } => {
            let level = Level::parse(level).ok_or_else(|| {
                Failure::text(Exit::Usage, format!("there is no level {level:?}"))
                    .remedy("levels are trace, debug, info, warn, error and fatal")
            })?;
            Ok(output::log_line(level, message, &pairs(fields)?))
        }
        EmitWhat::Metric { name, value, labels, unit } => {
            Ok(output::metric_line(name, *value, &pairs(labels)?, unit))
        }
        EmitWhat::Progress { done, total, message } => {
            Ok(output::progress_line(*done, *total, message))
        }
        EmitWhat::Event { event_type, fields } => output::event_line(event_type, &pairs(fields)?)
            .map_err(|error| {
                let remedy = error.remedy();
                Failure::new(Exit::Usage, error).remedy(remedy)
            }),
    }
}

fn pairs(texts: &[String]) -> Result<Fields, Failure> {
    texts
        .iter()
        .map(|text| {
            text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
                Failure::text(Exit::Usage, format!("{text:?} is not NAME=VALUE"))
                    .remedy("quote the whole pair if it has blanks: 'file=my orders.csv'")
            })
        })
        .collect()
}
