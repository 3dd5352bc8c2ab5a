//! A project as typed: right in type, not yet in meaning. Whoever reads a file fills one of these;
//! so does a test.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A project before [`check`](super::check::check).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectDraft {
    /// `[project] name`; the folder's name if absent.
    pub name: Option<String>,
    /// The folder of the project file, absolute.
    pub folder: PathBuf,
    /// `[project] root`; the folder if absent.
    pub root: Option<String>,
    /// `[keys]`, in the order of the file.
    pub keys: Vec<(String, KeyDraft)>,
    /// `[jobs.*]`, in the order of the file.
    pub jobs: Vec<JobDraft>,
}

/// What a key may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyDraft {
    /// `{ every = …, from = …, until = … }`: a time key.
    Time {
        /// `hour`, `day`, `week`, `month` or `year`; `day` if absent.
        every: Option<String>,
        /// The first period there is.
        from: Option<String>,
        /// The last period there is.
        until: Option<String>,
    },
    /// `["eu", "us"]`: these values and no other.
    List(Vec<String>),
    /// A bare text; only `any` has a meaning.
    Word(String),
}

/// A command as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandDraft {
    /// A text for `sh -c`.
    Shell(String),
    /// A program and its arguments.
    Direct(Vec<String>),
}

/// A job before checking.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobDraft {
    /// The name under `[jobs]`.
    pub label: String,
    /// `out`.
    pub out: Vec<String>,
    /// `in`.
    pub inputs: Vec<String>,
    /// `run`.
    pub run: Option<CommandDraft>,
    /// `needs`.
    pub needs: Option<CommandDraft>,
    /// `retries`.
    pub retries: Option<i64>,
    /// `timeout`.
    pub timeout: Option<String>,
    /// `grace`.
    pub grace: Option<String>,
    /// `drain`.
    pub drain: Option<String>,
    /// `heartbeat`.
    pub heartbeat: Option<String>,
    /// `app`.
    pub app: Option<String>,
    /// `type`.
    pub job_type: Option<String>,
    /// `env`.
    pub env: BTreeMap<String, String>,
    /// `dir`.
    pub dir: Option<String>,
    /// `capture`.
    pub capture: Option<String>,
    /// `on_parent_death`.
    pub on_parent_death: Option<String>,
    /// `output_rate_max`.
    pub output_rate_max: Option<String>,
    /// `output_sample_max`.
    pub output_sample_max: Option<i64>,
}

impl JobDraft {
    /// A job without anything but a name.
    pub fn new(label: impl Into<String>) -> Self {
        JobDraft { label: label.into(), ..JobDraft::default() }
    }

    /// Adds a pattern to `out`.
    #[must_use]
    pub fn out(mut self, pattern: impl Into<String>) -> Self {
        self.out.push(pattern.into());
        self
    }

    /// Adds a pattern to `in`.
    #[must_use]
    pub fn input(mut self, pattern: impl Into<String>) -> Self {
        self.inputs.push(pattern.into());
        self
    }

    /// Sets `run` to a text for the shell.
    #[must_use]
    pub fn run(mut self, command: impl Into<String>) -> Self {
        self.run = Some(CommandDraft::Shell(command.into()));
        self
    }

    /// Sets `retries`.
    #[must_use]
    pub fn retries(mut self, retries: i64) -> Self {
        self.retries = Some(retries);
        self
    }
}
