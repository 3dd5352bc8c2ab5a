//! `databuild saver run`: the pipelines, until a signal.

use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use super::{NO_PIPELINES, find};
use crate::project::Project;
use crate::saver::host::{HostParts, Load, SaverHost};
use databuild_saver::settings::PipelineSettings;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, PipeReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn run(only: &[String], context: &Context, project: &Project) -> Result<Exit, Failure> {
    for name in only {
        find(project, name)?;
    }
    let pipelines = chosen(project.config().saver.clone(), only);
    if pipelines.is_empty() {
        let failure = Failure::text(Exit::Config, "the project has no pipelines");
        return Err(failure.remedy(NO_PIPELINES));
    }
    let names: Vec<&str> = pipelines.iter().map(|it| it.name.as_str()).collect();
    let names = names.join(", ");
    let mut signals = Signals::catch().map_err(|error| {
        Failure::new(Exit::State, anyhow::Error::new(error).context("cannot catch signals"))
    })?;
    let host = SaverHost::start(host_parts(only, context, project), pipelines)?;
    if !context.global.quiet {
        writeln!(
            io::stderr(),
            "saver: runs {names}; stop with Ctrl-C, read databuild.toml again with SIGHUP"
        )?;
    }
    let exit = loop {
        match signals.next() {
            Told::Reload => host.reload(),
            Told::Stop(exit) => break exit,
        }
    };
    host.stop();
    Ok(exit)
}

/// The pipelines with these names, all if there are none.
fn chosen(pipelines: Vec<PipelineSettings>, only: &[String]) -> Vec<PipelineSettings> {
    let mut pipelines = pipelines;
    pipelines.retain(|it| only.is_empty() || only.contains(&it.name));
    pipelines
}

/// What a host is made with that runs these pipelines alone, all if there are none named.
pub(in super::super) fn host_parts(
    only: &[String],
    context: &Context,
    project: &Project,
) -> HostParts {
    let (start, file) = (context.start_folder(), context.global.file.clone());
    let only = only.to_vec();
    let load: Load = Box::new(move || {
        let env = crate::config::env::Environment::read();
        let config = crate::config::load_or_empty(&start, file.as_deref(), &env);
        config.map(|config| chosen(config.saver, &only)).map_err(|invalid| invalid.report())
    });
    HostParts {
        project: project.config().spec.name.as_str().to_owned(),
        world: project.saver_world(),
        load,
        quiet: context.global.quiet,
    }
}

/// What a signal means.
enum Told {
    Reload,
    Stop(Exit),
}

/// Signals, one after another.
struct Signals {
    came: PipeReader,
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    fn catch() -> io::Result<Signals> {
        let (came, tell) = io::pipe()?;
        let signals = Signals {
            came,
            interrupt: Arc::default(),
            terminate: Arc::default(),
            reload: Arc::default(),
        };
        let flags = [
            (SIGINT, &signals.interrupt),
            (SIGTERM, &signals.terminate),
            (SIGHUP, &signals.reload),
        ];
        for (signal, flag) in flags {
            // In this order: when the byte comes, the flag is up.
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, tell.try_clone()?)?;
        }
        Ok(signals)
    }

    /// Waits for the next one.
    fn next(&mut self) -> Told {
        loop {
            let taken = |flag: &AtomicBool| flag.swap(false, Ordering::AcqRel);
            if taken(&self.interrupt) {
                return Told::Stop(Exit::Interrupted);
            }
            if taken(&self.terminate) {
                // How a supervisor ends a service: what it asked for was done.
                return Told::Stop(Exit::Done);
            }
            if taken(&self.reload) {
                return Told::Reload;
            }
            let mut byte = [0];
            match self.came.read(&mut byte) {
                Ok(0) => return Told::Stop(Exit::Terminated),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Told::Stop(Exit::Terminated),
            }
        }
    }
}
