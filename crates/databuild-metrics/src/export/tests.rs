//! The committed files are those of the catalogue, and Prometheus' own tool takes them.

use super::board::{Look, rows};
use super::promql::{Query, Series, Window};
use super::{RUNBOOKS, alerts, dashboard, page, rules};
use crate::metric_templates::{self as templates, ALL};
use expect_test::expect_file;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the tool judges what is exported")]
fn promtool(args: &[&str]) {
    let output = Command::new("promtool").args(args).output();
    let output = output.expect("promtool, which `cargo xtask test` installs (Debian: prometheus)");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "promtool {args:?}\n{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_committed_files_are_those_of_the_catalogue() {
    expect_file![root().join("docs/reference/metrics.md")].assert_eq(&page());
    expect_file![root().join("deploy/grafana/databuild.json")].assert_eq(&dashboard());
    expect_file![root().join("deploy/prometheus/databuild.rules.yml")].assert_eq(&rules(RUNBOOKS));
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire_when_they_have_to() {
    let folder = root().join("deploy/prometheus");
    promtool(&["check", "rules", &folder.join("databuild.rules.yml").display().to_string()]);
    let files = ["databuild.rules.test.yml", "databuild.stale.test.yml"];
    let files = files.map(|name| folder.join(name).display().to_string());
    promtool(&["test", "rules", &files[0], &files[1]]);
    let cases = files.map(|file| std::fs::read_to_string(file).unwrap()).concat();
    for alert in alerts() {
        let name = alert.name;
        assert!(cases.contains(&format!("alertname: {name}\n")), "{name} has no case");
    }
}

#[test]
fn each_alert_has_a_page_that_shows_commands() {
    for alert in alerts() {
        let page = root().join(RUNBOOKS).join(format!("{}.md", alert.name));
        let text = std::fs::read_to_string(&page).unwrap_or_default();
        let wanted =
            [&format!("# {}\n", alert.name), "\n## What to look at\n", "\n## What to do\n"];
        for part in wanted {
            assert!(text.contains(part), "{} lacks {part:?}", page.display());
        }
    }
    let index = std::fs::read_to_string(root().join("docs/how-to/prometheus.md")).unwrap();
    for alert in alerts() {
        assert!(index.contains(&format!("runbooks/{}.md", alert.name)), "{}", alert.name);
    }
}

/// The expression of each target, at any depth.
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

#[test]
fn every_query_of_the_dashboard_parses() {
    let mut found = BTreeSet::new();
    exprs(&serde_json::from_str(&dashboard()).unwrap(), &mut found);
    assert!(30 < found.len(), "{found:?}");
    let mut file = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (n, expr) in found.iter().enumerate() {
        let expr = expr.replace("$__rate_interval", "1m").replace("$window", "1h");
        let expr = expr.replace("$instance", ".*").replace("$job_label", ".*");
        assert!(!expr.contains('$'), "{expr}");
        write!(file, "      - record: query:{n}\n        expr: '{expr}'\n").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dashboard.rules.yml");
    std::fs::write(&path, file).unwrap();
    promtool(&["check", "rules", &path.display().to_string()]);
}

#[test]
fn nothing_asks_for_labels_or_kinds_that_are_not_there() {
    for alert in alerts() {
        assert_eq!(alert.problems(), [""; 0], "{}", alert.name);
        let word = alert.name.strip_prefix("Databuild").expect("begins with the product");
        assert!(word.chars().all(char::is_alphanumeric), "{word}");
    }
    for target in rows().iter().flat_map(|row| &row.panels).flat_map(|panel| &panel.targets) {
        assert_eq!(target.query.problems(), [""; 0], "{}", target.query.text());
    }
}

#[test]
fn every_family_has_a_panel() {
    let json = dashboard();
    for family in ALL {
        assert!(json.contains(family.name), "{}", family.name);
    }
}

#[test]
fn panels_have_places_of_their_own() {
    let board: Value = serde_json::from_str(&dashboard()).unwrap();
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        let inside = panel["panels"].as_array().cloned().unwrap_or_default();
        for panel in [panel].into_iter().chain(&inside) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
            let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{panel}");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{panel}");
                }
            }
        }
    }
    let looks: Vec<_> = rows().into_iter().flat_map(|row| row.panels).map(|p| p.look).collect();
    assert!([Look::Number, Look::Bars, Look::Lines].iter().all(|look| looks.contains(look)));
}

#[track_caller]
fn problems(query: &Query, wanted: &[&str]) {
    assert_eq!(query.problems(), wanted, "{}", query.text());
}

#[test]
fn questions_that_make_no_sense_are_noted() {
    let hour = Window::Of("1h");
    let runs = || Series::of(templates::JOB_RUNS_TOTAL);
    let memory = || Series::of(templates::JOB_MEMORY_PEAK_BYTES);
    problems(&runs().is("result", "success").rate(hour).by("sum", &["job_label"]), &[]);
    problems(
        &runs().is("level", "INFO").rate(hour),
        &["databuild_job_runs_total has no label level"],
    );
    problems(
        &memory().rate(hour),
        &["databuild_job_memory_peak_bytes is a Gauge, and [Counter] is asked for"],
    );
    problems(
        &memory().value().by("max", &["job_label"]).by("max", &["job_type"]),
        &[
            "no label job_type here: max by (job_type) (max by (job_label) (databuild_job_memory_peak_bytes))",
        ],
    );
    let both = memory().quantile("0.5", &[], hour).with("/", runs().like("x", ".").value());
    assert_eq!(both.problems().len(), 2);
}
