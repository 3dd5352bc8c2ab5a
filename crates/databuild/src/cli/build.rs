//! `databuild build`: plans, makes, and ends with what a person has to know.

mod detach;
mod finish;
pub(super) mod output;
mod plan;

use super::args::{BuildArgs, ForceChoice, Progress, ShowOutput};
use super::attend::{Beside, Events, Signals, ask, attend};
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::progress::board::Board;
use crate::progress::display::{Display, Mode};
use crate::project::Project;
use crate::render::paint::Paint;
use crate::render::times::Times;
use databuild_graph::bel::Bel;
use databuild_graph::bel::select::Selected;
use databuild_graph::execute::{
    BuildError, BuildOutcome, BuildRequest, OnFailure, PlanError, StopFlag, Wanted,
};
use databuild_graph::plan::Force;
use databuild_graph::spec::ProjectSpec;
use databuild_graph::spec::wanted::RefPattern;
use databuild_model::bel::BuildEnd;
use databuild_model::ids::BuildId;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// Makes what was asked for.
pub(crate) fn run(args: &BuildArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    let (_, exit) = make_and_tell(args, context, &project)?;
    Ok(exit)
}

/// As [`run`], for commands that have a word of their own to say at the end. No outcome after a dry
/// run.
pub(crate) fn make_and_tell(
    args: &BuildArgs,
    context: &Context,
    project: &Project,
) -> Result<(Option<BuildOutcome>, Exit), Failure> {
    let (outcome, exit) = make(args, context, project)?;
    if let Some(outcome) = &outcome {
        finish::print(args, context, project, outcome)?;
    }
    Ok((outcome, exit))
}

fn make(
    args: &BuildArgs,
    context: &Context,
    project: &Project,
) -> Result<(Option<BuildOutcome>, Exit), Failure> {
    let spec = project.spec()?;
    let bel = project.bel()?;
    if args.detach {
        return Ok((None, detach::run(args, context, project)?));
    }
    let request = request(args, &bel)?;
    if args.dry_run {
        // What a build would find ended is taken as ended: so what is told is what would be done.
        project.close_ended();
        let works = project.engine()?;
        let (plan, spec) = ask(|stop| works.engine().plan(&request, stop))??;
        plan::print(context, &spec, &plan)?;
        works.stop()?;
        return Ok((None, Exit::Done));
    }
    let events = args.events.as_deref().map(|path| open_events(path, &bel)).transpose()?;
    let signals = Signals::catch()?;
    let works = project.engine()?;
    signals.also_stop(works.engine().stop_adopted());
    let mut display = display(args, context, &spec).with_reader(project.reader());
    let output = (args.show_output == ShowOutput::All)
        .then(|| output::JobOutput::new(project.reader(), finish::style(context)));
    if output.is_some() {
        display = display.leaving_lines();
    }
    let beside = Beside { events, output, no_wait: args.no_wait };
    let stop = StopFlag::new();
    let work = || works.engine().build(&request, &display, &stop);
    let (result, written) = attend(&display, &signals, &stop, beside, work);
    works.stop()?;
    let outcome = result?;
    written?;
    let exit = match outcome.end {
        BuildEnd::Completed => Exit::Done,
        BuildEnd::Failed | BuildEnd::Lost => Exit::JobsFailed,
        BuildEnd::Cancelled if args.no_wait && display.waits() => Exit::Busy,
        BuildEnd::Cancelled if signals.was_terminated() => Exit::Terminated,
        BuildEnd::Cancelled => Exit::Interrupted,
    };
    Ok((Some(outcome), exit))
}

fn request(args: &BuildArgs, bel: &Bel) -> Result<BuildRequest, Failure> {
    let wanted = match &args.retry {
        Some(text) => Wanted::RestOf(to_retry(text, bel)?),
        None => Wanted::Partitions(patterns(&args.refs)?),
    };
    Ok(BuildRequest {
        force: match args.force {
            None => Force::Nothing,
            Some(ForceChoice::Wanted) => Force::Wanted,
            Some(ForceChoice::All) => Force::All,
        },
        max_age: args
            .max_age
            .as_deref()
            .map(|text| super::when::duration("--max-age", text))
            .transpose()?,
        changed: args.changed,
        parallel: args.jobs.and_then(|jobs| usize::try_from(jobs).ok()).and_then(NonZeroUsize::new),
        on_failure: if args.fail_fast { OnFailure::FailFast } else { OnFailure::KeepGoing },
        ..BuildRequest::new("cli", wanted)
    })
}

