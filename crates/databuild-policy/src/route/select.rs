//! Which events a pipeline takes. All that is said has to be true; what is not said does not matter.

use super::loggers::LoggerLevels;
use crate::layout::LayoutEvent;
use databuild_model::entry::Kind;
use databuild_model::level::Level;
use databuild_model::query::{KindSet, LevelSet};
use regex::Regex;

/// What a pipeline asks of an event.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// These levels; a minimum is a set, too.
    pub levels: Option<LevelSet>,
    /// These kinds; log lines alone if absent.
    pub kinds: Option<KindSet>,
    /// Loggers, by name or `name.*`.
    pub logger: Vec<NamePattern>,
    /// From which level on each logger is taken.
    pub logger_levels: Option<LoggerLevels>,
    /// Applications.
    pub app: Vec<NamePattern>,
    /// Jobs.
    pub job: Vec<NamePattern>,
    /// Partitions.
    pub partition: Vec<NamePattern>,
    /// `stdout` or `stderr`.
    pub stream: Option<String>,
    /// The text contains this.
    pub text: Option<String>,
    /// The text matches this.
    pub matches: Option<Regex>,
    /// Fields with these values, of which `*` may be part.
    pub fields: Vec<(String, NamePattern)>,
}

/// A name in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    parts: Vec<String>,
    /// `shop.*` takes `shop` itself too, as loggers have it.
    hierarchy: bool,
}

impl NamePattern {
    /// Reads a pattern; any text is one.
    pub fn new(text: &str) -> Self {
        NamePattern { parts: text.split('*').map(str::to_owned).collect(), hierarchy: false }
    }

    /// The same, of a name with levels: `shop.*` takes `shop` and everything below it.
    pub fn of_levels(text: &str) -> Self {
        NamePattern { hierarchy: true, ..NamePattern::new(text) }
    }

    /// Whether `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        if let ([stem, rest], true) = (self.parts.as_slice(), self.hierarchy)
            && rest.is_empty()
            && stem.strip_suffix('.') == Some(name)
        {
            return true;
        }
        let Some((first, rest)) = self.parts.split_first() else { return name.is_empty() };
        let Some(mut name) = name.strip_prefix(first.as_str()) else { return false };
        let Some((last, middle)) = rest.split_last() else { return name.is_empty() };
        for part in middle {
            let Some(at) = name.find(part.as_str()) else { return false };
            name = name.get(at + part.len()..).unwrap_or_default();
        }
        name.ends_with(last.as_str())
    }
}

impl Selector {
    /// Whether the pipeline takes `event`, which is of `kind`.
    pub fn takes(&self, kind: Kind, event: &LayoutEvent<'_>) -> bool {
        self.takes_head(kind, event.level)
            && self.takes_run(event.app, event.job, event.partition)
            && one_of(&self.logger, event.logger)
            && self.logger_levels.as_ref().is_none_or(|it| it.takes(event.logger, event.level))
            && self.stream.as_deref().is_none_or(|stream| stream == event.stream)
            && self.text.as_deref().is_none_or(|text| event.raw_message.contains(text))
            && self.matches.as_ref().is_none_or(|regex| regex.is_match(event.raw_message))
            && self
                .fields
                .iter()
                .all(|(name, value)| event.field(name).is_some_and(|found| value.matches(found)))
    }

    /// Whether the pipeline may take something of a run.
    pub fn takes_run(&self, app: &str, job: &str, partition: &str) -> bool {
        one_of(&self.app, app) && one_of(&self.job, job) && one_of(&self.partition, partition)
    }

    /// Whether the pipeline may take an event of this kind and level.
    pub fn takes_head(&self, kind: Kind, level: Level) -> bool {
        let kind_is_meant = match self.kinds {
            Some(kinds) => kinds.contains(kind),
            None => kind == Kind::Log,
        };
        kind_is_meant && self.levels.is_none_or(|levels| levels.contains(level))
    }

    /// Whether more than run, kind and level decides.
    pub fn asks_for_text(&self) -> bool {
        !self.logger.is_empty()
            || self.logger_levels.is_some()
            || self.stream.is_some()
            || self.text.is_some()
            || self.matches.is_some()
            || !self.fields.is_empty()
    }

    /// Whether no event can be taken, whatever it is.
    pub fn takes_nothing(&self) -> bool {
        let no_level = self
            .levels
            .is_some_and(|levels| Level::ALL.into_iter().all(|level| !levels.contains(level)));
        let no_kind =
            self.kinds.is_some_and(|kinds| Kind::ALL.into_iter().all(|kind| !kinds.contains(kind)));
        no_level || no_kind
    }
}

fn one_of(patterns: &[NamePattern], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name))
}

#[cfg(test)]
mod tests;
