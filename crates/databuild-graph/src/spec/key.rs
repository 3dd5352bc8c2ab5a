//! The keys that may stand in braces, and what values each can have.

use super::period::{Every, Period};

/// A key's place in [`Keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(super) u16);

/// What values a key can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    /// Periods of one length.
    Time {
        /// The length.
        every: Every,
        /// The first period that exists, if there is a first.
        from: Option<Period>,
        /// The last period that exists, if there is a last.
        until: Option<Period>,
    },
    /// These values and no other.
    List(Vec<String>),
    /// Any value of `A-Za-z0-9._+:-`.
    Any,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name in braces.
    pub name: String,
    /// Its values.
    pub kind: KeyKind,
}

/// All keys of a project. `date` is always among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(pub(super) Vec<Key>);

/// Whether values may hold this character.
///
/// The rest is kept for paths, for braces, and for sets on the command line, so that no ref needs
/// quoting in a shell.
pub fn is_value_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | ':' | '-')
}

/// Whether `text` can be the value of a key: not empty, only such characters, and no `..`, which
/// would be a way out of the root or a range.
pub fn is_value(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_value_char) && text != "." && !text.contains("..")
}

/// Whether `text` can be the name of a key: a letter, then letters, digits and `_`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl Default for Keys {
    fn default() -> Self {
        let date = KeyKind::Time { every: Every::Day, from: None, until: None };
        Keys(vec![Key { name: "date".to_owned(), kind: date }])
    }
}

impl Keys {
    /// The key with this name.
    pub fn find(&self, name: &str) -> Option<KeyId> {
        let at = self.0.iter().position(|key| key.name == name)?;
        u16::try_from(at).ok().map(KeyId)
    }

    /// The key with this id, which must be of this project.
    #[expect(clippy::indexing_slicing, reason = "ids are made by the keys that they are used with")]
    pub fn get(&self, id: KeyId) -> &Key {
        &self.0[usize::from(id.0)]
    }

    /// All keys.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }
}

impl Key {
    /// Whether the key can have this value. What lies before the start of a time key does not exist.
    pub fn allows(&self, value: &str) -> bool {
        match &self.kind {
            KeyKind::Time { every, from, until } => {
                Period::parse(*every, value).is_some_and(|period| {
                    from.is_none_or(|from| from <= period)
                        && until.is_none_or(|until| period <= until)
                })
            }
            KeyKind::List(values) => values.iter().any(|known| known == value),
            KeyKind::Any => is_value(value),
        }
    }

    /// What a value of the key looks like.
    pub fn example(&self) -> &str {
        match &self.kind {
            KeyKind::Time { every, .. } => every.example(),
            KeyKind::List(values) => values.first().map_or("", String::as_str),
            KeyKind::Any => "x",
        }
    }
}
