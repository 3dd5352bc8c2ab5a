//! The parsed file with the place of everything in it, held against the table of keys.

use super::problem::{Code, Problem, nearest, one_of};
use super::table::{Entry, ROOT, Shape, State, sections};
use databuild_graph::spec::problem::{Place, Step};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a file; a table comes back even if there are problems, with what could be read.
pub(super) fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = Vec::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        // One slip of the pen makes the parser stumble more than once on a line.
        let line = |at: usize| text.get(..at).map_or(0, |before| before.matches('\n').count());
        let same = |known: &Problem| {
            known.span.as_ref().is_some_and(|known| line(known.start) == line(span.start))
        };
        if problems.iter().any(same) {
            continue;
        }
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        let help = syntax_help(&message);
        problems.push(Problem::error(Code::Syntax, Some(span), message, help));
    }
    (table, problems)
}

/// What to do about what the parser says.
fn syntax_help(message: &str) -> &'static str {
    if message.contains("duplicate") {
        "give each name once"
    } else if message.contains("expected newline") || message.contains("expected value") {
        "put a text in quotes, and each key on a line of its own"
    } else if message.contains("unclosed") || message.contains("expected `") {
        "close what was opened"
    } else {
        "this is not TOML (toml.io)"
    }
}

/// Unknown keys, values of another type, and keys that have no meaning yet.
pub(super) fn check(table: &Spanned<DeTable<'_>>, problems: &mut Vec<Problem>) {
    check_table(table.get_ref(), ROOT, "", problems);
}

fn check_table(
    table: &DeTable<'_>,
    entries: &'static [Entry],
    path: &str,
    problems: &mut Vec<Problem>,
) {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match entries.iter().find(|entry| entry.name == name) {
            Some(entry) => check_value(key.span(), value, entry, &join(path, name), problems),
            None => problems.push(unknown(name, key.span(), entries, path)),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    // A list of tables is shown in brackets of its own.
    let path = path.trim_matches(['[', ']']);
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn unknown(name: &str, span: Range<usize>, entries: &'static [Entry], path: &str) -> Problem {
    let place = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
    let near = nearest(name, entries.iter().map(|entry| entry.name));
    let elsewhere = || {
        let has = |entries: &[Entry]| entries.iter().any(|entry| entry.name == name);
        let section = sections().into_iter().find(|section| has(section.entries()))?;
        Some(match section.path.as_str() {
            "" => format!("it stands at the top: [{name}]"),
            path => format!("it stands in [{path}]"),
        })
    };
    let help = if near.is_empty() {
        elsewhere().unwrap_or_else(|| {
            let known =
                entries.iter().filter(|entry| entry.state == State::Built).map(|entry| entry.name);
            format!("known here: {}", known.collect::<Vec<_>>().join(", "))
        })
    } else {
        format!("did you mean {}?", one_of(&near))
    };
    Problem::error(Code::UnknownKey, Some(span), format!("unknown key `{name}`{place}"), help)
}

fn check_value(
    key: Range<usize>,
    value: &Spanned<DeValue<'_>>,
    entry: &'static Entry,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    if entry.state == State::Later {
        let message = format!("`{path}` is not built yet");
        let help = "take it out: this version does not do it, and would not pretend to";
        problems.push(Problem::error(Code::NotBuilt, Some(key), message, help));
        return;
    }
    let right = match (entry.shape, value.get_ref()) {
        (Shape::Table(entries), DeValue::Table(table)) => {
            check_table(table, entries, path, problems);
            true
        }
        (Shape::Key(entries), DeValue::Table(table)) => {
            check_table(table, entries, path, problems);
            true
        }
        (Shape::Tables(entries), DeValue::Array(items))
            if items.iter().all(|item| item.get_ref().is_table()) =>
        {
            for table in items.iter().filter_map(|item| item.get_ref().as_table()) {
                check_table(table, entries, &format!("[{path}]"), problems);
            }
            true
        }
        (Shape::Named(inner), DeValue::Table(table)) => {
            for (name, value) in table {
                let path = join(path, name.get_ref());
                check_value(name.span(), value, inner, &path, problems);
            }
            true
        }
        (
            Shape::Text
            | Shape::Texts
            | Shape::Command
            | Shape::Duration
            | Shape::Size
            | Shape::OneOf(_)
            | Shape::Address,
            DeValue::String(_),
        )
        | (Shape::Period | Shape::Key(_), DeValue::String(_))
        | (Shape::Period, DeValue::Datetime(_) | DeValue::Integer(_))
        | (Shape::Number, DeValue::Integer(_)) => true,
        (Shape::Texts | Shape::Command | Shape::List | Shape::Key(_), DeValue::Array(items)) => {
            for item in items.iter().filter(|item| !item.get_ref().is_str()) {
                problems.push(wrong_type(item, path, "a list of texts"));
            }
            true
        }
        (Shape::Variables, DeValue::Table(table)) => {
            for (name, value) in table.iter().filter(|(_, value)| !value.get_ref().is_str()) {
                problems.push(wrong_type(value, &join(path, name.get_ref()), "text"));
            }
            true
        }
        (Shape::Flag, DeValue::Boolean(_))
        | (Shape::Free, DeValue::Table(_))
        | (Shape::Anything, _) => true,
        _ => false,
    };
    if !right {
        problems.push(wrong_type(value, path, wanted(entry.shape)));
    }
}

/// What a shape takes, in words.
pub(super) fn wanted(shape: Shape) -> &'static str {
    match shape {
        Shape::Table(_) | Shape::Named(_) | Shape::Free => "a table",
        Shape::Text => "text",
        Shape::Texts => "text or a list of texts",
        Shape::List => "a list of texts",
        Shape::Command => "text or a list of texts",
        Shape::Number => "a whole number",
        Shape::Duration => "a duration, as text",
        Shape::Size => "a size, as text",
        Shape::OneOf(_) => "text",
        Shape::Address => "an address, as text",
        Shape::Variables => "a table of texts",
        Shape::Period => "a date, or text",
        Shape::Key(_) => "\"any\", a list of texts or a table",
        Shape::Tables(_) => "a list of tables",
        Shape::Flag => "true or false",
        Shape::Anything => "anything",
    }
}

