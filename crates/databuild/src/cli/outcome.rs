//! How a command ends: with an [`Exit`], or with a [`Failure`] that says what is wrong and what to do.

use std::io::{self, Write};

/// How the program ends. The numbers are in `main.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done,
    /// It ran; jobs failed.
    JobsFailed,
    /// The command line is wrong, or a name on it is ambiguous.
    Usage,
    /// Nothing matches: unknown run, partition or build.
    Nothing,
    /// The service cannot be reached, or its address cannot be had.
    Unreachable,
    /// Our bug.
    Bug,
    /// Logs or state cannot be read or written.
    State,
    /// Another build holds what this one needs, and it was told not to wait.
    Busy,
    /// The configuration is wrong.
    Config,
    /// Ctrl-C, in order.
    Interrupted,
    /// SIGTERM, in order.
    Terminated,
    /// What the wrapped command ended with, or what the wrapper says for it (124 to 127).
    Child(u8),
}

/// Why a command could not do what it was asked, with the next step.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What is wrong; its sources are printed below it.
    error: anyhow::Error,
    /// What to do about it, whole lines.
    remedy: Option<String>,
}

impl Failure {
    /// A failure with what is wrong.
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Failure { exit, error: error.into(), remedy: None }
    }

    /// A failure that no library error stands behind.
    pub(crate) fn text(exit: Exit, message: impl std::fmt::Display) -> Self {
        Failure { exit, error: anyhow::Error::msg(message.to_string()), remedy: None }
    }

    /// Adds what to do next.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Whether the reader of our output went away.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        })
    }
}

/// Output that cannot be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::new(Exit::State, anyhow::Error::new(error).context("cannot write the output"))
    }
}

/// Says on stderr what is wrong, why, and what to do.
pub(crate) fn print_failure(failure: &Failure) {
    let mut text = format!("error: {}\n", failure.error);
    for cause in failure.error.chain().skip(1) {
        text.push_str(&format_cause(cause));
    }
    if let Some(remedy) = &failure.remedy {
        for line in remedy.lines() {
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
    }
    // Nobody is left to tell if stderr is gone too.
    io::stderr().write_all(text.as_bytes()).ok();
}

fn format_cause(cause: &dyn std::error::Error) -> String {
    format!("  because: {cause}\n")
}

/// Prints what clap answers: help and version on stdout with 0, a wrong command line on stderr with 2.
pub(crate) fn print_clap(answer: &clap::Error) -> Result<Exit, Failure> {
    answer.print()?;
    Ok(if answer.use_stderr() { Exit::Usage } else { Exit::Done })
}
