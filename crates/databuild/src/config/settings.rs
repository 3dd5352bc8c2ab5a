//! `[logs]`, `[metrics]` and `[serve]`, with what the environment says about them.

use super::Source;
use super::env::Environment;
use super::extract::Raw;
use super::problem::{Code, Problem, Severity};
use super::tree;
use databuild_graph::spec::check::{choice_problem, duration_problem, size_problem};
use databuild_graph::spec::problem::{Code as SpecCode, Place, SpecProblem};
use databuild_graph::spec::unit::{parse_duration, parse_size};
use databuild_logs::collect::{Durability, OnFull};
use databuild_model::spool::{Capture, OnParentDeath};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeTable;

/// The longest that an entry stays unwritten, unless something else is said.
pub(super) const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// How many finished runs are kept open for reading, unless something else is said.
pub(super) const CACHE_RUNS: usize = 100;

/// Most runs that may be kept open: each has file handles and an index in memory.
const CACHE_RUNS_MAX: usize = 100_000;

/// Most raw output of one run that waits to be collected, unless something else is said.
pub(super) const SPOOL_BYTES_MAX: u64 = 64 << 20;

/// Less than this holds up every job that writes faster than a disk syncs.
const SPOOL_BYTES_MIN: u64 = 1 << 20;

/// Where logs are kept below the project's folder, unless something else is said.
pub(super) const LOGS_DIR: &str = ".databuild/logs";

/// Where the service listens, unless something else is said.
pub(super) const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8440);

/// Labels that metrics have of their own, or that Prometheus keeps for itself.
const LABELS_TAKEN: [&str; 9] =
    ["job_label", "job_type", "job_run_id", "name", "result", "job", "instance", "le", "quantile"];

pub(super) struct Settings {
    pub(super) logs_dir: PathBuf,
    pub(super) refresh_interval: Duration,
    pub(super) cache_runs: usize,
    pub(super) capture: Capture,
    pub(super) spool_bytes_max: u64,
    pub(super) on_parent_death: OnParentDeath,
    pub(super) durability: Durability,
    pub(super) on_full: OnFull,
    pub(super) metric_labels: Vec<String>,
    pub(super) listen: SocketAddr,
}

struct Checker<'a> {
    source: &'a Source,
    table: &'a Spanned<DeTable<'a>>,
    problems: &'a mut Vec<Problem>,
}

pub(super) fn check(
    source: &Source,
    table: &Spanned<DeTable<'_>>,
    raw: &Raw,
    env: &Environment,
    problems: &mut Vec<Problem>,
) -> Settings {
    let mut checker = Checker { source, table, problems };
    let logs_dir = match (&env.logs_dir, &raw.logs_dir) {
        (Some(dir), _) => source.folder.join(dir),
        (None, Some(dir)) => checker.folder(dir),
        (None, None) => source.folder.join(LOGS_DIR),
    };
    let in_file = checker.refresh_interval(raw);
    let refresh_interval =
        checker.refresh_interval_of_env(env).or(in_file).unwrap_or(REFRESH_INTERVAL);
    let in_file = checker.cache_runs(raw);
    let cache_runs = checker.cache_runs_of_env(env).or(in_file).unwrap_or(CACHE_RUNS);
    let capture =
        checker.choice(&["logs", "capture"], raw.capture.as_ref(), Capture::ALL, Capture::as_str);
    let on_parent_death = checker.choice(
        &["project", "on_parent_death"],
        raw.on_parent_death.as_ref(),
        OnParentDeath::ALL,
        OnParentDeath::as_str,
    );
    let spool_bytes_max = checker.spool_bytes_max(raw);
    let durability = checker.choice(
        &["logs", "durability"],
        raw.durability.as_ref(),
        &Durability::ALL,
        Durability::as_str,
    );
    let on_full =
        checker.choice(&["logs", "on_full"], raw.on_full.as_ref(), &OnFull::ALL, OnFull::as_str);
    checker.labels(raw);
    let in_file = raw.listen.as_deref().and_then(|text| checker.listen(text));
    let listen = checker.listen_of_env(env).or(in_file).unwrap_or(LISTEN);
    Settings {
        logs_dir,
        refresh_interval,
        cache_runs,
        capture: capture.unwrap_or_default(),
        spool_bytes_max: spool_bytes_max.unwrap_or(SPOOL_BYTES_MAX),
        on_parent_death: on_parent_death.unwrap_or_default(),
        durability: durability.unwrap_or_default(),
        on_full: on_full.unwrap_or_default(),
        metric_labels: raw.metric_labels.clone(),
        listen,
    }
}

