//! The text of a name pattern, to pieces; and all that is wrong with it.

use super::Piece;
use crate::layout::LayoutOptions;
use crate::layout::date::{self, DateCache};
use crate::problem::PatternProblem;
use crate::roll::period::{Period, Zone};
use databuild_model::time::Timestamp;
use regex::Regex;
use std::collections::HashSet;

/// Periods in a row that must have different names.
const PERIODS_TRIED: usize = 800;
/// Where trying begins: 2024-06-12, where no period ends together with a longer one.
const TRIED_FROM: Timestamp = Timestamp::from_nanos(1_718_187_630_000_000_000);

pub(super) fn problem(
    column: usize,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> PatternProblem {
    PatternProblem { column, what: what.into(), remedy: remedy.into() }
}

pub(super) fn pieces(text: &str, zone: &Zone, problems: &mut Vec<PatternProblem>) -> Vec<Piece> {
    let chars: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    let mut dates = 0;
    let mut indexes = Vec::new();
    while let Some(c) = chars.get(at).copied() {
        at += 1;
        if c != '%' && c != '{' {
            literal.push(c);
            continue;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        let column = at;
        let piece = if c == '{' {
            placeholder(&chars, &mut at)
        } else {
            word(&chars, &mut at, &mut dates, zone)
        };
        match piece {
            Ok(piece) => {
                if matches!(piece, Piece::Index { .. }) {
                    indexes.push((column, pieces.len()));
                }
                pieces.push(piece);
            }
            Err((what, remedy)) => problems.push(problem(column, what, remedy)),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    for (column, index) in indexes {
        if pieces.iter().skip(index).any(leads_on) {
            // Which indexes are taken is seen in one folder.
            let what = "%i in the name of a folder";
            let remedy = "put it behind the last slash; folders are told apart by %d";
            problems.push(problem(column, what, remedy));
        }
    }
    pieces
}

/// Whether the name of a folder ends in it.
fn leads_on(piece: &Piece) -> bool {
    match piece {
        Piece::Literal(text) => text.contains('/'),
        Piece::Date { date, .. } => {
            let mut text = Vec::new();
            date.render(TRIED_FROM, &mut DateCache::default(), &mut text);
            text.contains(&b'/')
        }
        Piece::Name | Piece::Extension | Piece::Index { .. } => false,
    }
}

/// What is wrong, and what to do.
type Wrong = (String, String);

fn wrong(what: impl Into<String>, remedy: impl Into<String>) -> Wrong {
    (what.into(), remedy.into())
}

/// What stands behind a `%`.
fn word(chars: &[char], at: &mut usize, dates: &mut usize, zone: &Zone) -> Result<Piece, Wrong> {
    let digits = chars.get(*at..).unwrap_or_default().iter().take_while(|c| c.is_ascii_digit());
    let width: String = digits.collect();
    *at += width.len();
    let word = chars.get(*at).copied();
    *at += 1;
    match word {
        Some('i') => match width.trim_start_matches('0').parse() {
            Ok(width) if width <= 18 => Ok(Piece::Index { width }),
            _ if width.is_empty() => Ok(Piece::Index { width: 1 }),
            _ => Err(wrong("too wide an index", "write %03i for three digits")),
        },
        Some('d') if width.is_empty() => {
            let options = match chars.get(*at) {
                Some('{') => {
                    *at += 1;
                    options(&braced(chars, at)?)
                }
                _ => Vec::new(),
            };
            *dates += 1;
            date_piece(&options, *dates - 1, zone)
        }
        _ => Err(wrong("a `%` that is neither %d nor %i", "names know only %d{…} and %i")),
    }
}

/// What stands behind a `{` that belongs to no `%d`.
fn placeholder(chars: &[char], at: &mut usize) -> Result<Piece, Wrong> {
    match braced(chars, at)?.as_str() {
        "name" => Ok(Piece::Name),
        "ext" => Ok(Piece::Extension),
        other => Err(wrong(
            format!("there is no {{{other}}} in the name of a rolled file"),
            "there are {name}, which is the file's name without its extension, and {ext}",
        )),
    }
}

/// The text up to the `}`; `at` moves behind it. Within double quotes a `}` is one of the text.
fn braced(chars: &[char], at: &mut usize) -> Result<String, Wrong> {
    let mut quoted = false;
    let mut text = String::new();
    while let Some(c) = chars.get(*at).copied() {
        *at += 1;
        match c {
            '}' if !quoted => return Ok(text),
            '"' => quoted = !quoted,
            _ => {}
        }
        text.push(c);
    }
    Err(wrong("a brace that is never closed", "close it with }"))
}

/// The options `a, b`, where one with a comma stands in double quotes.
fn options(text: &str) -> Vec<String> {
    let mut options = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match (c, options.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => options.push(String::new()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    options.iter().map(|it| it.trim().to_owned()).collect()
}

fn date_piece(options: &[String], slot: usize, zone: &Zone) -> Result<Piece, Wrong> {
    let aux = options.iter().any(|it| it == "aux");
    let mut options: Vec<String> = options.iter().filter(|it| *it != "aux").cloned().collect();
    if options.first().is_none_or(String::is_empty) {
        options = vec!["yyyy-MM-dd".to_owned()];
    }
    let settings = LayoutOptions { zone: zone.clone(), ..LayoutOptions::default() };
    let date = date::compile(&options, slot, &settings)?;
    let shape = Regex::new(&format!("^(?:{})$", date.shape()));
    let shape = shape.map_err(|_| wrong("the date is too long", "make it shorter"))?;
    Ok(Piece::Date { date, aux, shape })
}

/// The period of the one date that is not aux.
pub(super) fn periods(
    pieces: &[Piece],
    problems: &mut Vec<PatternProblem>,
) -> Option<(Period, Zone)> {
    let dates = pieces.iter().filter_map(|piece| match piece {
        Piece::Date { date, aux, .. } => Some((date, *aux)),
        Piece::Literal(_) | Piece::Name | Piece::Extension | Piece::Index { .. } => None,
    });
    let (date, _) = dates.clone().find(|(_, aux)| !aux)?;
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
