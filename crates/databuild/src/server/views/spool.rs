//! What a run's spool tells while it is there.

use databuild_graph::execute::view::Spooled;
use serde::Serialize;
use utoipa::ToSchema;

/// How a run that goes on is held.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Spool {
    /// How its output is captured: `spool` or `file`.
    capture: &'static str,
    /// What becomes of it when its build is killed: `continue` or `stop`.
    on_parent_death: &'static str,
    /// Who sees to it: `began` (the process that began it), `adopted` (one that took it over),
    /// `nobody` (its build was killed, and it goes on) or `ended` (and nobody has closed it yet).
    watch: &'static str,
    /// What its job waits for, while it cannot write.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<BlockedBy>,
}

/// What a job waits for that cannot write; nothing is lost meanwhile.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BlockedBy {
    /// `no_space` and `over_quota` (on the file system of its spool), `write_failed` (there, for another
    /// reason), or `spool_full` (until what it has said is stored).
    by: &'static str,
    /// Since when. RFC 3339.
    since: String,
}

impl From<Spooled> for Spool {
    fn from(spooled: Spooled) -> Self {
        Spool {
            capture: spooled.capture.as_str(),
            on_parent_death: spooled.on_parent_death.as_str(),
            watch: spooled.watch.as_str(),
            blocked: spooled.blocked.map(|blocked| BlockedBy {
                by: blocked.by.as_str(),
                since: blocked.since.to_string(),
            }),
        }
    }
}
