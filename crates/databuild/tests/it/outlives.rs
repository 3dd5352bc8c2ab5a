//! What is killed with -9 is gone on with: the wrapper, the build, the service, all of them at once. Each
//! byte that the job wrote is in its log once, and the record says what happened.

use crate::env::TestEnv;
use crate::rest::rig::Service;
use rustix::process::Signal;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Writes 500 lines, says so through a pipe, waits for the file `free`, and writes 500 more.
const PROJECT: &str = r#"
[jobs.slow]
out = "slow/n={n}"
run = """i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; done; echo go > ready.fifo
until [ -e free ]; do sleep 0.02; done
while [ $i -lt 1000 ]; do i=$((i+1)); echo line $i; done; mkdir -p slow; echo made > {out}"""
[jobs.other]
out = "other/n={n}"
run = "mkdir -p other; echo made > {out}"
[keys]
n = ["1", "2"]
"#;

/// A build whose job waits.
struct Running {
    env: TestEnv,
    build: Child,
}

/// Waits until `done` says what it was waited for; fails after a minute.
#[track_caller]
fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    for _ in 0..12_000 {
        if let Some(found) = done() {
            return found;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("there never was {what}");
}

/// Whether a process is gone, or waits to be buried.
fn is_over(number: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    // Behind the name, which is in brackets and may hold anything.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

fn project(settings: &str) -> TestEnv {
    let env = TestEnv::new();
    env.write("databuild.toml", &format!("{settings}\n{PROJECT}"));
    assert!(env.sh("mkfifo ready.fifo").status.success());
    env
}

fn wait_for_word(env: &TestEnv) {
    // Opening waits for the job to open the other end.
    let word = std::fs::read_to_string(env.work().join("ready.fifo")).expect("a word");
    assert_eq!(word, "go\n");
}

impl Running {
    fn start(settings: &str) -> Self {
        let env = project(settings);
        let mut command = env.databuild();
        command.args(["build", "--progress", "lines", "slow/n=1"]);
        let build = command.stderr(Stdio::piped()).spawn().expect("a build");
        let running = Running { env, build };
        running.wait_for_job();
        running
    }

    fn wait_for_job(&self) {
        wait_for_word(&self.env);
    }

    fn kill_build(&mut self) {
        self.build.kill().expect("killed");
        self.build.wait().expect("reaped");
    }
}

impl Drop for Running {
    /// A test that failed leaves nobody behind: whoever reads its output would wait for them.
    fn drop(&mut self) {
        // Both have ended if the test has come to its end.
        self.build.kill().ok();
        self.build.wait().ok();
        for spool in self.env.spools() {
            let text = std::fs::read(spool.join("state.json")).unwrap_or_default();
            let state: Value = serde_json::from_slice(&text).unwrap_or_default();
            let numbers = ["wrapper", "job"].iter().filter_map(|which| state[which].as_str());
            for number in numbers.filter_map(|process| process.rsplit('/').nth(1)) {
                self.env.sh(&format!("kill -9 {number}"));
            }
        }
    }
}

impl TestEnv {
    fn spools(&self) -> Vec<PathBuf> {
        let spools = std::fs::read_dir(self.work().join(".databuild/logs/.spool"));
        spools.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }

    /// The state of the only run that there is.
    fn state(&self) -> Value {
        wait_for("a state of the run", || {
            let text = std::fs::read(self.spools().first()?.join("state.json")).ok()?;
            serde_json::from_slice(&text).ok()
        })
    }

    /// The number of a process of the run: `wrapper` or `job`.
    fn process(&self, which: &str) -> String {
        // A job runs some moments before its wrapper has written down who it is.
        let process = wait_for("a process", || self.state()[which].as_str().map(str::to_owned));
        process.rsplit('/').nth(1).expect("a number").to_owned()
    }

    /// Kills a process, and waits until it does nothing any more: the signal alone is only a wish.
    fn kill(&self, which: &str) -> String {
        let number = self.process(which);
        assert!(self.sh(&format!("kill -9 {number}")).status.success(), "kill {which}");
        wait_for("the end of what was killed", || is_over(&number).then_some(()));
        number
    }

    fn free(&self) {
        self.write("free", "");
    }

    fn said(&self, line: &str) -> String {
        let output = self.sh(line);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{line}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }

    /// The events of run 1.1, by type.
    fn events(&self) -> Vec<String> {
        let text = self.said("databuild logs 1.1 --kind event -o jsonl");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines
            .map(|entry| {
                entry["content"]["job_event"]["event_type"].as_str().expect("a type").into()
            })
            .collect()
    }

    /// How often a wrapper of run 1.1 said that it goes on for another.
    fn restarts(&self) -> usize {
        self.events().iter().filter(|it| *it == "wrapper_restarted").count()
    }

    /// The last entry of run 1.1.
    fn run_end(&self) -> Value {
        let text = self.said("databuild logs 1.1 --kind event -o jsonl");
        let last = text.lines().last().expect("an entry");
        let entry: Value = serde_json::from_str(last).expect("JSON");
        let event = entry["content"]["job_event"].clone();
        assert_eq!(event["event_type"], "run_end", "{text}");
        event["metadata"].clone()
    }

    fn run_state(&self) -> String {
        let text = self.said("databuild runs show 1.1 -o json");
        let run: Value = serde_json::from_str(&text).expect("JSON");
        run["state"].as_str().expect("a state").to_owned()
    }

    /// The job ended by itself, and its log has each line that it wrote once.
    #[track_caller]
    fn check_whole(&self) {
        let expected: String = (1..=1000).map(|n| format!("line {n}\n")).collect();
        let said = self.said("databuild logs 1.1 --kind log -o raw");
        assert!(said == expected, "{} lines of 1000: {said}", said.lines().count());
        let end = self.run_end();
        assert_eq!(end["cause"], "success", "{end}");
        assert_eq!(end["complete"], "true", "{end}");
        assert_eq!(end["stdout_bytes"], expected.len().to_string(), "{end}");
        assert_eq!(self.run_state(), "completed");
        assert_eq!(self.spools(), Vec::<PathBuf>::new());
        let verified = self.said("databuild logs verify 1.1");
        assert!(verified.contains("complete"), "{verified}");
    }
}

#[test]
fn a_wrapper_that_is_killed_is_replaced_and_the_run_ends_as_if_nothing_had_happened() {
    let mut running = Running::start("");
    for restarts in 1..=2 {
        running.env.kill("wrapper");
        // Until it has told so, one that is killed leaves no word of itself.
        wait_for("another wrapper", || (running.env.restarts() == restarts).then_some(()));
    }
    running.env.free();
    assert!(running.build.wait().expect("an end").success());
    running.env.check_whole();
    assert_eq!(running.env.restarts(), 2);
    assert_eq!(running.env.run_end()["wrapper_restarts"], "2");
}

#[test]
fn a_job_outlives_its_build_and_the_next_build_uses_what_it_makes() {
    let mut running = Running::start("");
    running.kill_build();
    let env = &running.env;
    let job = env.process("job");
    assert_eq!(env.run_state(), "lost");
    let mut second = env.databuild();
    second.args(["build", "--progress", "lines", "slow/n=1"]).stderr(Stdio::piped());
    let second = second.spawn().expect("a build");
    wait_for("an adopter", || (env.run_state() == "running").then_some(()));
    assert_eq!(env.process("job"), job, "nothing was started again");
    env.free();
    let output = second.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("goes on as run 1.1, whose build was killed"), "{said}");
    assert!(said.contains("1 made by other builds"), "{said}");
    env.check_whole();
    assert!(env.events().contains(&"capture_resumed".to_owned()), "{:?}", env.events());
    assert_eq!(env.said("cat slow/n=1"), "made\n");
}

#[test]
fn a_build_of_something_else_does_not_wait_for_what_it_took_over() {
    let mut running = Running::start("");
    running.kill_build();
    let env = &running.env;
    let said = String::from_utf8_lossy(&env.sh("databuild build other/n=1").stderr).into_owned();
    assert!(said.contains("goes on as run 1.1"), "{said}");
    // Whoever took it over has ended as well; the job has not.
    assert!(env.sh(&format!("kill -0 {}", env.process("job"))).status.success());
    env.free();
    wait_for("an end", || (env.run_state() == "completed").then_some(()));
    env.check_whole();
}

#[test]
fn a_run_whose_build_and_wrapper_were_killed_is_gone_on_with() {
    let mut running = Running::start("");
    running.kill_build();
    let env = &running.env;
    // As long as the build is not there, only its wrapper keeps the job's pipes.
    env.free();
    wait_for("an end of the job", || (env.state()["phase"] == "ended").then_some(()));
    wait_for("an end of the run", || (env.run_state() == "completed").then_some(()));
    env.check_whole();
}

#[test]
fn a_job_whose_build_and_wrapper_are_killed_at_once_is_told_nothing_and_goes_on() {
    let job = "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; done; echo go > ready.fifo
until [ -e free ]; do sleep 0.02; done
while [ $i -lt 1000 ]; do i=$((i+1)); echo line $i; done; : > wrote
until [ -e taken ]; do sleep 0.02; done; echo made > slow";
    let env = TestEnv::new();
    let settings = format!("[jobs.slow]\nout = \"slow\"\nrun = \"\"\"{job}\"\"\"\n");
    env.write("databuild.toml", &settings);
    assert!(env.sh("mkfifo ready.fifo").status.success());
    let mut command = env.databuild();
    command.args(["build", "--progress", "lines", "slow"]).stderr(Stdio::null());
    let build = command.spawn().expect("a build");
    let mut running = Running { env, build };
    running.wait_for_job();
    running.kill_build();
    let env = &running.env;
    env.kill("wrapper");
    env.free();
    wait_for("a job that wrote to nobody", || env.work().join("wrote").exists().then_some(()));
    let mut second = env.databuild();
    second.args(["build", "--progress", "lines", "slow"]).stderr(Stdio::null());
    let mut second = second.spawn().expect("a build");
    wait_for("an adopter", || (env.run_state() == "running").then_some(()));
    env.write("taken", "");
    assert!(second.wait().expect("an end").success());
    env.check_whole();
}

#[test]
fn how_a_job_ended_is_known_also_if_its_wrapper_was_dead_by_then() {
    let env = TestEnv::new();
    let job = "echo hello; echo go > ready.fifo; read x < free.fifo; exit 7";
    env.write("databuild.toml", &format!("[jobs.slow]\nout = \"slow\"\nrun = '{job}'\n"));
    assert!(env.sh("mkfifo ready.fifo free.fifo").status.success());
    let mut command = env.databuild();
    command.args(["build", "--progress", "lines", "slow"]).stderr(Stdio::null());
    let build = command.spawn().expect("a build");
    let mut running = Running { env, build };
    running.wait_for_job();
    let env = &running.env;
    let job = env.process("job");
    // Nobody replaces the wrapper before the job has ended.
    let build = running.build.id();
    assert!(env.sh(&format!("kill -STOP {build}")).status.success());
    env.kill("wrapper");
    assert!(env.sh("echo go > free.fifo").status.success());
    let state = || std::fs::read_to_string(format!("/proc/{job}/stat")).unwrap_or_default();
    wait_for("the end of the job", || {
        let state = state();
        (state.is_empty() || state.contains(") Z ")).then_some(())
    });
    assert!(env.sh(&format!("kill -CONT {build}")).status.success());
    assert_eq!(running.build.wait().expect("an end").code(), Some(1));
    let text = env.said("databuild logs 1.1 --kind event -o jsonl");
    let last: Value = serde_json::from_str(text.lines().last().expect("an entry")).expect("JSON");
    let event = &last["content"]["job_event"];
    assert_eq!(event["exit_code"], 7, "{text}");
    assert_eq!(event["metadata"]["cause"], "exit", "{text}");
    assert_eq!(event["metadata"]["wrapper_restarts"], "1", "{text}");
    assert_eq!(state(), "", "it is buried");
}

#[test]
fn when_all_are_killed_the_run_is_closed_with_what_it_wrote_and_why_it_has_no_end() {
    let mut running = Running::start("");
    // First the one that would replace the others.
    running.kill_build();
    let env = &running.env;
    env.kill("wrapper");
    env.kill("job");
    let said = env.said("databuild logs 1.1 --kind log -o raw");
    let expected: String = (1..=500).map(|n| format!("line {n}\n")).collect();
    assert!(said == expected, "{} lines of 500", said.lines().count());
    assert_ne!(env.run_state(), "running");
    let end = env.run_end();
    assert_ne!(end["cause"], "success", "{end}");
    assert_eq!(env.spools(), Vec::<PathBuf>::new());
    assert_eq!(env.said("databuild runs -o json | grep -c '\"state\":\"lost\"'"), "1\n");
}

#[test]
fn a_job_that_is_to_stop_with_its_build_is_stopped_in_order() {
    let mut running = Running::start("[project]\non_parent_death = \"stop\"");
    let job = running.env.process("job");
    running.kill_build();
    let env = &running.env;
    wait_for("the end of the job", || {
        (!env.sh(&format!("kill -0 {job}")).status.success()).then_some(())
    });
    wait_for("the end of the run", || (env.run_state() == "cancelled").then_some(()));
    let end = env.run_end();
    assert_eq!(end["cause"], "cancelled", "{end}");
    assert_eq!(env.spools(), Vec::<PathBuf>::new());
}

#[test]
fn a_job_that_writes_into_a_file_outlives_the_death_of_all_of_us() {
    let mut running = Running::start("[logs]\ncapture = \"file\"");
    running.kill_build();
    let env = &running.env;
    let job = env.process("job");
    env.kill("wrapper");
    env.free();
    wait_for("the end of the job", || {
        (!env.sh(&format!("kill -0 {job}")).status.success()).then_some(())
    });
    let expected: String = (1..=1000).map(|n| format!("line {n}\n")).collect();
    let said = env.said("databuild logs 1.1 --kind log -o raw");
    assert!(said == expected, "{} lines of 1000", said.lines().count());
    assert_eq!(env.run_end()["capture"], "file");
}

#[test]
fn ctrl_c_stops_also_what_was_taken_over() {
    let mut running = Running::start("");
    running.kill_build();
    let env = &running.env;
    let mut second = env.databuild();
    second.args(["build", "--progress", "lines", "slow/n=1"]).stderr(Stdio::null());
    let mut second = second.spawn().expect("a build");
    wait_for("an adopter", || (env.run_state() == "running").then_some(()));
    wait_for("a resumed capture", || {
        env.events().contains(&"capture_resumed".to_owned()).then_some(())
    });
    assert!(env.sh(&format!("kill -INT {}", second.id())).status.success());
    assert_eq!(second.wait().expect("an end").code(), Some(130));
    assert_eq!(env.run_state(), "cancelled");
    assert_eq!(env.run_end()["cause"], "cancelled");
}

#[test]
fn a_service_that_is_killed_leaves_its_jobs_to_the_next_one() {
    let env = project("");
    let first = Service::start(&env, &[]);
    let begun = first.client.post("/api/v1/builds", r#"{"want":["slow/n=1"]}"#);
    assert_eq!(begun.status, 202, "{}", begun.text());
    wait_for_word(&env);
    let (status, _) = first.stop(Signal::KILL);
    assert!(!status.success());
    assert_eq!(env.run_state(), "lost");
    let second = Service::start(&env, &[]);
    wait_for("an adopter", || (env.run_state() == "running").then_some(()));
    let seen = second.client.get("/api/v1/jobs/1.1");
    assert_eq!(seen.json()["spool"]["on_parent_death"], "continue", "{}", seen.text());
    assert_eq!(seen.json()["spool"]["watch"], "adopted", "{}", seen.text());
    env.free();
    wait_for("an end", || (env.run_state() == "completed").then_some(()));
    env.check_whole();
    let (status, said) = second.stop(Signal::TERM);
    assert!(status.success(), "{said}");
}

#[test]
fn a_service_takes_over_what_a_killed_build_left_and_stops_it_in_order_with_itself() {
    let env = project("");
    let service = Service::start(&env, &[]);
    let mut command = env.databuild();
    command.args(["build", "--progress", "lines", "slow/n=1"]).stderr(Stdio::null());
    let build = command.spawn().expect("a build");
    let mut running = Running { env, build };
    running.wait_for_job();
    running.kill_build();
    wait_for("an adopter", || (running.env.run_state() == "running").then_some(()));
    let (status, said) = service.stop(Signal::TERM);
    assert!(status.success(), "{said}");
    assert_eq!(running.env.run_state(), "cancelled");
    assert_eq!(running.env.run_end()["cause"], "cancelled");
}

#[test]
fn the_second_service_of_a_folder_only_answers_questions_and_says_who_has_it() {
    let env = project("");
    let first = Service::start(&env, &[]);
    let second = Service::start(&env, &[]);
    let holder = format!("at http://{}", first.client.address);
    let refused = second.client.post("/api/v1/builds", r#"{"want":["other/n=1"]}"#);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["type"], "/api/v1/problems/not-ready");
    assert!(refused.text().contains(&holder), "{}", refused.text());
    let ready = second.client.get("/readyz?verbose");
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("[-] building") && ready.text().contains(&holder));
    assert_eq!(second.client.get("/api/v1/builds").status, 200);
    let (_, said) = second.stop(Signal::TERM);
    assert!(said.contains(&holder) && said.contains("only answers questions"), "{said}");
    first.stop(Signal::KILL);
    let third = Service::start(&env, &[]);
    let begun = third.client.post("/api/v1/builds", r#"{"want":["other/n=1"]}"#);
    assert_eq!(begun.status, 202, "{}", begun.text());
}

#[test]
fn a_dry_run_after_a_kill_tells_what_a_build_would_do() {
    let mut running = Running::start("");
    let job = running.env.process("job");
    running.kill_build();
    running.env.free();
    wait_for("the end of the job", || {
        (!running.env.sh(&format!("kill -0 {job}")).status.success()).then_some(())
    });
    let plan = wait_for("an end that is told", || {
        let plan = running.env.said("databuild build -n slow/n=1");
        (!plan.contains("being made")).then_some(plan)
    });
    assert_eq!(plan, "", "nothing to make");
    assert_eq!(running.env.run_state(), "completed");
}

#[test]
fn what_a_killed_build_left_is_seen_in_runs_and_can_be_cancelled() {
    let mut running = Running::start("");
    let shown = running.env.said("databuild runs show 1.1");
    assert!(shown.contains("watched  by the process that began it"), "{shown}");
    running.kill_build();
    let env = &running.env;
    let seen = env.sh("databuild runs");
    let told = String::from_utf8_lossy(&seen.stderr).into_owned();
    let note = "run 1.1 of slow goes on although its build was killed";
    assert!(told.contains(note), "{told}");
    let job = env.process("job");
    let planned = env.said("databuild build -n slow/n=1");
    assert!(planned.contains("being made") && planned.contains("1.1"), "{planned}");
    let cancelled = env.sh("databuild runs cancel 1");
    let told = String::from_utf8_lossy(&cancelled.stderr).into_owned();
    assert_eq!(told, "what build 1 left running was stopped\n");
    assert!(!env.sh(&format!("kill -0 {job}")).status.success());
    assert_eq!(env.run_state(), "cancelled");
    assert_eq!(env.spools(), Vec::<PathBuf>::new());
}
