//! A pipeline of the log saver, as it leaves the service and `-o json`.

use crate::saver::format::PipelineEntry;
use crate::saver::look::PipelineSeen;
use serde::Serialize;
use utoipa::ToSchema;

/// A pipeline, and who runs it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pipeline {
    #[serde(flatten)]
    entry: PipelineEntry,
    /// It was ordered to pause.
    paused: bool,
    /// The number of the process that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// Processes that want to run it, too, and may not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fenced_pids: Vec<u32>,
}

impl From<PipelineSeen> for Pipeline {
    fn from(seen: PipelineSeen) -> Self {
        let PipelineSeen { entry, pid, paused, fenced } = seen;
        Pipeline { entry, paused, pid, fenced_pids: fenced }
    }
}

/// What became of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ordered {
    /// The pipeline.
    pub(crate) pipeline: String,
    /// What it was told: `pause`, `resume` or `replay`.
    pub(crate) order: &'static str,
    /// Whether a saver runs that will see it within a second.
    pub(crate) runs: bool,
}
