//! Compares with the real logback: makes up cases, asks two versions of it, and keeps what they said as
//! goldens, so that the ordinary tests need no Java. The cases are in `oracle/patterns.rs` for layouts and in
//! `oracle/scenarios.rs` for rolling; who answers is `xtask/oracle/*.java`.

mod dice;
mod patterns;
mod scenarios;

use crate::process::command;
use anyhow::{Context, bail};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The versions that are asked: the name in file names, logback, and the slf4j that it needs.
const VERSIONS: [(&str, &str, &str); 2] =
    [("1.2", "1.2.13", "1.7.32"), ("1.5", "1.5.38", "2.0.17")];

/// Where the goldens live.
const LAYOUTS: &str = "crates/databuild-policy/src/layout/tests/oracle";
const ROLLING: &str = "crates/databuild-saver/tests/rolling";

/// Events that each pattern is asked about.
const EVENTS_EACH: usize = 10;
/// Events that `Layouts.java` has.
const EVENTS: usize = 40;

/// Asks, writes goldens, and compares.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    for (name, logback, slf4j) in VERSIONS {
        let jars = jars(root, logback, slf4j)?;
        layouts(root, name, &jars).with_context(|| format!("layouts of logback {logback}"))?;
        rolling(root, name, &jars).with_context(|| format!("rolling of logback {logback}"))?;
    }
    let tests: [&[&str]; 2] =
        [&["-p", "databuild-policy", "oracle"], &["-p", "databuild-saver", "--test", "rolling"]];
    for test in tests {
        let status = command("cargo", root).args(["test", "--quiet"]).args(test).status()?;
        if !status.success() {
            bail!("we differ from logback; see above");
        }
    }
    Ok(())
}

fn layouts(root: &Path, name: &str, jars: &str) -> anyhow::Result<()> {
    let cases = patterns::cases(name == "1.2");
    println!("logback {name}: {} patterns", cases.len());
    let said = ask(root, jars, "Layouts", &layout_questions(&cases))?;
    let folder = root.join("target/oracle");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("layouts-{name}.txt")), &said)?;
    let (events, golden) = golden(&said);
    fs::write(root.join(LAYOUTS).join("events.txt"), events)?;
    Ok(fs::write(root.join(LAYOUTS).join(format!("layouts-{name}.txt")), golden)?)
}

/// The scenarios are the same for all versions, and so in a file of their own; answers have their lines.
fn rolling(root: &Path, name: &str, jars: &str) -> anyhow::Result<()> {
    let scenarios: String = scenarios::scenarios().iter().map(|it| format!("{it}\n")).collect();
    println!("logback {name}: {} scenarios of rolling", scenarios.lines().count());
    let said = ask(root, jars, "Rolling", &scenarios)?;
    let answer = |line: &str| line.rsplit_once('\t').map(|(_, answer)| format!("{answer}\n"));
    let answers: String = said.lines().filter_map(answer).collect();
    fs::create_dir_all(root.join(ROLLING))?;
    fs::write(root.join(ROLLING).join("scenarios.txt"), scenarios)?;
    Ok(fs::write(root.join(ROLLING).join(format!("logback-{name}.txt")), answers)?)
}

/// The class path of one version, from the local repository of Maven, which fetches what is missing.
fn jars(root: &Path, logback: &str, slf4j: &str) -> anyhow::Result<String> {
    let wanted = [
        ("ch.qos.logback", "logback-core", logback),
        ("ch.qos.logback", "logback-classic", logback),
        ("org.slf4j", "slf4j-api", slf4j),
    ];
    let folder = root.join("target/oracle/jars");
    fs::create_dir_all(&folder)?;
    let mut paths = Vec::new();
    for (group, artifact, version) in wanted {
        let path: PathBuf = folder.join(format!("{artifact}-{version}.jar"));
        if !path.exists() {
            let get = command("mvn", root)
                .args(["--quiet", "--batch-mode", "dependency:copy"])
                .arg(format!("-Dartifact={group}:{artifact}:{version}"))
                .arg(format!("-DoutputDirectory={}", folder.display()))
                .status()
                .context("Maven is needed: install the packages maven and default-jdk-headless")?;
            if !get.success() {
                bail!("Maven could not fetch {artifact} {version}");
            }
        }
        paths.push(path.display().to_string());
    }
    Ok(paths.join(":"))
}

/// Runs one of our Java programs against `jars` and gives what it prints.
fn ask(root: &Path, jars: &str, program: &str, questions: &str) -> anyhow::Result<String> {
    let mut java = command("java", root)
        .args(["-cp", jars])
        .arg(format!("xtask/oracle/{program}.java"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("Java is needed: install the package default-jdk-headless")?;
    let stdin = java.stdin.take().context("no pipe to Java")?;
    let questions = questions.to_owned();
    let writer = std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut stdin = stdin;
            stdin.write_all(questions.as_bytes())
        });
        let output = java.wait_with_output();
        let wrote = writer.join().map_err(|_| anyhow::anyhow!("the writer crashed"));
        wrote.and_then(|wrote| Ok(wrote.and(output)?))
    });
    let output = writer?;
    if !output.status.success() {
        bail!("{program}.java ended with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The events that the pattern of this number is asked about.
fn events_of(number: usize) -> impl Iterator<Item = usize> {
    (0..EVENTS_EACH).map(move |n| (number * 7 + n * 3) % EVENTS)
}

fn layout_questions(cases: &[String]) -> String {
    let mut questions = String::new();
    for (number, pattern) in cases.iter().enumerate() {
        let events: Vec<String> = events_of(number).map(|n| n.to_string()).collect();
        questions.push_str(&events.join(","));
        questions.push('\t');
        questions.push_str(&escape(pattern));
        questions.push('\n');
    }
    questions
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

/// The events, and for each pattern a sum over what was said of it, or that it was refused.
fn golden(said: &str) -> (String, String) {
    let mut events = String::new();
    let mut golden = String::new();
    let mut sum = Sum::default();
    let mut open = false;
    for line in said.lines() {
        let Some((kind, rest)) = line.split_once('\t') else { continue };
        match kind {
            "event" => {
                events.push_str(rest);
                events.push('\n');
            }
            "pattern" => {
                if std::mem::replace(&mut open, true) {
                    close(&mut golden, std::mem::take(&mut sum));
                }
                golden.push_str(rest);
            }
            "is" => {
                let text = rest.split_once('\t').map_or("", |(_, text)| text);
                sum.add(text);
            }
            _ => sum.refused = true,
        }
    }
    if open {
        close(&mut golden, sum);
    }
    (events, golden)
}

fn close(golden: &mut String, sum: Sum) {
    if sum.refused {
        golden.push_str("\trefused\n");
    } else {
        writeln!(golden, "\t{:016x}", sum.value).ok();
    }
}

/// FNV-1a over texts, each followed by a line feed.
struct Sum {
    value: u64,
    refused: bool,
}

impl Default for Sum {
    fn default() -> Self {
        Sum { value: 0xcbf2_9ce4_8422_2325, refused: false }
    }
}

impl Sum {
    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([b'\n']) {
            self.value = (self.value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
