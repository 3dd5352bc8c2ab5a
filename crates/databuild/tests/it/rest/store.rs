//! Runs whose output the test writes itself, entry by entry, into a real collector: live as long as the
//! test wants, sealed when it says so.

use crate::env::TestEnv;
use databuild_logs::collect::{CollectorOptions, LogCollector, RunContext};
use databuild_logs::fs::OsFs;
use databuild_model::clock::Clock;
use databuild_model::entry::{
    Content, Fields, JobLogEntry, LogMessage, MetricPoint, Stream, WrapperJobEvent, event,
};
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId, PartitionRef};
use databuild_model::json;
use databuild_model::level::Level;
use databuild_model::time::Timestamp;
use std::io::{PipeWriter, Write, pipe};
use std::sync::Arc;
use std::time::Duration;

/// When the runs of a test began.
pub(crate) const START: &str = "2025-01-27T10:30:45Z";

/// A generator of numbers that is the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed)
    }

    /// SplitMix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).expect("an index")]
    }
}

/// Time that stands still.
struct Still;

impl Clock for Still {
    fn wall(&self) -> Timestamp {
        Timestamp::parse(START).expect("a time")
    }

    fn mono(&self) -> Duration {
        Duration::ZERO
    }
}

/// A run under way.
pub(crate) struct LiveRun {
    pub(crate) id: JobRunId,
    collector: LogCollector,
    ticket: databuild_logs::collect::RunTicket,
    pipe: PipeWriter,
    sequence: u64,
    time: Timestamp,
}

impl LiveRun {
    /// Begins a run in the store of `env`.
    pub(crate) fn begin(env: &TestEnv, id: &str) -> LiveRun {
        let options = CollectorOptions {
            refresh_interval: Duration::from_millis(10),
            ..CollectorOptions::new(env.work().join(".databuild/logs"))
        };
        let clock = Arc::new(Real::new());
        let collector = LogCollector::start(options, Arc::new(OsFs), clock).expect("a collector");
        let (reader, writer) = pipe().expect("a pipe");
        let id = JobRunId::parse(id).expect("an id");
        let context = RunContext {
            job_run_id: id.clone(),
            job_label: Some(JobLabel::parse("clean").expect("a label")),
            job_type: Some("batch".to_owned()),
            app: Some(AppName::parse("shop").expect("a name")),
            build_id: Some(BuildId::parse("b-1").expect("an id")),
            started_at: Timestamp::parse(START).expect("a time"),
            continues: false,
            stored_mark: None,
        };
        let ticket = collector.consume_job_output(context, reader.into(), None).expect("taken");
        let time = Still.wall();
        LiveRun { id, collector, ticket, pipe: writer, sequence: 0, time }
    }

    /// Writes one entry as a wrapper would, a quarter of a second after the one before.
    pub(crate) fn say(&mut self, content: Content) {
        self.sequence += 1;
        self.time = self.time.saturating_add(Duration::from_millis(250));
        let mut entry = JobLogEntry::new(self.time, self.id.clone(), self.sequence, content);
        entry.outputs = vec![PartitionRef::parse("clean/date=2025-01-27").expect("a ref")];
        let mut line = Vec::new();
        json::write_entry(&entry, &mut line);
        line.push(b'\n');
        self.pipe.write_all(&line).expect("the collector reads");
    }

    pub(crate) fn log(&mut self, level: Level, message: &str) {
        let mut log = LogMessage::new(level, message);
        log.fields = Fields::from_iter([("n", self.sequence.to_string())]);
        log.origin.stream = Some(Stream::Stdout);
        self.say(Content::Log(log));
    }

    /// Entries of all kinds and levels.
    pub(crate) fn chatter(&mut self, entries: u64, dice: &mut Dice) {
        const WORDS: [&str; 6] = [
            "reading orders",
            "bad amount \"12,50\"",
            "naïve ☃ 𝄞",
            "a\nb\tc",
            "Timeout 7",
            "\u{1b}[2J\u{202e}",
        ];
        for _ in 0..entries {
            match dice.below(10) {
                0 => self.say(Content::Metric(MetricPoint::new("rows_processed", 12.5, "rows"))),
                1 => self.say(Content::JobEvent(WrapperJobEvent::new(
                    event::HEARTBEAT,
                    Fields::from_iter([("cpu_seconds", "1.5")]),
                ))),
                _ => {
                    let level = dice.one(&Level::ALL);
                    let words = dice.one(&WORDS);
                    self.log(level, words);
                }
            }
        }
    }

    /// Ends and seals the run.
    pub(crate) fn end(mut self, exit_code: i32) {
        let cause = if exit_code == 0 { "success" } else { "exit" };
        let mut end = WrapperJobEvent::new(
            event::RUN_END,
            Fields::from_iter([
                ("cause", cause),
                ("complete", "true"),
                ("duration_seconds", "1.5"),
            ]),
        );
        end.exit_code = Some(exit_code);
        self.say(Content::JobEvent(end));
        drop(self.pipe);
        self.ticket.wait().expect("sealed");
        self.collector.stop().expect("stopped");
    }

    /// How many entries were written.
    pub(crate) fn written(&self) -> u64 {
        self.sequence
    }
}

/// The machine's time: the collector waits by it.
struct Real(std::time::Instant);

impl Real {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that the collector is given")]
    fn new() -> Self {
        Real(std::time::Instant::now())
    }
}

impl Clock for Real {
    fn wall(&self) -> Timestamp {
        Still.wall()
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}
