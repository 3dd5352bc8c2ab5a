//! PromQL made from families: a name cannot be misspelt, and a label that the family does not have, or
//! a rate of something that may fall, is noted as a problem that a test refuses.

use crate::metric_templates::{Family, FamilyType};

/// The label by which Prometheus tells services apart.
pub(super) const INSTANCE: &str = "instance";

/// How Prometheus has to call the job that scrapes us, in `scrape_configs`.
pub(super) const SCRAPE_JOB: &str = "job=\"databuild\"";

/// How far back a question looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    /// As short as the scrapes allow: for what happens all the time.
    Scrapes,
    /// What the reader of the dashboard chose: jobs run once an hour or once a day.
    Chosen,
    /// As long as it says.
    Of(&'static str),
}

impl Window {
    fn text(self) -> &'static str {
        match self {
            Window::Scrapes => "$__rate_interval",
            Window::Chosen => "$window",
            Window::Of(text) => text,
        }
    }
}

/// The series of a family that match.
#[derive(Debug, Clone)]
pub(super) struct Series {
    family: Family,
    matchers: Vec<String>,
    problems: Vec<String>,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    text: String,
    /// Whether it can stand in another one without parentheses.
    alone: bool,
    labels: Vec<&'static str>,
    problems: Vec<String>,
}

impl Series {
    /// Every series of `family`.
    pub(super) fn of(family: Family) -> Series {
        // Every program has metrics of its process; ours are those of the scrape job.
        let ours = family.name.starts_with("databuild_");
        let matchers = if ours { Vec::new() } else { vec![SCRAPE_JOB.to_owned()] };
        Series { family, matchers, problems: Vec::new() }
    }

    /// Those that the variables of the dashboard choose.
    pub(super) fn chosen(family: Family) -> Series {
        let mut series = Series::of(family);
        series.matchers.push(format!("{INSTANCE}=~\"$instance\""));
        if family.labels.contains(&"job_label") {
            series.matchers.push("job_label=~\"$job_label\"".to_owned());
        }
        series
    }

    /// Those with one of the values of `values`, a regular expression.
    pub(super) fn like(self, label: &'static str, values: &str) -> Series {
        self.matching(label, "=~", values)
    }

    /// Those with another value.
    pub(super) fn not(self, label: &'static str, value: &str) -> Series {
        self.matching(label, "!=", value)
    }

    /// Those with this value.
    pub(super) fn is(self, label: &'static str, value: &str) -> Series {
        self.matching(label, "=", value)
    }

    fn matching(mut self, label: &'static str, sign: &str, value: &str) -> Series {
        if !self.family.labels.contains(&label) {
            self.problems.push(format!("{} has no label {label}", self.family.name));
        }
        self.matchers.push(format!("{label}{sign}\"{value}\""));
        self
    }

    /// What is exposed now.
    pub(super) fn value(self) -> Query {
        let series = self.only(&[FamilyType::Counter, FamilyType::Gauge]);
        let text = series.text("");
        series.query(text)
    }

    /// How often a gauge changed in the window.
    pub(super) fn changes(self, window: Window) -> Query {
        self.only(&[FamilyType::Gauge]).call("changes", window)
    }

    /// What a gauge will be in so many seconds, if it goes on as in the window.
    pub(super) fn predict(self, window: Window, seconds: u32) -> Query {
        let series = self.only(&[FamilyType::Gauge]);
        let range = format!("{}[{}]", series.text(""), window.text());
        series.query(format!("predict_linear({range}, {seconds})"))
    }

    /// Growth a second.
    pub(super) fn rate(self, window: Window) -> Query {
        self.only(&[FamilyType::Counter]).call("rate", window)
    }

    /// Growth in the window.
    pub(super) fn increase(self, window: Window) -> Query {
        self.only(&[FamilyType::Counter]).call("increase", window)
    }

    /// The `quantile` (0.5: the median) of what a histogram counted in the window, by `labels`.
    pub(super) fn quantile(self, quantile: &str, labels: &[&'static str], window: Window) -> Query {
        let series = self.only(&[FamilyType::Histogram]);
        let rate = format!("rate({}[{}])", series.text("_bucket"), window.text());
        let by: Vec<_> = ["le"].iter().chain(labels).copied().collect();
        let text = format!("histogram_quantile({quantile}, sum by ({}) ({rate}))", by.join(", "));
        series.query(text).keep(labels)
    }

    fn call(self, function: &str, window: Window) -> Query {
        let text = format!("{function}({}[{}])", self.text(""), window.text());
        self.query(text)
    }

    fn query(self, text: String) -> Query {
        let labels = self.family.labels.iter().copied().chain([INSTANCE]).collect();
        Query { text, alone: true, labels, problems: self.problems }
    }

    fn only(mut self, kinds: &[FamilyType]) -> Series {
        if !kinds.contains(&self.family.kind) {
            let Family { name, kind, .. } = self.family;
            self.problems.push(format!("{name} is a {kind:?}, and {kinds:?} is asked for"));
        }
        self
    }

    fn text(&self, suffix: &str) -> String {
        let name = self.family.name;
        if self.matchers.is_empty() {
            return format!("{name}{suffix}");
        }
        format!("{name}{suffix}{{{}}}", self.matchers.join(", "))
    }
}

impl Query {
    /// An expression without a family, such as `vector(0)` or a number.
    pub(super) fn plain(text: &str) -> Query {
        Query { text: text.to_owned(), alone: true, labels: Vec::new(), problems: Vec::new() }
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The labels of the answer.
    pub(super) fn labels(&self) -> &[&'static str] {
        &self.labels
    }

    /// What it asks for that is not there.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// `sum`, `max` or `count` by labels; none at all for one number.
    pub(super) fn by(self, what: &str, labels: &[&'static str]) -> Query {
        let by =
            if labels.is_empty() { String::new() } else { format!("by ({}) ", labels.join(", ")) };
        let text = format!("{what} {by}({})", self.text);
        Query { text, alone: true, ..self }.keep(labels)
    }

    /// A comparison, a calculation or a set operation: `>`, `/`, `unless`.
    pub(super) fn with(self, sign: &str, other: Query) -> Query {
        let text = format!("{} {sign} {}", self.inner(), other.inner());
        let problems = self.problems.into_iter().chain(other.problems).collect();
        let labels = if self.labels.is_empty() { other.labels } else { self.labels };
        Query { text, alone: false, labels, problems }
    }

    /// The same, looked up often: a range of answers for `function`, such as `sum_over_time`.
    pub(super) fn over_time(self, function: &str, range: &str) -> Query {
        let text = format!("{function}({}{range})", self.inner());
        Query { text, alone: true, ..self }
    }

    fn inner(&self) -> String {
        if self.alone { self.text.clone() } else { format!("({})", self.text) }
    }

    fn keep(mut self, labels: &[&'static str]) -> Query {
        let missing: Vec<_> = labels.iter().filter(|label| !self.labels.contains(label)).collect();
        self.problems.extend(
            missing.into_iter().map(|label| format!("no label {label} here: {}", self.text)),
        );
        self.labels = labels.to_vec();
        self
    }
}
