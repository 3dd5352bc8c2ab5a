//! Builds of the command line seen by the service, and the reverse; starting, repeating, stopping.

use super::rig::Service;
use crate::env::TestEnv;
use rustix::process::Signal;

const PROJECT: &str = r#"
[project]
name = "shop"

[jobs.raw]
out = "raw/date={date}"
run = "echo reading {date}; mkdir -p {out}; echo 1 > {out}/rows"

[jobs.clean]
out = "clean/date={date}"
in = "raw/date={date}"
run = "echo cleaning {date}; echo oddity >&2; mkdir -p {out}; cp {in}/rows {out}/rows"

[jobs.broken]
out = "broken/date={date}"
run = "echo before; test -e fixed || exit 3; mkdir -p {out}"

[jobs.slow]
out = "slow/date={date}"
run = "echo started; exec sleep 600"
"#;

fn world() -> TestEnv {
    let env = TestEnv::new();
    env.write("databuild.toml", PROJECT);
    env
}

/// Reads the events of a build until it has ended; the types of them.
fn events_of(service: &Service, build: &str) -> Vec<String> {
    let events = service.client.events(&format!("/api/v1/builds/{build}/events"), &[]);
    events.map(|event| event.name).collect()
}

#[test]
fn a_build_of_the_service_is_read_by_the_command_line() {
    let env = world();
    let service = Service::start(&env, &[]);
    let client = service.client;

    let want = r#"{"want":["clean/date=2025-01-20..2025-01-22"],"jobs":2}"#;
    let plan = client.post("/api/v1/plan", want);
    assert_eq!(plan.status, 200, "{}", plan.text());
    let plan = plan.json();
    assert_eq!(plan["tasks"].as_array().map(Vec::len), Some(6), "{plan}");
    assert_eq!(plan["tasks"][0]["reason"], "missing");

    let started = client.post("/api/v1/builds", want);
    assert_eq!(started.status, 202, "{}", started.text());
    assert_eq!(started.header("location"), "/api/v1/builds/1");
    let names = events_of(&service, "1");
    assert_eq!(names.first().map(String::as_str), Some("build_received"), "{names:?}");
    assert_eq!(names.last().map(String::as_str), Some("end"), "{names:?}");

    let build = client.get("/api/v1/builds/1").json();
    assert_eq!((&build["state"], &build["tasks"]["made"]), (&"completed".into(), &6.into()));
    assert_eq!(build["origin"], "service");
    let id = build["build_id"].as_str().expect("an id");
    assert_eq!(client.get(&format!("/api/v1/builds/{id}")).json()["number"], 1);

    let runs = client.get("/api/v1/jobs?job=clean&limit=2").json();
    assert_eq!(
        (runs["items"].as_array().map(Vec::len), &runs["has_more"]),
        (Some(2), &true.into())
    );
    let cursor = runs["next_cursor"].as_str().expect("a cursor");
    let rest = client.get(&format!("/api/v1/jobs?job=clean&limit=2&cursor={cursor}")).json();
    assert_eq!(
        (rest["items"].as_array().map(Vec::len), &rest["has_more"]),
        (Some(1), &false.into())
    );
    assert_eq!(client.get(&format!("/api/v1/jobs?job=raw&cursor={cursor}")).status, 400);

    let run = &runs["items"][0];
    let number = run["number"].as_str().expect("a number");
    let by_number = client.get(&format!("/api/v1/jobs/{number}/logs?limit=10000"));
    let by_id = run["job_run_id"].as_str().expect("an id");
    let output = env.sh(&format!("databuild -q -o json logs {number} --limit 10000"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), by_number.text());
    assert_eq!(
        client.get(&format!("/api/v1/jobs/{by_id}/logs?limit=10000")).text(),
        by_number.text()
    );
    let one = client.get(&format!("/api/v1/jobs/{number}")).json();
    assert_eq!((&one["state"], &one["log"]["state"]), (&"completed".into(), &"complete".into()));

    let partition = client.get("/api/v1/partitions/clean%2Fdate=2025-01-21").json();
    assert_eq!(
        (&partition["state"], &partition["partition"]),
        (&"available".into(), &"clean/date=2025-01-21".into())
    );
    assert_eq!(partition["history"].as_array().map(Vec::len), Some(1));
    let partitions = client.get("/api/v1/partitions?prefix=clean/&limit=2").json();
    assert_eq!(partitions["has_more"], true, "{partitions}");

    let output = env.sh("databuild -q -o json runs");
    assert!(output.status.success(), "{output:?}");
    let again = env.sh("databuild build clean/date=2025-01-20..2025-01-22");
    assert!(again.status.success(), "{again:?}");
    let events = client.get("/api/v1/events?limit=3").json();
    assert_eq!((&events["items"][0]["idx"], &events["next_since"]), (&1.into(), &3.into()));
    let (status, said) = service.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn a_build_of_the_command_line_is_read_by_the_service() {
    let env = world();
    let service = Service::start(&env, &["--no-build"]);
    let client = service.client;
    let output = env.sh("databuild build clean/date=2025-01-20");
    assert!(output.status.success(), "{output:?}");
    let build = client.get("/api/v1/builds/1").json();
    assert_eq!((&build["state"], &build["origin"]), (&"completed".into(), &"cli".into()));
    let log = client.get_as("/api/v1/jobs/1.2/logs?kind=log", "text/plain").text();
    assert!(log.contains("cleaning 2025-01-20") && log.contains("oddity"), "{log}");
    let json = env.sh("databuild -q -o json logs 1.2 --limit 1000");
    assert_eq!(client.get("/api/v1/jobs/1.2/logs").text().as_bytes(), json.stdout);
    let refused = client.post("/api/v1/builds", r#"{"want":["clean/date=2025-01-21"]}"#);
    assert_eq!(refused.json()["type"], "/api/v1/problems/not-ready");
}

#[test]
fn what_failed_is_told_and_repeated() {
    let env = world();
    let service = Service::start(&env, &[]);
    let client = service.client;
    assert_eq!(client.post("/api/v1/builds", r#"{"want":["broken/date=2025-01-20"]}"#).status, 202);
    events_of(&service, "1");
    let build = client.get("/api/v1/builds/1").json();
    assert_eq!((&build["state"], &build["tasks"]["failed"]), (&"failed".into(), &1.into()));
    let run = client.get("/api/v1/jobs?build=1&state=failed").json();
    assert_eq!(run["items"][0]["end"]["exit_code"], 3, "{run}");

    env.write("fixed", "");
    let again = client.post("/api/v1/builds/1/retry", "{}");
    assert_eq!(again.status, 202, "{}", again.text());
    events_of(&service, "2");
    let build = client.get("/api/v1/builds/2").json();
    assert_eq!((&build["state"], build["retry_of"].is_string()), (&"completed".into(), true));

    let ended = client.post("/api/v1/builds/2/cancel", "");
    assert_eq!(
        (ended.status, &ended.json()["type"]),
        (409, &"/api/v1/problems/already-ended".into())
    );
    let nothing = client.post("/api/v1/builds", r#"{"want":["nothing/makes=this"]}"#);
    assert_eq!(nothing.status, 422, "{}", nothing.text());
    assert!(
        nothing.json()["errors"][0]["name"].as_str().is_some_and(|code| code.starts_with("DB"))
    );
}

/// Starts the slow build and waits until its job has said that it runs.
fn slow(service: &Service) -> u64 {
    let client = service.client;
    let started = client.post("/api/v1/builds", r#"{"want":["slow/date=2025-01-20"]}"#);
    assert_eq!(started.status, 202, "{}", started.text());
    let number = started.json()["number"].as_u64().expect("a number");
    let mut events = client.events(&format!("/api/v1/builds/{number}/events"), &[]);
    assert!(events.any(|event| event.name == "run_started"));
    let mut log = client.events(&format!("/api/v1/jobs/{number}.1/logs?q=started&kind=log"), &[]);
    assert!(log.any(|event| event.name == "log"));
    number
}

#[test]
fn a_running_build_is_stopped_by_request_and_by_the_end_of_the_service() {
    let env = world();
    let service = Service::start(&env, &[]);
    let client = service.client;
    let number = slow(&service);
    let told = client.post(&format!("/api/v1/jobs/{number}.1/cancel"), "");
    assert_eq!(told.status, 202, "{}", told.text());
    events_of(&service, &number.to_string());
    let build = client.get(&format!("/api/v1/builds/{number}")).json();
    assert_eq!(
        (&build["state"], &build["cancel_requested_by"]),
        (&"cancelled".into(), &"service".into())
    );

    let number = slow(&service);
    let (status, said) = service.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{said}");
    let service = Service::start(&env, &["--no-build"]);
    let build = service.client.get(&format!("/api/v1/builds/{number}")).json();
    assert_eq!(build["state"], "cancelled", "{build}");
    let run = service.client.get(&format!("/api/v1/jobs/{number}.1")).json();
    assert_eq!(run["log"]["state"], "complete", "{run}");
}

#[test]
fn a_detached_build_of_the_command_line_is_made_by_the_service() {
    let env = world();
    let service = Service::start(&env, &[]);
    let server = format!("http://{}", service.client.address);
    let hand = |arguments: &str| {
        let output = env.sh(&format!("databuild build --detach --server {server} {arguments}"));
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = hand("clean/date=2025-01-20");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("build 1 was handed to 127.0.0.1:"), "{said}");
    events_of(&service, "1");
    let (code, said) = hand("broken/date=2025-01-20");
    assert_eq!(code, Some(0), "a job that fails later is not its matter: {said}");
    events_of(&service, "2");
    let (code, said) = hand("--retry 2 -o json");
    assert_eq!(code, Some(0), "{said}");
    events_of(&service, "3");
    let (code, said) = hand("--max-age 1ms --changed -q clean/date=2025-01-20");
    assert_eq!(code, Some(0), "{said}");
    events_of(&service, "4");
    let tasks = service.client.get("/api/v1/builds/4").json()["tasks"]["made"].clone();
    assert_eq!(tasks, 2, "what is older is made again, and what it needs");
    let wrong = service.client.post("/api/v1/builds", r#"{"want":["a/b"],"max_age":"soon"}"#);
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let runs = env.sh("databuild runs -o jsonl | grep -o '\"state\":\"[a-z]*\"'");
    let states = String::from_utf8_lossy(&runs.stdout).into_owned();
    assert_eq!(
        states,
        "\"state\":\"completed\"\n\"state\":\"failed\"\n\"state\":\"failed\"\n\"state\":\"completed\"\n"
    );
    let (status, said) = service.stop(Signal::TERM);
    assert!(status.success(), "{said}");
    let (code, said) = hand("clean/date=2025-01-20");
    assert_eq!(code, Some(69), "{said}");
}

#[test]
fn a_plan_that_nobody_waits_for_ends_its_needs_commands() {
    let env = TestEnv::new();
    env.write(
        "databuild.toml",
        "[jobs.a]\nout = \"a/date={date}\"\nneeds = \"echo $$ > pid; mkfifo hold; cat hold\"\nrun = \"true\"\n",
    );
    let service = Service::start(&env, &[]);
    let body = r#"{"want":["a/date=2025-01-20"]}"#;
    let mut stream = std::net::TcpStream::connect(service.client.address).expect("connected");
    std::io::Write::write_all(
        &mut stream,
        format!(
            "POST /api/v1/plan HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            service.client.address,
            body.len()
        )
        .as_bytes(),
    )
    .expect("sent");
    let pid = || std::fs::read_to_string(env.work().join("pid")).unwrap_or_default();
    while !pid().ends_with('\n') {
        std::thread::yield_now();
    }
    drop(stream);
    let process = format!("/proc/{}", pid().trim());
    while std::path::Path::new(&process).exists() {
        std::thread::yield_now();
    }
}