/// The build that `--retry` names.
fn to_retry(text: &str, bel: &Bel) -> Result<BuildId, Failure> {
    match bel.find_build(text)? {
        Selected::One(build) => Ok(build.id),
        Selected::Nothing => {
            Err(Failure::text(Exit::Nothing, format!("there is no build {text:?}"))
                .remedy("databuild runs lists builds"))
        }
        Selected::Ambiguous(builds) => {
            let lines = builds.iter().map(|build| format!("{} {}", build.number, build.id));
            Err(super::logs::target::ambiguous(text, lines))
        }
    }
}

/// Reads partitions and sets of them as typed; all that is wrong is told at once.
pub(super) fn patterns(texts: &[String]) -> Result<Vec<RefPattern>, Failure> {
    let mut patterns = Vec::new();
    let mut problems = Vec::new();
    for text in texts {
        match RefPattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() {
        return Ok(patterns);
    }
    Err(Failure::text(Exit::Usage, problems.join("\nerror: "))
        .remedy("a partition is a path such as clean/date=2025-01-26, a set clean/date=2025-01-20..2025-01-26"))
}

fn open_events(path: &Path, bel: &Arc<Bel>) -> Result<Events, Failure> {
    let out: Box<dyn Write + Send> = if path == Path::new("-") {
        Box::new(std::io::stdout())
    } else {
        let file = std::fs::File::create(path).map_err(|error| {
            let error =
                anyhow::Error::new(error).context(format!("cannot write {}", path.display()));
            Failure::new(Exit::State, error)
        })?;
        Box::new(std::io::BufWriter::new(file))
    };
    Ok(Events::new(Arc::clone(bel), out))
}

fn display(args: &BuildArgs, context: &Context, spec: &ProjectSpec) -> Display {
    let mode = match args.progress {
        _ if context.global.quiet => Mode::Silent,
        Progress::Auto if std::io::stderr().is_terminal() => Mode::Bar,
        Progress::Bar => Mode::Bar,
        Progress::Auto | Progress::Lines => Mode::Lines,
        Progress::None => Mode::Silent,
    };
    let widest = spec.jobs.iter().map(|job| job.label.as_str().chars().count()).max();
    let board = Board::new(Paint::new(context.colour_stderr()), widest.unwrap_or(0));
    let times = Times::new(context.global.utc);
    Display::new(mode, board, context.shared_clock(), times, context.program())
}

/// Whether an extract of failed jobs is shown.
fn shows_output(args: &BuildArgs) -> bool {
    match args.show_output {
        ShowOutput::Never => false,
        ShowOutput::Failed | ShowOutput::All => true,
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        let remedy = error.remedy();
        match error {
            PlanError::Problems(problems) => {
                let lines: Vec<String> = problems
                    .iter()
                    .map(|problem| {
                        format!("{}: {problem}\n    {}", problem.code(), problem.remedy())
                    })
                    .collect();
                let message = lines.join("\nerror ");
                Failure::text(Exit::Nothing, message)
            }
            PlanError::NoProject => Failure::new(Exit::Config, error).remedy(remedy),
            PlanError::NoBuild(_) => Failure::new(Exit::Nothing, error).remedy(remedy),
            PlanError::NotPartitions(_) => Failure::new(Exit::Usage, error).remedy(remedy),
            PlanError::Query(error) => error.into(),
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let remedy = error.remedy();
        match error {
            BuildError::Plan(error) => error.into(),
            BuildError::Record(_) | BuildError::Query(_) | BuildError::TakenOver { .. } => {
                Failure::new(Exit::State, error).remedy(remedy)
            }
            BuildError::NotStarted => Failure::new(Exit::Interrupted, error).remedy(remedy),
            BuildError::Exists(_) => Failure::new(Exit::Usage, error).remedy(remedy),
        }
    }
}
