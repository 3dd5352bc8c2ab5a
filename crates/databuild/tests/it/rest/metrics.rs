//! The metrics of the service: those of builds that others made, kept over restarts, and as Prometheus
//! wants them.

use super::client::Client;
use super::rig::Service;
use crate::env::TestEnv;
use crate::reference::{check_classic, check_open_metrics};
use rustix::process::Signal;

const PROJECT: &str = r#"
[logs]
refresh_interval = "50ms"
[metrics]
labels = ["stage"]
[jobs.clean]
out = "clean/date={date}"
run = "sh clean.sh {out}"
"#;

const JOB: &str = "\
databuild emit metric rows_processed 1000 stage=a file=b
databuild emit metric temperature -3.5
databuild emit metric fetched_total 7
mkdir -p clean && echo done > \"$1\"
";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// Scrapes until a line is there: what the command line builds must appear by itself.
#[track_caller]
fn scrape_until(client: Client, line: &str) -> String {
    for _ in 0..5_000 {
        let text = client.get("/metrics").text();
        if text.lines().any(|found| found == line) {
            return text;
        }
    }
    panic!("no {line} in\n{}", client.get("/metrics").text());
}

fn project() -> TestEnv {
    let env = TestEnv::new();
    env.write("databuild.toml", PROJECT);
    env.write("clean.sh", JOB);
    env
}

