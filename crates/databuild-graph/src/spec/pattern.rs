//! Patterns of partition refs: `clean/date={date}/region={region}`.

/// The names of the partitions that a job makes or reads, with keys in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// The pattern as it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
