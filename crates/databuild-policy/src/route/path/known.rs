//! Names of folders and files that a template can have given, for those who look for what an earlier process
//! wrote.

use super::{NAME_BYTES_KEPT, PathTemplate, Piece};

impl PathTemplate {
    /// How many names there are below the base; the last one is the file's.
    pub fn depth(&self) -> usize {
        self.names.len()
    }

    /// Whether some event could give this name at `depth` below the base, counted from 0.
    pub fn may_name(&self, depth: usize, name: &str) -> bool {
        self.names.get(depth).is_some_and(|pieces| {
            // A value that begins a name never begins with a dot.
            let hidden = matches!(pieces.first(), Some(Piece::Field(_))) && name.starts_with('.');
            !hidden && (is_rendered(pieces, name) || is_cut(name))
        })
    }

    /// What the names of the files end with, from their last dot on, if it is the same for all.
    pub fn literal_extension(&self) -> Option<&str> {
        match self.names.last()?.split_last()? {
            (Piece::Literal(last), before) => {
                let dot = last.rfind('.').filter(|at| 0 < *at || !before.is_empty())?;
                last.get(dot..)
            }
            (Piece::Field(_), _) => None,
        }
    }
}

/// Whether the pieces can give `name`.
fn is_rendered(pieces: &[Piece], name: &str) -> bool {
    let Some((piece, rest)) = pieces.split_first() else { return name.is_empty() };
    match piece {
        Piece::Literal(text) => {
            name.strip_prefix(text.as_str()).is_some_and(|it| is_rendered(rest, it))
        }
        Piece::Field(_) => {
            let is_value = |byte: &u8| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'.' | b'%')
            };
            let longest = name.bytes().take_while(|byte| is_value(byte)).count();
            (1..=longest).rev().any(|at| name.get(at..).is_some_and(|it| is_rendered(rest, it)))
        }
    }
}

/// Whether it looks like a name that was too long.
fn is_cut(name: &str) -> bool {
    let sum = name.rsplit_once('~').filter(|(kept, _)| NAME_BYTES_KEPT - 4 < kept.len());
    let is_sum = |sum: &str| sum.len() == 32 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    sum.is_some_and(|(_, sum)| is_sum(sum))
}
