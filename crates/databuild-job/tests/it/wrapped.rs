//! Starts the wrapper, and looks at what it said. The only file here that knows how.

use databuild_model::entry::{
    Content, Fields, JobLogEntry, Kind, LogMessage, Stream, WrapperJobEvent,
};
use databuild_model::json::read_entry;
use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

thread_local! {
    /// How the output of jobs that are started by this thread is captured.
    static CAPTURE: Cell<&'static str> = const { Cell::new("pipe") };
}

/// Makes tests of functions: one for each way in which output can be captured.
macro_rules! in_each_capture {
    ($($test:ident)*) => {
        mod pipe { $(#[test] fn $test() { $crate::wrapped::captured("pipe", super::$test); })* }
        mod spool { $(#[test] fn $test() { $crate::wrapped::captured("spool", super::$test); })* }
        mod file { $(#[test] fn $test() { $crate::wrapped::captured("file", super::$test); })* }
    };
}
pub(crate) use in_each_capture;

/// Runs `test` with jobs whose output is captured so.
pub(crate) fn captured(capture: &'static str, test: fn()) {
    CAPTURE.set(capture);
    test();
}

/// How it is in this test.
pub(crate) fn capture() -> &'static str {
    CAPTURE.get()
}

/// A wrapper that is ready to be started.
#[expect(clippy::disallowed_methods, reason = "the wrapper under test is a process")]
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_databuild-wrap-for-tests"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["DATABUILD_JOB_RUN_ID", "TRACEPARENT"] {
        command.env_remove(name);
    }
    command
}

/// The configuration of a job in `sh`; `more` are further keys.
pub(crate) fn sh(script: &str, more: &str) -> String {
    let script = serde_json::Value::from(script);
    format!("{{\"args\":[\"sh\",\"-c\",{script}],\"outputs\":[\"made/x=1\"]{more}}}")
}

/// A wrapper that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: BufReader<ChildStdout>,
    entries: Vec<JobLogEntry>,
    _spool: Option<tempfile::TempDir>,
}

/// What a wrapper has said, and how it ended.
pub(crate) struct Said {
    /// Of the wrapper; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) entries: Vec<JobLogEntry>,
    pub(crate) stderr: String,
}

pub(crate) fn start(mut command: Command, config: &str) -> Running {
    let mut child = command.spawn().unwrap();
    let mut stdin: ChildStdin = child.stdin.take().unwrap();
    let spool = (capture() != "pipe").then(|| tempfile::tempdir().unwrap());
    let config = match (&spool, config.strip_prefix('{')) {
        (Some(dir), Some(rest)) if rest.starts_with('"') => {
            let (dir, capture) = (dir.path().join("spool"), capture());
            format!(
                r#"{{"spool_dir":{dir:?},"capture":"{capture}","on_parent_death":"stop",{rest}"#
            )
        }
        (Some(_) | None, _) => config.to_owned(),
    };
    stdin.write_all(config.as_bytes()).unwrap();
    drop(stdin);
    let lines = BufReader::new(child.stdout.take().unwrap());
    Running { child, lines, entries: Vec::new(), _spool: spool }
}

pub(crate) fn run(config: &str) -> Said {
    start(command(), config).end()
}

impl Running {
    /// Sends `signal` to the wrapper.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn entry(&mut self) -> Option<JobLogEntry> {
        let mut line = String::new();
        if self.lines.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let (entry, problems) = read_entry(line.trim_end().as_bytes()).unwrap();
        assert_eq!(problems, [], "{line}");
        Some(entry)
    }

    /// Waits for a log entry that begins with `text`, and gives what follows it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let entry = self.entry().expect("the job says what is waited for");
            self.entries.push(entry.clone());
            if let Content::Log(log) = entry.content
                && let Some(rest) = log.message.strip_prefix(text)
            {
                return rest.to_owned();
            }
        }
    }

    /// Nobody reads any more.
    pub(crate) fn hang_up(self) -> Child {
        self.child
    }

    pub(crate) fn end(mut self) -> Said {
        while let Some(entry) = self.entry() {
            self.entries.push(entry);
        }
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = self.child.wait().unwrap().code();
        let said = Said { code, entries: self.entries, stderr };
        said.check();
        said
    }
}

