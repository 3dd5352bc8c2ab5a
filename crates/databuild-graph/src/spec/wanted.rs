//! What a person asks for: refs with sets in them, such as `report/date=2025-01-20..2025-01-26`.

use databuild_model::ids::PartitionRef;

/// A ref, or a set of refs, as typed on a command line or in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefPattern {
    text: String,
}

/// Why a text is not a wanted ref.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a partition")]
pub struct RefPatternError {
    /// The text.
    pub text: String,
}

impl RefPattern {
    /// Reads a text of a command line: sets `a..b`, `{x,y}`, `*`, words such as `today`.
    pub fn parse(text: &str) -> Result<RefPattern, RefPatternError> {
        Ok(RefPattern { text: text.to_owned() })
    }

    /// Exactly this partition.
    pub fn exact(partition: &PartitionRef) -> RefPattern {
        RefPattern { text: partition.to_string() }
    }

    /// The text as it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
