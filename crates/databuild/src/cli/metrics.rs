//! `databuild metrics`: what a scrape would show, for hosts without a service; and
//! `metrics check` and `metrics export`.

mod check;
mod export;
mod textfile;

use super::args::{FormatChoice, MetricsArgs, MetricsCommand};
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::measure::Measuring;
use databuild_metrics::expose::{Format, expose};
use databuild_metrics::own::{Moment, OwnHealth};
use databuild_model::clock::Clock;
use std::io::Write;
use std::time::Duration;

/// How often the command looks at some thousand files to learn how much is stored: a second's work.
const USAGE_LOOKS_MAX: usize = 100;

/// Runs the command.
pub(crate) fn run(args: &MetricsArgs, context: &Context) -> Result<Exit, Failure> {
    let measured = || -> Result<Measuring, Failure> {
        let mut measuring = context.project()?.measuring()?;
        measuring.refresh()?;
        Ok(measuring)
    };
    // All at once, since nothing is remembered; of a store that is too large for that the series is missing.
    let counted = |mut measuring: Measuring| {
        (0..USAGE_LOOKS_MAX)
            .any(|_| !measuring.look_at_usage(context.clock.wall(), Duration::ZERO));
        measuring
    };
    match (&args.command, &args.textfile) {
        (Some(MetricsCommand::Export(args)), _) => export::run(args),
        (Some(MetricsCommand::Check), _) => check::run(&measured()?, context),
        (None, Some(dir)) => {
            textfile::write(dir, &text(&counted(measured()?), Format::Classic, context)?)
        }
        (None, None) => {
            let format = match args.format {
                FormatChoice::Text => Format::Classic,
                FormatChoice::Openmetrics => Format::OpenMetrics,
            };
            let text = text(&counted(measured()?), format, context)?;
            std::io::stdout().write_all(text.as_bytes())?;
            Ok(Exit::Done)
        }
    }
}

fn text(measuring: &Measuring, format: Format, context: &Context) -> Result<String, Failure> {
    let now = context.clock.wall();
    let moment = Moment {
        journal_age: measuring.newest().map(|newest| now.since(newest).as_secs_f64()),
        ..measuring.moment(now)?
    };
    let own = OwnHealth::new(env!("CARGO_PKG_VERSION")).at(&moment, now);
    Ok(expose(&[&own, measuring.totals()], format))
}
