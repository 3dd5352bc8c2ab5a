//! Names of rolled files: a pattern with `%d{…}` and `%i`, such as `error.%d{yyyy-MM-dd}.%i.log.gz`. A
//! name is made of a period and an index, and the names of a pattern are known again in a listing.
//! Source: the file name patterns in logback's manual.

use super::period::{Period, Zone};
use crate::layout::LayoutOptions;
use crate::layout::date::{self, DateCache, DatePattern};
use crate::problem::PatternProblem;
use databuild_model::time::Timestamp;
use regex::Regex;
use std::collections::HashSet;

/// How a rolled file is compressed, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// `.gz`.
    Gzip,
    /// `.zst`.
    Zstd,
}

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
    fn split(name: &str) -> (&str, Option<Compression>) {
        let ends = |it: Compression| Some((name.strip_suffix(it.ending())?, Some(it)));
        Compression::ALL.into_iter().find_map(ends).unwrap_or((name, None))
    }
}

/// A pattern of names, without the ending that compression gives.
#[derive(Debug, Clone)]
pub struct ArchiveName {
    pieces: Vec<Piece>,
    compression: Option<Compression>,
    /// The finest period that changes the name, and the zone of its calendar.
    every: Option<(Period, Zone)>,
    shape: Regex,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    Date { date: DatePattern, aux: bool },
    Index { width: usize },
}

/// Periods in a row that must have different names.
const PERIODS_TRIED: usize = 800;
/// Where trying begins: 2024-06-12, where no period ends together with a longer one.
const TRIED_FROM: Timestamp = Timestamp::from_nanos(1_718_187_630_000_000_000);

impl ArchiveName {
    /// Reads a pattern; `zone` is that of dates which name none.
    pub fn parse(text: &str, zone: &Zone) -> Result<ArchiveName, Vec<PatternProblem>> {
        let (stem, compression) = Compression::split(text);
        let mut problems = Vec::new();
        let pieces = pieces(stem, zone, &mut problems);
        let every = periods(&pieces, &mut problems);
        let indexes = pieces.iter().filter(|it| matches!(it, Piece::Index { .. })).count();
        if 1 < indexes {
            problems.push(problem(1, "%i stands twice", "leave one of them out"));
        }
        if indexes == 0 && every.is_none() && problems.is_empty() {
            let what = "every rolled file would have the same name";
            problems.push(problem(1, what, "add %i, or a date such as %d{yyyy-MM-dd}"));
        }
        let shape = Regex::new(&shape(&pieces, compression));
        match shape {
            Ok(shape) if problems.is_empty() => {
                Ok(ArchiveName { pieces, compression, every, shape })
            }
            Ok(_) => Err(problems),
            Err(_) => {
                problems.push(problem(1, "the pattern is too long", "make it shorter"));
                Err(problems)
            }
        }
    }

    /// How files of this name are compressed.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
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
        render(&self.pieces, when, index)
    }

    /// The same with that ending.
    pub fn render_whole(&self, when: Timestamp, index: u64) -> String {
        let ending = self.compression.map_or("", Compression::ending);
        self.render(when, index) + ending
    }

    /// Whether `name` is one of this pattern's, compressed or not yet; of any period.
    pub fn is_one(&self, name: &str) -> bool {
        self.shape.is_match(name)
    }

    /// The first index of the period of `when` that no name of `taken` has, compressed or not. Indexes
    /// go on after the highest; a gap is not filled, so that they are in the order of time.
    pub fn next_index<'a>(&self, when: Timestamp, taken: impl IntoIterator<Item = &'a str>) -> u64 {
        let mark = self.pieces.iter().position(|it| matches!(it, Piece::Index { .. }));
        let (before, after) = self.pieces.split_at(mark.unwrap_or(self.pieces.len()));
        let before = render(before, when, 0);
        let after = render(after.get(1..).unwrap_or_default(), when, 0);
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
}

fn problem(column: usize, what: impl Into<String>, remedy: impl Into<String>) -> PatternProblem {
    PatternProblem { column, what: what.into(), remedy: remedy.into() }
}

fn render(pieces: &[Piece], when: Timestamp, index: u64) -> String {
    let mut name = Vec::new();
    let mut cache = DateCache::default();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => name.extend_from_slice(text.as_bytes()),
            Piece::Date { date, .. } => date.render(when, &mut cache, &mut name),
            Piece::Index { width } => {
                name.extend_from_slice(format!("{index:0width$}").as_bytes());
            }
        }
    }
    String::from_utf8(name).unwrap_or_default()
}

