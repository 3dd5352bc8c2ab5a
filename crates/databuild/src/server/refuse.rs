//! From what the libraries refuse to what the service answers: every error of theirs that can reach a
//! request, matched in full.

use crate::server::problem::Fault;
use crate::server::problem::{Problem, Slug};
use databuild_graph::bel::{AppendError, QueryError};
use databuild_graph::execute::{BuildError, PlanError};
use databuild_logs::read::{ReadError, TokenError};
use std::error::Error;

/// What happened and why, down to the last cause.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let said = chain(&error);
        match &error {
            ReadError::RunNotFound { near, .. } => Problem::new(Slug::RunNotFound, said)
                .with_near(near.iter().map(ToString::to_string).collect()),
            ReadError::BadToken { source: TokenError::Gone } => {
                Problem::new(Slug::CursorExpired, said)
            }
            ReadError::BadToken { source: TokenError::Form | TokenError::OtherRequest } => {
                Problem::parameter(
                    "query",
                    "cursor",
                    "",
                    "the cursor of a `Link` of this question",
                    said,
                )
            }
            ReadError::TooManyMetrics { .. } => Problem::parameter(
                "path",
                "metrics",
                "",
                "the log itself, by pages: logs?kind=metric",
                said,
            ),
            ReadError::Io { .. } => Problem::new(Slug::NotReady, said),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let said = chain(&error);
        match error {
            QueryError::Sqlite(_) => Problem::new(Slug::NotReady, said),
            QueryError::Damaged { .. } => Problem::new(Slug::Internal, said),
        }
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        let said = chain(&error);
        match error {
            AppendError::Illegal { .. }
            | AppendError::NotHeld { .. }
            | AppendError::Taken { .. } => Problem::new(Slug::AlreadyEnded, said),
            AppendError::Unknown { .. } => Problem::new(Slug::BuildNotFound, said),
            AppendError::Sqlite(_) => Problem::new(Slug::StoreUnwritable, said),
            AppendError::Damaged { .. } => Problem::new(Slug::Internal, said),
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let said = chain(&error);
        match error {
            PlanError::NoProject => Problem::new(Slug::ConfigInvalid, said),
            PlanError::NoBuild(_) => Problem::new(Slug::BuildNotFound, said),
            PlanError::NotPartitions(_) => Problem::new(Slug::PlanInvalid, said),
            PlanError::Query(error) => error.into(),
            PlanError::Problems(problems) => {
                problems.iter().fold(Problem::new(Slug::PlanInvalid, said), |all, problem| {
                    all.with_fault(Fault {
                        place: "body",
                        name: problem.code().to_owned(),
                        value: None,
                        expected: format!("{}; {}", chain(problem), problem.remedy()),
                    })
                })
            }
        }
    }
}

impl From<BuildError> for Problem {
    fn from(error: BuildError) -> Self {
        let said = chain(&error);
        match error {
            BuildError::Plan(error) => error.into(),
            BuildError::Record(error) => error.into(),
            BuildError::Query(error) => error.into(),
            BuildError::TakenOver { .. } | BuildError::NotStarted | BuildError::Exists(_) => {
                Problem::new(Slug::AlreadyEnded, said)
            }
        }
    }
}
