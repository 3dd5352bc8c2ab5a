//! Whether one ref can belong to two patterns, decided from the patterns alone where that is
//! possible.

use super::{Cell, Pattern, Slot};
use crate::spec::key::{Key, KeyKind, Keys};

/// Whether two patterns share a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overlap {
    /// No ref belongs to both.
    Never,
    /// It depends on values that only a plan knows.
    Perhaps,
    /// Some ref belongs to both.
    Certain,
}

impl Pattern {
    /// Whether this pattern and another share a ref.
    pub fn overlap(&self, other: &Pattern, keys: &Keys) -> Overlap {
        if self.cells.len() != other.cells.len() {
            return Overlap::Never;
        }
        let cells = self.cells.iter().zip(&other.cells);
        cells.map(|(a, b)| cell_overlap(a, b, keys)).min().unwrap_or(Overlap::Never)
    }

    /// Whether this pattern, of an input, names only periods before the run's own where `out` names
    /// the run's own.
    pub fn is_past_of(&self, out: &Pattern) -> bool {
        self.cells.iter().zip(&out.cells).any(|(cell, made)| match (cell.slot, made.slot) {
            (Some(Slot::Range { key, last, .. }), Some(Slot::Key(own))) => key == own && last < 0,
            _ => false,
        })
    }
}

fn cell_overlap(a: &Cell, b: &Cell, keys: &Keys) -> Overlap {
    if a.end != b.end {
        return Overlap::Never;
    }
    match (a.slot, b.slot) {
        (None, None) => certain(a.prefix == b.prefix),
        (None, Some(slot)) => certain(takes(b, keys.get(slot.key()), &a.prefix)),
        (Some(slot), None) => certain(takes(a, keys.get(slot.key()), &b.prefix)),
        (Some(x), Some(y)) => slots_overlap((a, keys.get(x.key())), (b, keys.get(y.key()))),
    }
}

fn certain(yes: bool) -> Overlap {
    if yes { Overlap::Certain } else { Overlap::Never }
}

/// Whether the cell can have this text.
fn takes(cell: &Cell, key: &Key, text: &str) -> bool {
    let middle = text.strip_prefix(cell.prefix.as_str());
    middle
        .and_then(|rest| rest.strip_suffix(cell.suffix.as_str()))
        .is_some_and(|value| key.allows(value))
}

fn slots_overlap((a, x): (&Cell, &Key), (b, y): (&Cell, &Key)) -> Overlap {
    let any_of = |values: &[String], from: &Cell, cell: &Cell, key: &Key| {
        let text = |value: &String| format!("{}{value}{}", from.prefix, from.suffix);
        certain(values.iter().any(|value| takes(cell, key, &text(value))))
    };
    match (&x.kind, &y.kind) {
        (KeyKind::List(values), _) => any_of(values, a, b, y),
        (_, KeyKind::List(values)) => any_of(values, b, a, x),
        (KeyKind::Time { .. }, KeyKind::Time { .. } | KeyKind::Any)
        | (KeyKind::Any, KeyKind::Time { .. } | KeyKind::Any) => {
            let begin = a.prefix.starts_with(&b.prefix) || b.prefix.starts_with(&a.prefix);
            let end = a.suffix.ends_with(&b.suffix) || b.suffix.ends_with(&a.suffix);
            if !begin || !end {
                Overlap::Never
            } else if a.prefix == b.prefix && a.suffix == b.suffix {
                same_place(x, y)
            } else {
                Overlap::Perhaps
            }
        }
    }
}

fn same_place(x: &Key, y: &Key) -> Overlap {
    let KeyKind::Time { every: a, from: a_from, until: a_until } = x.kind else {
        return Overlap::Certain;
    };
    let KeyKind::Time { every: b, from: b_from, until: b_until } = y.kind else {
        return Overlap::Certain;
    };
    let apart = |until: Option<_>, from: Option<_>| {
        until.zip(from).is_some_and(|(until, from)| until < from)
    };
    certain(a == b && !apart(a_until, b_from) && !apart(b_until, a_from))
}
