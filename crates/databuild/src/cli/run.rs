//! `databuild run -- CMD`: any command as one recorded job run. Its output is passed on as it is
//! stored, its exit code is ours.

mod tee;

use super::args::RunArgs;
use super::attend::{Beside, Signals, attend};
use super::context::Context;
use super::outcome::{Exit, Failure};
use super::when;
use crate::progress::board::Board;
use crate::progress::display::{Display, Mode};
use crate::render::ending;
use crate::render::paint::Paint;
use crate::render::times::{Times, counted, took};
use databuild_graph::execute::{CommandOutcome, CommandRequest, CommandStdin, StopFlag};
use databuild_model::bel::BuildEnd;
use databuild_model::ids::{AppName, IdError, JobLabel, PartitionRef};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Runs the command.
pub(crate) fn run(args: &RunArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    let request = request(args, context)?;
    let signals = Signals::catch()?;
    let works = project.engine()?;
    signals.also_stop(works.engine().stop_adopted());
    let board = Board::new(Paint::new(false), 0);
    let times = Times::new(context.global.utc);
    let display =
        Display::new(Mode::Silent, board, context.shared_clock(), times, context.program());
    let stop = StopFlag::new();
    let reader = project.reader();
    let (result, passed_on) = std::thread::scope(|scope| {
        let (tee, pump) = tee::pair(&display, &reader, context);
        let pump = scope.spawn(move || pump.run());
        let work = || works.engine().run_command(&request, &tee, &stop);
        let (result, _) = attend(&display, &signals, &stop, Beside::default(), work);
        // The pump ends when nobody can begin a run any more.
        drop(tee);
        let passed_on = match pump.join() {
            Ok(passed_on) => passed_on,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        (result, passed_on)
    });
    works.stop()?;
    let outcome = result?;
    if let Err(failure) = passed_on
        && !failure.is_broken_pipe()
    {
        return Err(failure);
    }
    closing_line(context, &outcome)?;
    Ok(match outcome.end {
        BuildEnd::Cancelled if signals.was_terminated() => Exit::Terminated,
        BuildEnd::Cancelled => Exit::Interrupted,
        BuildEnd::Completed | BuildEnd::Failed | BuildEnd::Lost => {
            Exit::Child(u8::try_from(outcome.exit_code).unwrap_or(125))
        }
    })
}

fn request(args: &RunArgs, context: &Context) -> Result<CommandRequest, Failure> {
    let program = args.command.first().map_or("", String::as_str);
    let label = args.label.clone().unwrap_or_else(|| label_of(program));
    let outputs: Result<Vec<_>, _> =
        args.outputs.iter().map(|text| PartitionRef::parse(text.as_str())).collect();
    Ok(CommandRequest {
        id: None,
        origin: "cli".to_owned(),
        label: JobLabel::parse(label).map_err(|error| bad("-J", error))?,
        args: args.command.clone(),
        outputs: outputs.map_err(|error| bad("--out", error))?,
        app: args
            .app
            .as_deref()
            .map(|app| AppName::parse(app).map_err(|error| bad("--app", error)))
            .transpose()?,
        job_type: None,
        env: BTreeMap::new(),
        folder: context.start_folder(),
        timeout: args
            .timeout
            .as_deref()
            .map(|text| when::duration("--timeout", text))
            .transpose()?,
        retries: args.retries,
        stdin: CommandStdin::Inherit,
    })
}

fn bad(flag: &str, error: IdError) -> Failure {
    Failure::text(Exit::Usage, format!("{flag}: {error}"))
}

/// The command's name as a label: what a label cannot have becomes `_`.
fn label_of(program: &str) -> String {
    let name = Path::new(program)
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    let label: String = name.chars().map(|c| if keep(c) { c } else { '_' }).collect();
    match label.trim_start_matches('.') {
        "" => "command".to_owned(),
        label => label.chars().take(64).collect(),
    }
}

fn closing_line(context: &Context, outcome: &CommandOutcome) -> Result<(), Failure> {
    if context.global.quiet {
        return Ok(());
    }
    let paint = Paint::new(context.colour_stderr());
    let summary = &outcome.summary;
    let (sign, end) = match outcome.end {
        BuildEnd::Completed => (paint.good("✔"), "ok".to_owned()),
        BuildEnd::Failed | BuildEnd::Lost => (paint.bad("✘"), ending::words(summary)),
        BuildEnd::Cancelled => (paint.warn("–"), "stopped".to_owned()),
    };
    let attempt = match outcome.attempt {
        0 | 1 => String::new(),
        attempt => format!(", attempt {attempt}"),
    };
    let duration = Duration::try_from_secs_f64(summary.duration_seconds).unwrap_or_default();
    writeln!(
        std::io::stderr(),
        "{sign} run {} {end} after {}{attempt} · {}: {} logs {}",
        outcome.run,
        took(duration),
        counted(summary.entries, "entry", "entries"),
        context.program(),
        outcome.run,
    )?;
    Ok(())
}
