//! Both formats, whole.

use super::{Format, expose, labels_text, push_number};
use crate::guard::Budget;
use crate::metric_templates::{JOB_CPU_TOTAL_SECONDS, LOG_ENTRIES_TOTAL};
use crate::registry::Registry;
use expect_test::expect;
use proptest::prelude::*;

#[test]
fn heads_differ_between_the_formats() {
    let mut registry = Registry::new(Budget::default());
    registry.add(&LOG_ENTRIES_TOTAL, &[("job_label", "a\"b"), ("level", "INFO")], 3.0, None);
    registry.add(&JOB_CPU_TOTAL_SECONDS, &[("job_label", "a")], 0.25, None);
    expect![[r##"
        # HELP databuild_job_cpu_total_seconds Processor time of the process trees of all job runs
        # TYPE databuild_job_cpu_total_seconds counter
        databuild_job_cpu_total_seconds{job_label="a"} 0.25
        # HELP databuild_log_entries_total Log entries stored
        # TYPE databuild_log_entries_total counter
        databuild_log_entries_total{job_label="a\"b",level="INFO"} 3
        # HELP databuild_metric_overflow_total Values that went to the __other__ series because the family's budget is spent
        # TYPE databuild_metric_overflow_total counter
        databuild_metric_overflow_total{family="databuild_job_cpu_total_seconds"} 0
        databuild_metric_overflow_total{family="databuild_log_entries_total"} 0
        # HELP databuild_metric_series Series of a family
        # TYPE databuild_metric_series gauge
        databuild_metric_series{family="databuild_job_cpu_total_seconds"} 1
        databuild_metric_series{family="databuild_log_entries_total"} 1
        databuild_metric_series{family="databuild_metric_overflow_total"} 2
    "##]]
    .assert_eq(&expose(&[&registry], Format::Classic));
    expect![[r##"
        # HELP databuild_job_cpu_total_seconds Processor time of the process trees of all job runs
        # TYPE databuild_job_cpu_total_seconds unknown
        # UNIT databuild_job_cpu_total_seconds seconds
        databuild_job_cpu_total_seconds{job_label="a"} 0.25
        # HELP databuild_log_entries Log entries stored
        # TYPE databuild_log_entries counter
        databuild_log_entries_total{job_label="a\"b",level="INFO"} 3
        # HELP databuild_metric_overflow Values that went to the __other__ series because the family's budget is spent
        # TYPE databuild_metric_overflow counter
        databuild_metric_overflow_total{family="databuild_job_cpu_total_seconds"} 0
        databuild_metric_overflow_total{family="databuild_log_entries_total"} 0
        # HELP databuild_metric_series Series of a family
        # TYPE databuild_metric_series gauge
        databuild_metric_series{family="databuild_job_cpu_total_seconds"} 1
        databuild_metric_series{family="databuild_log_entries_total"} 1
        databuild_metric_series{family="databuild_metric_overflow_total"} 2
        # EOF
    "##]]
    .assert_eq(&expose(&[&registry], Format::OpenMetrics));
}

#[test]
fn a_series_of_two_registries_is_shown_once() {
    let (mut own, mut totals) =
        (Registry::new(Budget::default()), Registry::new(Budget::default()));
    own.reject(-1.0);
    totals.reject(-1.0);
    totals.reject(f64::NAN);
    let text = expose(&[&own, &totals], Format::Classic);
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    expect![[r#"
        databuild_metric_points_rejected_total{reason="negative"} 2
        databuild_metric_points_rejected_total{reason="not_finite"} 1
        databuild_metric_series{family="databuild_metric_points_rejected_total"} 2"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn label_values_are_escaped_and_cut() {
    assert_eq!(labels_text(&[("a", "x\\\"\n"), ("b", "")]), r#"a="x\\\"\n",b="""#);
    assert_eq!(labels_text(&[("a", &"é".repeat(200))]).len(), 256 + 4);
}

#[test]
fn accept_headers_choose() {
    assert_eq!(
        Format::negotiate("application/openmetrics-text;version=1.0.0,*/*;q=0.1"),
        Format::OpenMetrics
    );
    assert_eq!(Format::negotiate("*/*"), Format::Classic);
}

proptest! {
    #[test]
    fn numbers_are_written_as_the_language_writes_them(
        bits in any::<u64>(), size in -1e18..1e18, small in -2.0..2.0, whole in any::<i32>(),
    ) {
        for value in [f64::from_bits(bits), size, small, size.trunc(), f64::from(whole), small * 1e-4] {
            // Those that are not finite never come so far; minus nothing is nothing.
            if value.is_finite() && !(value == 0.0 && value.is_sign_negative()) {
                let mut out = String::new();
                push_number(&mut out, value);
                prop_assert_eq!(out, value.to_string());
            }
        }
    }
}
