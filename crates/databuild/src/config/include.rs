//! Further files of a project: `include = ["apps/*.toml"]`. Their texts follow that of the project file in
//! one, so that a place names both the file and the line; their tables are put into one before anything is
//! checked.

use super::extract::get;
use super::problem::{Code, Problem};
use super::{Source, tree};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Most files that a project has besides its own.
const FILES_MAX: usize = 1_000;

/// A further file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// What people call it: relative to the project's folder.
    pub(crate) name: String,
    /// Where its text begins within that of all.
    pub(crate) start: usize,
}

/// Reads what `source` includes, and puts it behind its text.
pub(super) fn read(source: &mut Source) {
    let patterns = patterns(&source.text);
    for (pattern, span) in patterns {
        let error = |message: String, help: &str| {
            Problem::error(Code::BadInclude, Some(span.clone()), message, help)
        };
        let names = match names(&source.folder, &pattern) {
            Ok(names) => names,
            Err((message, help)) => {
                source.problems.push(error(message, help));
                continue;
            }
        };
        for path in names {
            // As people see it from where they stand, like the name of the project file.
            let near = Path::new(&source.name).parent().unwrap_or(Path::new(""));
            let name = near.join(&path).display().to_string();
            if source.parts.iter().any(|part| part.name == name) {
                continue;
            }
            if source.parts.len() == FILES_MAX {
                let message = format!("more than {FILES_MAX} files are included");
                source.problems.push(error(message, "include fewer"));
                return;
            }
            match super::text_of(&source.folder.join(&path), &name) {
                Ok(text) => {
                    if !source.text.ends_with('\n') {
                        source.text.push('\n');
                    }
                    source.parts.push(Part { name, start: source.text.len() });
                    source.text.push_str(&text);
                }
                Err(problem) => source.problems.push(error(problem.message, &problem.help)),
            }
        }
    }
}

/// What the text includes, each with its place.
pub(super) fn patterns(text: &str) -> Vec<(String, std::ops::Range<usize>)> {
    let (table, _) = tree::parse(text);
    let value = get(table.get_ref(), "include");
    let items: Vec<&Spanned<DeValue<'_>>> = match value.map(|value| (value, value.get_ref())) {
        Some((_, DeValue::Array(items))) => items.iter().collect(),
        Some((value, _)) => vec![value],
        None => Vec::new(),
    };
    let found = items.iter().filter_map(|it| Some((it.get_ref().as_str()?.to_owned(), it.span())));
    found.collect()
}

/// The names of the files that a pattern means, in order.
pub(super) fn names(folder: &Path, pattern: &str) -> Result<Vec<String>, (String, &'static str)> {
    let below = Path::new(pattern);
    let up = below.components().any(|it| !matches!(it, std::path::Component::Normal(_)));
    if pattern.is_empty() || up || pattern.contains('\0') {
        let message = format!("`{pattern}` is no file below the project's folder");
        return Err((message, "write a path below it: apps/*.toml"));
    }
    let whole = format!("{}/{pattern}", glob::Pattern::escape(&folder.display().to_string()));
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let paths = glob::glob_with(&whole, options)
        .map_err(|error| (format!("`{pattern}`: {}", error.msg), "write it as in apps/*.toml"))?;
    let mut names = Vec::new();
    for path in paths {
        let path = path.map_err(|error| {
            let message = format!("`{pattern}` cannot be looked for: {error}");
            (message, "make the folder readable")
        })?;
        let name = path.strip_prefix(folder).unwrap_or(&path);
        if path.is_file() {
            names.push(name.display().to_string());
        }
    }
    if names.is_empty() {
        let message = format!("no file is called `{pattern}`");
        return Err((message, "correct the name, or take it out"));
    }
    Ok(names)
}

/// Reads all texts; tables come back as one.
pub(super) fn parse(source: &Source) -> (Spanned<DeTable<'_>>, Vec<Problem>) {
    let ends = source.parts.iter().map(|part| part.start).chain([source.text.len()]);
    let starts = [0].into_iter().chain(source.parts.iter().map(|part| part.start));
    let mut whole: Option<Spanned<DeTable<'_>>> = None;
    let mut problems = source.problems.clone();
    for (start, end) in starts.zip(ends) {
        let (table, found) = tree::parse(source.text.get(start..end).unwrap_or_default());
        problems.extend(found.into_iter().map(|problem| Problem {
            span: problem.span.map(|span| span.start + start..span.end + start),
            ..problem
        }));
        match &mut whole {
            None => whole = Some(table),
            Some(whole) => {
                let table = moved_table(table.into_inner(), start);
                merge(source, whole.get_mut(), table, "", &mut problems);
            }
        }
    }
    (whole.unwrap_or_else(|| tree::parse("").0), problems)
}

fn merge<'a>(
    source: &Source,
    whole: &mut DeTable<'a>,
    other: DeTable<'a>,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    for (key, value) in other {
        let name = key.get_ref().to_string();
        if path.is_empty() && name == "include" {
            let message = "an included file includes others";
            let help = "let the project file include them";
            problems.push(Problem::error(Code::BadInclude, Some(key.span()), message, help));
            continue;
        }
        let known = whole.iter_mut().find(|(known, _)| known.get_ref() == key.get_ref());
        let Some((first, known)) = known else {
            whole.insert(key, value);
            continue;
        };
        let (span, value) = (value.span(), value.into_inner());
        // Sections of a project are made up by all files; what has a name has it once.
        let section = path.is_empty() || path == "saver" && (name == "files" || name == "plugins");
        match (known.get_mut(), value) {
            (DeValue::Table(known), DeValue::Table(other)) if section => {
                let path = if path.is_empty() { name.as_str() } else { "saver.named" };
                merge(source, known, other, path, problems);
            }
            (DeValue::Array(known), DeValue::Array(other))
                if path.is_empty() && name == "tests" =>
            {
                for item in other.iter() {
                    known.push(item.clone());
                }
            }
            (_, _) => {
                let place = super::report::place(source.named(), first.span().start);
                let message = format!("`{name}` is defined twice: also at {place}");
                let span = if key.span().is_empty() { span } else { key.span() };
                let help = "give each name once";
                problems.push(Problem::error(Code::DefinedTwice, Some(span), message, help));
            }
        }
    }
}

fn moved_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let entries = table.into_iter();
    entries
        .map(|(key, value)| (moved(key, by, |it| it), moved(value, by, |it| moved_value(it, by))))
        .collect()
}

fn moved<T, U>(it: Spanned<T>, by: usize, inner: impl FnOnce(T) -> U) -> Spanned<U> {
    let span = it.span();
    Spanned::new(span.start + by..span.end + by, inner(it.into_inner()))
}

fn moved_value(value: DeValue<'_>, by: usize) -> DeValue<'_> {
    match value {
        DeValue::Table(table) => DeValue::Table(moved_table(table, by)),
        DeValue::Array(items) => {
            let mut array = DeArray::new();
            for item in items.iter().cloned() {
                array.push(moved(item, by, |it| moved_value(it, by)));
            }
            DeValue::Array(array)
        }
        plain @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)) => plain,
    }
}
