//! What is said when there is nothing to show, or not all: a screen never leaves it open why.

use super::super::args::LogsArgs;
use super::super::context::Context;
use super::super::outcome::Failure;
use super::filter;
use super::target::Target;
use crate::render::times::{Times, counted};
use databuild_logs::read::{LogReader, ReadError, RunState};
use databuild_model::time::Timestamp;
use std::io::Write;

/// Says on stderr what there would have been.
pub(crate) fn explain(
    args: &LogsArgs,
    context: &Context,
    reader: &LogReader,
    targets: &[Target],
) -> Result<(), Failure> {
    let mut found = Found::default();
    for target in targets {
        match reader.run_info(&target.id) {
            Ok(info) => {
                found.entries += info.kind_counts.iter().sum::<u64>();
                found.running |= info.state.is_running();
                found.first = found.first.into_iter().chain(info.first_time).min();
                found.last = found.last.into_iter().chain(info.last_time).max();
            }
            Err(ReadError::RunNotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let line = line(args, &Times::new(context.global.utc), targets, &found);
    writeln!(std::io::stderr(), "{line}")?;
    Ok(())
}

/// Names on stderr the runs whose record is not whole.
pub(crate) fn name_incomplete(reader: &LogReader, targets: &[Target]) -> Result<(), Failure> {
    for target in targets {
        match reader.run_info(&target.id).map(|info| info.state) {
            Ok(state @ RunState::Incomplete { .. }) => {
                writeln!(std::io::stderr(), "run {} is {state}", target.short())?;
            }
            Ok(RunState::Running | RunState::Complete) | Err(ReadError::RunNotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[derive(Default)]
struct Found {
    entries: u64,
    running: bool,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

fn line(args: &LogsArgs, times: &Times, targets: &[Target], found: &Found) -> String {
    let whose = match targets {
        [target] => format!("run {}", target.short()),
        several => format!("{} runs", several.len()),
    };
    let asked = filter::describe(args);
    let yet = if found.running { " yet" } else { "" };
    if found.entries == 0 {
        return format!("{whose} said nothing{yet}");
    }
    let entries = counted(found.entries, "entry", "entries");
    let asked = if asked.is_empty() { "of kind log or event".to_owned() } else { asked };
    let span = match (found.first, found.last) {
        (Some(first), Some(last)) if args.since.is_some() || args.until.is_some() => {
            format!(" from {} to {}", times.full(first), times.full(last))
        }
        _ => String::new(),
    };
    let way_out = if args.level.is_some() || !args.levels.is_empty() {
        "; lower the level with -L"
    } else if !args.kind.is_empty() || asked.starts_with("of kind") {
        "; choose others with --kind"
    } else {
        ""
    };
    format!("no entries {asked} in {whose}{yet} ({entries}{span}{way_out})")
}
