//! What others say about what we make for them: Prometheus' `promtool`, the parser that its Python client
//! has for `OpenMetrics`, and Grafana's own model of a dashboard.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The two names that are older than the rules, and what is said about them.
const FIRST: [&str; 2] = [
    "databuild_job_cpu_total_seconds counter metrics should have \"_total\" suffix",
    "databuild_job_memory_peak_mb metric names should not contain abbreviated units",
];

/// Reads all there is, exemplars included, and wants the samples that a line of ours has.
const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
samples = [s for f in families for s in f.samples]
print(len(samples), sum(1 for s in samples if s.exemplar))
";

/// Refuses what `promtool check metrics` finds fault with.
#[track_caller]
pub(crate) fn check_classic(text: &str) {
    let (_, said) = pipe(Path::new("promtool"), &["check", "metrics"], text)
        .expect("promtool is there: cargo xtask test installs it (Debian package prometheus)");
    let new: Vec<&str> = said.lines().filter(|line| !FIRST.contains(line)).collect();
    assert!(new.is_empty(), "{new:#?}\n{text}");
}

/// Refuses what the Python client cannot read. Answers false where it is not installed.
#[track_caller]
pub(crate) fn check_open_metrics(text: &str) -> bool {
    let Some(python) = python() else { return false };
    let (ended_well, said) = pipe(&python, &["-c", PARSE], text).expect("it starts");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let exemplars = lines.clone().filter(|line| line.contains(" # {")).count();
    let expect = format!("{} {exemplars}\n", lines.count());
    assert_eq!((ended_well, said), (true, expect), "{text}");
    true
}

/// Reads the dashboard into Grafana's own model, writes it out again, and names what did not come
/// through: a key that Grafana does not have, or a value of another type than it wants. What it adds are
/// its defaults.
const ROUND: &str = "
import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
register_default_plugins()
ours = json.load(sys.stdin)
theirs = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
def compare(path, ours, theirs):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours:
            if key in theirs:
                compare(path + '/' + key, ours[key], theirs[key])
            else:
                print(path + '/' + key, 'is not of Grafana')
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for n, (one, other) in enumerate(zip(ours, theirs)):
            compare(path + '/' + str(n), one, other)
    elif ours != theirs:
        print(path, json.dumps(ours), 'became', json.dumps(theirs))
compare('', ours, theirs)
";

/// What does not come through Grafana's own model of a dashboard; nothing where it is not installed.
#[track_caller]
pub(crate) fn lost_by_grafana(dashboard: &str) -> Option<String> {
    let python = python()?;
    pipe(&python, &["-c", "import grafana_foundation_sdk"], "").ok().filter(|(well, _)| *well)?;
    let (ended_well, said) = pipe(&python, &["-c", ROUND], dashboard).expect("it starts");
    assert!(ended_well, "{said}");
    Some(said)
}

/// The Python that `cargo xtask test` gives the client to, beside what is compiled.
fn python() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_databuild"));
    let python = program.ancestors().nth(2)?.join("python/bin/python3");
    let known = pipe(&python, &["-c", "import prometheus_client"], "");
    known.is_ok_and(|(ended_well, _)| ended_well).then_some(python)
}

#[expect(clippy::disallowed_methods, reason = "tests start programs of others")]
fn pipe(program: &Path, args: &[&str], text: &str) -> std::io::Result<(bool, String)> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(text.as_bytes()).ok());
        child.wait_with_output()
    })?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}
