//! Names of rolled files: a pattern with `%d{…}` and `%i`, such as `error.%d{yyyy-MM-dd}.%i.log.gz`. A
//! name is made of a period and an index, and the names of a pattern are known again in a listing.
//! Source: the file name patterns in logback's manual; `{name}` and `{ext}` are ours.

mod origin;
mod parse;

use super::period::{Period, Zone};
use crate::layout::date::{DateCache, DatePattern};
use crate::problem::PatternProblem;
use crate::route::path::{NAME_BYTES_MAX, cut};
use databuild_model::time::Timestamp;
use parse::{periods, pieces, problem};
use regex::Regex;
use std::sync::Arc;

/// How a rolled file is compressed, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// `.gz`.
    Gzip,
    /// `.zst`.
    Zstd,
}

/// Endings that promise another form than the file would have.
const FOREIGN: [&str; 3] = [".zip", ".xz", ".bz2"];

impl Compression {
    const ALL: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

    /// What the names of such files end with.
    pub fn ending(self) -> &'static str {
        match self {
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    /// The name without its ending, and how the file is compressed, by it.
    pub fn split(name: &str) -> (&str, Option<Compression>) {
        let ends = |it: Compression| Some((name.strip_suffix(it.ending())?, Some(it)));
        Compression::ALL.into_iter().find_map(ends).unwrap_or((name, None))
    }
}

/// A pattern of names, without the ending that compression gives. One with `{name}` or `{ext}` is bound
/// to a file before it is used; until then both are empty.
#[derive(Debug, Clone)]
pub struct ArchiveName {
    /// Shared by all files of a pipeline, of which there can be thousands.
    pieces: Arc<[Piece]>,
    /// Where they have no index: the same with one, for periods whose one name is taken.
    indexed: Option<Arc<[Piece]>>,
    compression: Option<Compression>,
    /// The finest period that changes the name, and the zone of its calendar.
    every: Option<(Period, Zone)>,
    bound: Bound,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    /// The name of the file that is rolled, without its extension.
    Name,
    /// The extension of it, with its dot.
    Extension,
    Date {
        date: DatePattern,
        aux: bool,
        /// What it can look like, as a whole.
        shape: Regex,
    },
    Index {
        width: usize,
    },
}

/// What `{name}` and `{ext}` stand for.
#[derive(Debug, Clone, Default)]
struct Bound {
    name: String,
    extension: String,
}

/// A part of a name, for those who compare what names can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// This text.
    Literal(&'a str),
    /// The name of the file, without its extension.
    Name,
    /// Its extension.
    Extension,
    /// A date, which looks like this one.
    Date(String),
    /// An index.
    Index,
}

/// An index that is longer than those that there will be.
const INDEX_SAMPLE: u64 = 999_999_999;
/// What a cut adds to a name.
const SUM_BYTES: usize = 33;
/// A moment for names that are only looked at.
const SAMPLE: Timestamp = Timestamp::from_nanos(1_718_187_630_000_000_000);

impl ArchiveName {
    /// Reads a pattern; `zone` is that of dates which name none.
    pub fn parse(text: &str, zone: &Zone) -> Result<ArchiveName, Vec<PatternProblem>> {
        let (stem, compression) = Compression::split(text);
        let mut problems = Vec::new();
        let pieces = pieces(stem, zone, &mut problems);
        if let Some(ending) = FOREIGN.into_iter().find(|ending| text.ends_with(ending)) {
            let what = format!("`{ending}` is not how files are compressed here");
            problems.push(problem(1, what, "let the name end with .gz or .zst, or with neither"));
        }
        let every = periods(&pieces, &mut problems);
        let indexes = pieces.iter().filter(|it| matches!(it, Piece::Index { .. })).count();
        if 1 < indexes {
            problems.push(problem(1, "%i stands twice", "leave one of them out"));
        }
        if indexes == 0 && every.is_none() && problems.is_empty() {
            let what = "every rolled file would have the same name";
            problems.push(problem(1, what, "add %i, or a date such as %d{yyyy-MM-dd}"));
        }
        if problems.is_empty() {
            let bound = Bound::default();
            let indexed = (indexes == 0).then(|| with_index(&pieces).into());
            Ok(ArchiveName { pieces: pieces.into(), indexed, compression, every, bound })
        } else {
            Err(problems)
        }
    }

