//! Questions put together piece by piece: conditions with their values, and pages that are filled up.
//! What is asked is in `query.rs`.

use super::QueryError;
use crate::plan::RunNumber;
use rusqlite::{Connection, Row, ToSql};
use std::rc::Rc;

/// Conditions put together with the values that belong to them.
#[derive(Default, Clone)]
pub(super) struct Where {
    text: String,
    values: Vec<Rc<dyn ToSql>>,
}

impl Where {
    pub(super) fn and(&mut self, condition: &str, value: impl ToSql + 'static) {
        self.glue(condition);
        self.values.push(Rc::new(value));
    }

    pub(super) fn and_one_of(&mut self, column: &str, words: impl Iterator<Item = String>) {
        let words: Vec<String> = words.collect();
        if !words.is_empty() {
            self.glue(&format!("{column} IN ({})", vec!["?"; words.len()].join(", ")));
            self.values.extend(words.into_iter().map(|word| Rc::new(word) as Rc<dyn ToSql>));
        }
    }

    /// Only runs before this one.
    pub(super) fn before_run(&mut self, run: RunNumber) {
        self.and("(build_number, run) < (?, ", run.build);
        self.text.push_str("?)");
        self.values.push(Rc::new(run.run));
    }

    fn glue(&mut self, condition: &str) {
        self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
        self.text.push_str(condition);
    }

    pub(super) fn select<T>(
        &self,
        connection: &Connection,
        columns: &str,
        rest: &str,
        row: impl Fn(&Row<'_>) -> Result<T, QueryError>,
    ) -> Result<Vec<T>, QueryError> {
        let mut statement = connection.prepare_cached(&format!("{columns}{}{rest}", self.text))?;
        let values: Vec<&dyn ToSql> = self.values.iter().map(AsRef::as_ref).collect();
        let mut rows = statement.query(&*values)?;
        let mut found = Vec::new();
        while let Some(next) = rows.next()? {
            found.push(row(next)?);
        }
        Ok(found)
    }
}

/// The first `limit` rows that are wanted. What is stored as live may turn out to be lost, so rows
/// fall out after they were read; `page` is asked for what comes after the last one until there are
/// enough, or no more.
pub(super) fn fill<T: Clone>(
    limit: u32,
    wanted: impl Fn(&T) -> bool,
    page: impl Fn(u32, Option<&T>) -> Result<Vec<T>, QueryError>,
) -> Result<Vec<T>, QueryError> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let mut last = None;
    loop {
        let rows = page(limit, last.as_ref())?;
        let is_last_page = rows.len() < most;
        last = rows.last().cloned();
        found.extend(rows.into_iter().filter(&wanted));
        found.truncate(most);
        if is_last_page || found.len() == most {
            return Ok(found);
        }
    }
}
