//! What the tests of this crate share: a real clock, entries as text, and stores in folders that go
//! away. Compiled for tests only.

use crate::collect::{CollectorOptions, Durability, LogCollector, OnFull, RunContext, RunTicket};
use crate::fs::{Fs, OsFs};
use databuild_model::clock::Clock;
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId};
use databuild_model::time::Timestamp;
use std::io::{PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A clock that runs as this machine's does, from the moment at which the runs of the tests began.
pub(crate) struct RealClock(Instant);

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
    pub(crate) fn new() -> Self {
        RealClock(Instant::now())
    }
}

impl Clock for RealClock {
    fn wall(&self) -> Timestamp {
        Timestamp::parse(STARTED).unwrap().saturating_add(self.0.elapsed())
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The moment at which the runs of the tests began.
pub(crate) const STARTED: &str = "2025-01-27T23:59:59Z";

pub(crate) fn run_id(text: &str) -> JobRunId {
    JobRunId::parse(text).unwrap()
}

pub(crate) fn context(run: &str) -> RunContext {
    RunContext {
        job_run_id: run_id(run),
        job_label: Some(JobLabel::parse("report").unwrap()),
        job_type: None,
        app: Some(AppName::parse("shop").unwrap()),
        build_id: Some(BuildId::parse("b42").unwrap()),
        started_at: Timestamp::parse(STARTED).unwrap(),
        continues: false,
        stored_mark: None,
    }
}

/// A log entry as a wrapper writes it, without a line feed.
pub(crate) fn log_line(run: &str, seq: u64, level: &str, message: &str) -> String {
    let second = seq % 60;
    format!(
        "{{\"timestamp\":\"2025-01-27T10:30:{second:02}.000000001Z\",\"job_id\":\"{run}\",\
         \"outputs\":[{{\"path\":\"out/a\"}}],\"sequence_number\":{seq},\"content\":{{\"log\":\
         {{\"level\":\"{level}\",\"message\":\"{message}\"}}}}}}"
    )
}

/// A `run_end` event.
pub(crate) fn end_line(run: &str, seq: u64) -> String {
    format!(
        "{{\"timestamp\":\"2025-01-27T10:31:00Z\",\"job_id\":\"{run}\",\"outputs\":[],\
         \"sequence_number\":{seq},\"content\":{{\"job_event\":{{\"event_type\":\"run_end\",\
         \"metadata\":{{\"cause\":\"success\",\"complete\":\"true\",\"duration_seconds\":\"1.5\"}},\
         \"exit_code\":0}}}}}}"
    )
}

/// A store in a folder of its own, with a collector.
pub(crate) struct Store {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) collector: Option<LogCollector>,
    pub(crate) durability: Durability,
    pub(crate) on_full: OnFull,
}

impl Store {
    pub(crate) fn new() -> Store {
        Store::with_fs(Arc::new(OsFs))
    }

    pub(crate) fn with_fs(fs: Arc<dyn Fs>) -> Store {
        Store::that(fs, Durability::default(), OnFull::default())
    }

    pub(crate) fn that(fs: Arc<dyn Fs>, durability: Durability, on_full: OnFull) -> Store {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store { dir, fs, collector: None, durability, on_full };
        store.start();
        store
    }

    pub(crate) fn start(&mut self) {
        let options = CollectorOptions {
            refresh_interval: Duration::from_millis(50),
            durability: self.durability,
            on_full: self.on_full,
            ..CollectorOptions::new(self.logs_dir().to_owned())
        };
        let clock = Arc::new(RealClock::new());
        self.collector = Some(LogCollector::start(options, self.fs.clone(), clock).unwrap());
    }

    pub(crate) fn collector(&self) -> &LogCollector {
        self.collector.as_ref().unwrap()
    }

    pub(crate) fn stop(&mut self) {
        self.collector.take().unwrap().stop().unwrap();
    }

    pub(crate) fn logs_dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn begin(&self, run: &str) -> (PipeWriter, RunTicket) {
        let (reader, writer) = std::io::pipe().unwrap();
        let ticket =
            self.collector().consume_job_output(context(run), reader.into(), None).unwrap();
        (writer, ticket)
    }

    /// Collects `text` as the whole output of `run`.
    pub(crate) fn collect(&self, run: &str, text: impl AsRef<[u8]>) -> crate::format::RunRecord {
        let (mut writer, ticket) = self.begin(run);
        writer.write_all(text.as_ref()).unwrap();
        drop(writer);
        ticket.wait().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.logs_dir().join("2025-01-27").join(name)
    }

    pub(crate) fn stored(&self, run: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{run}.jsonl"))).unwrap()
    }
}
