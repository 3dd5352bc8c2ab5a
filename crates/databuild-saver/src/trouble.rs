//! What a sink says, as what a processor says. Which errors pass by themselves, whoever calls this knows.

use databuild_io::sink::SinkError;
use databuild_plugin::processor::{ProcessorError, ProcessorErrorKind};

/// An error of this kind.
pub(crate) fn of_kind(error: SinkError, kind: ProcessorErrorKind) -> ProcessorError {
    ProcessorError {
        kind,
        what: error.to_string(),
        remedy: error.remedy().to_owned(),
        position: None,
        source: error.source.map(Into::into),
    }
}

/// One that is tried again.
pub fn that_passes(error: SinkError) -> ProcessorError {
    of_kind(error, ProcessorErrorKind::Transient)
}
