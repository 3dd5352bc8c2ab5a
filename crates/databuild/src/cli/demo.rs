//! `databuild demo`: a project on real data, built before one's eyes, and what to try next.

use super::args::{BuildArgs, DemoArgs, Progress, ShowOutput};
use super::context::Context;
use super::init::history_for;
use super::outcome::{Exit, Failure};
use crate::demo;
use crate::render::times::counted;
use databuild_model::bel::BuildEnd;
use std::io::Write;
use std::path::PathBuf;

/// Makes the project, builds its newest report and shows it.
pub(crate) fn run(args: &DemoArgs, context: &Context) -> Result<Exit, Failure> {
    let dir: PathBuf = context.start_folder().join(&args.dir).components().collect();
    demo::check_empty(&dir)?;
    let history = history_for(&context.start_folder())?;
    let written = demo::write_git(&dir, &history)?;
    let (program, shown) = (context.program(), args.dir.display());
    if !context.global.quiet {
        let commits = counted(history.commits as u64, "commit", "commits");
        let word = history.period.word();
        let periods = counted(history.periods as u64, word, &format!("{word}s"));
        let mut err = std::io::stderr().lock();
        writeln!(err, "{shown}/databuild.toml   3 jobs on a git history: {commits}, {periods}")?;
        writeln!(err, "{shown}/jobs/*.sh        plain shell and awk; replace them with anything")?;
        writeln!(err, "$ {program} -C {shown} build {}", written.newest_report)?;
    }

    let inside = context.in_folder(dir.clone());
    let build = BuildArgs {
        refs: vec![written.newest_report.clone()],
        dry_run: false,
        jobs: None,
        keep_going: false,
        fail_fast: false,
        retry: None,
        force: None,
        no_wait: false,
        max_age: None,
        changed: false,
        detach: false,
        server: None,
        events: None,
        progress: Progress::Auto,
        show_output: ShowOutput::Failed,
    };
    let project = inside.project()?;
    let (outcome, exit) = super::build::make_and_tell(&build, &inside, &project)?;
    if outcome.is_none_or(|outcome| outcome.end != BuildEnd::Completed) {
        return Ok(exit);
    }
    show_report(&dir.join(&written.report_file))?;
    if !context.global.quiet {
        next_steps(&program, &shown.to_string(), &written)?;
    }
    Ok(exit)
}

fn show_report(path: &std::path::Path) -> Result<(), Failure> {
    let report = std::fs::read(path).map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("cannot read {}", path.display()));
        Failure::new(Exit::State, error)
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out)?;
    // File names and titles come from a repository: a terminal must not obey them.
    let mut text = String::new();
    let report = String::from_utf8_lossy(&report);
    crate::render::escape::neutralise(&report, crate::render::escape::Escapes::Nothing, &mut text);
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn next_steps(program: &str, dir: &str, written: &demo::Written) -> Result<(), Failure> {
    let lines = [
        format!("read it    {program} -C {dir} logs {}", written.newest_churn),
        format!("warnings   {program} -C {dir} logs 1 -L warn"),
        format!("why        {program} -C {dir} why {}", written.newest_report),
        format!("break it   echo 'echo \"no space left\" >&2; exit 3' >> {dir}/jobs/churn.sh"),
        format!("see it     {program} -C {dir} build --force {}", written.newest_churn),
    ];
    writeln!(std::io::stderr(), "\nnext:\n  {}", lines.join("\n  "))?;
    Ok(())
}
