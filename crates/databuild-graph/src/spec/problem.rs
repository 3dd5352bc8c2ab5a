//! What can be wrong with a project: a closed list, each with a code and what to do.

/// Something wrong in a project, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecProblem {
    /// The code that `databuild explain` knows.
    pub code: &'static str,
    /// What is wrong, in a line.
    pub message: String,
    /// What to do.
    pub help: String,
}
