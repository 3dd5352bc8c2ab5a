//! Why something would be made, in a few words.

use databuild_graph::plan::{Changed, Plan, Reason};

/// The reason, with the partitions of `plan` named.
pub(crate) fn text(plan: &Plan, reason: Reason) -> String {
    match reason {
        Reason::Missing => "missing".to_owned(),
        Reason::FailedBefore { run } => format!("failed before ({run})"),
        Reason::InterruptedBefore { run } => format!("interrupted before ({run})"),
        Reason::BeingMade { run } => format!("being made ({run})"),
        Reason::Stale { input, by: Some(run), .. } => {
            format!("stale: {} newer ({run})", plan.partition(input))
        }
        Reason::Stale { input, by: None, .. } => {
            format!("stale: {} newer", plan.partition(input))
        }
        Reason::InputPlanned { input } => format!("needs {}", plan.partition(input)),
        Reason::Forced => "forced".to_owned(),
        Reason::TooOld { made_at } => format!("too old: made {made_at}"),
        Reason::Changed { what: Changed::Command, run } => format!("changed: command ({run})"),
        Reason::Changed { what: Changed::Inputs, run } => format!("changed: inputs ({run})"),
    }
}
