//! `databuild logs RUN -o json` and the service answer the same question with the same bytes.

use super::rig::Service;
use super::store::{Dice, LiveRun};
use crate::env::TestEnv;
use std::fmt::Write;

const RUN: &str = "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";

/// One question in both languages: arguments of `databuild logs`, and a query.
struct Question {
    args: Vec<String>,
    query: String,
}

impl Question {
    fn ask(dice: &mut Dice) -> Question {
        let mut question = Question { args: Vec::new(), query: String::new() };
        question.add("limit", "--limit", &(1 + dice.below(60)).to_string());
        if dice.below(3) == 0 {
            let time = format!("2025-01-27T10:{:02}:{:02}Z", 30 + dice.below(3), dice.below(60));
            question.add("since", "--since", &time);
        }
        if dice.below(4) == 0 {
            let time = format!("2025-01-27T10:{:02}:{:02}Z", 33 + dice.below(3), dice.below(60));
            question.add("until", "--until", &time);
        }
        if dice.below(3) == 0 {
            let level = dice.one(&["trace", "DEBUG", "info", "Warn", "error", "17"]);
            question.add("level", "--level", level);
        }
        if dice.below(4) == 0 {
            let kinds =
                dice.one(&["log", "metric", "event", "log,event", "log,metric,event,manifest"]);
            question.add("kind", "--kind", kinds);
        }
        match dice.below(4) {
            // A small letter means any case, over HTTP; on the command line that is -i.
            0 => {
                question.add(
                    "q",
                    "--grep",
                    dice.one(&["amount", "orders", "heartbeat", "nothing"]),
                );
                question.args.push("-i".to_owned());
            }
            1 => question.add("q", "--grep", "Timeout"),
            _ => {}
        }
        if dice.below(3) == 0 {
            question.add("order", "--order", "desc");
        }
        if dice.below(4) == 0 {
            question.add("tail", "--tail", &dice.below(100).to_string());
        }
        question
    }

    fn add(&mut self, name: &str, flag: &str, value: &str) {
        self.args.extend([flag.to_owned(), value.to_owned()]);
        let separator = if self.query.is_empty() { "?" } else { "&" };
        write!(self.query, "{separator}{name}={value}").expect("written");
    }
}

/// Asks `n` questions of both, and for the next page of some.
fn check(env: &TestEnv, service: &Service, n: u64, seed: u64) {
    let mut dice = Dice::new(seed);
    let (mut entries, mut pages) = (0, 0);
    for at in 0..n {
        let question = Question::ask(&mut dice);
        let mut args = question.args.clone();
        let mut target = format!("/api/v1/jobs/{RUN}/logs{}", question.query);
        loop {
            let mut command = env.databuild();
            command.args(["--quiet", "-o", "json", "logs", RUN]).args(&args);
            let output = command.output().expect("the program");
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "seed {seed} #{at} {args:?}: {told}");
            let answer = service.client.get(&target);
            assert_eq!(answer.status, 200, "seed {seed} #{at} {target}: {}", answer.text());
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                answer.text(),
                "seed {seed} #{at} {args:?} {target}"
            );
            entries += answer.json().as_array().expect("an array").len();
            let more = answer.header("databuild-has-more") == "true";
            assert_eq!(more, !answer.header("link").is_empty());
            let has_tail = args.iter().any(|arg| arg == "--tail");
            if !more || has_tail || dice.below(3) == 0 {
                break;
            }
            pages += 1;
            let link = answer.header("link").to_owned();
            target = link.trim_start_matches('<').split('>').next().expect("a target").to_owned();
            let cursor = target.split("cursor=").nth(1).expect("a cursor");
            let cursor = cursor.split('&').next().expect("a cursor").to_owned();
            args.truncate(question.args.len());
            args.extend(["--cursor".to_owned(), cursor]);
        }
    }
    println!("seed {seed}: {n} questions, {pages} further pages, {entries} entries");
    assert!(500 < entries, "the questions find something: {entries}");
}

#[test]
fn two_hundred_questions_live_and_sealed() {
    let env = TestEnv::new();
    let mut run = LiveRun::begin(&env, RUN);
    run.chatter(1_000, &mut Dice::new(7));
    let service = Service::start(&env, &[]);
    // Everything written is stored before the first question, so that both see the same.
    let mut events = service.client.events(&format!("/api/v1/jobs/{RUN}/logs"), &[]);
    let last = run.written();
    assert!(events.any(|event| event.id == Some(last)));
    let info = service.client.get(&format!("/api/v1/jobs/{RUN}")).json();
    assert_eq!(info["log"]["state"], "running", "{info}");
    check(&env, &service, 200, 1);
    run.end(3);
    let info = service.client.get(&format!("/api/v1/jobs/{RUN}")).json();
    assert_eq!((&info["log"]["state"], &info["log"]["sealed"]), (&"complete".into(), &true.into()));
    assert_eq!(info["end"]["exit_code"], 3, "{info}");
    check(&env, &service, 200, 2);
}
