//! `databuild saver`: runs pipelines, and operates them whether or not they run.

mod dlq;
mod import;
mod preview;
mod run;
mod status;
mod tap;
mod test;

pub(super) use run::host_parts;

use super::args::{SaverArgs, SaverCommand};
use super::context::Context;
use super::outcome::{Exit, Failure};
use super::when;
use crate::project::Project;
use crate::render::escape::{Escapes, neutralise};
use crate::render::times::Times;
use crate::saver::look::{any_runs, existing_home};
use databuild_io::bus::Start;
use databuild_io::sink::{LocalSink, SinkError};
use databuild_model::clock::Clock;
use databuild_saver::orders::Orders;
use databuild_saver::settings::PipelineSettings;
use std::io::Write;

/// Does what was asked for.
pub(crate) fn run(args: &SaverArgs, context: &Context) -> Result<Exit, Failure> {
    match &args.command {
        SaverCommand::Import(args) => import::run(args, context),
        SaverCommand::Test => test::run(context),
        command @ (SaverCommand::Run { .. }
        | SaverCommand::Status { .. }
        | SaverCommand::Pause { .. }
        | SaverCommand::Resume { .. }
        | SaverCommand::Replay { .. }
        | SaverCommand::Dlq { .. }
        | SaverCommand::Preview(_)
        | SaverCommand::Tap { .. }) => operate(command, context),
    }
}

/// Does what needs a project with pipelines.
fn operate(command: &SaverCommand, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    match command {
        SaverCommand::Run { only } => run::run(only, context, &project),
        SaverCommand::Status { pipelines } => status::run(pipelines, context, &project),
        SaverCommand::Pause { pipelines } => {
            order(pipelines, context, &project, "pauses", |it| it.pause())
        }
        SaverCommand::Resume { pipelines, accept_loss } => {
            order(pipelines, context, &project, "goes on", |it| {
                if *accept_loss {
                    it.accept_loss()?;
                }
                it.resume()
            })
        }
        SaverCommand::Replay { pipeline, since } => {
            let start = start(since, context)?;
            let names = std::slice::from_ref(pipeline);
            order(names, context, &project, "begins again", |it| it.replay(start))
        }
        SaverCommand::Dlq { pipeline, tail } => dlq::run(pipeline, *tail, context, &project),
        SaverCommand::Preview(args) => preview::run(args, context, &project),
        SaverCommand::Tap { pipeline, number, stage, since } => {
            let start = since.as_ref().map_or(Ok(Start::End), |since| start(since, context))?;
            let settings = find(&project, pipeline)?;
            tap::run(settings, (*number, *stage, start), context, &project)
        }
        SaverCommand::Import(_) | SaverCommand::Test => Ok(Exit::Done),
    }
}

/// Gives an order to pipelines.
fn order(
    names: &[String],
    context: &Context,
    project: &Project,
    does: &str,
    give: impl Fn(&Orders<'_>) -> Result<(), SinkError>,
) -> Result<Exit, Failure> {
    for name in names {
        find(project, name)?;
    }
    let home = project.saver_world().home()?;
    for name in names {
        give(&Orders::new(&home, name))?;
    }
    if !context.global.quiet {
        let when = if any_runs(&home)? {
            "within a second"
        } else {
            "when a saver runs: databuild saver run"
        };
        for name in names {
            writeln!(std::io::stderr(), "{name} {does} {when}")?;
        }
    }
    Ok(Exit::Done)
}

/// The time that `text` means, from where a pipeline begins.
fn start(text: &str, context: &Context) -> Result<Start, Failure> {
    if text == "beginning" {
        return Ok(Start::Beginning);
    }
    let times = Times::new(context.global.utc);
    when::time("--since", text, context.clock.wall(), times.zone()).map(Start::Since)
}

/// The pipeline with this name.
fn find<'a>(project: &'a Project, name: &str) -> Result<&'a PipelineSettings, Failure> {
    let all = &project.config().saver;
    all.iter().find(|it| it.name == name).ok_or_else(|| {
        let failure = Failure::text(Exit::Nothing, format!("there is no pipeline {name:?}"));
        let names: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
        failure.remedy(if names.is_empty() {
            NO_PIPELINES.to_owned()
        } else {
            format!("pipelines are {}", names.join(", "))
        })
    })
}

/// What a project without pipelines is told.
const NO_PIPELINES: &str = "add one to databuild.toml:\n[saver.files.errors]\nlevel = \"warn\"\npath  = \"logs/{app}/error.log\"";

/// The saver's folder, if there is one.
fn home(project: &Project) -> Result<Option<LocalSink>, Failure> {
    Ok(existing_home(&project.saver_world())?)
}

/// Text of logs, for a terminal.
fn clean(text: &str) -> String {
    let mut out = String::new();
    neutralise(text, Escapes::Nothing, &mut out);
    out
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        let remedy = error.remedy();
        Failure::new(Exit::State, error).remedy(remedy)
    }
}
