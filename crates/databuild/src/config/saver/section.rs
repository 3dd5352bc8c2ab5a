//! A table of the file with the place of everything in it, read value by value. What is of another type
//! was told before, and counts as absent here.

use crate::config::extract::get;
use crate::config::problem::{Code, Problem, Severity};
use crate::config::tree;
use databuild_graph::spec::check::{choice_problem, duration_problem, size_problem};
use databuild_graph::spec::problem::{Code as SpecCode, Place, SpecProblem};
use databuild_graph::spec::unit::{parse_duration, parse_size};
use databuild_policy::problem::PatternProblem;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    /// The whole file.
    pub(super) file: &'a str,
    pub(super) table: &'a DeTable<'a>,
    /// Where its name stands.
    pub(super) name: Range<usize>,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'a> Section<'a> {
    /// The value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        get(self.table, key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The place of a key itself, or of the table's name if it is absent.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        let found = self.table.iter().find(|(name, _)| name.get_ref() == key);
        found.map_or_else(|| self.name.clone(), |(name, _)| name.span())
    }

    /// A table in it.
    pub(super) fn inner(&self, key: &str) -> Option<Section<'a>> {
        let table = self.value(key)?.get_ref().as_table()?;
        Some(Section { file: self.file, table, name: self.place(key) })
    }

    /// The tables in it, by name, in the order of the file.
    pub(super) fn tables(&self) -> Vec<(&'a str, Section<'a>)> {
        let mut tables: Vec<_> = self
            .table
            .iter()
            .filter_map(|(name, value)| {
                let table = value.get_ref().as_table()?;
                let section = Section { file: self.file, table, name: name.span() };
                Some((name.get_ref().as_ref(), section))
            })
            .collect();
        tables.sort_by_key(|(_, section)| section.name.start);
        tables
    }

    /// The tables of a list of tables.
    pub(super) fn list_of_tables(&self, key: &str) -> Vec<Section<'a>> {
        let items = self.value(key).and_then(|value| value.get_ref().as_array());
        let table = |value: &'a Spanned<DeValue<'a>>| {
            let table = value.get_ref().as_table()?;
            Some(Section { file: self.file, table, name: value.span() })
        };
        items.into_iter().flatten().filter_map(table).collect()
    }

    pub(super) fn text(&self, key: &str) -> Option<Found<&'a str>> {
        let value = self.value(key)?;
        Some(Found { value: value.get_ref().as_str()?, span: value.span() })
    }

    /// A text, or a time without quotes.
    pub(super) fn time(&self, key: &str) -> Option<Found<String>> {
        let value = self.value(key)?;
        let text = value.get_ref().as_str().map(str::to_owned);
        let text = text.or_else(|| Some(value.get_ref().as_datetime()?.to_string()))?;
        Some(Found { value: text, span: value.span() })
    }

    /// A list of texts; a single text is a list of one.
    pub(super) fn texts(&self, key: &str) -> Vec<Found<&'a str>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let one = |value: &'a Spanned<DeValue<'a>>| {
            Some(Found { value: value.get_ref().as_str()?, span: value.span() })
        };
        match value.get_ref().as_array() {
            Some(items) => items.iter().filter_map(one).collect(),
            None => one(value).into_iter().collect(),
        }
    }

    /// Names with texts.
    pub(super) fn pairs(&self, key: &str) -> Vec<(Found<&'a str>, Found<&'a str>)> {
        let table = self.value(key).and_then(|value| value.get_ref().as_table());
        let mut pairs: Vec<_> = table
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| {
                let text = Found { value: value.get_ref().as_str()?, span: value.span() };
                Some((Found { value: name.get_ref().as_ref(), span: name.span() }, text))
            })
            .collect();
        pairs.sort_by_key(|(name, _)| name.span.start);
        pairs
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.value(key)?.get_ref().as_bool()
    }

    pub(super) fn duration(&self, key: &str, problems: &mut Vec<Problem>) -> Option<Duration> {
        let found = self.text(key)?;
        match parse_duration(found.value) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let problem = duration_problem(&error, found.value, Place::default());
                problems.push(told(problem, found.span));
                None
            }
        }
    }

    pub(super) fn size(&self, key: &str, problems: &mut Vec<Problem>) -> Option<u64> {
        let found = self.text(key)?;
        match parse_size(found.value) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let problem = size_problem(&error, found.value, Place::default());
                problems.push(told(problem, found.span));
                None
            }
        }
    }

    /// A whole number within a range.
    pub(super) fn number(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        problems: &mut Vec<Problem>,
    ) -> Option<u64> {
        let value = self.value(key)?;
        let typed = value.get_ref().as_integer()?;
        let number = u64::from_str_radix(&typed.as_str().replace('_', ""), typed.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("`{key}` cannot be {}", typed.as_str());
            let help = match (range.start(), range.end()) {
                (from, &u64::MAX) => format!("use {from} or more"),
                (from, to) => format!("use {from} to {to}"),
            };
            problems.push(Problem {
                severity: Severity::Error,
                code: SpecCode::BadNumber.as_str(),
                message,
                help,
                span: Some(value.span()),
            });
        }
        number
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let found = self.text(key)?;
        let choice = words.iter().find(|(word, _)| *word == found.value).map(|(_, choice)| *choice);
        if choice.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            problems.push(told(choice_problem(found.value, &words, Place::default()), found.span));
        }
        choice
    }

    /// What is wrong with a pattern that stands at `found`.
    pub(super) fn patterns(
        &self,
        code: Code,
        found: &Found<&str>,
        wrong: Vec<PatternProblem>,
        problems: &mut Vec<Problem>,
    ) {
        for PatternProblem { column, what, remedy } in wrong {
            let mut chars = found.value.char_indices().skip(column.saturating_sub(1));
            let end = found.value.len();
            let from = chars.next().map_or(end, |(at, _)| at);
            let to = chars.next().map_or(end, |(at, _)| at);
            let span = tree::part_of(self.file, &found.span, found.value, &(from..to));
            problems.push(Problem::error(code, Some(span), what, remedy));
        }
    }
}

fn told(problem: SpecProblem, span: Range<usize>) -> Problem {
    let SpecProblem { code, message, help, place: _ } = problem;
    let (severity, code) = (Severity::Error, code.as_str());
    Problem { severity, code, message, help, span: Some(span) }
}
