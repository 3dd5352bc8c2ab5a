//! `databuild runs`: builds and job runs, listed, shown, cancelled.

mod list;
mod show;
mod transfer;

use super::args::{RunsArgs, RunsCommand};
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::project::Project;
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::BuildRow;
use databuild_graph::bel::select::Selected;
use databuild_graph::execute::observe::Unobserved;
use databuild_graph::execute::view::{Watch, spooled_runs};
use databuild_model::bel::BuildEvent;
use databuild_model::clock::Clock;
use databuild_model::ids::JobRunId;
use databuild_model::spool::Block;
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
            let exit = list::run(args, context, &project.config().logs_dir, &bel)?;
            name_unwatched(context, &project, &bel)?;
            name_blocked(context, &project, &bel)?;
            Ok(exit)
        }
        Some(RunsCommand::Show { id }) => show::run(id, context, &project, &bel),
        Some(RunsCommand::Cancel { id }) => cancel(id, context, &project, &bel),
    }
}

/// Says which runs go on although their build was killed.
fn name_unwatched(context: &Context, project: &Project, bel: &Bel) -> Result<(), Failure> {
    if context.global.quiet {
        return Ok(());
    }
    for run in unwatched(project) {
        let Selected::One(row) = bel.find_run(run.as_str())? else { continue };
        let note = format!(
            "run {} of {} goes on although its build was killed; the next build goes on with it",
            row.number, row.job_label
        );
        writeln!(std::io::stderr(), "{note}")?;
    }
    Ok(())
}

/// Says which runs wait for the disk.
fn name_blocked(context: &Context, project: &Project, bel: &Bel) -> Result<(), Failure> {
    if context.global.quiet {
        return Ok(());
    }
    for (run, spooled) in spooled_runs(&project.config().logs_dir) {
        // That a spool is full for a moment is how a fast job is held up.
        let Some(blocked) = spooled.blocked.filter(|it| it.by != Block::SpoolFull) else {
            continue;
        };
        let Selected::One(row) = bel.find_run(run.as_str())? else { continue };
        let waits = show::blocked_text(blocked, context.clock.wall());
        writeln!(std::io::stderr(), "run {} of {} {waits}", row.number, row.job_label)?;
    }
    Ok(())
}

/// Runs that go on and that nobody sees to.
fn unwatched(project: &Project) -> impl Iterator<Item = JobRunId> {
    let spooled = spooled_runs(&project.config().logs_dir).into_iter();
    spooled.filter(|(_, spooled)| spooled.watch == Watch::Nobody).map(|(run, _)| run)
}

/// Records the wish; the process that builds sees it and stops in order.
fn cancel(id: &str, context: &Context, project: &Project, bel: &Bel) -> Result<Exit, Failure> {
    let build = build(id, bel)?;
    if !build.state.is_live() && goes_on(&build, project, bel)? {
        // There is no process that could see the wish, so it is done here.
        let works = project.engine()?;
        let stopped = works.engine().stop_lost(&build.id, &Unobserved);
        works.stop()?;
        stopped?;
        if !context.global.quiet {
            writeln!(std::io::stderr(), "what build {} left running was stopped", build.number)?;
        }
        return Ok(Exit::Done);
    }
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

/// Whether something of a build goes on that was killed.
fn goes_on(build: &BuildRow, project: &Project, bel: &Bel) -> Result<bool, Failure> {
    for run in unwatched(project) {
        if let Selected::One(row) = bel.find_run(run.as_str())?
            && row.build_id == build.id
        {
            return Ok(true);
        }
    }
    Ok(false)
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
