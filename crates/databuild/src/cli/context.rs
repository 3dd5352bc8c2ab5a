//! What every command is given: the global flags and the clock.

use super::args::{ColorChoice, GlobalArgs};
use crate::clock::SystemClock;
use crate::render::terminal::Wishes;
use std::io::IsTerminal;
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
