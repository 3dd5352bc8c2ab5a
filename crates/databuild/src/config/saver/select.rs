//! Which events a pipeline takes: the keys that files and plugins share.

use super::section::{Found, Section};
use crate::config::problem::{Code, Problem, nearest, one_of};
use crate::config::tree;
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_model::query::{KindSet, LevelSet};
use databuild_policy::route::loggers::LoggerLevels;
use databuild_policy::route::select::{NamePattern, Selector};
use regex::Regex;

/// The words of levels, least severe first.
pub(super) const LEVELS: [(&str, Level); 6] = [
    ("trace", Level::Trace),
    ("debug", Level::Debug),
    ("info", Level::Info),
    ("warn", Level::Warn),
    ("error", Level::Error),
    ("fatal", Level::Fatal),
];

/// The words of kinds.
pub(super) const KINDS: [(&str, Kind); 4] = [
    ("log", Kind::Log),
    ("event", Kind::Event),
    ("metric", Kind::Metric),
    ("manifest", Kind::Manifest),
];

pub(super) fn selector(section: &Section<'_>, problems: &mut Vec<Problem>) -> Selector {
    let patterns = |key: &str| -> Vec<NamePattern> {
        section.texts(key).iter().map(|it| NamePattern::new(it.value)).collect()
    };
    let loggers = section.texts("logger");
    let before = problems.len();
    let selector = Selector {
        levels: levels(section, problems),
        kinds: kinds(section, problems),
        logger: loggers.iter().map(|it| NamePattern::of_levels(it.value)).collect(),
        logger_levels: logger_levels(section, problems),
        app: patterns("app"),
        job: patterns("job"),
        partition: patterns("partition"),
        stream: section
            .choice("stream", &[("stdout", "stdout"), ("stderr", "stderr")], problems)
            .map(str::to_owned),
        text: section.text("text").map(|it| it.value.to_owned()),
        matches: matches(section, problems),
        fields: section
            .pairs("fields")
            .iter()
            .map(|(name, value)| (name.value.to_owned(), NamePattern::new(value.value)))
            .collect(),
    };
    for key in ["logger", "app", "job", "partition"] {
        if section.has(key) && section.texts(key).is_empty() && problems.len() == before {
            nothing(
                section,
                key,
                "an empty list takes nothing",
                "leave it out to take all",
                problems,
            );
        }
    }
    if problems.len() == before {
        unreachable(section, &selector, problems);
    }
    selector
}

fn nothing(
    section: &Section<'_>,
    key: &str,
    message: &str,
    help: &str,
    problems: &mut Vec<Problem>,
) {
    let span = section.value(key).map_or_else(|| section.name.clone(), |value| value.span());
    problems.push(Problem::error(Code::TakesNothing, Some(span), message, help));
}

/// Levels and kinds that exclude one another.
fn unreachable(section: &Section<'_>, selector: &Selector, problems: &mut Vec<Problem>) {
    if selector.takes_nothing() {
        let key = if section.has("levels") { "levels" } else { "kind" };
        let help = "leave it out to take all";
        nothing(section, key, "an empty list takes nothing", help, problems);
        return;
    }
    let kinds = selector.kinds.unwrap_or(KindSet::of(&[Kind::Log]));
    if !kinds.contains(Kind::Log) {
        // What is no log line counts as INFO, and no stream carried it.
        if selector.levels.is_some_and(|levels| !levels.contains(Level::Info)) {
            let key = if section.has("levels") { "levels" } else { "level" };
            let message = "nothing is taken: metrics, events and manifests are all of level info";
            nothing(
                section,
                key,
                message,
                "take `log` into `kind`, or leave the level out",
                problems,
            );
        }
        if selector.stream.is_some() {
            let message = "nothing is taken: only log lines come on a stream";
            nothing(section, "stream", message, "take `log` into `kind`", problems);
        }
    }
    let (Some(by_logger), true) = (&selector.logger_levels, kinds.contains(Kind::Log)) else {
        return;
    };
    let least = by_logger.least();
    let all = selector.levels.unwrap_or(LevelSet::all());
    let taken = Level::ALL
        .into_iter()
        .any(|level| all.contains(level) && least.is_some_and(|least| least <= level));
    if !taken {
        let message = "nothing is taken: no logger has a level that the pipeline takes";
        nothing(
            section,
            "logger_levels",
            message,
            "give one a lower level, or leave it out",
            problems,
        );
    }
}

