//! `databuild logs`: reads or follows what job runs said, and says so when there is nothing.

mod around;
mod filter;
mod follow;
mod nothing;
mod selector;
mod sink;
pub(crate) mod target;
pub(crate) mod verify;

use super::args::{LogsArgs, LogsCommand, OrderChoice};
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::render::ending;
use databuild_logs::read::{Cursor, LogReader, ReadError};
use databuild_model::query::LogFilter;
use databuild_model::request::{JobLogsRequest, Order};
use sink::Sink;
use std::collections::VecDeque;
use std::io::Write;
use target::{Target, Targets};

/// Reads what was asked for.
pub(crate) fn run(args: &LogsArgs, context: &Context) -> Result<Exit, Failure> {
    if let Some(LogsCommand::Verify(args)) = &args.command {
        return verify::run(args, context);
    }
    let project = context.project()?;
    project.close_ended();
    let bel = project.existing_bel()?;
    let reader = project.reader();
    let filter = filter::build(args, context)?;
    let targets = target::find(args, bel.as_deref(), &reader, &project.config().spec)?;
    check(args, &targets)?;

    let mut sink = Sink::new(args, context, &targets.runs)?;
    let shown = if let Some(how) = args.follow {
        let bel = bel.as_deref();
        let following =
            follow::Following { bel, reader: &reader, filter: &filter, tail: args.tail, how };
        following.run(&targets, &mut sink)?;
        sink.entries()
    } else if let [target] = targets.runs.as_slice() {
        heading(target, &mut sink)?;
        one(args, context, &reader, target, &filter, &mut sink)?
    } else if args.context.is_some() {
        // Neighbours are of the same run, so one run comes after the other, as grep does with files.
        for (place, target) in targets.runs.iter().enumerate() {
            with_neighbours(args, context, &reader, target, &filter, (place, &mut sink))?;
        }
        sink.entries()
    } else {
        several(args, &reader, &targets, &filter, &mut sink)?
    };
    sink.finish()?;
    if shown == 0 && !context.global.quiet {
        nothing::explain(args, context, &reader, &targets.runs)?;
    }
    if !context.global.quiet {
        nothing::name_incomplete(&reader, &targets.runs)?;
    }
    Ok(Exit::Done)
}

/// Flags that need a single run.
fn check(args: &LogsArgs, targets: &Targets) -> Result<(), Failure> {
    let follows = args.follow.is_some();
    if targets.runs.len() == 1 && !follows {
        return Ok(());
    }
    let refuse = |flag: &str| {
        let why = if follows { "with -f" } else { "with several runs" };
        Err(Failure::text(Exit::Usage, format!("{flag} cannot be used {why}")).remedy(
            "name a single run such as 42.6; databuild runs show 42 lists those of a build",
        ))
    };
    if args.cursor.is_some() {
        refuse("--cursor")
    } else if args.order == OrderChoice::Desc {
        refuse("--order desc")
    } else if follows && args.context.is_some() {
        refuse("-C")
    } else if follows && (args.head.is_some() || args.limit.is_some()) {
        refuse("--head or --limit")
    } else {
        Ok(())
    }
}

fn heading(target: &Target, sink: &mut Sink) -> Result<(), Failure> {
    let Some(row) = &target.row else { return Ok(()) };
    let end = row.summary.as_ref().map_or_else(|| row.state.to_string(), ending::words);
    let name = sink::name(target);
    sink.heading(&format!("{name} · run {} · {end} · {}", row.number, row.id))?;
    Ok(())
}

/// One run: page after page, as the reader gives them.
fn one(
    args: &LogsArgs,
    context: &Context,
    reader: &LogReader,
    target: &Target,
    filter: &LogFilter,
    sink: &mut Sink,
) -> Result<u64, Failure> {
    if args.context.is_some() {
        return with_neighbours(args, context, reader, target, filter, (0, sink));
    }
    let mut left = args.head.or(args.limit);
    let mut request = JobLogsRequest {
        job_run_id: target.id.clone(),
        filter: filter.clone(),
        limit: left,
        page_token: args.cursor.clone(),
        order: match args.order {
            OrderChoice::Asc => Order::Asc,
            OrderChoice::Desc => Order::Desc,
        },
        tail: args.tail,
    };
    loop {
        let page = reader.get_job_logs(&request).map_err(|error| not_written(target, error))?;
        for line in page.lines.iter() {
            sink.push(0, line)?;
        }
        if let Some(left) = &mut left {
            *left = left.saturating_sub(u32::try_from(page.lines.len()).unwrap_or(u32::MAX));
        }
        match page.next_page_token {
            None => return Ok(sink.entries()),
            Some(token) if left == Some(0) => {
                if args.limit.is_some() && !context.global.quiet {
                    writeln!(std::io::stderr(), "there is more: --cursor {token}")?;
                }
                return Ok(sink.entries());
            }
            Some(token) => (request.page_token, request.limit) = (Some(token), left),
        }
    }
}

/// `-C`: what matches in a run, with what stands around it.
fn with_neighbours(
    args: &LogsArgs,
    context: &Context,
    reader: &LogReader,
    target: &Target,
    filter: &LogFilter,
    to: (usize, &mut Sink),
) -> Result<u64, Failure> {
    let wide = LogFilter {
        kinds: filter::neighbours(args, context.global.output)?,
        ..LogFilter::default()
    };
    let near = args.context.and_then(|near| usize::try_from(near).ok()).unwrap_or_default();
    match around::run(reader, &target.id, filter, wide, near, to) {
        Ok(found) => Ok(found),
        // Of several runs, one that was never started has nothing to say.
        Err(around::AroundError::Read(error)) => Err(not_written(target, error)),
        Err(around::AroundError::Write(error)) => Err(error.into()),
    }
}

/// A run that has a number and no file was never started.
fn not_written(target: &Target, error: ReadError) -> Failure {
    match (&error, &target.row) {
        (ReadError::RunNotFound { .. }, Some(row)) => Failure::text(
            Exit::Nothing,
            format!("run {} has no log: it is {}", row.number, row.state),
        )
        .remedy("databuild logs -f waits for it; databuild runs show tells more"),
        _ => error.into(),
    }
}

/// Several runs, merged by time.
fn several(
    args: &LogsArgs,
    reader: &LogReader,
    targets: &Targets,
    filter: &LogFilter,
    sink: &mut Sink,
) -> Result<u64, Failure> {
    let mut runs = Vec::new();
    for target in &targets.runs {
        let start = match args.tail {
            None => Cursor::START,
            Some(tail) => match reader.tail_cursor(&target.id, filter, tail) {
                Ok((cursor, _)) => cursor,
                Err(ReadError::RunNotFound { .. }) => Cursor::START,
                Err(error) => return Err(error.into()),
            },
        };
        runs.push((target.id.clone(), start));
    }
    let mut left = args.head.or(args.limit).map_or(u64::MAX, u64::from);
    let mut last = VecDeque::new();
    for merged in reader.merge(runs, filter) {
        let merged = match merged {
            Ok(merged) => merged,
            // One that was never started has nothing to say.
            Err(ReadError::RunNotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if left == 0 {
            break;
        }
        left -= 1;
        match args.tail {
            None => sink.push(merged.run, &merged.line)?,
            Some(tail) => {
                last.push_back(merged);
                if usize::try_from(tail).is_ok_and(|tail| tail < last.len()) {
                    last.pop_front();
                }
            }
        }
    }
    for merged in last {
        sink.push(merged.run, &merged.line)?;
    }
    Ok(sink.entries())
}
