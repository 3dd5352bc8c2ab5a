//! The series that there are, by family and labels, and the only way to change one.

use crate::expose::labels_text;
use crate::guard::{Budget, Guard};
use crate::metric_templates::{
    ALL, Family, FamilyType, METRIC_OVERFLOW_TOTAL, METRIC_POINTS_REJECTED_TOTAL,
};
use databuild_model::time::Timestamp;
use std::collections::BTreeMap;

/// Where the values of labels that have no series of their own go.
pub const OTHER: &str = "__other__";

/// Names and values of the labels of a series, in the order of the family.
pub(crate) type LabelPairs<'a> = &'a [(&'a str, &'a str)];

/// Every series.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    families: BTreeMap<&'static str, BTreeMap<String, Series>>,
    guard: Guard,
}

/// The state of one series.
#[derive(Debug, Clone, PartialEq)]
pub enum Series {
    /// A number that only grows.
    Counter {
        /// Where it is.
        total: f64,
        /// What it last grew by.
        exemplar: Option<Exemplar>,
    },
    /// A number that goes where it likes.
    Gauge {
        /// The number.
        value: f64,
        /// When it was set, in nanoseconds since 1970.
        at_nanos: i64,
    },
    /// Observations by bucket; the last bucket is the one without a bound.
    Histogram {
        /// Observations of each bucket alone.
        buckets: Vec<u64>,
        /// The sum of what was observed.
        sum: f64,
        /// The last observation of each bucket.
        exemplars: Vec<Option<Exemplar>>,
    },
}

/// One observation behind a number, and the run that it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// The job run.
    pub job_run_id: String,
    /// What was observed.
    pub value: f64,
    /// When, in nanoseconds since 1970.
    pub at_nanos: i64,
}

impl Registry {
    /// A registry without series.
    pub fn new(budget: Budget) -> Self {
        Registry { families: BTreeMap::new(), guard: Guard::new(budget) }
    }

    /// What was dropped or folded away, and who caused it.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The budget, to put back what was kept.
    pub fn guard_mut(&mut self) -> &mut Guard {
        &mut self.guard
    }

    /// Every series: its family, its labels as they stand between braces, its state.
    pub fn all(&self) -> impl Iterator<Item = (&'static Family, &str, &Series)> {
        self.families().flat_map(|(family, series)| {
            series.iter().map(move |(labels, series)| (family, labels.as_str(), series))
        })
    }

    /// Puts a series back that was kept. One whose form is not that of the family is left out.
    pub fn restore(&mut self, family: &'static Family, labels: String, series: Series) {
        let fits = match &series {
            Series::Counter { .. } => family.kind == FamilyType::Counter,
            Series::Gauge { .. } => family.kind == FamilyType::Gauge,
            Series::Histogram { buckets, exemplars, .. } => {
                let slots = family.buckets.len() + 1;
                family.kind == FamilyType::Histogram
                    && (buckets.len(), exemplars.len()) == (slots, slots)
            }
        };
        if fits {
            self.guard.spend(family);
            self.families.entry(family.name).or_default().insert(labels, series);
        }
    }

    /// Adds `amount` to a counter. The amount is finite and not negative; others are refused.
    pub(crate) fn add(
        &mut self,
        family: &Family,
        labels: LabelPairs<'_>,
        amount: f64,
        exemplar: Option<Exemplar>,
    ) {
        if !amount.is_finite() || amount < 0.0 {
            self.reject(amount);
            return;
        }
        if let Series::Counter { total, exemplar: last } = self.series(family, labels) {
            *total = (*total + amount).min(f64::MAX);
            *last = exemplar.or_else(|| last.take());
        }
    }

    /// Sets a gauge, unless it was set with a later time already.
    pub(crate) fn set(
        &mut self,
        family: &Family,
        labels: LabelPairs<'_>,
        value: f64,
        at: Timestamp,
    ) {
        if !value.is_finite() {
            self.reject(value);
            return;
        }
        if let Series::Gauge { value: slot, at_nanos } = self.series(family, labels)
            && *at_nanos <= at.as_nanos()
        {
            (*slot, *at_nanos) = (value, at.as_nanos());
        }
    }

