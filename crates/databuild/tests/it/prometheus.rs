//! A real Prometheus scrapes a real service after real builds, and is asked what the dashboard and the
//! alerts ask.

use crate::env::TestEnv;
use crate::reference::lost_by_grafana;
use crate::rest::client::Client;
use crate::rest::rig::Service;
use databuild_metrics::export::{RUNBOOKS, dashboard, rules};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::park_timeout;
use std::time::Duration;

/// Questions that well-kept jobs and a well service have no answer to, by what they ask for.
const NOTHING_TO_TELL: [&str; 3] = [
    "skipped_stretches",
    // A value that is no number.
    "databuild_metric_points_rejected_total",
    // An answer with a status of 500 or above.
    "code=~\"5..\"",
];

/// How often Prometheus is asked before it has to know, and how long it is left alone in between.
const LOOKS: usize = 300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A Prometheus of the test's own.
struct Prometheus {
    child: Child,
    api: Client,
}

impl Prometheus {
    /// Starts it on a free port of the loopback, with its data in the world of the test.
    #[expect(clippy::disallowed_methods, reason = "tests start what users start")]
    fn start(env: &TestEnv, service: SocketAddr) -> Prometheus {
        let config = env.root().join("prometheus.yml");
        std::fs::write(env.root().join("databuild.rules.yml"), rules(RUNBOOKS)).expect("written");
        let text = format!(
            "global: {{scrape_interval: 200ms, evaluation_interval: 200ms}}\n\
             rule_files: [databuild.rules.yml]\n\
             scrape_configs:\n  - job_name: databuild\n    static_configs: [{{targets: [\"{service}\"]}}]\n"
        );
        std::fs::write(&config, text).expect("written");
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", env.root().join("tsdb").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--enable-feature=exemplar-storage"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("prometheus, which `cargo xtask test` installs (Debian: prometheus)");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut address = None;
        let mut line = String::new();
        while !line.contains("Server is ready") {
            line.clear();
            let read = said.read_line(&mut line).expect("UTF-8");
            assert_ne!(read, 0, "Prometheus ended before it was ready");
            if line.contains("\"Listening on\"") {
                address = line.trim().rsplit('=').next().and_then(|text| text.parse().ok());
            }
        }
        // What it says from now on has to go somewhere, and fits the pipe.
        child.stderr = Some(said.into_inner());
        Prometheus { child, api: Client { address: address.expect("an address") } }
    }

    #[track_caller]
    fn get(&self, path: &str, query: &str) -> Value {
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let answer = self.api.get(&format!("/api/v1/{path}{query}"));
        assert_eq!(answer.status, 200, "{path}{query}: {}", answer.text());
        answer.json()["data"].take()
    }

    /// The answers to a question, now.
    #[track_caller]
    fn ask(&self, expr: &str) -> Vec<Value> {
        let data = self.get("query?query=", expr);
        data["result"].as_array().cloned().unwrap_or_else(|| panic!("{expr}: {data}"))
    }

    /// Waits until a question has an answer. What it waits for happens in other processes, so there
    /// is nothing to wait on but their answers.
    #[track_caller]
    fn until(&self, expr: &str) {
        for _ in 0..LOOKS {
            if !self.ask(expr).is_empty() {
                return;
            }
            park_timeout(BETWEEN_LOOKS);
        }
        panic!("no answer to {expr}: {}", self.get("targets", ""));
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Its data goes with the world of the test: nothing has to be kept in order.
        self.child.kill().ok();
        self.child.wait().ok();
        let mut said = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut said).ok();
        }
        print!("{said}");
    }
}

