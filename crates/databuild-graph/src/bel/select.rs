//! From what a person types (`42`, `42.6`, the start of a UUID, `@failed`) to a build or a run.

use super::condition::Where;
use super::rows::{BuildFilter, BuildRow, RunFilter, RunRow};
use super::{Bel, QueryError};
use crate::plan::RunNumber;
use databuild_model::bel::RunEnd;
use databuild_model::bel::transition::{BuildState, RunState};
use rusqlite::Connection;

/// Fewest characters of a UUID that stand for the whole.
///
/// A version 7 UUID begins with 48 bits of time: eight characters are a window of 65 s, and below
/// four a word that was meant otherwise would match.
const PREFIX_MIN: usize = 4;

/// Most candidates that are named when a prefix fits several.
const CANDIDATES_MAX: usize = 5;

/// What a text stood for.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected<T> {
    /// This one.
    One(T),
    /// None.
    Nothing,
    /// Several, of which these are the first.
    Ambiguous(Vec<T>),
}

impl Bel {
    /// The build that `text` stands for: its number, its id, the start of its id, or `@latest`,
    /// `@failed` (the latest that failed), `@running`.
    pub fn find_build(&self, text: &str) -> Result<Selected<BuildRow>, QueryError> {
        if let Some(word) = text.strip_prefix('@') {
            return self.build_by_word(word);
        }
        if let Ok(number) = text.parse::<u64>()
            && let Some(row) = self.build_numbered(number)?
        {
            return Ok(Selected::One(row));
        }
        let ids = self.ids_with_prefix("builds", "build_id", text)?;
        let mut rows = Vec::new();
        for id in ids {
            if let Ok(id) = id.parse() {
                rows.extend(self.build(&id)?);
            }
        }
        Ok(one_of(rows))
    }

    fn build_by_word(&self, word: &str) -> Result<Selected<BuildRow>, QueryError> {
        use databuild_model::bel::BuildEnd::{Failed, Lost};
        let live = BuildState::ALL.into_iter().filter(|state| state.is_live());
        let (states, limit) = match word {
            "latest" => (Vec::new(), 1),
            "failed" => (vec![BuildState::Ended(Failed), BuildState::Ended(Lost)], 1),
            "running" => (live.collect(), 2),
            _ => return Ok(Selected::Nothing),
        };
        // Builds that turn out to be lost are left out afterwards, so a few more are asked for.
        let filter = BuildFilter { states, limit: Some(limit + 20), ..BuildFilter::default() };
        let mut rows = self.builds(&filter)?;
        rows.truncate(usize::try_from(limit).unwrap_or(1));
        Ok(one_of(rows))
    }

    /// The job run that `text` stands for: its number `42.6`, its id, the start of its id, or
    /// `@latest`, `@failed` (the latest that failed), `@running`.
    pub fn find_run(&self, text: &str) -> Result<Selected<RunRow>, QueryError> {
        if let Some(word) = text.strip_prefix('@') {
            return self.run_by_word(word);
        }
        if let Some(number) = run_number(text) {
            let mut which = Where::default();
            which.and("build_number = ?", number.build);
            which.and("run = ?", number.run);
            let rows = self.select_runs(&which, "")?;
            if !rows.is_empty() {
                return Ok(one_of(rows));
            }
        }
        let mut rows = Vec::new();
        for id in self.ids_with_prefix("runs", "job_run_id", text)? {
            let mut which = Where::default();
            which.and("job_run_id = ?", id);
            rows.extend(self.select_runs(&which, "")?);
        }
        Ok(one_of(rows))
    }

    fn run_by_word(&self, word: &str) -> Result<Selected<RunRow>, QueryError> {
        let (states, limit) = match word {
            "latest" => (Vec::new(), 1),
            "failed" => (vec![RunState::Ended(RunEnd::Failed), RunState::Ended(RunEnd::Lost)], 1),
            "running" => (vec![RunState::Running, RunState::Scheduled], 2),
            _ => return Ok(Selected::Nothing),
        };
        let filter = RunFilter { states, limit: Some(limit + 20), ..RunFilter::default() };
        let mut rows = self.runs(&filter)?;
        rows.truncate(usize::try_from(limit).unwrap_or(1));
        Ok(one_of(rows))
    }

    fn ids_with_prefix(
        &self,
        table: &'static str,
        column: &'static str,
        text: &str,
    ) -> Result<Vec<String>, QueryError> {
        self.read(|connection| {
            if with_prefix(connection, table, column, text, true)?.len() == 1 {
                return Ok(vec![text.to_owned()]);
            }
            if text.len() < PREFIX_MIN {
                return Ok(Vec::new());
            }
            Ok(with_prefix(connection, table, column, text, false)?)
        })
    }
}

/// `42.6` as typed.
pub fn run_number(text: &str) -> Option<RunNumber> {
    let (build, run) = text.split_once('.')?;
    Some(RunNumber { build: build.parse().ok()?, run: run.parse().ok()? })
}

fn with_prefix(
    connection: &Connection,
    table: &'static str,
    column: &'static str,
    text: &str,
    whole: bool,
) -> rusqlite::Result<Vec<String>> {
    let end = if whole { text.to_owned() } else { format!("{text}\u{10FFFF}") };
    connection
        .prepare_cached(&format!(
            "SELECT {column} FROM {table} WHERE {column} >= ? AND {column} <= ?
             ORDER BY {column} LIMIT {CANDIDATES_MAX}"
        ))?
        .query_map([text, &end], |row| row.get(0))?
        .collect()
}

fn one_of<T>(mut rows: Vec<T>) -> Selected<T> {
    match rows.len() {
        0 | 1 => rows.pop().map_or(Selected::Nothing, Selected::One),
        _ => Selected::Ambiguous(rows),
    }
}
