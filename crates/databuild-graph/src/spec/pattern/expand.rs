//! From the pattern of an input, and the keys of one run, to the refs that the run reads.

use super::{Binding, Pattern, Slot};
use crate::limits;
use crate::spec::key::{Key, KeyKind, Keys};
use crate::spec::period::Period;
use databuild_model::time::Timestamp;
use std::borrow::Cow;

/// Why a pattern has no refs for a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A key that the run does not have.
    #[error("the run has no key `{name}`")]
    NoValue {
        /// The key.
        name: String,
    },
    /// More refs than a run may have.
    #[error("{count} partitions where at most {max} are possible")]
    TooMany {
        /// How many there would be.
        count: usize,
        /// How many there may be.
        max: usize,
    },
}

/// All values that a time key has: from its start to its end, or to the newest period that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: Period,
    /// The last.
    pub last: Period,
}

impl Key {
    /// The newest period of a time key that is due at `now`: the last one that is over, or the end
    /// of the key if that is earlier. `None` for other keys.
    pub fn newest_due(&self, now: Timestamp) -> Option<Period> {
        let KeyKind::Time { every, until, .. } = self.kind else { return None };
        let over = Period::holding(every, now).step(-1)?;
        Some(until.map_or(over, |until| until.min(over)))
    }

    /// All periods of a time key that has a start.
    pub fn span(&self, now: Timestamp) -> Option<Span> {
        let KeyKind::Time { from: Some(first), .. } = self.kind else { return None };
        Some(Span { first, last: self.newest_due(now)? })
    }
}

impl Pattern {
    /// Appends the refs that the pattern stands for in a run with these keys, in order.
    ///
    /// What lies before the start of a time key or after its end does not exist, and is left out:
    /// the first day of a running total has no day before.
    pub fn expand(
        &self,
        keys: &Keys,
        binding: &Binding<'_>,
        now: Timestamp,
        refs: &mut Vec<String>,
    ) -> Result<(), ExpandError> {
        let mut values = Vec::with_capacity(self.cells.len());
        for cell in &self.cells {
            if let Some(slot) = cell.slot {
                values.push(alternatives(slot, keys, binding, now)?);
            }
        }
        self.product(&values, limits::INPUTS_PER_TASK_MAX, refs)
    }

    /// Appends the refs with every combination of values; `values` has a list for each brace.
    pub(in crate::spec) fn product(
        &self,
        values: &[Vec<Cow<'_, str>>],
        max: usize,
        refs: &mut Vec<String>,
    ) -> Result<(), ExpandError> {
        let count =
            values.iter().fold(1, |count: usize, values| count.saturating_mul(values.len()));
        if max < count {
            return Err(ExpandError::TooMany { count, max });
        }
        refs.reserve(count);
        for nth in 0..count {
            refs.push(self.nth(values, nth, count));
        }
        Ok(())
    }

    /// The ref with the number `nth`, counted with the rightmost brace changing fastest.
    fn nth(&self, values: &[Vec<Cow<'_, str>>], nth: usize, count: usize) -> String {
        let mut text = String::with_capacity(self.text.len() + 16);
        let (mut block, mut nth) = (count, nth);
        let mut values = values.iter();
        for cell in &self.cells {
            text.push_str(&cell.prefix);
            if let Some(values) = cell.slot.and_then(|_| values.next()) {
                block = block.checked_div(values.len()).unwrap_or(1).max(1);
                text.push_str(values.get(nth / block).map_or("", |value| value.as_ref()));
                nth %= block;
            }
            text.push_str(&cell.suffix);
            text.extend(cell.end);
        }
        text
    }
}

fn alternatives<'a>(
    slot: Slot,
    keys: &'a Keys,
    binding: &Binding<'a>,
    now: Timestamp,
) -> Result<Vec<Cow<'a, str>>, ExpandError> {
    let key = keys.get(slot.key());
    let value_of = |id| {
        let name = || ExpandError::NoValue { name: keys.get(id).name.clone() };
        binding.get(id).ok_or_else(name)
    };
    let period_of = |id| {
        let value = value_of(id)?;
        let period = match keys.get(id).kind {
            KeyKind::Time { every, .. } => Period::parse(every, value),
            KeyKind::List(_) | KeyKind::Any => None,
        };
        period.ok_or_else(|| ExpandError::NoValue { name: keys.get(id).name.clone() })
    };
    match slot {
        Slot::Key(id) => Ok(vec![Cow::Borrowed(value_of(id)?)]),
        Slot::Range { key: id, first, last } => {
            let own = period_of(id)?;
            let (Some(first), Some(last)) = (own.step(first), own.step(last)) else {
                return Ok(Vec::new());
            };
            periods(key, first, last)
        }
        Slot::Within { of, .. } => {
            let KeyKind::Time { every, .. } = key.kind else { return Ok(Vec::new()) };
            let (first, last) = period_of(of)?.within(every);
            periods(key, first, last)
        }
        Slot::All(_) => match &key.kind {
            KeyKind::List(values) => {
                Ok(values.iter().map(|value| Cow::Borrowed(value.as_str())).collect())
            }
            KeyKind::Time { .. } => {
                key.span(now).map_or(Ok(Vec::new()), |span| periods(key, span.first, span.last))
            }
            KeyKind::Any => Ok(Vec::new()),
        },
    }
}

fn periods<'a>(key: &Key, first: Period, last: Period) -> Result<Vec<Cow<'a, str>>, ExpandError> {
    let KeyKind::Time { from, until, .. } = key.kind else { return Ok(Vec::new()) };
    let first = from.map_or(first, |from| from.max(first));
    let last = until.map_or(last, |until| until.min(last));
    let count = first.count_through(last);
    if limits::INPUTS_PER_TASK_MAX < count {
        return Err(ExpandError::TooMany { count, max: limits::INPUTS_PER_TASK_MAX });
    }
    Ok(first.through(last).map(|period| Cow::Owned(period.to_string())).collect())
}