impl Checker<'_> {
    fn add(&mut self, place: &Place, code: &'static str, message: String, help: String) {
        let span = Some(tree::span_of(&self.source.text, self.table, place));
        self.problems.push(Problem { severity: Severity::Error, code, message, help, span });
    }

    fn folder(&mut self, dir: &str) -> PathBuf {
        if dir.is_empty() || dir.contains('\0') || dir.contains("://") {
            let place = Place::at(["logs", "dir"]);
            let message = format!("`{dir}` is not a folder of this machine");
            let help = "write a folder; a relative one is below the project's".to_owned();
            self.add(&place, SpecCode::BadFolder.as_str(), message, help);
        }
        self.source.folder.join(dir)
    }

    fn refresh_interval(&mut self, raw: &Raw) -> Option<Duration> {
        let text = raw.refresh_interval.as_ref()?;
        match parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let problem =
                    duration_problem(&error, text, Place::at(["logs", "refresh_interval"]));
                self.told(problem);
                None
            }
        }
    }

    fn refresh_interval_of_env(&mut self, env: &Environment) -> Option<Duration> {
        let text = env.refresh_interval_ms.as_ref()?;
        match text.trim().parse() {
            Ok(milliseconds) if 0 < milliseconds => Some(Duration::from_millis(milliseconds)),
            Ok(_) | Err(_) => {
                self.variable("DATABUILD_LOG_REFRESH_INTERVAL_MS", text, "milliseconds", "1000");
                None
            }
        }
    }

    fn choice<T: Copy>(
        &mut self,
        path: &[&str],
        text: Option<&String>,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let text = text?;
        let found = all.iter().copied().find(|one| word(*one) == text);
        if found.is_none() {
            let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
            self.told(choice_problem(text, &words, Place::at(path.iter().copied())));
        }
        found
    }

    fn spool_bytes_max(&mut self, raw: &Raw) -> Option<u64> {
        let text = raw.spool_bytes_max.as_ref()?;
        let place = || Place::at(["logs", "spool_bytes_max"]);
        match parse_size(text) {
            Ok(bytes) if SPOOL_BYTES_MIN <= bytes => return Some(bytes),
            Ok(_) => {
                let message = format!("`spool_bytes_max` cannot be {text}");
                let help = "use 1MiB or more: less holds every job up".to_owned();
                self.add(&place(), SpecCode::BadNumber.as_str(), message, help);
            }
            Err(error) => self.told(size_problem(&error, text, place())),
        }
        None
    }

    fn told(&mut self, problem: SpecProblem) {
        let SpecProblem { code, message, help, place } = problem;
        self.add(&place, code.as_str(), message, help);
    }

    fn cache_runs(&mut self, raw: &Raw) -> Option<usize> {
        let typed = raw.cache_runs?;
        match usize::try_from(typed) {
            Ok(runs) if (1..=CACHE_RUNS_MAX).contains(&runs) => Some(runs),
            Ok(_) | Err(_) => {
                let place = Place::at(["logs", "cache_runs"]);
                let help = format!("use 1 to {CACHE_RUNS_MAX}");
                let message = format!("`cache_runs` cannot be {typed}");
                self.add(&place, SpecCode::BadNumber.as_str(), message, help);
                None
            }
        }
    }

    fn cache_runs_of_env(&mut self, env: &Environment) -> Option<usize> {
        let text = env.cache_size.as_ref()?;
        match text.trim().parse() {
            Ok(runs) if (1..=CACHE_RUNS_MAX).contains(&runs) => Some(runs),
            Ok(_) | Err(_) => {
                self.variable("DATABUILD_LOG_CACHE_SIZE", text, "a number of runs", "100");
                None
            }
        }
    }

    fn variable(&mut self, name: &str, value: &str, wanted: &str, example: &str) {
        let message = format!("the variable {name} is {value:?}, which is not {wanted}");
        self.problems.push(Problem::error(
            Code::BadVariable,
            None,
            message,
            format!("set it to {example}, or unset it"),
        ));
    }

    fn labels(&mut self, raw: &Raw) {
        for (at, label) in raw.metric_labels.iter().enumerate() {
            let place = Place::at(["metrics", "labels"]).item(at);
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let name =
                label.starts_with(|c: char| c.is_ascii_alphabetic()) && label.chars().all(word);
            if !name {
                let help = "use a letter, then letters, digits and _".to_owned();
                self.add(
                    &place,
                    Code::BadLabel.as_str(),
                    format!("`{label}` cannot be a label"),
                    help,
                );
            } else if LABELS_TAKEN.contains(&label.as_str()) {
                let help = "use another name: this one has a meaning already".to_owned();
                self.add(
                    &place,
                    Code::BadLabel.as_str(),
                    format!("the label `{label}` is taken"),
                    help,
                );
            } else if raw.metric_labels.iter().take(at).any(|known| known == label) {
                self.add(
                    &place,
                    Code::BadLabel.as_str(),
                    format!("`{label}` stands here twice"),
                    "remove one".to_owned(),
                );
            }
        }
    }

    fn listen(&mut self, text: &str) -> Option<SocketAddr> {
        let place = Place::at(["serve", "listen"]);
        match address(text) {
            Ok(address) => Some(address),
            Err((message, help)) => {
                self.add(&place, Code::BadAddress.as_str(), message, help.to_owned());
                None
            }
        }
    }

    fn listen_of_env(&mut self, env: &Environment) -> Option<SocketAddr> {
        match address(env.listen.as_ref()?) {
            Ok(address) => Some(address),
            Err((message, help)) => {
                self.problems.push(Problem::error(
                    Code::BadVariable,
                    None,
                    format!("the variable DATABUILD_LISTEN: {message}"),
                    help,
                ));
                None
            }
        }
    }
}

/// An address that only this machine can reach: there is nothing yet that could tell friend from foe.
fn address(text: &str) -> Result<SocketAddr, (String, &'static str)> {
    let example = "write an address of this machine and a port: 127.0.0.1:8440";
    let text = text.trim();
    let spelled = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    let address: SocketAddr =
        spelled.parse().map_err(|_| (format!("`{text}` is not an address"), example))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err((
            format!("`{text}` can be reached from other machines"),
            "listen on 127.0.0.1 or [::1], and let a proxy that checks who asks stand before it",
        ))
    }
}
