//! What every command is given: the global flags and the clock.

use super::args::{ColorChoice, GlobalArgs};
use super::outcome::Failure;
use crate::clock::SystemClock;
use crate::project::Project;
use crate::render::terminal::Wishes;
use databuild_model::clock::Clock;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

/// What every command is given.
pub(crate) struct Context {
    /// The flags that all commands share.
    pub(crate) global: GlobalArgs,
    /// The real clock.
    pub(crate) clock: Arc<SystemClock>,
    /// What the terminal's environment wishes for.
    pub(crate) wishes: Wishes,
}

impl Context {
    /// A context for one command.
    pub(crate) fn new(global: GlobalArgs) -> Self {
        Context { global, clock: Arc::new(SystemClock::new()), wishes: Wishes::from_env() }
    }

    /// The same in another folder, whose project file is looked for there.
    pub(crate) fn in_folder(&self, folder: PathBuf) -> Self {
        let global = GlobalArgs { dir: Some(folder), file: None, ..self.global.clone() };
        Context { global, clock: Arc::clone(&self.clock), wishes: self.wishes.clone() }
    }

    /// The folder to work in: `-C`, else the one we were started in.
    pub(crate) fn start_folder(&self) -> PathBuf {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        self.global.dir.as_ref().map_or(here.clone(), |dir| here.join(dir)).components().collect()
    }

    /// The project that we stand in, or the folder in its place.
    pub(crate) fn project(&self) -> Result<Project, Failure> {
        Project::find(&self.start_folder(), self.global.file.as_deref(), Arc::clone(&self.clock))
    }

    /// The clock, for parts that keep one.
    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::<SystemClock>::clone(&self.clock)
    }

    /// How the program was called, for commands that the user may copy.
    pub(crate) fn program(&self) -> String {
        std::env::args().next().unwrap_or_else(|| "databuild".to_owned())
    }

    /// Whether stdout may carry colours.
    pub(crate) fn colour_stdout(&self) -> bool {
        self.colour(std::io::stdout().is_terminal())
    }

    /// Whether stderr may carry colours.
    pub(crate) fn colour_stderr(&self) -> bool {
        self.colour(std::io::stderr().is_terminal())
    }

    fn colour(&self, is_terminal: bool) -> bool {
        match self.global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => self.wishes.colour(is_terminal),
        }
    }
}
