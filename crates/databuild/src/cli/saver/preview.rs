//! `databuild saver preview`: what pipelines would write of what is stored.

use super::super::args::{Output, PreviewArgs};
use super::super::context::Context;
use super::super::logs::target;
use super::super::outcome::{Exit, Failure};
use super::{clean, find, start};
use crate::project::Project;
use crate::render::times::counted;
use databuild_io::bus::Start;
use databuild_model::clock::Clock;
use databuild_saver::preview::{Preview, PreviewError, PreviewOptions, preview};
use databuild_saver::settings::{FilesSettings, PipelineSettings, ProcessorSettings};
use serde_json::json;
use std::collections::HashSet;
use std::io::{IsTerminal, Write};

pub(super) fn run(
    args: &PreviewArgs,
    context: &Context,
    project: &Project,
) -> Result<Exit, Failure> {
    let options = options(args, context, project)?;
    let pipelines = pipelines(args, project)?;
    let world = project.saver_world();
    let mut first = true;
    for (settings, files) in pipelines {
        let found = preview(settings, files, Box::new(world.bus()), &options)?;
        show(&settings.name, &found, context.global.output, &mut first)?;
        if !context.global.quiet {
            tell(&settings.name, &found, &options)?;
        }
    }
    Ok(Exit::Done)
}

fn options(
    args: &PreviewArgs,
    context: &Context,
    project: &Project,
) -> Result<PreviewOptions, Failure> {
    let since = args.since.as_ref().map(|since| start(since, context)).transpose()?;
    let runs = if args.run.is_empty() {
        None
    } else {
        let bel = project.existing_bel()?;
        let named = target::named(&args.run, bel.as_deref(), &project.reader())?;
        Some(named.into_iter().map(|it| it.id.as_str().to_owned()).collect::<HashSet<_>>())
    };
    Ok(PreviewOptions {
        project: project.config().spec.name.as_str().into(),
        start: since.unwrap_or(Start::Beginning),
        runs,
        events_max: args.limit,
        now: context.clock.wall(),
    })
}

/// The pipelines that are meant, each with its files.
fn pipelines<'a>(
    args: &PreviewArgs,
    project: &'a Project,
) -> Result<Vec<(&'a PipelineSettings, &'a FilesSettings)>, Failure> {
    let files = |settings: &'a PipelineSettings| match &settings.processor {
        ProcessorSettings::Files(files) => Some((settings, files.as_ref())),
        ProcessorSettings::Process(_) => None,
    };
    let Some(name) = &args.pipeline else {
        return Ok(project.config().saver.iter().filter_map(files).collect());
    };
    let found = files(find(project, name)?);
    let one = found.ok_or_else(|| {
        let message = format!("{name} gives its events to a program, and writes no files");
        Failure::text(Exit::Usage, message)
            .remedy(format!("databuild saver tap {name} --since 1h shows what it gets"))
    })?;
    Ok(vec![one])
}

fn show(name: &str, found: &Preview, output: Output, first: &mut bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (path, text) in &found.files {
        let shown = String::from_utf8_lossy(text);
        match output {
            Output::Json | Output::Jsonl => {
                let file = json!({ "pipeline": name, "path": path, "text": shown });
                writeln!(out, "{file}")?;
            }
            Output::Human | Output::Raw => {
                let between = if std::mem::take(first) { "" } else { "\n" };
                writeln!(out, "{between}==> {path} <==")?;
                if matches!(output, Output::Human) && std::io::stdout().is_terminal() {
                    for line in shown.lines() {
                        writeln!(out, "{}", clean(line))?;
                    }
                } else {
                    out.write_all(text)?;
                }
            }
        }
    }
    Ok(())
}

/// What is not seen in the files.
fn tell(name: &str, found: &Preview, options: &PreviewOptions) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    if found.events == 0 {
        writeln!(err, "{name}: nothing that it takes is stored")?;
    }
    if found.more {
        let shown = counted(options.events_max.min(found.events), "event", "events");
        writeln!(err, "{name}: {shown}, and there are more: --limit, --since or --run")?;
    }
    if 0 < found.missing {
        let gone = counted(found.missing, "event is", "events are");
        writeln!(err, "{name}: {gone} gone already")?;
    }
    Ok(())
}

impl From<PreviewError> for Failure {
    fn from(error: PreviewError) -> Self {
        let remedy = error.remedy().to_owned();
        Failure::new(Exit::State, error).remedy(remedy)
    }
}