fn wrong_type(value: &Spanned<DeValue<'_>>, path: &str, wanted: &str) -> Problem {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let help = match (wanted, value.get_ref()) {
        (
            "text" | "text or a list of texts" | "a list of texts",
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_),
        ) => "put it in quotes".to_owned(),
        ("a duration, as text", DeValue::Integer(number)) => {
            format!("give it a unit: \"{}s\"", number.as_str())
        }
        ("a size, as text", DeValue::Integer(number)) => {
            format!("give it a unit: \"{}B\"", number.as_str())
        }
        ("a whole number", DeValue::String(text)) if text.trim().parse::<u32>().is_ok() => {
            format!("write it without quotes: {}", text.trim())
        }
        ("a list of texts", DeValue::String(text)) => format!("write it as a list: [{text:?}]"),
        ("a table", _) => format!("begin a table with [{path}]"),
        ("a list of tables", _) => format!("begin each with [[{path}]]"),
        _ => format!("write {wanted}"),
    };
    Problem::error(
        Code::WrongType,
        Some(value.span()),
        format!("`{path}` is {wanted}, not {found}"),
        help,
    )
}

/// The bytes of the file that a place of the project stands for.
pub(super) fn span_of(text: &str, table: &Spanned<DeTable<'_>>, place: &Place) -> Range<usize> {
    let mut here = Here { key: 0..0, value: 0..0, inside: None };
    let mut tables: Option<&DeTable<'_>> = Some(table.get_ref());
    let mut list: Option<&toml::de::DeArray<'_>> = None;
    for step in &place.path {
        let next = match step {
            Step::Name(name) => tables.and_then(|table| {
                table
                    .iter()
                    .find(|(key, _)| key.get_ref() == name)
                    .map(|(key, value)| (key.span(), value))
            }),
            Step::Item(at) => {
                list.and_then(|list| list.get(*at)).map(|value| (value.span(), value))
            }
        };
        let Some((key, value)) = next else { break };
        here = Here { key, value: value.span(), inside: value.get_ref().as_str() };
        tables = value.get_ref().as_table();
        list = value.get_ref().as_array();
    }
    if place.name {
        return here.key;
    }
    match (&place.within, here.inside) {
        (Some(within), Some(inside)) => part_of(text, &here.value, inside, within),
        _ => here.value,
    }
}

struct Here<'a> {
    key: Range<usize>,
    value: Range<usize>,
    inside: Option<&'a str>,
}

/// A part of a text, where the file spells the text as it is; else all of it.
pub(super) fn part_of(
    text: &str,
    value: &Range<usize>,
    inside: &str,
    within: &Range<usize>,
) -> Range<usize> {
    let token = text.get(value.clone()).unwrap_or_default();
    match token.find(inside) {
        Some(at) if !inside.is_empty() => {
            let start = value.start + at;
            start + within.start..start + within.end
        }
        _ => value.clone(),
    }
}
