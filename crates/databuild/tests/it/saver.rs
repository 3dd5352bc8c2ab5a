//! The log saver as its users have it: two applications whose logs become text files, while savers are killed
//! and one plugin is broken and another sleeps; and what people do to pipelines.

mod meddled;

use crate::env::TestEnv;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const EVENTS: usize = 10_000;

/// Each job says every event at a level and to a logger that its number decides.
const PROJECT: &str = r#"
[project]
name = "shop"

[jobs.orders]
out = "orders/day=1"
app = "orders"
run = "sh say.sh 10000 {out}"

[jobs.stock]
out = "stock/day=1"
app = "stock"
run = "sh say.sh 10000 {out}"

[saver]
order_window   = "500ms"
flush_interval = "100ms"

[saver.files.audit]
logger = "audit.*"
path   = "saved/{app}/audit.log"
layout = "%-5level %msg%n"
rotate = { size = "8000B" }

[saver.files.metrics]
kind   = "metric"
path   = "saved/{app}/metrics.log"
layout = "json"
rotate = { every = "day" }

[saver.files.debug]
levels = ["debug"]
path   = "saved/{app}/debug.log"
layout = "%level|%msg|%n"
rotate = { size = "50000B", gzip = true }

[saver.plugins.broken]
command = ["sh", "-c", "echo it does not work >&2; exit 3"]

[saver.plugins.sleeping]
command = ["sleep", "600"]

[saver.plugins.garbage]
command = ["sh", "-c", "read -r hello; echo nonsense; cat >/dev/null"]

[saver.plugins.slow]
command = ["sh", "-c", "read -r hello; echo '{\"type\":\"hello\",\"protocol\":1,\"name\":\"slow\",\"version\":\"0\"}'; while read -r frame; do sleep 10; done"]
"#;

/// Every tenth event is a measurement, the others are logs of four levels, every third of them for the audit.
const SAY: &str = r#"
mkdir -p "${2:-.}"
exec awk -v count="$1" 'BEGIN {
  split("debug info warn error", level, " ")
  for (n = 0; n < count; n++) {
    if (n % 10 == 9) { printf "{\"metric\":\"rows\",\"value\":%d}\n", n; continue }
    logger = n % 3 == 0 ? "audit.sign" : "work"
    printf "{\"level\":\"%s\",\"message\":\"event %d\",\"logger\":\"%s\"}\n", level[n % 4 + 1], n, logger
  }
}'
"#;

/// What the files of an application must hold, by the file's first word.
fn expected() -> BTreeMap<&'static str, String> {
    let levels = ["DEBUG", "INFO", "WARN", "ERROR"];
    let logs = || (0..EVENTS).filter(|n| n % 10 != 9);
    let audit = logs().filter(|n| n % 3 == 0);
    let audit = audit.map(|n| format!("{:<5} event {n}\n", levels[n % 4])).collect();
    let debug = logs().filter(|n| n % 4 == 0).map(|n| format!("DEBUG|event {n}|\n")).collect();
    BTreeMap::from([("audit", audit), ("debug", debug)])
}

/// What an application's files of one name hold together, in the order of their first events.
fn saved(folder: &Path, name: &str) -> String {
    let Ok(items) = fs::read_dir(folder) else { return String::new() };
    let mut texts: Vec<(u64, String)> = Vec::new();
    for item in items {
        let path = item.expect("an item").path();
        let file = path.file_name().and_then(|it| it.to_str()).expect("a name").to_owned();
        if !file.starts_with(name) || file.ends_with(".tmp") {
            continue;
        }
        let text =
            if file.ends_with(".gz") { gunzip(&path) } else { fs::read_to_string(&path).ok() };
        // One that was renamed or compressed meanwhile is seen the next time.
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        let digits = text.chars().skip_while(|c| !c.is_ascii_digit());
        let first: String = digits.take_while(char::is_ascii_digit).collect();
        texts.push((first.parse().unwrap_or_default(), text));
    }
    texts.sort();
    // An archive and what it was compressed from are there together for a moment.
    texts.dedup();
    texts.into_iter().map(|(_, text)| text).collect()
}

