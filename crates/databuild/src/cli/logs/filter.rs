//! From flags to the one filter of the product.

use super::super::args::{LogsArgs, Output};
use super::super::context::Context;
use super::super::outcome::{Exit, Failure};
use super::super::when;
use crate::render::zone;
use databuild_model::clock::Clock;
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_model::query::{KindSet, LevelSet, LogFilter, TextMatch};
use jiff::tz::TimeZone;

/// What is asked for. People see log entries and events unless they choose; programs see everything.
pub(crate) fn build(args: &LogsArgs, context: &Context) -> Result<LogFilter, Failure> {
    let zone = if context.global.utc { TimeZone::UTC } else { zone::local() };
    let now = context.clock.wall();
    let time = |flag: &str, text: &Option<String>| {
        text.as_deref().map(|text| when::time(flag, text, now, &zone)).transpose()
    };
    let text = |flag: &str, pattern: &Option<String>| {
        pattern
            .as_deref()
            .map(|pattern| {
                TextMatch::regex(pattern, args.ignore_case).map_err(|error| {
                    let error = anyhow::Error::new(error).context(format!("{flag} {pattern:?}"));
                    Failure::new(Exit::Usage, error)
                })
            })
            .transpose()
    };
    let levels = levels(args)?;
    Ok(LogFilter {
        since: time("--since", &args.since)?,
        until: time("--until", &args.until)?,
        levels,
        kinds: kinds(args, context.global.output, levels.is_some())?,
        include: text("--grep", &args.grep)?,
        exclude: text("--exclude", &args.exclude)?,
    })
}

fn levels(args: &LogsArgs) -> Result<Option<LevelSet>, Failure> {
    if let Some(level) = &args.level {
        return Ok(Some(LevelSet::at_least(parse_level(level)?)));
    }
    if args.levels.is_empty() {
        return Ok(None);
    }
    args.levels.iter().map(|level| parse_level(level)).collect::<Result<_, _>>().map(Some)
}

fn parse_level(text: &str) -> Result<Level, Failure> {
    Level::parse(text).ok_or_else(|| {
        Failure::text(Exit::Usage, format!("there is no level {text:?}"))
            .remedy("levels are trace, debug, info, warn, error and fatal")
    })
}

fn kinds(args: &LogsArgs, output: Output, has_level: bool) -> Result<Option<KindSet>, Failure> {
    let mut kinds = Vec::new();
    for text in &args.kind {
        kinds.push(Kind::parse(text).ok_or_else(|| {
            Failure::text(Exit::Usage, format!("there is no kind {text:?}"))
                .remedy("kinds are log, event, metric and manifest")
        })?);
    }
    Ok(match output {
        _ if !kinds.is_empty() => Some(KindSet::of(&kinds)),
        // A level alone means log entries, by the filter's own rule.
        _ if has_level => None,
        Output::Human => Some(KindSet::of(&[Kind::Log, Kind::Event])),
        Output::Raw => Some(KindSet::of(&[Kind::Log])),
        Output::Json | Output::Jsonl => None,
    })
}

/// The kinds of the entries around one that was found: a level does not narrow them.
pub(crate) fn neighbours(args: &LogsArgs, output: Output) -> Result<Option<KindSet>, Failure> {
    kinds(args, output, false)
}

/// What was asked for, in words that fit after "no entries".
pub(crate) fn describe(args: &LogsArgs) -> String {
    let mut words = Vec::new();
    if let Some(level) = &args.level {
        words.push(format!("at {} or above", level.to_lowercase()));
    }
    if !args.levels.is_empty() {
        words.push(format!("at {}", args.levels.join(" or ")));
    }
    if !args.kind.is_empty() {
        words.push(format!("of kind {}", args.kind.join(" or ")));
    }
    if let Some(pattern) = &args.grep {
        words.push(format!("that match {pattern:?}"));
    }
    if let Some(pattern) = &args.exclude {
        words.push(format!("that do not match {pattern:?}"));
    }
    if let Some(since) = &args.since {
        words.push(format!("since {since}"));
    }
    if let Some(until) = &args.until {
        words.push(format!("until {until}"));
    }
    words.join(" ")
}