#[track_caller]
fn sh(env: &TestEnv, line: &str) -> String {
    let output = env.sh(line);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

const ROWS: &str =
    "databuild_rows_processed_total{job_label=\"clean\",job_type=\"process\",stage=\"a\"}";

#[test]
fn builds_of_the_command_line_show_and_stay() {
    let env = project();
    let service = Service::start(&env, &[]);
    check_classic(&service.client.get("/metrics").text());
    sh(&env, "databuild build clean/date=2025-01-26");
    let text = scrape_until(service.client, "databuild_builds_total{result=\"success\"} 1");
    for line in [
        &format!("{ROWS} 1000"),
        "databuild_job_reported_value{job_label=\"clean\",job_type=\"process\",name=\"temperature\"} -3.5",
        "databuild_job_reported_total{job_label=\"clean\",job_type=\"process\",name=\"fetched_total\"} 7",
        "databuild_metric_labels_dropped_total{family=\"databuild_rows_processed_total\"} 1",
        "databuild_metrics_last_refresh_successful 1",
        "databuild_jobs_running 0",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
    check_classic(&text);
    service.stop(Signal::TERM);

    // Retention removes what was counted, and the counters go on.
    sh(&env, "rm -r .databuild/logs/2*");
    let service = Service::start(&env, &[]);
    assert!(service.client.get("/metrics").text().contains(&format!("{ROWS} 1000\n")), "at once");
    sh(&env, "databuild build clean/date=2025-01-27");
    scrape_until(service.client, &format!("{ROWS} 2000"));
    let told = sh(&env, "databuild metrics");
    assert!(told.contains(&format!("{ROWS} 2000\n")), "beside the service too: {told}");
    check_classic(&told);
    service.signal(Signal::KILL);
    drop(service);
    assert!(sh(&env, "databuild metrics").contains(&format!("{ROWS} 2000\n")), "killed");
}

#[test]
fn the_form_follows_the_accept_header_and_exemplars_name_the_run() {
    let env = project();
    sh(&env, "databuild build clean/date=2025-01-26");
    let id = sh(&env, "databuild logs clean -o jsonl -n 1").split('"').nth(7).map(str::to_owned);
    let service = Service::start(&env, &["--no-build"]);
    scrape_until(service.client, &format!("{ROWS} 1000"));
    for path in ["/metrics", "/api/v1/metrics"] {
        let classic = service.client.get(path);
        assert_eq!(classic.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        assert!(!classic.text().contains("job_run_id"));
        let open = service.client.get_as(path, OPEN_METRICS);
        assert_eq!(
            open.header("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        let exemplar = format!("# {{job_run_id=\"{}\"}}", id.as_deref().expect("an id"));
        assert!(open.text().contains(&exemplar), "{exemplar} in {}", open.text());
        assert!(open.text().ends_with("# EOF\n"));
        check_open_metrics(&open.text());
    }
    assert_eq!(service.client.get("/metrics?a=b").status, 400);
}

#[test]
fn requests_are_counted_by_template_and_checks_are_listed() {
    let env = project();
    let service = Service::start(&env, &["--no-build"]);
    for path in ["/livez", "/api/v1/builds/17", "/api/v1/builds/18", "/no/such/path"] {
        service.client.get(path);
    }
    let text = service.client.get("/metrics").text();
    for (route, code, count) in
        [("/livez", 200, 1), ("/api/v1/builds/{build}", 404, 2), ("unmatched", 404, 1)]
    {
        let line =
            format!("databuild_http_requests_total{{route=\"{route}\",code=\"{code}\"}} {count}\n");
        assert!(text.contains(&line), "no {line} in\n{text}");
    }
    for family in
        ["process_cpu_seconds_total ", "process_open_fds ", "databuild_log_disk_free_bytes "]
    {
        assert!(text.lines().any(|line| line.starts_with(family)), "no {family} in\n{text}");
    }
    check_classic(&text);
    let ready = service.client.get("/readyz?verbose").text();
    assert!(ready.contains("[+] metrics ok\n"), "{ready}");
}

#[test]
fn totals_that_cannot_be_read_are_told_and_the_rest_goes_on() {
    let env = project();
    sh(&env, "databuild run -- true && databuild metrics > /dev/null");
    env.write(".databuild/logs/.metrics/state", "what is this");
    let service = Service::start(&env, &["--no-build"]);
    let ready = service.client.get("/readyz?verbose");
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("[-] metrics cannot read "), "{}", ready.text());
    let text = service.client.get("/metrics").text();
    assert!(text.contains("databuild_metrics_last_refresh_successful 0\n"), "{text}");
    let output = env.sh("databuild metrics");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(said.contains("remove the file"), "{said}");
}

#[test]
fn the_check_names_job_label_and_setting() {
    let env = project();
    sh(&env, "databuild build clean/date=2025-01-26");
    let said = sh(&env, "databuild metrics check -q");
    let line = said.lines().last().unwrap_or_default();
    for part in ["clean", "file", "databuild_rows_processed_total", "[metrics] labels"] {
        assert!(line.contains(part), "no {part} in\n{said}");
    }
    sh(&env, "mkdir tf && databuild metrics --textfile tf");
    let text = std::fs::read_to_string(env.work().join("tf/databuild.prom")).expect("the file");
    assert!(text.contains(&format!("{ROWS} 1000\n")), "{text}");
    check_classic(&text);
    assert_eq!(env.sh("databuild metrics --textfile no/such").status.code(), Some(74));
}

#[test]
fn what_is_stored_and_what_the_project_file_says_now_are_told() {
    let env = project();
    sh(&env, "databuild build clean/date=2025-01-26");
    let service = Service::start(&env, &["--no-build"]);
    let client = service.client;
    scrape_until(client, "databuild_config_in_use 1");
    let text = scrape_until(client, "databuild_partitions_total{result=\"success\"} 1");
    let value = |text: &str, name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("a number")
    };
    let entries = sh(&env, "cat .databuild/logs/2*/*.jsonl").len();
    assert!(entries as f64 <= value(&text, "databuild_log_disk_bytes"), "{text}");
    let oldest = value(&text, "databuild_log_oldest_timestamp_seconds");
    let newest =
        "databuild_job_last_completion_timestamp_seconds{job_label=\"clean\",job_type=\"process\"}";
    assert!(1e9 < oldest && oldest <= value(&text, newest), "{text}");
    assert!(0.0 < value(&text, "databuild_log_entry_bytes_count"), "{text}");
    assert_eq!(value(&text, "databuild_http_streams_open"), 0.0);
    assert_eq!(sh(&env, "databuild metrics | grep -c '^databuild_log_disk_bytes '"), "1\n");

    env.write("databuild.toml", &PROJECT.replace("[logs]\n", "[logs]\ncache_runs = 7\n"));
    scrape_until(client, "databuild_config_in_use 0");
    scrape_until(client, "databuild_config_last_reload_successful 1");
    let ready = client.get("/readyz?verbose").text();
    assert!(
        ready.contains("[-] config is not all in use: start the service again for logs.cache_runs"),
        "{ready}"
    );
    env.write("databuild.toml", "[jobs");
    let text = scrape_until(client, "databuild_config_last_reload_successful 0");
    check_classic(&text);
    let ready = client.get("/readyz?verbose");
    assert_eq!(ready.status, 200, "it answers as before");
    assert!(ready.text().contains("[-] config cannot be used as it is now"), "{}", ready.text());
    env.write("databuild.toml", PROJECT);
    scrape_until(client, "databuild_config_in_use 1");
    assert!(client.get("/readyz?verbose").text().contains("[+] config ok\n"));
}
