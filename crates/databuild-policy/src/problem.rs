//! What is wrong with a text that a user wrote: a layout, a path, a name. One form for all, so that all
//! are told alike.

use std::fmt;

/// Something wrong with a pattern, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternProblem {
    /// Where, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for PatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}; {}", self.column, self.what, self.remedy)
    }
}
