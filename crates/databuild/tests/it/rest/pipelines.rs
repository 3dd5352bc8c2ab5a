//! Pipelines of the log saver by REST: what they do, what they are told, what they set aside, and what passes.

use super::rig::Service;
use crate::env::TestEnv;
use serde_json::{Value, json};
use std::time::Duration;

const PROJECT: &str = r#"
[project]
name = "shop"

[saver]
order_window   = "200ms"
flush_interval = "100ms"

[saver.files.all]
path   = "saved/{app}/all.log"
layout = "%msg%n"

[saver.files.errors]
level  = "error"
path   = "saved/{app}/error.log"
layout = "%msg%n"
"#;

const PIPELINES: &str = "/api/v1/saver/pipelines";

struct Rig {
    env: TestEnv,
    service: Service,
}

impl Rig {
    fn start() -> Rig {
        let env = TestEnv::new();
        env.write("databuild.toml", PROJECT);
        let service = Service::start(&env, &[]);
        Rig { env, service }
    }

    fn say(&self, what: &str) {
        assert!(
            self.env.sh(&format!("databuild run -q --app web -- echo {what}")).status.success()
        );
    }

    fn get(&self, path: &str) -> Value {
        self.service.client.get(&format!("{PIPELINES}{path}")).json()
    }

    #[track_caller]
    fn order(&self, path: &str) -> Value {
        let answer = self.service.client.post(&format!("{PIPELINES}{path}"), "{}");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn saved(&self) -> String {
        std::fs::read_to_string(self.env.work().join("saved/web/all.log")).unwrap_or_default()
    }
}

/// Looks until `look` has found something, for two minutes at most.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2_400 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("{what} never came")
}

#[test]
fn pipelines_are_listed_by_pages_and_one_by_one() {
    let rig = Rig::start();
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|it| it["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&rig.get("")), ["all", "errors"]);
    let first = rig.get("?limit=1");
    assert_eq!((names(&first), &first["has_more"]), (vec!["all".to_owned()], &json!(true)));
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    assert_eq!(names(&rig.get(&format!("?limit=1&cursor={cursor}"))), ["errors"]);

    let one = until("a pipeline that runs", || {
        let one = rig.get("/errors");
        (one["state"] == "running").then_some(one)
    });
    let about = (&one["kind"], one["pid"].as_u64(), &one["paused"], &one["lost_files"]);
    assert_eq!(about, (&json!("files"), Some(rig.service.id().into()), &json!(false), &json!(0)));
    assert!(
        one["target"].as_str().is_some_and(|it| it.ends_with("saved/{app}/error.log")),
        "{one}"
    );

    for (method, path) in [
        ("GET", "/error"),
        ("POST", "/error/pause"),
        ("POST", "/error/resume"),
        ("POST", "/error/replay?since=1h"),
        ("GET", "/error/dlq"),
        ("GET", "/error/tap"),
    ] {
        let json = [("Content-Type", "application/json"), ("Accept", "*/*")];
        let target = format!("{PIPELINES}{path}");
        let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
        let answer = rig.service.client.send(method, &target, &json, body);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        let problem = answer.json();
        assert_eq!(problem["detail"], "there is no pipeline \"error\"", "{path}");
        assert!(answer.text().contains("errors"), "what is near: {problem}");
    }
}

#[test]
fn a_pipeline_is_paused_resumed_and_replayed() {
    let rig = Rig::start();
    let told = json!({ "pipeline": "all", "order": "pause", "runs": true });
    assert_eq!(rig.order("/all/pause"), told);
    until("its pause", || (rig.get("/all")["state"] == "paused").then_some(()));
    assert_eq!(rig.get("/all")["paused"], true);
    rig.say("one");
    let lag = || rig.get("/all")["lag_seconds"].as_f64().expect("a lag");
    until("what waits for it", || (0.0 < lag()).then_some(()));
    assert_eq!((rig.saved().as_str(), &rig.get("/errors")["paused"]), ("", &json!(false)));

    assert_eq!(rig.order("/all/resume?accept_loss=true")["order"], "resume");
    until("its file", || (rig.saved() == "one\n").then_some(()));
    until("nothing that waits", || (lag() == 0.0).then_some(()));

    let answer = rig.service.client.post(&format!("{PIPELINES}/all/replay"), "{}");
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("a replay needs `since`"), "{}", answer.text());
    assert_eq!(rig.order("/all/replay?since=1h")["order"], "replay");
    until("its file once more", || (rig.saved() == "one\none\n").then_some(()));
}

#[test]
fn what_it_set_aside_is_listed_newest_last() {
    let rig = Rig::start();
    assert_eq!(rig.get("/all/dlq"), json!({ "items": [] }));
    let letter = |place: u64| {
        format!(
            r#"{{"v":1,"at":"2025-01-27T10:30:46Z","pipeline":"all","run":"r1","place":{place},"reason":"too large","entry":{{"a": 1.50}}}}"#
        )
    };
    let letters = format!("{}\n{}\n", letter(6), letter(7));
    rig.env.write(".databuild/saver/all/dead-letters.jsonl", &letters);
    let answer = rig.service.client.get(&format!("{PIPELINES}/all/dlq?limit=1"));
    assert_eq!(answer.text().trim_end(), format!("{{\"items\":[{}]}}", letter(7)));
}

#[test]
fn what_passes_is_seen_as_it_is_stored_and_as_it_is_written() {
    let rig = Rig::start();
    rig.say("one");
    let mut written = rig.service.client.events(&format!("{PIPELINES}/all/tap?since=1h"), &[]);
    let first = written.find(|event| !event.name.is_empty()).expect("an event");
    assert_eq!((first.name.as_str(), first.data.as_str()), ("out", "one"));
    rig.say("two");
    assert_eq!(written.find(|event| !event.name.is_empty()).expect("an event").data, "two");
    let target = format!("{PIPELINES}/all/tap?stage=in&since=1h");
    let mut stored = rig.service.client.events(&target, &[]);
    let first = stored.find(|event| !event.name.is_empty()).expect("an event");
    let entry: Value = serde_json::from_str(&first.data).expect("an entry");
    assert_eq!((first.name.as_str(), &entry["content"]["log"]["message"]), ("in", &json!("one")));
    let wrong = rig.service.client.get(&format!("{PIPELINES}/all/tap?stage=up"));
    assert_eq!(wrong.status, 400, "{}", wrong.text());
}
