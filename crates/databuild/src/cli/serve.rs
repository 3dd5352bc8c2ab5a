//! `databuild serve`: the service, on this machine only, until it is told to stop.

use super::args::ServeArgs;
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::config::Config;
use crate::config::current::{ConfigNow, Current, Origin};
use crate::config::env::Environment;
use crate::project::{Project, Works, spec_of};
use crate::saver::host::{Board, SaverHost};
use crate::server::holder::{Claim, claim};
use crate::server::pipelines::Pipelines;
use crate::server::{self, Measures, Parts, ServeError, Stopped};
use databuild_graph::execute::observe::Unobserved;
use databuild_graph::execute::{StopFlag, StopLevel};
use databuild_model::clock::Clock;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

/// Runs the command.
pub(crate) fn run(args: &ServeArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    let (mut holder, held_by) = if args.no_build {
        (None, None)
    } else {
        match claim(&project.config().logs_dir).map_err(cannot_claim)? {
            Claim::Ours(holder) => (Some(holder), None),
            Claim::Held(by) => (None, Some(by)),
        }
    };
    let works = if holder.is_some() { Some(project.engine()?) } else { None };
    let quiet = context.global.quiet;
    if let (Some(by), false) = (&held_by, quiet) {
        let note =
            format!("{by} serves this folder already: this service only answers questions\n");
        // The service works without anybody reading this.
        std::io::stderr().write_all(note.as_bytes()).ok();
    }
    let runs_pipelines = works.is_some() && !args.no_saver;
    let host = if runs_pipelines { Some(saver_host(context, &project)?) } else { None };
    let board = host.as_ref().map(SaverHost::board);
    let current = settings(&project, works.as_ref(), board.clone(), context);
    let parts = Parts {
        current: Arc::clone(&current),
        pipelines: Pipelines {
            project: project.config().spec.name.as_str().to_owned(),
            world: project.saver_world(),
            current: Arc::clone(&current),
        },
        saver: board.clone(),
        reader: project.reader(),
        bel: project.bel()?,
        engine: works.as_ref().map(|works| Arc::clone(works.engine())),
        held_by,
        logs_dir: project.config().logs_dir.clone(),
        clock: Arc::clone(&context.clock) as Arc<dyn Clock>,
    };
    let measures = Measures {
        measuring: project.measuring(),
        interval: project.config().refresh_interval,
        collector: works.as_ref().map(Works::collector),
        current: Arc::clone(&current),
        saver: board,
    };
    let listen = args.listen.clone().unwrap_or_else(|| project.config().listen.to_string());
    let told = |address| {
        if let Some(holder) = &mut holder {
            holder.serves_at(address);
        }
        announce(address, quiet);
    };
    let reload = || {
        if let Some(host) = &host {
            host.reload();
        }
        tell_reload(&current.look(), quiet);
    };
    let serve = || server::serve(&listen, parts, measures, told, reload);
    let stopped = with_keeper(works.as_ref(), serve);
    let stored = works.map_or(Ok(()), Works::stop);
    // What the last jobs said is stored by now; what of it is not saved yet is saved by the next saver.
    host.map(SaverHost::stop);
    stored?;
    let stopped = stopped?;
    Ok(match stopped {
        // How a supervisor ends a service: what it asked for was done.
        Stopped::Terminated => Exit::Done,
        Stopped::Interrupted => Exit::Interrupted,
    })
}

/// The settings, which the project's files may change while the service lives.
fn settings(
    project: &Project,
    works: Option<&Works>,
    saver: Option<Arc<Board>>,
    context: &Context,
) -> Arc<Current> {
    let origin = Origin {
        start: context.start_folder(),
        file: context.global.file.clone(),
        env: Environment::read(),
    };
    // The engine ends with the service, whoever still knows of it.
    let engine = works.map(|works| Arc::downgrade(works.engine()));
    let take = move |config: &Config| {
        if let Some(engine) = engine.as_ref().and_then(Weak::upgrade) {
            engine.take_spec(spec_of(config));
        }
    };
    let clock = Arc::clone(&context.clock) as Arc<dyn Clock>;
    Current::new(origin, project.config().clone(), clock, saver, Box::new(take))
}

/// What a signal to read the settings again did; what the log saver does, it tells itself.
fn tell_reload(says: &ConfigNow, quiet: bool) {
    let told = match (&says.usable, says.start_again()) {
        (Err(why), _) => format!("the settings stay as they were: {why}\n"),
        (Ok(()), Some(waits)) => format!("the settings were read again; {waits}\n"),
        (Ok(()), None) if quiet => return,
        (Ok(()), None) => "the settings were read again\n".to_owned(),
    };
    // The service works without anybody reading this.
    std::io::stderr().write_all(told.as_bytes()).ok();
}

/// The log saver, with all pipelines.
fn saver_host(context: &Context, project: &Project) -> Result<SaverHost, Failure> {
    let parts = super::saver::host_parts(&[], context, project);
    Ok(SaverHost::start(parts, project.config().saver.clone())?)
}

fn cannot_claim(error: std::io::Error) -> Failure {
    Failure::new(
        Exit::State,
        anyhow::Error::new(error).context("cannot lock the folder of the logs"),
    )
    .remedy("make the logs folder writable, or answer questions only with --no-build")
}

/// Does `serve`, and meanwhile goes on with what other processes leave when they are killed; what of
/// that still runs at the end is stopped in order.
fn with_keeper<T>(works: Option<&Works>, serve: impl FnOnce() -> T) -> T {
    let until = StopFlag::new();
    std::thread::scope(|scope| {
        if let Some(works) = works {
            scope.spawn(|| works.engine().keep(&Unobserved, &until));
        }
        let served = serve();
        until.raise_to(StopLevel::InOrder);
        served
    })
}

/// The address on stdout, for scripts that took a free port; how to go on, for people, on stderr.
fn announce(address: SocketAddr, quiet: bool) {
    // The service works without anybody reading this.
    writeln!(std::io::stdout(), "http://{address}").ok();
    if !quiet {
        let note = format!(
            "databuild serves logs and builds of this project on this machine only\n  \
             try   curl -s 'http://{address}/api/v1/builds'\n  \
             stop  Ctrl-C\n"
        );
        std::io::stderr().write_all(note.as_bytes()).ok();
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let exit = match &error {
            ServeError::Address { .. } => Exit::Usage,
            ServeError::NotLoopback { .. } => Exit::Config,
            ServeError::Bind { .. } | ServeError::Start { .. } => Exit::Unreachable,
        };
        let remedy = error.remedy();
        Failure::new(exit, error).remedy(remedy)
    }
}
