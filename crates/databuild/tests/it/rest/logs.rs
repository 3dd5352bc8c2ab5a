//! One log in all its forms, and as it grows.

use super::rig::Service;
use super::store::{Dice, LiveRun};
use crate::env::TestEnv;
use databuild_model::level::Level;
use databuild_model::{json, proto};
use rustix::process::Signal;

const RUN: &str = "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";

fn target(query: &str) -> String {
    format!("/api/v1/jobs/{RUN}/logs{query}")
}

fn sequence(entry: &serde_json::Value) -> u64 {
    entry["sequence_number"].as_u64().expect("a number")
}

#[test]
fn all_forms_carry_the_same_entries() {
    let env = TestEnv::new();
    let mut run = LiveRun::begin(&env, RUN);
    run.chatter(2_500, &mut Dice::new(3));
    run.end(0);
    let client = Service::start(&env, &[]);
    let client = &client.client;

    let array = client.get(&target("?limit=10000"));
    let entries = array.json().as_array().expect("an array").clone();
    assert_eq!(entries.len(), 2_501);
    assert_eq!(array.header("databuild-has-more"), "false");

    let default = client.get(&target(""));
    assert_eq!(default.json().as_array().map(Vec::len), Some(1_000));
    assert_eq!(default.header("databuild-has-more"), "true");

    let stream = client.get_as(&target(""), "application/x-ndjson");
    assert_eq!(stream.header("content-type"), "application/x-ndjson");
    let lines: Vec<String> = stream.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2_501, "all of them, without a limit");
    assert_eq!(array.text(), format!("[\n{}\n]\n", lines.join(",\n")));

    for media in ["application/x-protobuf", "application/vnd.google.protobuf"] {
        let message = client.get_as(&target("?limit=10000"), media);
        assert_eq!(message.header("content-type"), "application/x-protobuf");
        let response = proto::decode_response(&message.body).expect("a JobLogsResponse");
        assert_eq!((response.entries.len(), response.has_more), (2_501, false));
        for (entry, line) in response.entries.iter().zip(&lines) {
            let (stored, problems) = json::read_entry(line.as_bytes()).expect("an entry");
            assert!(problems.is_empty());
            assert_eq!(*entry, stored);
        }
    }
    let page = client.get_as(&target("?limit=2"), "application/x-protobuf");
    let page = proto::decode_response(&page.body).expect("a JobLogsResponse");
    assert!(page.has_more && !page.next_page_token.is_empty());

    let text = client.get_as(&target("?limit=10000"), "text/plain").text();
    assert_eq!(text.lines().count(), 2_501, "one line an entry, whatever is in it");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "nothing that a terminal obeys");

    let window = client.get(&format!("/api/v1/jobs/{RUN}/logs/lines?from=2000&count=3"));
    assert_eq!(window.text(), format!("[\n{}\n]\n", lines[2000..2003].join(",\n")));
    assert!(window.header("cache-control").contains("immutable"));
    assert!(window.header("link").contains("lines?from=2003&count=3"), "{window:?}");

    let metrics = client.get(&format!("/api/v1/jobs/{RUN}/metrics")).json();
    let stored = lines.iter().filter(|line| line.contains(r#""content":{"metric""#)).count();
    assert_eq!(metrics.as_array().map(Vec::len), Some(stored));
    assert_eq!(metrics[0]["name"], "rows_processed");

    let days = client.get("/api/v1/jobs?date_from=2025-01-27&date_to=2025-01-27").json();
    assert_eq!(days["items"][0]["job_run_id"], RUN);
    let days = client.get("/api/v1/jobs?date_from=2025-01-28").json();
    assert_eq!(days["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn pages_join_up_and_an_ended_run_is_not_sent_twice() {
    let env = TestEnv::new();
    let mut run = LiveRun::begin(&env, RUN);
    run.chatter(300, &mut Dice::new(4));
    let service = Service::start(&env, &[]);
    let client = service.client;
    assert_eq!(client.get(&target("?limit=3")).header("etag"), "", "it may still change");
    run.end(0);

    let whole = client.get(&target("?level=warn&limit=10000"));
    let mut joined = Vec::new();
    let mut next = target("?level=warn&limit=7&since=2025-01-01T00:00:00Z");
    loop {
        let page = client.get(&next);
        joined.extend(page.json().as_array().expect("an array").clone());
        let Some(link) = page.headers.get("link") else { break };
        next = link.trim_start_matches('<').split('>').next().expect("a target").to_owned();
    }
    assert_eq!(serde_json::Value::Array(joined), whole.json());

    let etag = whole.header("etag").to_owned();
    assert!(!etag.is_empty());
    let again = [("If-None-Match", etag.as_str())];
    let answer = client.send("GET", &target("?level=warn&limit=10000"), &again, b"");
    assert_eq!((answer.status, answer.body.len()), (304, 0));
    let other = client.send("GET", &target("?level=info&limit=10000"), &again, b"");
    assert_eq!(other.status, 200);

    let stolen = client.get(&target("?limit=1")).header("link").to_owned();
    let token = stolen.split("cursor=").nth(1).and_then(|rest| rest.split('&').next());
    let token = token.expect("a cursor");
    let answer = client.get(&target(&format!("?level=error&cursor={token}")));
    assert_eq!(answer.status, 400, "a cursor of another question: {}", answer.text());
}

#[test]
fn a_live_run_is_followed_and_resumed_each_entry_once() {
    let env = TestEnv::new();
    let mut run = LiveRun::begin(&env, RUN);
    run.chatter(20, &mut Dice::new(5));
    let service = Service::start(&env, &[]);
    let client = service.client;

    let mut seen = Vec::new();
    let mut first = client.events(&target(""), &[]);
    seen.extend(first.by_ref().take(15).map(|event| event.id.expect("an id")));
    // The client goes away in the middle, and more is written.
    drop(first);
    run.chatter(30, &mut Dice::new(6));
    let last_seen = seen.last().expect("some").to_string();
    let mut second = client.events(&target("?after=3"), &[("Last-Event-ID", &last_seen)]);
    seen.extend(second.by_ref().take(35).map(|event| event.id.expect("an id")));
    run.log(Level::Error, "the last word");
    run.end(3);
    let rest: Vec<_> = second.collect();
    let (end, rest) = rest.split_last().expect("an end");
    seen.extend(rest.iter().map(|event| event.id.expect("an id")));
    assert_eq!(seen, (1..=52).collect::<Vec<u64>>(), "each once, in order");
    assert_eq!(rest[0].name, "log");
    let entry: serde_json::Value = serde_json::from_str(&rest[0].data).expect("JSON");
    assert_eq!(
        (sequence(&entry), &entry["content"]["log"]["message"]),
        (51, &"the last word".into())
    );
    assert_eq!(end.name, "end");
    let end: serde_json::Value = serde_json::from_str(&end.data).expect("JSON");
    assert_eq!((&end["state"], &end["exit_code"]), (&"failed".into(), &3.into()));

    // Whoever has all is told the end at once; who asks for a tail gets that.
    let ended: Vec<_> = client.events(&target("?after=52"), &[]).collect();
    assert_eq!(ended.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["end"]);
    let tail: Vec<_> = client.events(&target("?tail=2"), &[]).collect();
    assert_eq!(tail.iter().filter_map(|event| event.id).collect::<Vec<_>>(), [51, 52]);
    let lines = client.get_as(&target("?follow=true&level=error"), "application/x-ndjson");
    assert!(lines.text().lines().last().is_some_and(|line| line.contains("the last word")));
}

#[test]
fn a_stop_ends_tails_with_a_word() {
    let env = TestEnv::new();
    let mut run = LiveRun::begin(&env, RUN);
    run.chatter(3, &mut Dice::new(5));
    let service = Service::start(&env, &[]);
    let mut events = service.client.events(&target(""), &[]);
    assert_eq!(events.next().and_then(|event| event.id), Some(1));
    service.signal(Signal::TERM);
    let last = events.last().expect("an event");
    assert!(
        last.comments.iter().any(|comment| comment.starts_with("the service stops")),
        "{last:?}"
    );
    let (status, said) = service.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{said}");
    run.end(0);
}

#[test]
fn a_proof_is_the_same_over_http_and_on_the_command_line() {
    let env = TestEnv::new();
    let mut run = LiveRun::begin(&env, RUN);
    run.chatter(200, &mut Dice::new(5));
    let service = Service::start(&env, &[]);
    let proof = || service.client.get(&format!("/api/v1/jobs/{RUN}/verify"));
    assert_eq!(proof().json()["state"], "running");
    run.end(0);
    let complete = proof();
    assert_eq!(complete.status, 200, "{}", complete.text());
    assert_eq!(complete.json()["state"], "complete");
    assert_eq!(complete.json()["entries"], 201);
    let typed = env.sh(&format!("databuild logs verify {RUN} -o jsonl"));
    assert_eq!(String::from_utf8_lossy(&typed.stdout).trim_end(), complete.text().trim_end());
    assert_eq!(service.client.get("/api/v1/jobs/none/verify").status, 404);
}
