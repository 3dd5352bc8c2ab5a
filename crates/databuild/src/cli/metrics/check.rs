//! `databuild metrics check`: how many series there are, and who makes too many.

use crate::cli::context::Context;
use crate::cli::outcome::{Exit, Failure};
use crate::measure::Measuring;
use crate::render::escape::{Escapes, neutralise};
use crate::render::table::Table;
use databuild_metrics::guard::Culprit;
use databuild_metrics::limits;
use std::io::Write;

/// Families and culprits shown.
const SHOWN: usize = 20;

/// Prints the largest families, and what was dropped or folded away.
pub(super) fn run(measuring: &Measuring, context: &Context) -> Result<Exit, Failure> {
    let registry = measuring.totals();
    let mut counts: Vec<_> = registry.series_counts().collect();
    counts.sort_by(|(a, left), (b, right)| right.cmp(left).then(a.name.cmp(b.name)));
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let mut table = Table::with_heading(&["FAMILY", "SERIES"]);
    for (family, count) in counts.iter().take(SHOWN) {
        table.row(vec![family.name.to_owned(), count.to_string()]);
    }
    let mut out = std::io::stdout().lock();
    out.write_all(table.render().as_bytes())?;
    writeln!(out, "{total} series in all; at most {}", limits::SERIES_MAX)?;
    let culprits = registry.guard().culprits();
    if culprits.is_empty() {
        writeln!(out, "nothing was dropped or folded away")?;
        return Ok(Exit::Done);
    }
    writeln!(out)?;
    let mut table = Table::with_heading(&["VALUES", "JOB", "LABEL", "FAMILY", "WHAT TO DO"]);
    for culprit in culprits.iter().take(SHOWN) {
        table.row(vec![
            culprit.count.to_string(),
            or_dash(&culprit.job_label),
            or_dash(&culprit.label),
            culprit.family.clone(),
            advice(culprit, measuring.labels()),
        ]);
    }
    out.write_all(table.render().as_bytes())?;
    if !context.global.quiet {
        writeln!(
            std::io::stderr(),
            "values of a single run are kept in full: databuild logs RUN --kind metric"
        )?;
    }
    Ok(Exit::Done)
}

/// The text, harmless on a terminal: labels are what jobs say.
fn or_dash(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let mut out = String::new();
    neutralise(text, Escapes::Nothing, &mut out);
    out
}

fn advice(culprit: &Culprit, allowed: &[String]) -> String {
    let label = or_dash(&culprit.label);
    if culprit.label.is_empty() && allowed.is_empty() {
        "fewer jobs, each for more partitions: the family has no room left".to_owned()
    } else if culprit.label.is_empty() {
        "fewer labels in [metrics] labels: the family has no room left".to_owned()
    } else if allowed.contains(&culprit.label) {
        let most = limits::LABEL_VALUES_MAX;
        format!("take \"{label}\" out of [metrics] labels: more than {most} values")
    } else {
        format!("add \"{label}\" to [metrics] labels, if it has few values")
    }
}