    /// The same pattern for the rolled files of `file_name`: `{name}` is what stands before its last dot,
    /// `{ext}` the rest. Both are taken as they are, whatever stands in them; only a name so long that a
    /// folder would not take the whole is cut.
    #[must_use]
    pub fn bind(&self, file_name: &str) -> ArchiveName {
        // A name that only begins with a dot has no extension.
        let dot = file_name.rfind('.').filter(|at| 0 < *at).unwrap_or(file_name.len());
        let (name, extension) = file_name.split_at(dot);
        let bound = Bound { name: name.to_owned(), extension: extension.to_owned() };
        let mut whole = ArchiveName { bound, ..self.clone() };
        if NAME_BYTES_MAX / 2 < file_name.len() {
            let bytes = whole.render_whole(SAMPLE, INDEX_SAMPLE).len();
            if NAME_BYTES_MAX < bytes {
                let keep = name.len().saturating_sub(bytes - NAME_BYTES_MAX + SUM_BYTES);
                whole.bound.name = cut(name, keep);
            }
        }
        whole
    }

    /// What it is made of.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => Part::Literal(text),
            Piece::Name => Part::Name,
            Piece::Extension => Part::Extension,
            Piece::Date { .. } => {
                let piece = std::slice::from_ref(piece);
                Part::Date(render(piece, &self.bound, SAMPLE, 0))
            }
            Piece::Index { .. } => Part::Index,
        })
    }

    /// Whether the name of the file that is rolled stands in it, so that files of one folder have
    /// different archives.
    pub fn has_name(&self) -> bool {
        self.pieces.iter().any(|it| matches!(it, Piece::Name))
    }

    /// How files of this name are compressed.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// The same pattern without the ending that compression adds.
    #[must_use]
    pub fn uncompressed(&self) -> ArchiveName {
        ArchiveName { compression: None, ..self.clone() }
    }

    /// The period that its names tell apart, if they have a date.
    pub fn every(&self) -> Option<&(Period, Zone)> {
        self.every.as_ref()
    }

    /// Whether files of one period are told apart.
    pub fn has_index(&self) -> bool {
        self.pieces.iter().any(|it| matches!(it, Piece::Index { .. }))
    }

    /// The name of the file with `index` of the period that `when` is in, without the ending that
    /// compression adds.
    pub fn render(&self, when: Timestamp, index: u64) -> String {
        render(&self.pieces, &self.bound, when, index)
    }

    /// The same with that ending.
    pub fn render_whole(&self, when: Timestamp, index: u64) -> String {
        let ending = self.compression.map_or("", Compression::ending);
        self.render(when, index) + ending
    }

    /// Whether `name` is one of this pattern's, compressed or not yet; of any period.
    pub fn is_one(&self, name: &str) -> bool {
        let whole = |name: &str| {
            let mut patterns = std::iter::once(&self.pieces).chain(&self.indexed);
            patterns.any(|pieces| is_one(pieces, &self.bound, name))
        };
        let ending = self.compression.map_or("", Compression::ending);
        whole(name) || name.strip_suffix(ending).is_some_and(whole)
    }

    /// The first index of the period of `when` that no name of `taken` has, compressed or not. Indexes
    /// go on after the highest; a gap is not filled, so that they are in the order of time.
    pub fn next_index<'a>(&self, when: Timestamp, taken: impl IntoIterator<Item = &'a str>) -> u64 {
        next_index(&self.pieces, &self.bound, when, taken)
    }

    /// The name for another file of the period of `when`, without the ending that compression adds. No
    /// name of `taken` is the same, compressed or not. Where the pattern has no index, and the one name of
    /// the period is taken, an index is put before what the name ends with: `x.2025-01-27.1.log`.
    pub fn free<'a>(&self, when: Timestamp, taken: impl IntoIterator<Item = &'a str>) -> String {
        let taken: Vec<&str> = taken.into_iter().collect();
        let Some(indexed) = &self.indexed else {
            return self.render(when, self.next_index(when, taken));
        };
        let plain = self.render(when, 0);
        if !taken.iter().any(|name| *name == plain || Compression::split(name).0 == plain) {
            return plain;
        }
        let index = next_index(indexed, &self.bound, when, taken).max(1);
        render(indexed, &self.bound, when, index)
    }
}

