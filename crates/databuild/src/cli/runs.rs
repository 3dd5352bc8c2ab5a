//! `databuild runs`: builds and job runs, listed, shown, cancelled.

mod list;
mod show;
mod transfer;

use super::args::{RunsArgs, RunsCommand};
use super::context::Context;
use super::outcome::{Exit, Failure};
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::BuildRow;
use databuild_graph::bel::select::Selected;
use databuild_model::bel::BuildEvent;
use std::io::Write;

/// Does what was asked for.
pub(crate) fn run(args: &RunsArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    project.close_ended();
    match &args.command {
        Some(RunsCommand::Export { targets, file }) => {
            return transfer::export(targets, file, context, &project);
        }
        Some(RunsCommand::Import { file }) => return transfer::import(file, context, &project),
        Some(RunsCommand::Show { .. } | RunsCommand::Cancel { .. }) | None => {}
    }
    let Some(bel) = project.existing_bel()? else {
        return match &args.command {
            Some(RunsCommand::Show { id } | RunsCommand::Cancel { id }) => Err(unknown(id)),
            Some(RunsCommand::Export { .. } | RunsCommand::Import { .. }) | None => {
                list::nothing(context, "there are no builds yet")
            }
        };
    };
    match &args.command {
        Some(RunsCommand::Export { .. } | RunsCommand::Import { .. }) | None => {
            list::run(args, context, &bel)
        }
        Some(RunsCommand::Show { id }) => show::run(id, context, &project, &bel),
        Some(RunsCommand::Cancel { id }) => cancel(id, context, &bel),
    }
}

/// Records the wish; the process that builds sees it and stops in order.
fn cancel(id: &str, context: &Context, bel: &Bel) -> Result<Exit, Failure> {
    let build = build(id, bel)?;
    if !build.state.is_live() {
        let message = format!("build {} is over: it {}", build.number, build.state);
        return Err(Failure::text(Exit::Nothing, message)
            .remedy("databuild runs --running lists what runs"));
    }
    bel.append(&build.id, [BuildEvent::BuildCancelRequested { by: "cli".to_owned() }])?;
    if !context.global.quiet {
        writeln!(std::io::stderr(), "build {} was asked to stop in order", build.number)?;
    }
    Ok(Exit::Done)
}

/// The one build that `id` means; a job run's number means its build.
fn build(id: &str, bel: &Bel) -> Result<BuildRow, Failure> {
    match bel.find_build(id)? {
        Selected::One(build) => Ok(build),
        Selected::Nothing => Err(unknown(id)),
        Selected::Ambiguous(builds) => {
            let lines = builds.iter().map(|build| format!("{} {}", build.number, build.id));
            Err(super::logs::target::ambiguous(id, lines))
        }
    }
}

fn unknown(id: &str) -> Failure {
    Failure::text(Exit::Nothing, format!("there is no build or job run {id:?}"))
        .remedy("databuild runs lists builds, databuild runs --job LABEL the runs of a job")
}
