//! The registry as text: the classic Prometheus format 0.0.4, and OpenMetrics 1.0 with exemplars.
//!
//! Sources: "Exposition formats" of the Prometheus documentation, and the OpenMetrics 1.0
//! specification.

use crate::limits;
use crate::metric_templates::{ALL, Family, FamilyType, METRIC_SERIES};
use crate::registry::{Exemplar, LabelPairs, Registry, Series, weight};
use memchr::memchr3;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Which of the two text formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`.
    Classic,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

impl Format {
    /// The media type of the format.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that an `Accept` header asks for; the classic one if it does not say.
    pub fn negotiate(accept: &str) -> Format {
        if accept.contains("application/openmetrics-text") {
            Format::OpenMetrics
        } else {
            Format::Classic
        }
    }
}

/// What a series takes in the text, so that it need not be moved while it grows.
const LINE_BYTES_USUAL: usize = 128;

/// Everything in the registries, in the order of the catalogue. Counters that are in several are added
/// up; what else is in several is shown as the first has it.
pub fn expose(registries: &[&Registry], format: Format) -> String {
    let series: usize =
        registries.iter().flat_map(|one| one.series_counts()).map(|(_, count)| count).sum();
    let mut out = Text { out: String::with_capacity(series * LINE_BYTES_USUAL), format };
    let mut counts = Vec::new();
    for family in ALL {
        let mut found = registries.iter().filter_map(|registry| registry.family(family));
        let Some(first) = found.next() else { continue };
        let series = found.fold(Cow::Borrowed(first), |all, more| Cow::Owned(together(&all, more)));
        out.family(family, &series);
        counts.push((family, series.len() * weight(family)));
    }
    out.series_counts(&counts);
    if format == Format::OpenMetrics {
        out.out.push_str("# EOF\n");
    }
    out.out
}

/// The series of a family that two registries have: what each tells of itself.
fn together(
    first: &BTreeMap<String, Series>,
    second: &BTreeMap<String, Series>,
) -> BTreeMap<String, Series> {
    let mut all = first.clone();
    for (labels, series) in second {
        match (all.get_mut(labels), series) {
            (None, _) => {
                all.insert(labels.clone(), series.clone());
            }
            (Some(Series::Counter { total, .. }), Series::Counter { total: more, .. }) => {
                *total += more;
            }
            (Some(_), _) => {}
        }
    }
    all
}

/// The labels as they stand between braces; also the key of a series.
pub(crate) fn labels_text(labels: LabelPairs<'_>) -> String {
    let bytes = labels.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut text = String::with_capacity(bytes);
    for (name, value) in labels {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        push_escaped(cut(value), &mut text);
        text.push('"');
    }
    text
}

fn push_escaped(value: &str, out: &mut String) {
    let mut rest = value;
    while let Some(at) = memchr3(b'"', b'\\', b'\n', rest.as_bytes()) {
        let (clean, special) = rest.split_at(at);
        out.push_str(clean);
        out.push_str(match special.as_bytes().first() {
            Some(b'"') => "\\\"",
            Some(b'\n') => "\\n",
            Some(_) | None => "\\\\",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// As much of a value as a label may have.
pub(crate) fn cut(value: &str) -> &str {
    value.get(..value.floor_char_boundary(limits::LABEL_VALUE_BYTES_MAX)).unwrap_or(value)
}

struct Text {
    out: String,
    format: Format,
}

impl Text {
    /// OpenMetrics names the family of a counter without `_total`, and only takes counters that
    /// have it; the one name that is older than the rule is exposed as what it then is, a gauge.
    fn head(&mut self, family: &Family) {
        let stem = family.name.strip_suffix("_total");
        let (name, kind) = match (family.kind, self.format, stem) {
            (FamilyType::Counter, Format::OpenMetrics, Some(stem)) => (stem, "counter"),
            (FamilyType::Counter, Format::OpenMetrics, None) => (family.name, "unknown"),
            (FamilyType::Counter, Format::Classic, _) => (family.name, "counter"),
            (FamilyType::Gauge, _, _) => (family.name, "gauge"),
            (FamilyType::Histogram, _, _) => (family.name, "histogram"),
        };
        self.line(&["# HELP ", name, " ", family.help]);
        self.line(&["# TYPE ", name, " ", kind]);
        let has_unit = !family.unit.is_empty() && name.ends_with(family.unit);
        if self.format == Format::OpenMetrics && has_unit {
            self.line(&["# UNIT ", name, " ", family.unit]);
        }
    }

    fn line(&mut self, pieces: &[&str]) {
        pieces.iter().for_each(|piece| self.out.push_str(piece));
        self.out.push('\n');
    }

    fn family(&mut self, family: &Family, all: &BTreeMap<String, Series>) {
        self.head(family);
        for (labels, series) in all {
            match series {
                Series::Counter { total, exemplar } => {
                    let exemplar = exemplar.as_ref().filter(|_| family.name.ends_with("_total"));
                    self.sample(family.name, "", labels, *total, exemplar);
                }
                Series::Gauge { value, .. } => self.sample(family.name, "", labels, *value, None),
                Series::Histogram { buckets, sum, exemplars } => {
                    self.histogram(family, labels, buckets, *sum, exemplars);
                }
            }
        }
    }

    fn histogram(
        &mut self,
        family: &Family,
        labels: &str,
        buckets: &[u64],
        sum: f64,
        exemplars: &[Option<Exemplar>],
    ) {
        let mut count = 0_u64;
        let name = family.name;
        let comma = if labels.is_empty() { "" } else { "," };
        let bounds = family.buckets.iter().copied().chain([f64::INFINITY]);
        for ((bound, own), exemplar) in bounds.zip(buckets).zip(exemplars) {
            count += own;
            self.start(name, "_bucket");
            self.out.push('{');
            self.out.push_str(labels);
            self.out.push_str(comma);
            self.out.push_str("le=\"");
            self.bound(bound);
            self.out.push_str("\"} ");
            self.value(as_float(count), exemplar.as_ref());
        }
        self.sample(name, "_sum", labels, sum, None);
        self.sample(name, "_count", labels, as_float(count), None);
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &str,
        value: f64,
        exemplar: Option<&Exemplar>,
    ) {
        self.start(name, suffix);
        if !labels.is_empty() {
            self.out.push('{');
            self.out.push_str(labels);
            self.out.push('}');
        }
        self.out.push(' ');
        self.value(value, exemplar);
    }

    fn start(&mut self, name: &str, suffix: &str) {
        self.out.push_str(name);
        self.out.push_str(suffix);
    }

    /// OpenMetrics wants the bounds of buckets as floating-point numbers.
    fn bound(&mut self, bound: f64) {
        if bound.is_infinite() {
            self.out.push_str("+Inf");
            return;
        }
        let from = self.out.len();
        push_number(&mut self.out, bound);
        let is_whole = self.out.get(from..).is_some_and(|text| !text.contains(['.', 'e']));
        if self.format == Format::OpenMetrics && is_whole {
            self.out.push_str(".0");
        }
    }

    fn value(&mut self, value: f64, exemplar: Option<&Exemplar>) {
        push_number(&mut self.out, value);
        let shown = |exemplar: &&Exemplar| {
            self.format == Format::OpenMetrics
                && exemplar.job_run_id.len() <= limits::EXEMPLAR_ID_BYTES_MAX
        };
        if let Some(exemplar) = exemplar.filter(shown) {
            self.exemplar(exemplar);
        }
        self.out.push('\n');
    }

    fn exemplar(&mut self, exemplar: &Exemplar) {
        self.out.push_str(" # {");
        self.out.push_str(&labels_text(&[("job_run_id", &exemplar.job_run_id)]));
        self.out.push_str("} ");
        push_number(&mut self.out, exemplar.value);
        let (seconds, nanos) = (
            exemplar.at_nanos.div_euclid(1_000_000_000),
            exemplar.at_nanos.rem_euclid(1_000_000_000),
        );
        // Writing to a string cannot fail.
        let written = write!(self.out, " {seconds}.{nanos:09}");
        debug_assert!(written.is_ok());
    }

    fn series_counts(&mut self, counts: &[(&Family, usize)]) {
        if counts.is_empty() {
            return;
        }
        self.head(&METRIC_SERIES);
        for (family, count) in counts {
            let labels = labels_text(&[("family", family.name)]);
            let count = as_float(u64::try_from(*count).unwrap_or(u64::MAX));
            self.sample(METRIC_SERIES.name, "", &labels, count, None);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count above 2^53 is shown rounded")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// The shortest digits that lead back to the value, as `{value}` writes them.
fn push_number(out: &mut String, value: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let size = value.abs();
    if value.trunc() == value && size < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        out.push_str(itoa::Buffer::new().format(value as i64));
    } else if (1e-3..1e15).contains(&size) {
        // Sizes for which it writes no exponent.
        out.push_str(zmij::Buffer::new().format_finite(value));
    } else {
        // Writing to a string cannot fail.
        let written = write!(out, "{value}");
        debug_assert!(written.is_ok());
    }
}

#[cfg(test)]
mod tests;
