//! Which files an archive can be of, for those who have only the archive.

use super::{ArchiveName, Compression, Piece};

impl ArchiveName {
    /// The files whose archive `archive` can be, by a pattern that is not bound: their names. `extension` is
    /// what they end with if the pattern has no `{ext}`. None if it has no `{name}`.
    pub fn origins(&self, archive: &str, extension: &str) -> Vec<String> {
        let mut found = Vec::new();
        let ending = self.compression.map_or("", Compression::ending);
        let stem = archive.strip_suffix(ending).filter(|_| !ending.is_empty());
        for text in std::iter::once(archive).chain(stem) {
            for pieces in std::iter::once(&self.pieces).chain(&self.indexed) {
                origins(pieces, text, (None, None), &mut |name, of_name| {
                    let file = format!("{name}{}", of_name.unwrap_or(extension));
                    let bound = self.bind(&file);
                    if bound.bound.name == name && bound.is_one(archive) && !found.contains(&file) {
                        found.push(file);
                    }
                });
            }
        }
        found
    }
}

/// Calls `each` with every name and extension by which the pieces can give `text`; `known` are those that
/// were met before.
fn origins<'a>(
    pieces: &[Piece],
    text: &'a str,
    known: (Option<&'a str>, Option<&'a str>),
    each: &mut dyn FnMut(&'a str, Option<&'a str>),
) {
    let Some((piece, rest)) = pieces.split_first() else {
        if let (true, (Some(name), extension)) = (text.is_empty(), known) {
            each(name, extension);
        }
        return;
    };
    let literal = match piece {
        Piece::Literal(text) => Some(text.as_str()),
        Piece::Name => known.0,
        Piece::Extension => known.1,
        Piece::Date { .. } | Piece::Index { .. } => None,
    };
    if let Some(literal) = literal {
        if let Some(text) = text.strip_prefix(literal) {
            origins(rest, text, known, each);
        }
        return;
    }
    for (head, tail) in (0..=text.len()).filter_map(|at| text.split_at_checked(at)) {
        let plain = !head.contains('/');
        let (fits, known) = match piece {
            Piece::Literal(_) => (false, known),
            Piece::Name => (plain && !head.is_empty(), (Some(head), known.1)),
            // From the last dot of the file's name on, if it has one.
            Piece::Extension => {
                let is_one = head.is_empty() || head.rfind('.') == Some(0);
                (plain && is_one, (known.0, Some(head)))
            }
            Piece::Date { shape, .. } => (shape.is_match(head), known),
            Piece::Index { width } => {
                let is_one = head.bytes().all(|byte| byte.is_ascii_digit());
                (*width <= head.len() && is_one, known)
            }
        };
        if fits {
            origins(rest, tail, known, each);
        }
    }
}
