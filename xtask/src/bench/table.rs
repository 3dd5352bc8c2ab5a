//! Figures of one comparison, and how they are shown.

use super::measure::Cost;
use serde_json::{Value, json};

/// The programs of one comparison, each with what its runs cost. The first one is what the others
/// are compared with.
pub(super) struct Comparison {
    pub(super) title: String,
    /// Input of one run; 0 when it is not about bytes.
    pub(super) bytes: usize,
    pub(super) rows: Vec<Row>,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) costs: Vec<Cost>,
}

impl Row {
    /// Median, least and most of a figure.
    fn spread(&self, figure: impl Fn(&Cost) -> f64) -> (f64, f64, f64) {
        let mut figures: Vec<f64> = self.costs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let at = |i: usize| figures.get(i).copied().unwrap_or(f64::NAN);
        (at(figures.len() / 2), at(0), at(figures.len().saturating_sub(1)))
    }
}

impl Comparison {
    /// The figures for people.
    pub(super) fn table(&self) -> String {
        let unit = if self.bytes > 0 { "CPU-s/GB" } else { "CPU-s" };
        let mut text = format!(
            "{}\n  {:<34} {unit:>9} {:>17} {:>7} {:>9}\n",
            self.title, "", "least–most", "ratio", "wall ms"
        );
        let first = self.rows.first().map_or(f64::NAN, |row| row.spread(|c| c.cpu_seconds).0);
        for row in &self.rows {
            let (median, least, most) = row.spread(|cost| cost.cpu_seconds * self.per_gigabyte());
            let wall = row.spread(|cost| cost.wall_seconds * 1000.0).0;
            let ratio = median / (first * self.per_gigabyte());
            let range = format!("{least:.2}–{most:.2}");
            text.push_str(&line(&row.name, median, &range, ratio, wall));
        }
        text
    }

    /// The figures for programs.
    pub(super) fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let runs =
                    |figure: fn(&Cost) -> f64| row.costs.iter().map(figure).collect::<Vec<_>>();
                json!({
                    "name": row.name,
                    "cpu_seconds": runs(|cost| cost.cpu_seconds),
                    "wall_seconds": runs(|cost| cost.wall_seconds),
                    "cpu_seconds_per_gb": (self.bytes > 0)
                        .then(|| row.spread(|cost| cost.cpu_seconds * self.per_gigabyte()).0),
                })
            })
            .collect();
        json!({ "title": self.title, "bytes": self.bytes, "programs": rows })
    }

    fn per_gigabyte(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
        let bytes = self.bytes as f64;
        if self.bytes > 0 { 1e9 / bytes } else { 1.0 }
    }
}

fn line(name: &str, median: f64, range: &str, ratio: f64, wall: f64) -> String {
    format!("  {name:<34} {median:>9.3} {range:>17} {ratio:>7.2} {wall:>9.1}\n")
}
