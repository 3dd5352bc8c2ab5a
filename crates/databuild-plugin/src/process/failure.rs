//! What can be wrong with a process, and what that means to its pipeline.

use crate::processor::{ProcessorError, ProcessorErrorKind};
use databuild_model::plugin_frame::{Complaint, FrameError, PROTOCOL, Trouble};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a process did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessFailure {
    #[error("there is no command")]
    NoCommand,
    #[error("{} is no folder to run in", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("the plugin cannot be started")]
    Start { source: io::Error },
    #[error("the plugin cannot be started: {last_words}")]
    NotStarted { last_words: String },
    #[error("the plugin speaks version {theirs} of the protocol, and this is version {PROTOCOL}")]
    Version { theirs: u32 },
    #[error("the plugin said something before its hello")]
    NoHello,
    #[error("the plugin said hello a second time")]
    SecondHello,
    #[error("the plugin ended ({how}){last_words}", how = ending(*status))]
    Ended { status: ExitStatus, last_words: String },
    #[error("the plugin closed its standard output and did not end")]
    Closed,
    #[error("the plugin gave no answer for {deadline:?} and was killed")]
    Late { deadline: Duration },
    #[error("the plugin did not get ready within {deadline:?} and was killed")]
    NotReady { deadline: Duration },
    #[error("the plugin's standard output is no frame")]
    Garbage { source: FrameError },
    #[error("the plugin wrote more than {bytes_max} bytes without a line feed")]
    TooLong { bytes_max: usize },
    #[error("the plugin acknowledged {position}, where {done} was done and {given} given")]
    WrongAck { position: u64, done: u64, given: u64 },
    #[error("the plugin answered flush {flush}, which was not asked for")]
    WrongFlush { flush: u64 },
    #[error("the plugin says: {reason}", reason = .0.reason)]
    Told(Complaint),
    #[error("the event cannot be given to a process: {why}")]
    Unfit { position: u64, why: &'static str },
    #[error("the plugin ended and left {left} events without an acknowledgement")]
    LeftOver { left: u64 },
    #[error("the pipes of the plugin cannot be used")]
    Pipe { source: io::Error },
}

impl ProcessFailure {
    /// What it means to the pipeline, and the event at fault, if one is.
    fn verdict(&self) -> (ProcessorErrorKind, Option<u64>) {
        match self {
            ProcessFailure::Told(Complaint { kind, position, .. }) => {
                let kind = match (kind, position) {
                    (Trouble::Poison, Some(_)) => ProcessorErrorKind::Poison,
                    (Trouble::Transient, _) | (Trouble::Poison, None) => {
                        ProcessorErrorKind::Transient
                    }
                    (Trouble::Fatal, _) => ProcessorErrorKind::Fatal,
                };
                (kind, *position)
            }
            ProcessFailure::Unfit { position, .. } => (ProcessorErrorKind::Poison, Some(*position)),
            ProcessFailure::NoCommand
            | ProcessFailure::NoFolder { .. }
            | ProcessFailure::NotStarted { .. }
            | ProcessFailure::Version { .. } => (ProcessorErrorKind::Fatal, None),
            ProcessFailure::Start { .. }
            | ProcessFailure::NoHello
            | ProcessFailure::SecondHello
            | ProcessFailure::Ended { .. }
            | ProcessFailure::Closed
            | ProcessFailure::Late { .. }
            | ProcessFailure::NotReady { .. }
            | ProcessFailure::Garbage { .. }
            | ProcessFailure::TooLong { .. }
            | ProcessFailure::WrongAck { .. }
            | ProcessFailure::WrongFlush { .. }
            | ProcessFailure::LeftOver { .. }
            | ProcessFailure::Pipe { .. } => (ProcessorErrorKind::Transient, None),
        }
    }

    fn remedy(&self) -> &str {
        match self {
            ProcessFailure::NoCommand => "give the plugin a `command`",
            ProcessFailure::NoFolder { .. } => "make the folder, or name another",
            ProcessFailure::Start { .. } => "see whether the machine has processes and memory left",
            ProcessFailure::NotStarted { .. } => {
                "is the program there, executable, and on the PATH that the plugin gets?"
            }
            ProcessFailure::Version { .. } => "build the plugin with a kit of this version",
            ProcessFailure::NoHello
            | ProcessFailure::SecondHello
            | ProcessFailure::Garbage { .. }
            | ProcessFailure::TooLong { .. } => {
                "standard output of a plugin belongs to the protocol; print to standard error instead"
            }
            ProcessFailure::Ended { .. } | ProcessFailure::Closed => {
                "its log has what it said; `databuild plugin test` tries it out"
            }
            ProcessFailure::Late { .. } | ProcessFailure::NotReady { .. } => {
                "raise `deadline` if it needs that long"
            }
            ProcessFailure::WrongAck { .. }
            | ProcessFailure::WrongFlush { .. }
            | ProcessFailure::LeftOver { .. } => {
                "`databuild plugin test` tries out what a plugin must do"
            }
            ProcessFailure::Told(complaint) => &complaint.remedy,
            ProcessFailure::Unfit { .. } => "it is in the logs; read it there",
            ProcessFailure::Pipe { .. } => "see whether the machine has memory left",
        }
    }
}

impl From<ProcessFailure> for ProcessorError {
    fn from(failure: ProcessFailure) -> ProcessorError {
        let (kind, position) = failure.verdict();
        let (what, remedy) = (failure.to_string(), failure.remedy().to_owned());
        let source: Option<Box<dyn std::error::Error + Send + Sync>> = match failure {
            ProcessFailure::Start { source } | ProcessFailure::Pipe { source } => {
                Some(Box::new(source))
            }
            ProcessFailure::Garbage { source } => Some(Box::new(source)),
            ProcessFailure::NoCommand
            | ProcessFailure::NoFolder { .. }
            | ProcessFailure::NotStarted { .. }
            | ProcessFailure::Version { .. }
            | ProcessFailure::NoHello
            | ProcessFailure::SecondHello
            | ProcessFailure::Ended { .. }
            | ProcessFailure::Closed
            | ProcessFailure::Late { .. }
            | ProcessFailure::NotReady { .. }
            | ProcessFailure::TooLong { .. }
            | ProcessFailure::WrongAck { .. }
            | ProcessFailure::WrongFlush { .. }
            | ProcessFailure::Told(_)
            | ProcessFailure::Unfit { .. }
            | ProcessFailure::LeftOver { .. } => None,
        };
        ProcessorError { kind, what, remedy, position, source }
    }
}

/// How a process ended, in words.
fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no status".to_owned(),
    }
}
