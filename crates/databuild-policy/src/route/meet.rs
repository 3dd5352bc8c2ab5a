//! Whether two files can have the same path: names with fields, dates and indexes, each compared as
//! everything that it can become. Errs on the side of yes.

use super::path::{PathTemplate, Piece};
use crate::roll::name::{ArchiveName, Part};

/// Everything that a path can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathShape(Vec<Symbol>);

/// A character of a path: itself, or anything that stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Is(char),
    /// One or more digits.
    Digits,
    /// One or more characters, none of them a slash.
    Some,
}

impl Symbol {
    fn is_many(self) -> bool {
        !matches!(self, Symbol::Is(_))
    }

    /// Whether both can be the same character.
    fn agrees(self, other: Symbol) -> bool {
        match (self, other) {
            (Symbol::Is(one), Symbol::Is(other)) => one == other,
            (Symbol::Digits, Symbol::Is(c)) | (Symbol::Is(c), Symbol::Digits) => c.is_ascii_digit(),
            (Symbol::Some, Symbol::Is(c)) | (Symbol::Is(c), Symbol::Some) => c != '/',
            (Symbol::Digits | Symbol::Some, Symbol::Digits | Symbol::Some) => true,
        }
    }
}

impl PathShape {
    /// Of the files that are written.
    pub fn of_active(path: &PathTemplate) -> PathShape {
        PathShape(symbols(&path.flat()))
    }

    /// Of the files that they become when they are rolled, which stand in the same folders: with and
    /// without the ending that compression adds.
    pub fn of_archives(path: &PathTemplate, name: &ArchiveName) -> Vec<PathShape> {
        let (folder, file) = path.split();
        let mut shapes = Vec::new();
        for (stem, extension) in at_extension(file) {
            let mut shape = symbols(&folder);
            for part in name.parts() {
                match part {
                    Part::Literal(text) => shape.extend(text.chars().map(Symbol::Is)),
                    Part::Name => shape.extend(symbols(&stem)),
                    Part::Extension => shape.extend(symbols(&extension)),
                    Part::Date(sample) => date(&sample, &mut shape),
                    Part::Index => shape.push(Symbol::Digits),
                }
            }
            shapes.push(PathShape(shape.clone()));
            if let Some(compression) = name.compression() {
                shape.extend(compression.ending().chars().map(Symbol::Is));
                shapes.push(PathShape(shape));
            }
        }
        shapes
    }

    /// Whether some path is of both shapes: rows of which prefixes of both agree.
    pub fn may_meet(&self, other: &PathShape) -> bool {
        let mut row = vec![false; other.0.len() + 1];
        if let Some(first) = row.first_mut() {
            *first = true;
        }
        let get = |row: &[bool], n: usize| row.get(n).copied().unwrap_or(false);
        for left in &self.0 {
            let mut next = vec![false; other.0.len() + 1];
            for (n, right) in other.0.iter().enumerate() {
                // What may stand for many goes on while the other side moves.
                let goes_on =
                    left.is_many() && get(&next, n) || right.is_many() && get(&row, n + 1);
                let same = left.agrees(*right) && (get(&row, n) || goes_on);
                if let Some(slot) = next.get_mut(n + 1) {
                    *slot = same;
                }
            }
            row = next;
        }
        get(&row, other.0.len())
    }
}

fn symbols(pieces: &[Piece]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => symbols.extend(literal.chars().map(Symbol::Is)),
            Piece::Field(_) => symbols.push(Symbol::Some),
        }
    }
    symbols
}

/// What a date can look like, by one of its kind: digits stay digits, names become other names.
fn date(sample: &str, shape: &mut Vec<Symbol>) {
    for c in sample.chars() {
        let symbol = match c {
            c if c.is_ascii_digit() => Symbol::Digits,
            c if c.is_alphabetic() => Symbol::Some,
            c => Symbol::Is(c),
        };
        if !symbol.is_many() || shape.last() != Some(&symbol) {
            shape.push(symbol);
        }
    }
}

/// What may stand before the last dot of a file's name, and from it on.
fn at_extension(file: &[Piece]) -> Vec<(Vec<Piece>, Vec<Piece>)> {
    let whole = || (file.to_vec(), Vec::new());
    match file.last() {
        // The dot is one of the value, or there is none.
        Some(Piece::Field(field)) => {
            let from = vec![Piece::Literal(".".to_owned()), Piece::Field(*field)];
            vec![whole(), (file.to_vec(), from)]
        }
        Some(Piece::Literal(last)) => {
            match last.rfind('.').filter(|at| 0 < *at || 1 < file.len()) {
                Some(dot) => {
                    let (before, from) = last.split_at(dot);
                    let mut stem = file.to_vec();
                    stem.pop();
                    stem.push(Piece::Literal(before.to_owned()));
                    vec![(stem, vec![Piece::Literal(from.to_owned())])]
                }
                None => vec![whole()],
            }
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
