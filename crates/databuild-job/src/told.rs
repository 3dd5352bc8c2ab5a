//! What of a run is stored already, when a wrapper goes on with it: that is not told twice.

use crate::lines::Capture;
use databuild_model::entry::{Stream, event};
use databuild_model::spool::Resume;

/// What was told before; nothing for a new run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Option<Resume>);

/// The events that say how the command ended; a run has one of them.
const ENDS: [&str; 4] =
    [event::TASK_COMPLETED, event::TASK_FAILED, event::TASK_CANCELLED, event::TASK_TIMEOUT];

impl Told {
    /// As `resume` says.
    pub(crate) fn new(resume: Option<Resume>) -> Told {
        Told(resume)
    }

    /// Whether there was a wrapper before.
    pub(crate) fn goes_on(&self) -> bool {
        self.0.is_some()
    }

    /// Where to go on.
    pub(crate) fn resume(&self) -> Resume {
        self.0.clone().unwrap_or_default()
    }

    /// Whether an event of the type `name`, of which a run has one, is stored.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|it| it.events.iter().any(|event| event == name))
    }

    /// Whether it is stored how the command ended.
    pub(crate) fn has_end(&self) -> bool {
        ENDS.into_iter().any(|name| self.has(name))
    }

    /// The names of our own measurements that are stored.
    pub(crate) fn measured(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |it| &it.measurements)
    }

    /// Whether the manifest is stored.
    pub(crate) fn has_manifest(&self) -> bool {
        self.0.as_ref().is_some_and(|it| it.manifest)
    }

    /// Parsers of both streams, at the place where to go on.
    pub(crate) fn captures(&self) -> [Capture; 2] {
        let it = self.resume();
        [
            Capture::going_on(Stream::Stdout, it.stdout_consumed, it.stdout_fragments),
            Capture::going_on(Stream::Stderr, it.stderr_consumed, it.stderr_fragments),
        ]
    }
}
