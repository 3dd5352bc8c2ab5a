//! What a scrape costs: ten thousand series, printed as often as it is told, by our registry or by that of
//! the `prometheus-client` crate. For `cargo xtask bench`.

use databuild_metrics::aggregate::{MetricsAggregator, RunOf};
use databuild_metrics::expose::{Format, expose};
use databuild_metrics::guard::Budget;
use databuild_model::entry::MetricPoint;
use databuild_model::time::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::error::Error;
use std::io::Write;
use std::sync::atomic::AtomicU64;

/// Jobs and names of measurements; a series for each pair.
const JOBS: u32 = 100;
const NAMES: u32 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [whose, times] = args.as_slice() else { return Err("ours|client TIMES".into()) };
    let times = times.parse()?;
    let bytes = if whose == "ours" { ours(times) } else { client(times)? };
    writeln!(std::io::stdout(), "{bytes}")?;
    Ok(())
}

/// Tells each series: its job, its name, its value.
fn each(mut tell: impl FnMut(&str, String, f64)) {
    for job in 0..JOBS {
        let label = format!("job-{job}");
        for name in 0..NAMES {
            tell(&label, format!("measured_{name}_total"), f64::from(job * NAMES + name) + 0.5);
        }
    }
}

fn ours(times: usize) -> usize {
    let budget = Budget { series_per_family: 20_000, series: 20_000 };
    let mut totals = MetricsAggregator::new(budget, Vec::new());
    each(|label, name, value| {
        let run = RunOf { job_run_id: "r", job_label: label, job_type: "process" };
        totals.ingest_metric(run, &MetricPoint::new(name, value, ""), Timestamp::default());
    });
    (0..times).map(|_| expose(&[totals.registry()], Format::Classic).len()).sum()
}

fn client(times: usize) -> Result<usize, std::fmt::Error> {
    type Labels = [(&'static str, String); 3];
    let family = Family::<Labels, Counter<f64, AtomicU64>>::default();
    each(|label, name, value| {
        let labels =
            [("job_label", label.to_owned()), ("job_type", "process".to_owned()), ("name", name)];
        family.get_or_create(&labels).inc_by(value);
    });
    let mut registry = Registry::default();
    registry.register("reported", "Amounts that jobs reported", family);
    let mut bytes = 0;
    for _ in 0..times {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        bytes += text.len();
    }
    Ok(bytes)
}
