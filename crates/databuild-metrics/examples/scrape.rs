//! What a scrape costs: ten thousand series, printed as often as it is told. For `cargo xtask bench`.

use databuild_metrics::aggregate::{MetricsAggregator, RunOf};
use databuild_metrics::expose::{Format, expose};
use databuild_metrics::guard::Budget;
use databuild_model::entry::MetricPoint;
use databuild_model::time::Timestamp;
use std::io::Write;

/// Jobs and names of measurements; a series for each pair.
const JOBS: u32 = 100;
const NAMES: u32 = 100;

fn main() -> std::io::Result<()> {
    let times: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let budget = Budget { series_per_family: 20_000, series: 20_000 };
    let mut totals = MetricsAggregator::new(budget, Vec::new());
    for job in 0..JOBS {
        let label = format!("job-{job}");
        let run = RunOf { job_run_id: "r", job_label: &label, job_type: "process" };
        for name in 0..NAMES {
            let value = f64::from(job * NAMES + name) + 0.5;
            let point = MetricPoint::new(format!("measured_{name}_total"), value, "");
            totals.ingest_metric(run, &point, Timestamp::default());
        }
    }
    let mut bytes = 0;
    for _ in 0..times {
        bytes += expose(&[totals.registry()], Format::Classic).len();
    }
    writeln!(std::io::stdout(), "{bytes}")
}
