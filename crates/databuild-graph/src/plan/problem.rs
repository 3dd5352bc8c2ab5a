//! Why there is no plan.

use super::StateError;
use crate::limits;
use crate::spec::problem::codes;
use crate::spec::wanted::{self, WantedError};
use databuild_model::ids::{JobLabel, PartitionRef};

codes! {
    /// Two jobs make one partition.
    MadeTwice = "DB0311",
    /// Partitions that need one another in a circle.
    Cycle = "DB0312",
    /// A `needs` command that failed.
    NeedsFailed = "DB0313",
    /// A `needs` command that printed something else than a partition.
    NeedsLine = "DB0314",
    /// The state of a partition cannot be read.
    State = "DB0315",
    /// An input that cannot be a partition, or too many of them.
    BadInput = "DB0316",
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanProblem {
    /// What was asked for cannot be.
    #[error(transparent)]
    Wanted(#[from] WantedError),
    /// A partition that no job makes and that is not there.
    #[error("nothing makes `{partition}`, and it is not there{}", needed(needed_by.as_ref()))]
    NothingMakes {
        /// The partition.
        partition: PartitionRef,
        /// A partition that needs it, unless it was asked for itself.
        needed_by: Option<PartitionRef>,
        /// What to do.
        help: String,
    },
    /// A partition that two jobs make.
    #[error("`{partition}` is made by two jobs: `{first}` and `{second}`")]
    MadeTwice {
        /// The partition.
        partition: PartitionRef,
        /// The one job.
        first: JobLabel,
        /// The other job.
        second: JobLabel,
    },
    /// Partitions that need one another in a circle.
    #[error("partitions need one another in a circle: {}", circle(path))]
    Cycle {
        /// Each needs the next, the last the first.
        path: Vec<PartitionRef>,
    },
    /// The `needs` command of a job failed.
    #[error("the `needs` command of job `{job}` failed for `{partition}`: {why}")]
    NeedsFailed {
        /// The job.
        job: JobLabel,
        /// The partition that was to be made.
        partition: PartitionRef,
        /// Why, in words.
        why: String,
    },
    /// The `needs` command of a job printed something else than a partition.
    #[error(
        "the `needs` command of job `{job}` printed {line:?} for `{partition}`, which is no partition"
    )]
    NeedsLine {
        /// The job.
        job: JobLabel,
        /// The partition that was to be made.
        partition: PartitionRef,
        /// The line.
        line: String,
    },
    /// An input of a job that cannot be.
    #[error("the `in` of job `{job}` for `{partition}`: {why}")]
    BadInput {
        /// The job.
        job: JobLabel,
        /// The partition that was to be made.
        partition: PartitionRef,
        /// Why, in words.
        why: String,
    },
    /// More partitions than a plan can hold.
    #[error("more than {} partitions", limits::PLAN_PARTITIONS_MAX)]
    TooMany,
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
}

fn needed(by: Option<&PartitionRef>) -> String {
    by.map_or_else(String::new, |by| format!(" (`{by}` needs it)"))
}

fn circle(path: &[PartitionRef]) -> String {
    let mut names: Vec<_> = path.iter().take(8).map(PartitionRef::as_str).collect();
    if names.len() < path.len() {
        names.push("…");
    }
    names.extend(path.first().map(PartitionRef::as_str));
    names.join(" → ")
}

impl PlanProblem {
    /// The code that `databuild explain` knows.
    pub fn code(&self) -> &'static str {
        match self {
            PlanProblem::Wanted(error) => error.code.as_str(),
            PlanProblem::NothingMakes { .. } => wanted::Code::NothingMakes.as_str(),
            PlanProblem::TooMany => wanted::Code::TooMany.as_str(),
            PlanProblem::MadeTwice { .. } => Code::MadeTwice.as_str(),
            PlanProblem::Cycle { .. } => Code::Cycle.as_str(),
            PlanProblem::NeedsFailed { .. } => Code::NeedsFailed.as_str(),
            PlanProblem::NeedsLine { .. } => Code::NeedsLine.as_str(),
            PlanProblem::BadInput { .. } => Code::BadInput.as_str(),
            PlanProblem::State(_) => Code::State.as_str(),
        }
    }

    /// What to do.
    pub fn remedy(&self) -> &str {
        match self {
            PlanProblem::Wanted(error) => &error.help,
            PlanProblem::NothingMakes { help, .. } => help,
            PlanProblem::TooMany => "ask for a part of it",
            PlanProblem::MadeTwice { .. } => "give the two jobs different `out` patterns",
            PlanProblem::Cycle { .. } => "take one `in` of the circle away",
            PlanProblem::NeedsFailed { .. } => "run the command by hand to see what it says",
            PlanProblem::NeedsLine { .. } => {
                "print one partition a line, such as clean/date=2025-01-26, and nothing else"
            }
            PlanProblem::BadInput { .. } => "make the range in `in` shorter",
            PlanProblem::State(_) => "look at the cause; the state is in .databuild/bel.sqlite",
        }
    }
}
