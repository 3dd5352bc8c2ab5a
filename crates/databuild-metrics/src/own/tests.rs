//! What a process tells of itself.

use super::{Collecting, ConfigReload, Heard, Moment, OwnHealth, Process};
use crate::expose::{Format, expose};
use databuild_model::ids::JobLabel;
use databuild_model::time::Timestamp;
use expect_test::expect;

#[test]
fn what_is_not_known_has_no_series() {
    let mut own = OwnHealth::new("1.2.3");
    own.request("/livez", 200, 0.002);
    let process = Process {
        cpu_seconds: 0.5,
        resident_bytes: 4096,
        virtual_bytes: 8192,
        open_fds: 7,
        max_fds: Some(1024),
        start_seconds: 10.25,
    };
    own.refresh(0.001, true);
    let collector = Collecting { runs: 3, runs_new: 1, lag_seconds: 0.5, ..Collecting::default() };
    let moment = Moment {
        jobs_running: Some(2),
        heard: vec![Heard {
            job_label: JobLabel::parse("clean").unwrap(),
            job_type: "process".to_owned(),
            age_seconds: 12.0,
        }],
        stored: Some((4096, Some(1.5))),
        cache: Some((3, 1)),
        streams: Some((2, 64)),
        config: Some(ConfigReload { successful: true, in_use: false, success_seconds: 7.0 }),
        refreshed: Some(true),
        process: Some(process),
        collector: Some(collector),
        ..Moment::default()
    };
    let registry = own.at(&moment, Timestamp::from_nanos(1));
    let text = expose(&[&registry], Format::Classic);
    let shown = |line: &&str| {
        !line.starts_with('#') && !line.contains("_bucket") && !line.contains("metric_series")
    };
    let lines: String = text.lines().filter(shown).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        databuild_job_heartbeat_age_seconds{job_label="clean",job_type="process"} 12
        databuild_jobs_running 2
        databuild_log_collect_lag_seconds 0.5
        databuild_log_runs_open 3
        databuild_log_queue_depth{queue="durable"} 0
        databuild_log_queue_depth{queue="take_up"} 1
        databuild_log_runs_without_space 0
        databuild_log_storage_errors_total{operation="sync"} 0
        databuild_log_storage_errors_total{operation="write"} 0
        databuild_log_disk_bytes 4096
        databuild_log_oldest_timestamp_seconds 1.5
        databuild_log_cache_requests_total{result="hit"} 3
        databuild_log_cache_requests_total{result="miss"} 1
        databuild_metrics_last_refresh_successful 1
        databuild_metrics_refresh_seconds_sum 0.001
        databuild_metrics_refresh_seconds_count 1
        databuild_metrics_refresh_failures_total 0
        databuild_metric_overflow_total{family="databuild_job_heartbeat_age_seconds"} 0
        databuild_http_requests_total{route="/livez",code="200"} 1
        databuild_http_request_duration_seconds_sum{route="/livez",code="200"} 0.002
        databuild_http_request_duration_seconds_count{route="/livez",code="200"} 1
        databuild_http_streams_open 2
        databuild_http_streams_max 64
        databuild_config_last_reload_successful 1
        databuild_config_in_use 0
        databuild_config_last_reload_success_timestamp_seconds 7
        databuild_build_info{version="1.2.3"} 1
        process_cpu_seconds_total 0.5
        process_resident_memory_bytes 4096
        process_virtual_memory_bytes 8192
        process_open_fds 7
        process_max_fds 1024
        process_start_time_seconds 10.25
    "#]]
    .assert_eq(&lines);
}
