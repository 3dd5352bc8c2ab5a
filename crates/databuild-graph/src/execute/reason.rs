//! Why a task is in a plan, in words: the same for the dry run, the log and the page.

use crate::plan::{Changed, Plan, Reason, Task};

/// `missing`, `stale: clean/date=2025-01-26 newer (41.9)` …
pub fn reason_text(plan: &Plan, task: &Task) -> String {
    match task.reason {
        Reason::Missing => "missing".to_owned(),
        Reason::FailedBefore { run } => format!("failed before ({run})"),
        Reason::InterruptedBefore { run } => format!("interrupted before ({run})"),
        Reason::BeingMade { run } => format!("being made now ({run})"),
        Reason::Stale { input, by: Some(run), .. } => {
            format!("stale: {} newer ({run})", plan.partition(input))
        }
        Reason::Stale { input, by: None, .. } => {
            format!("stale: {} newer", plan.partition(input))
        }
        Reason::InputPlanned { input } => format!("stale: {} to be made", plan.partition(input)),
        Reason::Forced => "forced".to_owned(),
        Reason::TooOld { made_at } => format!("too old: made {made_at}"),
        Reason::Changed { what: Changed::Command, run } => format!("changed: command ({run})"),
        Reason::Changed { what: Changed::Inputs, run } => format!("changed: inputs ({run})"),
    }
}
