//! Names of things, parsed once. Whoever holds one of these types holds a valid name and may build a
//! path, a label or a line from it without asking again.

use crate::limits;
use std::fmt;

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("a {what} must not be empty")]
    Empty {
        /// The kind of name.
        what: &'static str,
    },
    /// More bytes than a name of this kind may have.
    #[error("a {what} has at most {max} bytes, this one has {len}")]
    TooLong {
        /// The kind of name.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The longest allowed, in bytes.
        max: usize,
    },
    /// A character that names of this kind may not have.
    #[error("a {what} cannot contain {found:?} (byte {at}); allowed are {allowed}")]
    BadCharacter {
        /// The kind of name.
        what: &'static str,
        /// The first wrong character.
        found: char,
        /// Its place, in bytes.
        at: usize,
        /// What may stand there, in words.
        allowed: &'static str,
    },
    /// A leading dot: such a name would be a hidden file, or `.` or `..`.
    #[error("a {what} cannot begin with a dot")]
    LeadingDot {
        /// The kind of name.
        what: &'static str,
    },
}

struct Rule {
    what: &'static str,
    bytes_max: usize,
    allowed: &'static str,
    leading_dot: bool,
    allows: fn(char) -> bool,
}

fn check(text: &str, rule: &Rule) -> Result<(), IdError> {
    let Rule { what, bytes_max, allowed, .. } = *rule;
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if bytes_max < text.len() {
        return Err(IdError::TooLong { what, len: text.len(), max: bytes_max });
    }
    if let Some((at, found)) = text.char_indices().find(|&(_, c)| !(rule.allows)(c)) {
        return Err(IdError::BadCharacter { what, found, at, allowed });
    }
    if !rule.leading_dot && text.starts_with('.') {
        return Err(IdError::LeadingDot { what });
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes `text` if it is a valid name of this kind.
            pub fn parse(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check(&text, &$rule)?;
                Ok(Self(text))
            }

            /// Whether `text` is a valid name of this kind.
            pub fn is_valid(text: &str) -> bool {
                check(text, &$rule).is_ok()
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

name_type! {
    /// One execution of a job. It is a file name in the store: `[A-Za-z0-9._-]{1,128}`, no leading
    /// dot. Ours are UUIDs of version 7; wrappers of others may use what they like within the rule.
    JobRunId,
    Rule {
        what: "job run id",
        bytes_max: limits::JOB_RUN_ID_BYTES_MAX,
        allowed: "A-Z a-z 0-9 . _ -",
        leading_dot: false,
        allows: word,
    }
}

name_type! {
    /// The stable name of a job. Also a metric label, so it carries nothing that varies by run.
    JobLabel,
    Rule {
        what: "job label",
        bytes_max: limits::JOB_LABEL_BYTES_MAX,
        allowed: "A-Z a-z 0-9 . _ - / : + @",
        leading_dot: false,
        allows: |c| word(c) || matches!(c, '/' | ':' | '+' | '@'),
    }
}

name_type! {
    /// Whose logs an entry belongs to: the project's name unless a job says otherwise.
    AppName,
    Rule {
        what: "name of an application",
        bytes_max: limits::JOB_RUN_ID_BYTES_MAX,
        allowed: "A-Z a-z 0-9 . _ -",
        leading_dot: false,
        allows: word,
    }
}

name_type! {
    /// One pipeline of the log saver, as the project file calls it. Also a metric label and part of
    /// file names, so it is a word.
    PipelineName,
    Rule {
        what: "name of a pipeline",
        bytes_max: limits::PIPELINE_NAME_BYTES_MAX,
        allowed: "A-Z a-z 0-9 . _ -",
        leading_dot: false,
        allows: word,
    }
}

name_type! {
    /// Data that exists or not: `clean/date=2025-01-26` or any URI. Opaque, compared as text.
    PartitionRef,
    Rule {
        what: "partition ref",
        bytes_max: limits::PARTITION_REF_BYTES_MAX,
        allowed: "anything but control characters",
        leading_dot: true,
        allows: |c| !c.is_control(),
    }
}

name_type! {
    /// One request to make partitions: a UUID of ours, or what a caller chose within the rule.
    BuildId,
    Rule {
        what: "build id",
        bytes_max: limits::JOB_RUN_ID_BYTES_MAX,
        allowed: "A-Z a-z 0-9 . _ -",
        leading_dot: false,
        allows: word,
    }
}

#[cfg(test)]
mod tests;
