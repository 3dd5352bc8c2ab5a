//! `databuild serve`: the service, on this machine only, until it is told to stop.

use super::args::ServeArgs;
use super::context::Context;
use super::outcome::{Exit, Failure};
use crate::project::Works;
use crate::server::{self, Measures, Parts, ServeError, Stopped};
use databuild_model::clock::Clock;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

/// Runs the command.
pub(crate) fn run(args: &ServeArgs, context: &Context) -> Result<Exit, Failure> {
    let project = context.project()?;
    let works = if args.no_build { None } else { Some(project.engine()?) };
    let parts = Parts {
        reader: project.reader(),
        bel: project.bel()?,
        engine: works.as_ref().map(|works| Arc::clone(works.engine())),
        clock: Arc::clone(&context.clock) as Arc<dyn Clock>,
    };
    let quiet = context.global.quiet;
    let measures = Measures {
        measuring: project.measuring(),
        interval: project.config().refresh_interval,
        collector: works.as_ref().map(Works::collector),
    };
    let listen = args.listen.clone().unwrap_or_else(|| project.config().listen.to_string());
    let told = |address| announce(address, quiet);
    let stopped = server::serve(&listen, parts, measures, told);
    works.map_or(Ok(()), Works::stop)?;
    let stopped = stopped?;
    Ok(match stopped {
        // How a supervisor ends a service: what it asked for was done.
        Stopped::Terminated => Exit::Done,
        Stopped::Interrupted => Exit::Interrupted,
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
