//! The catalogue as a page: `docs/reference/metrics.md`.

use crate::limits;
use crate::metric_templates::{self as templates, ALL, Family, FamilyType, reported};

/// The names that stay as they are, whatever the naming rules say.
const FIRST: [Family; 4] = [
    templates::JOB_RUNTIME_SECONDS,
    templates::JOB_MEMORY_PEAK_MB,
    templates::JOB_CPU_TOTAL_SECONDS,
    templates::ROWS_PROCESSED_TOTAL,
];

/// The names among them that break the rules, each with the name to use in new queries.
const TWINS: [(Family, Family); 2] = [
    (templates::JOB_MEMORY_PEAK_MB, templates::JOB_MEMORY_PEAK_BYTES),
    (templates::JOB_CPU_TOTAL_SECONDS, templates::JOB_CPU_SECONDS_TOTAL),
];

/// Families whose last observation carries its run.
const WITH_EXEMPLARS: [Family; 4] = [
    templates::ROWS_PROCESSED_TOTAL,
    templates::JOB_RUNS_TOTAL,
    templates::JOB_DURATION_SECONDS,
    templates::JOB_LOG_BYTES,
];

/// The groups of the page: a heading, and how the names in it begin after `databuild_`.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Jobs", &["databuild_job", "databuild_rows"]),
    ("Builds", &["databuild_builds", "databuild_tasks", "databuild_partitions"]),
    ("Logs", &["databuild_log"]),
    ("The log saver", &["databuild_saver"]),
    ("The service", &["databuild_http", "databuild_config", "databuild_build_info", "process_"]),
    ("The metrics themselves", &["databuild_metric"]),
    ("Others", &[""]),
];

const TABLE: &str =
    "\n\n| Name | Type | Unit | Labels | Meaning |\n| --- | --- | --- | --- | --- |\n";

/// The page.
pub fn page() -> String {
    let mut out = head();
    for (heading, families) in grouped() {
        let rows: Vec<_> = families.iter().map(row).collect();
        out.extend(["\n## ", heading, TABLE]);
        out.push_str(&rows.concat());
    }
    out += &points();
    out
}

/// Every family once, in the first group that fits.
pub(super) fn grouped() -> Vec<(&'static str, Vec<Family>)> {
    let group_of = |family: &Family| {
        GROUPS
            .iter()
            .position(|(_, starts)| starts.iter().any(|start| family.name.starts_with(start)))
    };
    let groups = GROUPS.iter().enumerate().map(|(n, (heading, _))| {
        let families: Vec<_> = ALL.iter().filter(|f| group_of(f) == Some(n)).copied().collect();
        (*heading, families)
    });
    groups.filter(|(_, families)| !families.is_empty()).collect()
}

fn head() -> String {
    let first: Vec<_> = FIRST.iter().map(|family| format!("`{}`", family.name)).collect();
    let twins: Vec<_> = TWINS
        .iter()
        .map(|(old, new)| format!("`{}` instead of `{}`", new.name, old.name))
        .collect();
    format!(
        "\
# Metrics

<!-- Generated from crates/databuild-metrics/src/metric_templates.rs; UPDATE_EXPECT=1 cargo test -p databuild-metrics writes it. -->

What Prometheus finds at `/metrics` (and `/api/v1/metrics`) of `databuild serve`. How to point it
there, and what to do with the numbers: [Prometheus and Grafana](../how-to/prometheus.md).

**Stable**: {}. They keep
their names, labels and meaning. Two of them are older than the naming rules of Prometheus; in new
queries use {}: they say the same.

**Labels** come from sets that people keep small. No series has a run, a build or a partition in its
labels. A job may add labels to the families marked *and yours*, if `[metrics] labels` names them;
others are dropped and counted. A family has at most {} series and all together {}; what is over that
goes to a series whose labels say `__other__`, and is counted. Values are cut at {} bytes.

**Exemplars** (⊙) name the job run behind a number, as `job_run_id`, for those who ask in the
OpenMetrics format; `databuild logs RUN` shows what it said.

Counters go on where they were when the service starts again. Gauges of a job are those of the run
that ended last.
",
        first.join(", "),
        twins.join(" and "),
        limits::SERIES_PER_FAMILY_MAX,
        limits::SERIES_MAX,
        limits::LABEL_VALUE_BYTES_MAX,
    )
}

fn row(family: &Family) -> String {
    let mut name = format!("`{}`", family.name);
    if WITH_EXEMPLARS.contains(family) {
        name += " ⊙";
    }
    let mut labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
    if family.user_labels {
        labels.push("*and yours*".to_owned());
    }
    let kind = match family.kind {
        FamilyType::Counter => "counter",
        FamilyType::Gauge => "gauge",
        FamilyType::Histogram => "histogram",
    };
    let Family { unit, help, .. } = family;
    format!("| {name} | {kind} | {unit} | {} | {help} |\n", labels.join(" "))
}

fn points() -> String {
    let known = [
        reported::JOB_RUNTIME_SECONDS,
        reported::JOB_MEMORY_PEAK_MB,
        reported::JOB_CPU_TOTAL_SECONDS,
        reported::ROWS_PROCESSED,
    ];
    let rows: Vec<_> = known
        .iter()
        .filter_map(|name| Some((name, templates::family_of(name)?)))
        .map(|(name, family)| format!("| `{name}` | `{}` |\n", family.name))
        .collect();
    format!(
        "\n## What jobs report\n\nThe wrapper measures each run; a job adds its own with `databuild emit metric NAME \
         VALUE`.\n\n| Reported | Goes to |\n| --- | --- |\n{}| another name that ends in `_total` | `{}` |\n\
         | any other name | `{}` |\n\n## Buckets\n\n| Histogram | Buckets end at |\n| --- | --- |\n{}",
        rows.concat(),
        templates::USER_POINTS_TOTAL.name,
        templates::USER_VALUE.name,
        buckets(),
    )
}

fn buckets() -> String {
    let histograms = ALL.iter().filter(|family| family.kind == FamilyType::Histogram);
    let rows = histograms.map(|family| {
        let bounds: Vec<_> = family.buckets.iter().map(|bound| format!("{bound}")).collect();
        format!("| `{}` | {} {} |\n", family.name, bounds.join(", "), family.unit)
    });
    rows.collect()
}
