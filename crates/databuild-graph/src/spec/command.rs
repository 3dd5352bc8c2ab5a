//! Commands with `{in}`, `{out}` and keys in braces.

/// A command as typed, its braces parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    text: String,
}

impl Command {
    /// The command as it was typed, in one line.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
