//! What the terminal and its environment wish for: colours, width, pager. Configuration is elsewhere.

use std::io::IsTerminal;

/// Wishes that stand in the environment by convention of other programs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// `NO_COLOR` is set and not empty (no-color.org), or `TERM` is `dumb`.
    pub(crate) plain: bool,
    /// `CLICOLOR_FORCE` is set and neither empty nor `0`.
    pub(crate) force_colour: bool,
    /// `DATABUILD_PAGER`, else `PAGER`; an empty one or `cat` means none.
    pub(crate) pager: Option<String>,
    /// `GITHUB_ACTIONS=true`: failures are also written as annotations.
    pub(crate) github: bool,
}

impl Wishes {
    /// Reads them.
    pub(crate) fn from_env() -> Self {
        let plain = variable("NO_COLOR").is_some_and(|value| !value.is_empty())
            || variable("TERM").is_some_and(|value| value == "dumb");
        Wishes {
            plain,
            force_colour: variable("CLICOLOR_FORCE").is_some_and(|v| !v.is_empty() && v != "0"),
            pager: variable("DATABUILD_PAGER").or_else(|| variable("PAGER")),
            github: variable("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
        }
    }

    /// Whether a stream that is or is not a terminal may carry colours when nobody chose.
    pub(crate) fn colour(&self, is_terminal: bool) -> bool {
        !self.plain && (self.force_colour || is_terminal)
    }
}

#[expect(clippy::disallowed_methods, reason = "conventions of terminals, not our configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Columns of the terminal behind stderr or stdout; 100 if there is none.
pub(crate) fn width() -> usize {
    let size = if std::io::stdout().is_terminal() {
        rustix::termios::tcgetwinsize(std::io::stdout())
    } else {
        rustix::termios::tcgetwinsize(std::io::stderr())
    };
    match size {
        Ok(size) if 20 <= size.ws_col => usize::from(size.ws_col),
        Ok(_) | Err(_) => 100,
    }
}
