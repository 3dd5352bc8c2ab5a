//! What can be asked of an engine. Plain values.

use crate::plan::Force;
use crate::spec::wanted::RefPattern;
use databuild_model::ids::{AppName, BuildId, JobLabel, PartitionRef};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// How to start a job wrapper: this program and these arguments, to which `--config FILE` may be
/// added. Its protocol: `docs/formats/wrapper-protocol.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapperCommand {
    /// The program, usually our own.
    pub program: PathBuf,
    /// Its arguments, usually `wrap`.
    pub args: Vec<OsString>,
}

/// Partitions to make.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildRequest {
    /// The id that the build gets; one is made if absent.
    pub id: Option<BuildId>,
    /// Who asks: `cli`, `service`, or what a caller says.
    pub origin: String,
    /// What to make.
    pub wanted: Wanted,
    /// What to make again although it is there.
    pub force: Force,
    /// What was made longer ago than this is made again, also where it is only needed.
    pub max_age: Option<Duration>,
    /// Whether what was made by another command, or from other inputs, is made again.
    pub changed: bool,
    /// How many jobs may run at once; as many as there are cores if absent.
    pub parallel: Option<NonZeroUsize>,
    /// What a failure means for the rest.
    pub on_failure: OnFailure,
}

/// What a build is to make.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// These partitions.
    Partitions(Vec<RefPattern>),
    /// What an earlier build did not make: it failed, was not started, or was stopped.
    RestOf(BuildId),
}

/// What the failure of one task means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Only what needs it is not started.
    #[default]
    KeepGoing,
    /// Nothing more is started; what runs may end.
    FailFast,
}

/// One command to run and record.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRequest {
    /// The id that the build gets; one is made if absent.
    pub id: Option<BuildId>,
    /// Who asks: `cli`, `service`, or what a caller says.
    pub origin: String,
    /// The name under which it is recorded.
    pub label: JobLabel,
    /// The command and its arguments.
    pub args: Vec<String>,
    /// The partitions that it makes, if any.
    pub outputs: Vec<PartitionRef>,
    /// Whose logs these are.
    pub app: Option<AppName>,
    /// The kind of job.
    pub job_type: Option<String>,
    /// Variables to add to the environment.
    pub env: BTreeMap<String, String>,
    /// The folder to start in.
    pub folder: PathBuf,
    /// The longest that it may take.
    pub timeout: Option<Duration>,
    /// Further attempts after a failed one.
    pub retries: u32,
    /// Its standard input.
    pub stdin: CommandStdin,
}

/// The standard input of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandStdin {
    /// Ours.
    Inherit,
    /// Nothing.
    Null,
}

impl BuildRequest {
    /// A request for `wanted` with nothing special about it.
    pub fn new(origin: impl Into<String>, wanted: Wanted) -> Self {
        BuildRequest {
            id: None,
            origin: origin.into(),
            wanted,
            force: Force::Nothing,
            max_age: None,
            changed: false,
            parallel: None,
            on_failure: OnFailure::KeepGoing,
        }
    }
}