fn levels(section: &Section<'_>, problems: &mut Vec<Problem>) -> Option<LevelSet> {
    let one = |found: &Found<&str>, problems: &mut Vec<Problem>| level(found, problems);
    let least = section.text("level").map(|found| (one(&found, problems), found));
    if !section.has("levels") {
        return least.and_then(|(level, _)| level).map(LevelSet::at_least);
    }
    if let Some((_, found)) = least {
        let message = "`level` and `levels` together";
        let help = "write `level` for one and what is more severe, or `levels` for exactly these";
        problems.push(Problem::error(Code::BadSelector, Some(found.span), message, help));
    }
    let listed = section.texts("levels");
    let levels: Vec<Level> = listed.iter().filter_map(|found| one(found, problems)).collect();
    Some(levels.into_iter().collect())
}

fn level(found: &Found<&str>, problems: &mut Vec<Problem>) -> Option<Level> {
    let level = word(found.value, &LEVELS);
    if level.is_none() {
        problems.push(unknown("level", found, &LEVELS.map(|it| it.0)));
    }
    level
}

fn word<T: Copy>(typed: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(typed)).map(|(_, it)| *it)
}

/// The problem of a word that is none of some.
pub(super) fn unknown(what: &str, found: &Found<&str>, known: &[&str]) -> Problem {
    let near = nearest(found.value, known.iter().copied());
    let help = match near.as_slice() {
        [] => format!("there are {}", known.join(", ")),
        near => format!("did you mean {}?", one_of(near)),
    };
    let message = format!("there is no {what} `{}`", found.value);
    Problem::error(Code::BadSelector, Some(found.span.clone()), message, help)
}

fn kinds(section: &Section<'_>, problems: &mut Vec<Problem>) -> Option<KindSet> {
    if !section.has("kind") {
        return None;
    }
    let mut kinds = Vec::new();
    for found in section.texts("kind") {
        match word(found.value, &KINDS) {
            Some(kind) => kinds.push(kind),
            None if found.value == "all" => kinds.extend(Kind::ALL),
            None => {
                let known: Vec<&str> = KINDS.iter().map(|it| it.0).chain(["all"]).collect();
                problems.push(unknown("kind", &found, &known));
            }
        }
    }
    Some(KindSet::of(&kinds))
}

fn logger_levels(section: &Section<'_>, problems: &mut Vec<Problem>) -> Option<LoggerLevels> {
    if !section.has("logger_levels") {
        return None;
    }
    let mut levels = Vec::new();
    for (name, found) in section.pairs("logger_levels") {
        if name.value != "*" && name.value.contains('*') {
            let message = format!("`{}` is not the name of a logger", name.value);
            let help = "a name is meant with all below it: shop, not shop.*; `*` is all others";
            problems.push(Problem::error(Code::BadSelector, Some(name.span), message, help));
            continue;
        }
        let off = found.value.eq_ignore_ascii_case("off");
        match word(found.value, &LEVELS) {
            Some(level) => levels.push((name.value.to_owned(), Some(level))),
            None if off => levels.push((name.value.to_owned(), None)),
            None => {
                let known: Vec<&str> = LEVELS.iter().map(|it| it.0).chain(["off"]).collect();
                problems.push(unknown("level", &found, &known));
            }
        }
    }
    Some(LoggerLevels::new(levels))
}

fn matches(section: &Section<'_>, problems: &mut Vec<Problem>) -> Option<Regex> {
    let found = section.text("matches")?;
    if let Err(error) = regex_syntax::Parser::new().parse(found.value) {
        let (what, span) = match &error {
            regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span()),
            regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span()),
            _ => (error.to_string(), &EVERYWHERE),
        };
        let within = span.start.offset..span.end.offset;
        let span = tree::part_of(section.file, &found.span, found.value, &within);
        let message = format!("not a regular expression: {what}");
        let help =
            "escape special characters with \\; look-around and back references do not exist";
        problems.push(Problem::error(Code::BadSelector, Some(span), message, help));
        return None;
    }
    let regex = Regex::new(found.value).ok();
    if regex.is_none() {
        let message = "the regular expression is too large";
        let help = "repeat less in it";
        problems.push(Problem::error(Code::BadSelector, Some(found.span), message, help));
    }
    regex
}

/// A place for what has none.
const EVERYWHERE: regex_syntax::ast::Span = regex_syntax::ast::Span {
    start: regex_syntax::ast::Position { offset: 0, line: 1, column: 1 },
    end: regex_syntax::ast::Position { offset: 0, line: 1, column: 1 },
};
