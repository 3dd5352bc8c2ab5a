//! Levels by logger, as logback has them: of the names that are given, the longest counts that the logger
//! of an event is, or is below.

use databuild_model::level::Level;
use std::collections::BTreeMap;

/// From which level on each logger is taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoggerLevels {
    /// The least severe level that is taken; none if nothing is.
    named: BTreeMap<String, Option<Level>>,
    /// The same for loggers that no name is about.
    others: Option<Level>,
}

impl LoggerLevels {
    /// Levels by name; `*` is every logger that no other name is about, and which is not taken if it is
    /// absent.
    pub fn new(levels: impl IntoIterator<Item = (String, Option<Level>)>) -> Self {
        let mut named: BTreeMap<_, _> = levels.into_iter().collect();
        let others = named.remove("*").flatten();
        LoggerLevels { named, others }
    }

    /// Whether what `logger` says at `level` is taken. Names end where a dot or a dollar sign begins
    /// what is below them.
    pub fn takes(&self, logger: &str, level: Level) -> bool {
        let mut name = logger;
        let from = loop {
            if let Some(from) = self.named.get(name) {
                break *from;
            }
            match name.rfind(['.', '$']) {
                Some(at) => name = name.get(..at).unwrap_or_default(),
                None => break self.others,
            }
        };
        from.is_some_and(|from| from <= level)
    }

    /// The least severe level that is taken of anything; none if nothing is.
    pub fn least(&self) -> Option<Level> {
        self.named.values().copied().chain([self.others]).flatten().min()
    }
}

#[cfg(test)]
mod tests;