    /// Counts an observation into a histogram.
    pub(crate) fn observe(
        &mut self,
        family: &Family,
        labels: LabelPairs<'_>,
        value: f64,
        exemplar: Option<Exemplar>,
    ) {
        if !value.is_finite() || value < 0.0 {
            self.reject(value);
            return;
        }
        let bucket = family.buckets.partition_point(|&bound| bound < value);
        if let Series::Histogram { buckets, sum, exemplars } = self.series(family, labels) {
            *sum = (*sum + value).min(f64::MAX);
            if let Some(count) = buckets.get_mut(bucket) {
                *count += 1;
            }
            if let (Some(slot), Some(exemplar)) = (exemplars.get_mut(bucket), exemplar) {
                *slot = Some(exemplar);
            }
        }
    }

    /// Counts observations that others have put into the buckets of a histogram already; `sum` is that of
    /// all of them.
    pub(crate) fn observe_counts(
        &mut self,
        family: &Family,
        labels: LabelPairs<'_>,
        counts: &[u64],
        sum: f64,
    ) {
        if let Series::Histogram { buckets, sum: total, .. } = self.series(family, labels) {
            *total = (*total + sum).min(f64::MAX);
            buckets.iter_mut().zip(counts).for_each(|(bucket, count)| *bucket += count);
        }
    }

    /// The series of these labels, made if the budget allows it, else the family's `__other__`.
    fn series(&mut self, family: &Family, labels: LabelPairs<'_>) -> &mut Series {
        let mut text = labels_text(labels);
        let known = self.families.get(family.name).map_or(0, BTreeMap::len);
        if known == 0 && labels.iter().any(|(name, _)| *name == "job_label") {
            // Users decide how many there are. Without a zero before it the first overflow is no increase.
            self.count(&METRIC_OVERFLOW_TOTAL, &[("family", family.name)], 0.0);
        }
        if !self.families.get(family.name).is_some_and(|series| series.contains_key(&text))
            && !self.guard.admit(family, known)
        {
            self.guard.blame(family, labels);
            self.count(&METRIC_OVERFLOW_TOTAL, &[("family", family.name)], 1.0);
            let folded: Vec<_> = labels.iter().map(|&(name, _)| (name, OTHER)).collect();
            text = labels_text(&folded);
        }
        self.slot(family, text)
    }

    /// The series with this text, made if it is new.
    fn slot(&mut self, family: &Family, text: String) -> &mut Series {
        let guard = &mut self.guard;
        self.families.entry(family.name).or_default().entry(text).or_insert_with(|| {
            guard.spend(family);
            Series::new(family)
        })
    }

    /// Counts something about the metrics themselves. Those labels come from the catalogue, so they
    /// need no budget.
    pub(crate) fn count(&mut self, family: &Family, labels: LabelPairs<'_>, times: f64) {
        if let Series::Counter { total, .. } = self.slot(family, labels_text(labels)) {
            *total += times;
        }
    }

    pub(crate) fn reject(&mut self, value: f64) {
        let reason = if value.is_finite() { "negative" } else { "not_finite" };
        self.count(&METRIC_POINTS_REJECTED_TOTAL, &[("reason", reason)], 1.0);
    }

    /// The families that have series, in the order of the catalogue.
    pub(crate) fn families(
        &self,
    ) -> impl Iterator<Item = (&'static Family, &BTreeMap<String, Series>)> {
        ALL.iter().filter_map(|family| Some((family, self.families.get(family.name)?)))
    }

    pub(crate) fn family(&self, family: &Family) -> Option<&BTreeMap<String, Series>> {
        self.families.get(family.name)
    }

    /// Series by family, histograms counted by bucket.
    pub fn series_counts(&self) -> impl Iterator<Item = (&'static Family, usize)> {
        self.families().map(|(family, series)| (family, series.len() * weight(family)))
    }
}

/// How many series of the exposition one entry of the registry makes.
pub(crate) fn weight(family: &Family) -> usize {
    match family.kind {
        FamilyType::Counter | FamilyType::Gauge => 1,
        FamilyType::Histogram => family.buckets.len() + 3,
    }
}

impl Series {
    fn new(family: &Family) -> Self {
        let slots = family.buckets.len() + 1;
        match family.kind {
            FamilyType::Counter => Series::Counter { total: 0.0, exemplar: None },
            FamilyType::Gauge => Series::Gauge { value: 0.0, at_nanos: i64::MIN },
            FamilyType::Histogram => Series::Histogram {
                buckets: vec![0; slots],
                sum: 0.0,
                exemplars: vec![None; slots],
            },
        }
    }
}