#[expect(clippy::disallowed_methods, reason = "archives are read as people read them")]
fn gunzip(path: &Path) -> Option<String> {
    let output = Command::new("gzip").arg("-dc").arg(path).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn project() -> TestEnv {
    let env = TestEnv::new();
    env.write("databuild.toml", PROJECT);
    env.write("say.sh", SAY);
    env
}

/// A saver in the background; killed when it is dropped.
struct Saver(Child);

impl Saver {
    fn start(env: &TestEnv) -> Saver {
        let mut command = env.databuild();
        command.args(["saver", "run"]);
        Saver::of(env, command)
    }

    /// The process that `command` becomes.
    fn of(env: &TestEnv, mut command: Command) -> Saver {
        let mut options = fs::OpenOptions::new();
        let log = options.create(true).append(true).open(env.root().join("saver.log"));
        let log = log.expect("a log");
        command.stderr(Stdio::from(log));
        Saver(command.spawn().expect("a saver"))
    }

    fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("an end");
    }

    fn signal(&self, env: &TestEnv, signal: &str) {
        assert!(env.sh(&format!("kill -{signal} {}", self.0.id())).status.success());
    }

    fn stop(mut self, env: &TestEnv) -> Option<i32> {
        self.signal(env, "TERM");
        self.0.wait().expect("an end").code()
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Looks until `look` is content, for two minutes at most; what it saw last if it never was.
#[track_caller]
fn until<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let mut seen = String::new();
    for _ in 0..1_200 {
        match look() {
            Ok(found) => return found,
            Err(other) => seen = other,
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    panic!("{what} never came; at last it was {seen}");
}

fn stdout(env: &TestEnv, line: &str) -> String {
    let output = env.sh(line);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{line}: {err}");
    out.into_owned()
}

fn pipeline(env: &TestEnv, name: &str) -> serde_json::Value {
    let all = stdout(env, &format!("databuild saver status -q -o json {name}"));
    let all: serde_json::Value = serde_json::from_str(&all).expect("JSON");
    all[0].clone()
}

fn said(env: &TestEnv) -> String {
    fs::read_to_string(env.root().join("saver.log")).unwrap_or_default()
}

#[test]
fn each_application_has_its_files_whatever_is_killed_and_whoever_is_broken() {
    let env = project();
    let mut build = env.databuild();
    build.args(["build", "-q", "orders/day=1", "stock/day=1"]).stderr(Stdio::null());
    let mut build = build.spawn().expect("a build");
    let folder = |app: &str| env.work().join("saved").join(app);
    let mut before = 0;
    for _ in 0..4 {
        let saver = Saver::start(&env);
        // Killed as soon as it has written something more.
        until("something more", || {
            let bytes: usize =
                ["orders", "stock"].map(|app| saved(&folder(app), "audit").len()).iter().sum();
            let all = 2 * expected()["audit"].len();
            let is_more = before < bytes || bytes == all;
            if is_more {
                before = bytes;
                Ok(())
            } else {
                Err(format!("{bytes} bytes"))
            }
        });
        saver.kill();
    }
    assert!(build.wait().expect("an end").success());
    let saver = Saver::start(&env);
    for app in ["orders", "stock"] {
        for (name, text) in expected() {
            until(&format!("the end of {app}/{name}"), || {
                let found = saved(&folder(app), name);
                if found.len() < text.len() {
                    Err(format!("{} bytes", found.len()))
                } else {
                    Ok(())
                }
            });
        }
        until("all measurements", || {
            let count =
                saved(&folder(app), "metrics").lines().filter(|it| it.contains("rows")).count();
            if count < EVENTS / 10 { Err(format!("{count}")) } else { Ok(()) }
        });
    }
    let broken = until("a state of the broken one", || {
        let it = pipeline(&env, "broken");
        if it["errors"].as_u64() > Some(0) { Ok(it) } else { Err(it.to_string()) }
    });
    assert!(matches!(broken["state"].as_str(), Some("retrying" | "open" | "starting")), "{broken}");
    until("a word of the one that says nonsense", || {
        let it = pipeline(&env, "garbage");
        let what = it["last_error"]["what"].as_str().unwrap_or_default();
        if what.contains("no frame") { Ok(()) } else { Err(it.to_string()) }
    });
    assert_eq!(saver.stop(&env), Some(0), "{}", said(&env));
    for app in ["orders", "stock"] {
        for (name, text) in expected() {
            assert_eq!(saved(&folder(app), name), text, "{app}/{name}");
        }
        let metrics = saved(&folder(app), "metrics");
        let rows = metrics.lines().filter(|it| it.contains("rows")).count();
        assert_eq!(rows, EVENTS / 10, "{app}");
    }
    assert!(said(&env).contains("pipeline broken is "), "{}", said(&env));
}

#[test]
fn pipelines_are_paused_resumed_and_replayed_by_anybody() {
    let env = project();
    assert!(env.sh("databuild run -q --app orders -- sh say.sh 40").status.success());
    let folder = env.work().join("saved/orders");
    let off = pipeline(&env, "audit");
    assert_eq!(off["state"], "off", "{off}");
    stdout(&env, "databuild saver pause audit");
    let saver = Saver::start(&env);
    until("its pause", || {
        let it = pipeline(&env, "audit");
        if it["state"] == "paused" { Ok(()) } else { Err(it.to_string()) }
    });
    let lines = |name: &str| saved(&folder, name).lines().count();
    until("the others", || if lines("debug") == 10 { Ok(()) } else { Err(said(&env)) });
    assert_eq!(lines("audit"), 0);
    stdout(&env, "databuild saver resume audit");
    until("its files", || if lines("audit") == 12 { Ok(()) } else { Err(said(&env)) });
    stdout(&env, "databuild saver replay audit --since beginning");
    until("its files once more", || if lines("audit") == 24 { Ok(()) } else { Err(said(&env)) });
    let unknown = env.sh("databuild saver pause audits");
    assert_eq!(unknown.status.code(), Some(4));
    assert_eq!(stdout(&env, "databuild saver dlq audit -o json"), "[]\n");
    let tapped = stdout(&env, "databuild saver tap audit --since 1h -n 2");
    assert_eq!(tapped, "DEBUG event 0\nERROR event 3\n");
    assert_eq!(saver.stop(&env), Some(0));
    let over = pipeline(&env, "debug");
    assert_eq!((&over["state"], &over["events_out"]), (&"off".into(), &10.into()), "{over}");
}

#[test]
fn the_second_of_two_savers_is_fenced_and_says_so() {
    let env = project();
    let first = Saver::start(&env);
    until("the first one", || {
        let it = pipeline(&env, "audit");
        if it["state"] == "running" { Ok(()) } else { Err(it.to_string()) }
    });
    let second = Saver::start(&env);
    until("the word of the second one", || {
        let said = said(&env);
        if said.contains("pipeline audit is fenced") { Ok(()) } else { Err(said) }
    });
    let it = until("both in the status", || {
        let it = pipeline(&env, "audit");
        if it["fenced_pids"].is_array() { Ok(it) } else { Err(it.to_string()) }
    });
    assert_eq!((&it["state"], it["pid"].as_u64()), (&"running".into(), Some(first.0.id().into())));
    assert_eq!(it["fenced_pids"][0].as_u64(), Some(second.0.id().into()));
    first.kill();
    until("the second one to take over", || {
        let it = pipeline(&env, "audit");
        let runs = it["state"] == "running" && it["pid"].as_u64() == Some(second.0.id().into());
        if runs { Ok(()) } else { Err(it.to_string()) }
    });
}

#[test]
fn a_new_configuration_changes_what_changed_and_a_bad_one_nothing() {
    let env = project();
    let saver = Saver::start(&env);
    until("its start", || {
        let it = pipeline(&env, "debug");
        if it["state"] == "running" { Ok(()) } else { Err(it.to_string()) }
    });
    env.write("databuild.toml", &PROJECT.replace("layout = \"%level|", "layuot = \"%level|"));
    saver.signal(&env, "HUP");
    until("a complaint", || {
        let said = said(&env);
        if said.contains("the new configuration is not used") { Ok(()) } else { Err(said) }
    });
    assert!(said(&env).contains("layuot"), "{}", said(&env));
    env.write("databuild.toml", &PROJECT.replace("%level|%msg|%n", "new %msg%n"));
    saver.signal(&env, "HUP");
    until("the change", || {
        let said = said(&env);
        let told = said.contains("the configuration was read again: changed debug\n");
        if told { Ok(()) } else { Err(said) }
    });
    assert!(env.sh("databuild run -q --app orders -- sh say.sh 8").status.success());
    let folder = env.work().join("saved/orders");
    until("new lines", || {
        let found = saved(&folder, "debug");
        if found == "new event 0\nnew event 4\n" { Ok(()) } else { Err(found) }
    });
    assert_eq!(saver.stop(&env), Some(0));
}

#[test]
fn a_preview_shows_what_would_be_written_and_writes_nothing() {
    let env = project();
    assert!(env.sh("databuild run -q --app orders -- sh say.sh 40").status.success());
    assert!(env.sh("databuild run -q --app stock -- sh say.sh 8").status.success());
    let saved = env.work().join("saved");
    let shown = stdout(&env, "databuild saver preview -q audit");
    let (orders, stock) = (saved.join("orders/audit.log"), saved.join("stock/audit.log"));
    let (orders, stock) = (orders.display(), stock.display());
    let lines = |count: usize| -> String {
        let levels = ["DEBUG", "INFO", "WARN", "ERROR"];
        let logs = (0..count).filter(|n| n % 10 != 9 && n % 3 == 0);
        logs.map(|n| format!("{:<5} event {n}\n", levels[n % 4])).collect()
    };
    assert_eq!(shown, format!("==> {orders} <==\n{}\n==> {stock} <==\n{}", lines(40), lines(8)));
    let two = env.sh("databuild saver preview audit --run @latest -n 2");
    let (out, err) = (String::from_utf8_lossy(&two.stdout), String::from_utf8_lossy(&two.stderr));
    assert_eq!(out, format!("==> {stock} <==\nDEBUG event 0\nERROR event 3\n"));
    assert!(err.contains("audit: 2 events, and there are more"), "{err}");
    let all = stdout(&env, "databuild saver preview -q -o jsonl -n 1");
    let names: Vec<String> = all
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|file| file["pipeline"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(names, ["audit", "metrics", "debug"]);
    assert!(!saved.exists(), "nothing is written");
    assert!(!env.work().join(".databuild/saver").exists(), "and nothing is put down");
    let program = env.sh("databuild saver preview broken");
    assert_eq!(program.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&program.stderr).contains("databuild saver tap broken"));
}
