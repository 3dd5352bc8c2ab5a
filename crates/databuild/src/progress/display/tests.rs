//! A clock that is moved by hand in, the lines of a log file out.

use super::{Board, Display, Mode};
use crate::render::paint::Paint;
use crate::render::times::Times;
use databuild_graph::execute::observe::TaskInfo;
use databuild_graph::execute::{BuildObserver, Progress};
use databuild_graph::plan::RunNumber;
use databuild_model::clock::Clock;
use databuild_model::ids::{BuildId, JobLabel, JobRunId, PartitionRef};
use databuild_model::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Stands still until it is moved.
#[derive(Default)]
struct Moved(AtomicU64);

impl Moved {
    fn to(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Release);
    }
}

impl Clock for Moved {
    fn wall(&self) -> Timestamp {
        let start = Timestamp::parse("2025-01-27T10:31:07Z").expect("a time");
        let seconds = i64::try_from(self.0.load(Ordering::Acquire)).expect("small");
        Timestamp::from_nanos(start.as_nanos() + seconds * 1_000_000_000)
    }

    fn mono(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Acquire))
    }
}

#[test]
fn a_log_file_gets_a_line_every_thirty_seconds_while_nothing_ends() {
    let clock = Arc::new(Moved::default());
    let board = Board::new(Paint::new(false), 6);
    let display = Display::new(
        Mode::Lines,
        board,
        Arc::clone(&clock) as Arc<dyn Clock>,
        Times::new(true),
        "databuild".to_owned(),
    );
    let build = BuildId::parse("b").expect("an id");
    display.on_progress(&Progress::Received { build, number: 42 });
    display.on_progress(&Progress::Planned { wanted: 1, tasks: 15, up_to_date: 0 });
    let task = TaskInfo {
        task: 0,
        job_label: JobLabel::parse("ingest").expect("a label"),
        outputs: vec![PartitionRef::parse("ingest/date=2025-01-26").expect("a ref")],
    };
    clock.to(1);
    display.on_progress(&Progress::TaskStarted {
        task: Arc::new(task),
        run: RunNumber { build: 42, run: 1 },
        job_run_id: JobRunId::parse("r").expect("an id"),
        attempt: 1,
        usual: None,
    });
    // What was written at 0 s is the start of the build.
    let mut seen = Vec::new();
    for second in 1..=95 {
        clock.to(second);
        let line = display.heartbeat(&display.state(), clock.mono());
        seen.extend(line.map(|line| format!("{second}: {line}")));
        display.tick();
    }
    expect_test::expect![[r#"
        30: 10:31:37 … build 42: 0/15 done, running: ingest date=2025-01-26 (29.0s)
        60: 10:32:07 … build 42: 0/15 done, running: ingest date=2025-01-26 (59.0s)
        90: 10:32:37 … build 42: 0/15 done, running: ingest date=2025-01-26 (1m29s)"#]]
    .assert_eq(&seen.join("\n"));
}