fn shape(pieces: &[Piece], compression: Option<Compression>) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => regex::escape(text),
        Piece::Date { date, .. } => date.shape(),
        Piece::Index { width } => format!("[0-9]{{{},}}", (*width).max(1)),
    };
    let ending = compression.map(|it| format!("({})?", regex::escape(it.ending())));
    let ending = ending.unwrap_or_default();
    format!("^{}{ending}$", pieces.iter().map(piece).collect::<String>())
}

fn pieces(text: &str, zone: &Zone, problems: &mut Vec<PatternProblem>) -> Vec<Piece> {
    let chars: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    let mut dates = 0;
    while let Some(c) = chars.get(at).copied() {
        at += 1;
        let column = at;
        if c != '%' {
            literal.push(c);
            continue;
        }
        let digits = chars.get(at..).unwrap_or_default().iter().take_while(|c| c.is_ascii_digit());
        let width: String = digits.collect();
        at += width.len();
        let word = chars.get(at).copied();
        at += 1;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        match word {
            Some('i') => match width.trim_start_matches('0').parse() {
                Ok(width) if width <= 18 => pieces.push(Piece::Index { width }),
                _ if width.is_empty() => pieces.push(Piece::Index { width: 1 }),
                _ => problems.push(problem(
                    column,
                    "too wide an index",
                    "write %03i for three digits",
                )),
            },
            Some('d') if width.is_empty() => {
                let options = options(&chars, &mut at);
                match date_piece(&options, dates, zone) {
                    Ok(piece) => pieces.push(piece),
                    Err((what, remedy)) => problems.push(problem(column, what, remedy)),
                }
                dates += 1;
            }
            _ => {
                let what = "a `%` that is neither %d nor %i";
                problems.push(problem(column, what, "names know only %d{…} and %i"));
            }
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

/// `{a, b}` at `at`, which moves behind it. A pattern with a comma stands in quotes.
fn options(chars: &[char], at: &mut usize) -> Vec<String> {
    if chars.get(*at) != Some(&'{') {
        return Vec::new();
    }
    let rest = chars.get(*at + 1..).unwrap_or_default();
    let inner: String = rest.iter().take_while(|c| **c != '}').collect();
    *at += inner.chars().count() + 2;
    inner.split(',').map(|it| it.trim().trim_matches('"').to_owned()).collect()
}

fn date_piece(options: &[String], slot: usize, zone: &Zone) -> Result<Piece, (String, String)> {
    let aux = options.iter().any(|it| it == "aux");
    let mut options: Vec<String> = options.iter().filter(|it| *it != "aux").cloned().collect();
    if options.first().is_none_or(String::is_empty) {
        options = vec!["yyyy-MM-dd".to_owned()];
    }
    let settings = LayoutOptions { zone: zone.clone(), ..LayoutOptions::default() };
    let date = date::compile(&options, slot, &settings)?;
    Ok(Piece::Date { date, aux })
}

/// The period of the one date that is not aux.
fn periods(pieces: &[Piece], problems: &mut Vec<PatternProblem>) -> Option<(Period, Zone)> {
    let mut dates = pieces.iter().filter_map(|piece| match piece {
        Piece::Date { date, aux } => Some((date, *aux)),
        Piece::Literal(_) | Piece::Index { .. } => None,
    });
    let (date, _) = dates.clone().find(|(_, aux)| !aux).or_else(|| dates.next())?;
    if 1 < dates.clone().filter(|(_, aux)| !aux).count() {
        let what = "two dates that both decide when a file is rolled";
        problems.push(problem(1, what, "mark the coarser one as %d{yyyy/MM, aux}"));
    }
    let name = |when: Timestamp| {
        let mut name = Vec::new();
        date.render(when, &mut DateCache::default(), &mut name);
        name
    };
    let zone = date.zone();
    let differs = |period: &Period| {
        let start = period.start(TRIED_FROM, zone);
        name(start) != name(period.next(start, zone))
    };
    let Some(period) = Period::ALL.into_iter().map(|(_, it)| it).find(differs) else {
        let what = "a date that is the same for longer than a month";
        problems.push(problem(1, what, "add months or days, or mark it as aux"));
        return None;
    };
    let mut seen = HashSet::new();
    let mut when = period.start(TRIED_FROM, zone);
    for _ in 0..PERIODS_TRIED {
        if !seen.insert(name(when)) {
            let what = "a date that comes again, so that names would meet";
            problems.push(problem(1, what, "add what is missing, as in %d{yyyy-MM-dd_HH}"));
            break;
        }
        when = period.next(when, zone);
    }
    Some((period, zone.clone()))
}

#[cfg(test)]
mod tests;