/// The expression of each question of the dashboard.
fn exprs(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| exprs(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| exprs(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A pipeline that writes what warns into files.
const PIPELINE: &str = "
[saver.files.warnings]
level  = \"warn\"
path   = \"saved/{app}/warnings.log\"
layout = \"%d %level [%job] %msg%n\"
rotate = { size = \"1MB\" }
keep   = { files = 3 }
";

/// A demo, whose logs are saved, and one run with something of everything that a job can do.
fn history(env: &TestEnv) {
    let demo = env.sh("databuild demo");
    assert!(demo.status.success(), "{demo:?}");
    let file = env.work().join("databuild-demo/databuild.toml");
    let text = std::fs::read_to_string(&file).expect("the project") + PIPELINE;
    std::fs::write(&file, text).expect("written");
    let job = "echo error: no; databuild emit metric rows_processed 7 file=x; \
               databuild emit metric points_total 3; databuild emit metric heat 20.5; exit 1";
    env.write("databuild-demo/job.sh", job);
    assert_eq!(env.sh("databuild -C databuild-demo run -- sh job.sh").status.code(), Some(1));
}

#[test]
fn grafana_knows_every_key_of_the_dashboard() {
    let text = dashboard();
    assert_eq!(lost_by_grafana(&text).unwrap_or_default(), "");
    // The judge sees what is wrong.
    let wrong = text.replace("\"legendFormat\"", "\"legendform\"").replace("24h", "1d");
    assert!(lost_by_grafana(&wrong).is_none_or(|said| said.contains("/legendform is not of")));
}

/// A run that goes on until it is dropped.
struct UnderWay(Child);

impl UnderWay {
    fn start(env: &TestEnv) -> UnderWay {
        let mut command = env.databuild();
        command.args(["-C", "databuild-demo", "run", "--", "sh", "-c", "echo begun; cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        UnderWay(command.spawn().expect("started"))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Its job reads what nobody writes: it ends with its input.
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

#[test]
fn prometheus_answers_what_the_dashboard_asks() {
    let env = TestEnv::new();
    history(&env);
    let service = Service::start_in(&env, "databuild-demo", &[]);
    let under_way = UnderWay::start(&env);
    let prometheus = Prometheus::start(&env, service.client.address);
    everything_is_answered(&prometheus);
    exemplars_lead_to_runs(&prometheus, service.client);
    alerts_are_quiet(&prometheus);
    drop(under_way);
    let (status, said) = service.stop(Signal::TERM);
    assert!(status.success(), "{said}");
}

/// Each question of the dashboard has an answer, but for those that are about what must not be.
fn everything_is_answered(prometheus: &Prometheus) {
    prometheus.until("count_over_time(databuild_saver_lag_seconds[1m]) > 3");
    prometheus.until("count_over_time(databuild_metrics_cursor_age_seconds[1m]) > 5");
    prometheus.until("count_over_time(databuild_job_runs_total{result=\"failure\"}[1m]) > 3");

    let mut found = BTreeSet::new();
    exprs(&serde_json::from_str(&dashboard()).expect("JSON"), &mut found);
    let mut wrong = String::new();
    for expr in &found {
        let asked = expr.replace("$__rate_interval", "1m").replace("$window", "1h");
        let asked = asked.replace("$instance", ".*").replace("$job_label", ".*");
        let empty = prometheus.ask(&asked).is_empty();
        if empty != NOTHING_TO_TELL.iter().any(|part| expr.contains(part)) {
            let what = if empty { "nothing to" } else { "an unexpected answer to" };
            writeln!(wrong, "{what} {asked}").expect("written");
        }
    }
    assert_eq!(wrong, "");
}

/// What is behind a number is one request away.
fn exemplars_lead_to_runs(prometheus: &Prometheus, service: Client) {
    let data = prometheus.get("query_exemplars?query=", "databuild_job_duration_seconds_bucket");
    let exemplars = data.as_array().expect("a list");
    let ids = exemplars.iter().flat_map(|series| series["exemplars"].as_array().expect("a list"));
    let ids: BTreeSet<_> = ids.filter_map(|one| one["labels"]["job_run_id"].as_str()).collect();
    assert!(!ids.is_empty(), "{data}");
    for id in ids {
        assert_eq!(service.get(&format!("/api/v1/jobs/{id}/logs?limit=1")).status, 200, "{id}");
    }
}

/// The rules are loaded and evaluated; one job has failed a moment ago, and waits for its five minutes.
fn alerts_are_quiet(prometheus: &Prometheus) {
    prometheus.until("ALERTS{alertname=\"DatabuildJobFailing\", alertstate=\"pending\"}");
    let data = prometheus.get("rules", "");
    let rules = data["groups"][0]["rules"].as_array().expect("a list");
    assert!(rules.iter().all(|rule| rule["health"] == "ok"), "{data}");
    let firing = prometheus.ask("ALERTS{alertstate=\"firing\"}");
    assert!(firing.is_empty(), "{firing:?}");
}
