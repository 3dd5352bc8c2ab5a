//! What every answer has in common: problems, guards, media types, health, and the end in order.

use super::client::Answer;
use super::rig::Service;
use crate::env::TestEnv;
use rustix::process::Signal;

#[track_caller]
fn is_problem(answer: &Answer, status: u16, slug: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["type"], format!("/api/v1/problems/{slug}"), "{problem}");
    assert_eq!(problem["status"], status);
    for key in ["title", "detail", "remedy", "instance", "request_id"] {
        assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {problem}");
    }
    assert_eq!(problem["request_id"].as_str(), Some(answer.header("databuild-request-id")));
}

#[test]
fn every_error_is_a_problem_that_says_what_to_do() {
    let env = TestEnv::new();
    let service = Service::start(&env, &[]);
    let client = service.client;
    is_problem(&client.get("/"), 404, "not-found");
    is_problem(&client.get("/api/v1/nothing"), 404, "not-found");
    is_problem(&client.get("/api/v1/problems/nothing"), 404, "not-found");
    is_problem(&client.get("/api/v1/jobs/none/logs"), 404, "run-not-found");
    is_problem(&client.get("/api/v1/jobs/none"), 404, "run-not-found");
    is_problem(&client.get("/api/v1/jobs/none/metrics"), 404, "run-not-found");
    is_problem(&client.get("/api/v1/jobs/9.9/logs/lines"), 404, "run-not-found");
    is_problem(&client.get_as("/api/v1/jobs/none/logs", "text/event-stream"), 404, "run-not-found");
    is_problem(&client.get("/api/v1/builds/42"), 404, "build-not-found");
    is_problem(&client.get("/api/v1/builds/42/events"), 404, "build-not-found");
    is_problem(&client.get("/api/v1/partitions/a%2Fb"), 404, "partition-not-found");
    is_problem(&client.get("/api/v1/jobs/a%20b/logs"), 400, "invalid-parameter");
    is_problem(&client.get("/api/v1/jobs/%ff/logs"), 400, "invalid-parameter");
    is_problem(&client.get("/api/v1/jobs/x/logs?since=1737973845"), 400, "invalid-parameter");
    is_problem(&client.get("/api/v1/jobs/x/logs?levle=warn"), 400, "invalid-parameter");
    is_problem(&client.get_as("/api/v1/jobs/x/logs", "image/png"), 406, "not-acceptable");
    is_problem(&client.send("DELETE", "/api/v1/builds", &[], b""), 405, "method-not-allowed");
    is_problem(&client.send("POST", "/api/v1/builds", &[], b"{}"), 415, "unsupported-media-type");
    let form = [("Content-Type", "text/plain")];
    is_problem(&client.send("POST", "/api/v1/plan", &form, b"{}"), 415, "unsupported-media-type");
    is_problem(&client.post("/api/v1/builds", "{"), 400, "invalid-body");
    is_problem(&client.post("/api/v1/builds", r#"{"wnat":["a"]}"#), 400, "invalid-body");
    is_problem(&client.post("/api/v1/builds", r#"{"want":[]}"#), 400, "invalid-parameter");
    is_problem(&client.post("/api/v1/builds", r#"{"want":["../x"]}"#), 400, "invalid-parameter");
    is_problem(&client.post("/api/v1/builds/7/cancel", ""), 404, "build-not-found");
    let large = format!(r#"{{"want":["{}"]}}"#, "x".repeat(1 << 20));
    is_problem(&client.post("/api/v1/builds", &large), 413, "body-too-large");
    let long = "x".repeat(33 << 10);
    is_problem(&client.send("GET", "/livez", &[("X", &long)], b""), 431, "headers-too-large");
    let (status, said) = service.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn only_this_machine_and_its_own_pages_may_ask() {
    let env = TestEnv::new();
    let service = Service::start(&env, &[]);
    let client = service.client;
    for host in ["evil.example", "localhost", "127.0.0.1.nip.io:80", ""] {
        is_problem(&client.send("GET", "/livez", &[("Host", host)], b""), 421, "host-not-allowed");
    }
    let json = ("Content-Type", "application/json");
    let evil = [json, ("Origin", "http://evil.example")];
    is_problem(&client.send("POST", "/api/v1/builds", &evil, b"{}"), 403, "cross-site");
    let site = [json, ("Sec-Fetch-Site", "cross-site")];
    is_problem(&client.send("POST", "/api/v1/builds", &site, b"{}"), 403, "cross-site");
    let answer = client.get("/livez");
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[test]
fn another_address_is_refused_before_anything_is_done() {
    let env = TestEnv::new();
    let output = env.sh("databuild serve --listen 0.0.0.0:0");
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no authentication yet") && said.contains("ssh -L"), "{said}");
}

#[test]
fn tells_about_itself() {
    let env = TestEnv::new();
    let service = Service::start(&env, &[]);
    let client = service.client;
    for path in ["/livez", "/healthz", "/readyz"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"), "{path}");
    }
    let checks = client.get("/readyz?verbose").text();
    let names: Vec<_> = checks.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(names, ["logs", "builds", "disk", "collector", "metrics", "saver"], "{checks}");
    assert!(checks.ends_with("ready\n"), "{checks}");
    assert_eq!(client.get("/version").json()["name"], "databuild");
    let page = client.get("/api/v1/problems/run-not-found").text();
    assert!(page.contains("404") && page.contains("What to do:"), "{page}");
    let (status, _said) = service.stop(Signal::INT);
    assert_eq!(status.code(), Some(130));
}

#[test]
fn every_described_path_is_there() {
    let env = TestEnv::new();
    let service = Service::start(&env, &[]);
    let api = service.client.get("/api/v1/openapi.json").json();
    assert_eq!(api["openapi"], "3.1.0");
    for (path, methods) in api["paths"].as_object().expect("paths") {
        let target = path.replace("{job_run_id}", "x").replace("{build}", "x");
        let target = target.replace("{ref}", "x").replace("{slug}", "internal");
        for method in methods.as_object().expect("methods").keys() {
            let answer = service.client.send(&method.to_uppercase(), &target, &[], b"");
            assert_ne!(answer.status, 405, "{method} {path}");
            if answer.status == 404 {
                assert_ne!(answer.json()["type"], "/api/v1/problems/not-found", "{method} {path}");
            }
        }
    }
}
