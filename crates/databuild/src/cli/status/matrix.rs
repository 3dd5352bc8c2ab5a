//! Partitions as a picture: a row for each dataset, a column for each period, a sign in each place.

use crate::render::times::counted;
use databuild_graph::spec::ProjectSpec;
use databuild_graph::spec::key::KeyKind;
use databuild_graph::spec::period::{Every, Period};
use databuild_model::ids::PartitionRef;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Widest name of a row; longer ones are cut.
const NAME_WIDTH_MAX: usize = 40;

/// Fewest periods that are shown, however narrow the terminal is.
const PERIODS_MIN: usize = 10;

/// What every sign means.
const LEGEND: &str = "■ there  ~ stale  ✘ failed  ▸ being made  · missing\n";

/// What is known of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// Up to date.
    There,
    /// There, and would be made again.
    Stale,
    /// The last try failed.
    Failed,
    /// A run makes it.
    Building,
    /// Not there.
    Missing,
}

impl Cell {
    fn sign(self) -> char {
        match self {
            Cell::There => '■',
            Cell::Stale => '~',
            Cell::Failed => '✘',
            Cell::Building => '▸',
            Cell::Missing => '·',
        }
    }
}

type Rows = BTreeMap<String, BTreeMap<Option<Period>, Cell>>;

/// The picture, at most `width` columns wide: the newest periods are shown, and at most `rows_max`
/// rows; what is left out is said.
pub(super) fn render(
    spec: &ProjectSpec,
    cells: impl Iterator<Item = (PartitionRef, Cell)>,
    width: usize,
    rows_max: usize,
) -> String {
    // Days are not months: each length of period has a picture of its own.
    let mut groups: BTreeMap<Option<Every>, Rows> = BTreeMap::new();
    for (partition, cell) in cells {
        let (name, period) = place(spec, &partition);
        let rows = groups.entry(period.map(Period::every)).or_default();
        rows.entry(name).or_default().insert(period, cell);
    }
    let mut out = String::new();
    for rows in groups.values() {
        group(rows, width, rows_max, &mut out);
    }
    if !out.is_empty() {
        out.push_str(LEGEND);
    }
    out
}

fn group(rows: &Rows, width: usize, rows_max: usize, out: &mut String) {
    let names: Vec<String> =
        rows.keys().map(|name| crate::render::table::cut(name, NAME_WIDTH_MAX)).collect();
    let wide = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let room = width.saturating_sub(wide + 2).max(PERIODS_MIN);
    let known = || rows.values().flat_map(BTreeMap::keys);
    let columns: Vec<Option<Period>> = match (known().min(), known().max()) {
        (Some(Some(first)), Some(Some(last))) => {
            let room = i32::try_from(room - 1).unwrap_or(i32::MAX);
            let first = last.step(-room).map_or(*first, |earliest| earliest.max(*first));
            first.through(*last).map(Some).collect()
        }
        _ => vec![None],
    };
    if let (Some(Some(first)), Some(Some(last))) = (columns.first(), columns.last()) {
        let heading = if first == last { first.to_string() } else { format!("{first} … {last}") };
        // A string takes everything.
        writeln!(out, "{:wide$}  {heading}", "").ok();
    }
    for (name, (_, cells)) in names.iter().zip(rows).take(rows_max) {
        let signs: String = columns
            .iter()
            .map(|column| cells.get(column).map_or(' ', |cell| cell.sign()))
            .collect();
        writeln!(out, "{}", format!("{name:wide$}  {signs}").trim_end()).ok();
    }
    if let Some(more) = rows.len().checked_sub(rows_max).filter(|more| 0 < *more) {
        let more = counted(more as u64, "more row", "more rows");
        writeln!(out, "and {more}: raise -n, or name what to show").ok();
    }
}

/// The row and the column: the ref with `*` for its first time key, and the value of that key.
fn place(spec: &ProjectSpec, partition: &PartitionRef) -> (String, Option<Period>) {
    let text = partition.as_str();
    let outs = spec.jobs.iter().flat_map(|job| &job.out);
    let binding = outs.into_iter().find_map(|out| out.bind(&spec.keys, text)).unwrap_or_default();
    let found = binding.iter().find_map(|(key, value)| match spec.keys.get(key).kind {
        KeyKind::Time { every, .. } => Some((Period::parse(every, value)?, value)),
        KeyKind::List(_) | KeyKind::Any => None,
    });
    match found {
        Some((period, value)) => {
            let with_key = format!("={value}");
            let name = if text.contains(&with_key) {
                text.replacen(&with_key, "=*", 1)
            } else {
                text.replacen(value, "*", 1)
            };
            (name, Some(period))
        }
        None => (text.to_owned(), None),
    }
}