impl Said {
    /// What holds for every run.
    pub(crate) fn check(&self) {
        let numbers: Vec<u64> = self.entries.iter().map(|it| it.sequence_number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "gapless from 1");
        let events = self.events();
        assert_eq!(events.first().unwrap().event_type, "job_config_started");
        let end = events.last().unwrap();
        assert_eq!(end.event_type, "run_end");
        assert!(matches!(self.entries.last().unwrap().content, Content::JobEvent(_)));
        assert_eq!(end.metadata.get("last_sequence"), Some(&numbers.len().to_string()[..]));
        let made = self.entries.iter().any(|it| it.content.kind() == Kind::Manifest);
        let failed = events.iter().any(|it| it.event_type == "job_exec_fail");
        assert_ne!(made, failed, "either a manifest or a failure");
        assert_eq!(made, end.metadata.get("cause") == Some("success"));
        assert_eq!(self.code == Some(0), made);
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.account(stream, end);
        }
    }

    /// What was read is in the ranges of the entries, one after another, or named by a gap.
    fn account(&self, stream: Stream, end: &WrapperJobEvent) {
        let number = |fields: &Fields, name| fields.get(name)?.parse::<u64>().ok();
        let mut at = 0;
        for entry in &self.entries {
            let range = match &entry.content {
                Content::JobEvent(it) if it.event_type == "gap" => {
                    let of = Stream::parse(it.metadata.get("stream").unwrap()).unwrap();
                    let from = number(&it.metadata, "from").unwrap();
                    Some((of, from..number(&it.metadata, "to").unwrap_or(from)))
                }
                Content::Log(_)
                | Content::Metric(_)
                | Content::JobEvent(_)
                | Content::Manifest(_) => entry.content.origin().range(),
            };
            if let Some((_, range)) = range.filter(|(of, _)| *of == stream) {
                assert_eq!(range.start, at, "{entry:?}");
                at = range.end;
            }
        }
        let read = number(&end.metadata, &format!("{}_bytes", stream.as_str())).unwrap();
        assert_eq!(at, read, "{}", stream.as_str());
        // Where each entry gives its bytes back, they have the hash that was told.
        let mut hasher = blake3::Hasher::new();
        let raw = self.logs_and_more().filter(|it| it.origin().stream == Some(stream)).all(|it| {
            let raw = match it {
                Content::Log(log) => databuild_model::origin::raw_bytes(log),
                Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
            };
            raw.map(|raw| hasher.update(&raw)).is_some()
        });
        let told = end.metadata.get(&format!("{}_blake3", stream.as_str()));
        if raw && end.metadata.get("complete") == Some("true") {
            let known = told.is_some() || end.metadata.get("wrapper_restarts").is_none();
            let hash = hasher.finalize().to_hex();
            assert_eq!(told, known.then_some(&hash[..]));
        }
    }

    fn logs_and_more(&self) -> impl Iterator<Item = &Content> {
        self.entries.iter().map(|it| &it.content)
    }

    pub(crate) fn logs(&self) -> Vec<&LogMessage> {
        let logs = self.entries.iter().filter_map(|it| match &it.content {
            Content::Log(log) => Some(log),
            Content::Metric(_) | Content::JobEvent(_) | Content::Manifest(_) => None,
        });
        logs.collect()
    }

    pub(crate) fn messages(&self) -> Vec<&str> {
        self.logs().into_iter().map(|log| log.message.as_str()).collect()
    }

    pub(crate) fn events(&self) -> Vec<&WrapperJobEvent> {
        let events = self.entries.iter().filter_map(|it| match &it.content {
            Content::JobEvent(event) => Some(event),
            Content::Log(_) | Content::Metric(_) | Content::Manifest(_) => None,
        });
        events.collect()
    }

    #[track_caller]
    pub(crate) fn event(&self, name: &str) -> &WrapperJobEvent {
        let found = self.events().into_iter().find(|event| event.event_type == name);
        found.unwrap_or_else(|| panic!("no {name} in {:#?}", self.entries))
    }

    /// A fact of `run_end`.
    pub(crate) fn end(&self, name: &str) -> &str {
        self.event("run_end").metadata.get(name).unwrap_or_default()
    }

    /// The entries in short: what they are, one word each.
    pub(crate) fn story(&self) -> String {
        let words = self.entries.iter().map(|it| match &it.content {
            Content::Log(_) => "log",
            Content::Metric(point) => point.name.as_str(),
            Content::JobEvent(event) => event.event_type.as_str(),
            Content::Manifest(_) => "manifest",
        });
        words.collect::<Vec<_>>().join(" ")
    }
}
