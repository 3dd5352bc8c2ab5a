//! Pages of lists: an opaque cursor that carries a place and is tied to the question it belongs to.

use crate::server::limits;
use crate::server::params::Params;
use crate::server::problem::Problem;
use crate::server::views::Page;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A question for a list: which page of it, and how long.
#[derive(Debug)]
pub(crate) struct Listing {
    question: u64,
    /// Where the page before ended.
    pub(crate) after: Option<String>,
    items: usize,
}

impl Listing {
    /// Reads `limit` and `cursor`; `filters` are the names of the parameters that shape the list.
    pub(crate) fn parse(list: &str, params: &Params, filters: &[&str]) -> Result<Self, Problem> {
        let mut hash = DefaultHasher::new();
        list.hash(&mut hash);
        for name in filters {
            params.get(name).hash(&mut hash);
        }
        let question = hash.finish();
        let after = params.read("cursor", "the next_cursor of the same question", |text| {
            let (hash, place) = text.split_once('.')?;
            let same = u64::from_str_radix(hash, 16).ok()? == question;
            same.then(|| place.to_owned())
        })?;
        Ok(Listing { question, after, items: params.items()? })
    }

    /// The place where the page before ended, as whatever the list goes by.
    pub(crate) fn place<T>(
        &self,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = &self.after else {
            return Ok(None);
        };
        read(text).map(Some).ok_or_else(|| {
            Problem::parameter("query", "cursor", text, "a next_cursor", "the cursor was changed")
        })
    }

    /// How many rows to ask for: one more than are shown tells whether there are more.
    pub(crate) fn rows(&self) -> u32 {
        u32::try_from(self.items + 1).unwrap_or(limits::ITEMS_MAX + 1)
    }

    /// The page of these rows.
    pub(crate) fn page<R, T: From<R>>(
        &self,
        mut rows: Vec<R>,
        place: impl Fn(&R) -> String,
    ) -> Page<T> {
        let has_more = self.items < rows.len();
        rows.truncate(self.items);
        let last = rows.last().filter(|_| has_more).map(place);
        Page {
            next_cursor: last.map(|place| format!("{:x}.{place}", self.question)),
            has_more,
            items: rows.into_iter().map(T::from).collect(),
        }
    }
}
