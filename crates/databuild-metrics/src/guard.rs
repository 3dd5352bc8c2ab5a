//! How many series there may be, and who wanted more.

use crate::expose::cut;
use crate::limits;
use crate::metric_templates::{ALL, Family};
use crate::registry::{LabelPairs, weight};
use std::collections::BTreeMap;

/// How many series there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In one family; a histogram counts once for each set of labels.
    pub series_per_family: usize,
    /// In all, as a scrape counts them.
    pub series: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { series_per_family: limits::SERIES_PER_FAMILY_MAX, series: limits::SERIES_MAX }
    }
}

/// The budget, what of it is spent, and who was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    budget: Budget,
    spent: usize,
    /// Family, job and label to the number of values that were refused.
    culprits: BTreeMap<(String, String, String), u64>,
}

/// Somebody whose values do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// The family.
    pub family: String,
    /// The job.
    pub job_label: String,
    /// The label, or nothing if the labels together are too many.
    pub label: String,
    /// How many values were dropped or folded away; at least so many, once there are more culprits
    /// than are remembered.
    pub count: u64,
}

impl Guard {
    pub(crate) fn new(budget: Budget) -> Self {
        Guard { budget, spent: 0, culprits: BTreeMap::new() }
    }

    /// Whether a family that has `known` sets of labels may have another one. The last place of a
    /// family is kept for `__other__`.
    pub(crate) fn admit(&self, family: &Family, known: usize) -> bool {
        // Each family can always have its `__other__`, so that no value is lost.
        let reserved: usize = ALL.iter().map(weight).sum();
        known + 1 < self.budget.series_per_family
            && self.spent + weight(family) + reserved <= self.budget.series
    }

    pub(crate) fn blame(&mut self, family: &Family, labels: LabelPairs<'_>) {
        let job =
            labels.iter().find(|(name, _)| *name == "job_label").map_or("", |(_, value)| value);
        self.remember(family, job, "");
    }

    /// Remembers that a job gave a label that the configuration does not allow.
    pub(crate) fn blame_label(&mut self, family: &Family, job: &str, label: &str) {
        self.remember(family, job, label);
    }

    fn remember(&mut self, family: &Family, job: &str, label: &str) {
        self.refused(family.name.to_owned(), cut(job).to_owned(), cut(label).to_owned(), 1);
    }

    fn refused(&mut self, family: String, job: String, label: String, times: u64) {
        let key = (family, job, label);
        if let Some(known) = self.culprits.get_mut(&key) {
            *known += times;
            return;
        }
        if limits::CULPRITS_MAX <= self.culprits.len() {
            // Those that are refused often outlive it.
            let mut counts: Vec<u64> = self.culprits.values().copied().collect();
            counts.sort_unstable();
            let middle = counts.get(counts.len() / 2).copied().unwrap_or(u64::MAX);
            self.culprits.retain(|_, count| middle < *count);
        }
        self.culprits.insert(key, times);
    }

    /// Puts back what was kept.
    pub fn restore(&mut self, culprit: Culprit) {
        let Culprit { family, job_label, label, count } = culprit;
        self.refused(family, job_label, label, count);
    }

    /// There is one more series.
    pub(crate) fn spend(&mut self, family: &Family) {
        self.spent += weight(family);
    }

    /// Who was refused, most often refused first.
    pub fn culprits(&self) -> Vec<Culprit> {
        let mut all: Vec<Culprit> = self
            .culprits
            .iter()
            .map(|((family, job_label, label), &count)| Culprit {
                family: family.clone(),
                job_label: job_label.clone(),
                label: label.clone(),
                count,
            })
            .collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.family.cmp(&b.family)));
        all
    }
}