/// The pieces of a pattern without an index, and an index before the last ending of the name.
fn with_index(pieces: &[Piece]) -> Vec<Piece> {
    let mut pieces = pieces.to_vec();
    let ending = match pieces.last_mut() {
        Some(Piece::Literal(text)) => {
            let name = text.rfind('/').map_or(0, |slash| slash + 1);
            let dot = text.get(name..).and_then(|it| it.rfind('.')).map(|dot| name + dot);
            dot.map(|dot| Piece::Literal(text.split_off(dot)))
        }
        Some(Piece::Extension) => pieces.pop(),
        Some(Piece::Name | Piece::Date { .. } | Piece::Index { .. }) | None => None,
    };
    pieces.push(Piece::Literal(".".to_owned()));
    pieces.push(Piece::Index { width: 1 });
    pieces.extend(ending);
    pieces
}

fn next_index<'a>(
    pieces: &[Piece],
    bound: &Bound,
    when: Timestamp,
    taken: impl IntoIterator<Item = &'a str>,
) -> u64 {
    let mark = pieces.iter().position(|it| matches!(it, Piece::Index { .. }));
    let (before, after) = pieces.split_at(mark.unwrap_or(pieces.len()));
    let before = render(before, bound, when, 0);
    let after = render(after.get(1..).unwrap_or_default(), bound, when, 0);
    let index_of = |name: &str| -> Option<u64> {
        let rest = name.strip_prefix(before.as_str())?;
        [rest, Compression::split(rest).0].into_iter().find_map(|rest| {
            let digits = rest.strip_suffix(after.as_str())?;
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| plain)
        })
    };
    let highest = taken.into_iter().filter_map(index_of).max();
    highest.map_or(0, |highest| highest.saturating_add(1))
}

fn render(pieces: &[Piece], bound: &Bound, when: Timestamp, index: u64) -> String {
    let mut name = Vec::new();
    let mut cache = DateCache::default();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => name.extend_from_slice(text.as_bytes()),
            Piece::Name => name.extend_from_slice(bound.name.as_bytes()),
            Piece::Extension => name.extend_from_slice(bound.extension.as_bytes()),
            Piece::Date { date, .. } => date.render(when, &mut cache, &mut name),
            Piece::Index { width } => {
                name.extend_from_slice(format!("{index:0width$}").as_bytes());
            }
        }
    }
    String::from_utf8(name).unwrap_or_default()
}

/// Whether the pieces can give `text`. What is literal is compared as it is and first, so that most names
/// of a folder cost nothing, and a file that is bound needs no expression of its own.
fn is_one(pieces: &[Piece], bound: &Bound, text: &str) -> bool {
    let Some((piece, rest)) = pieces.split_first() else { return text.is_empty() };
    let after =
        |literal: &str| text.strip_prefix(literal).is_some_and(|text| is_one(rest, bound, text));
    // The longest first; where one is too long, what follows does not match.
    let some_head = |longest: usize, fits: &dyn Fn(&str) -> bool| {
        let mut lengths = (1..=longest).rev().filter_map(|at| text.split_at_checked(at));
        lengths.any(|(head, tail)| fits(head) && is_one(rest, bound, tail))
    };
    match piece {
        Piece::Literal(literal) => after(literal),
        Piece::Name => after(&bound.name),
        Piece::Extension => after(&bound.extension),
        Piece::Date { shape, .. } => some_head(text.len(), &|head| shape.is_match(head)),
        Piece::Index { width } => {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            some_head(digits, &|head| *width <= head.len())
        }
    }
}

#[cfg(test)]
mod tests;
