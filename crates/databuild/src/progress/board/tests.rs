//! A build under way in, the lines of the terminal and of a log file out.

use super::{Board, Ended, Fate, Running, said_line};
use crate::render::paint::Paint;
use databuild_graph::plan::RunNumber;
use databuild_model::bel::{RunEnd, RunSummary};
use databuild_model::cause::Cause;
use databuild_model::ids::{JobLabel, JobRunId, PartitionRef};
use expect_test::{Expect, expect};
use std::time::Duration;

fn label(text: &str) -> JobLabel {
    JobLabel::parse(text).expect("a label")
}

fn outputs(text: &str) -> Vec<PartitionRef> {
    vec![PartitionRef::parse(text).expect("a ref")]
}

fn board() -> Board {
    let mut board = Board::new(Paint::new(false), 6);
    board.receive(42);
    board.plan(3);
    board
}

fn run(number: u32) -> RunNumber {
    RunNumber { build: 42, run: number }
}

fn ended(number: u32, reference: &str, end: RunEnd, summary: RunSummary) -> Ended {
    Ended {
        run: run(number),
        label: label(reference.split('/').next().expect("a part")),
        outputs: outputs(reference),
        end,
        summary: RunSummary { duration_seconds: 1.24, ..summary },
        retried: false,
    }
}

fn success(rows: u64, warnings: u64) -> RunSummary {
    RunSummary { rows: Some(rows), warnings, ..RunSummary::of(Cause::Success) }
}

fn exit(code: i32) -> RunSummary {
    RunSummary { exit_code: Some(code), ..RunSummary::of(Cause::Exit) }
}

#[track_caller]
fn check(lines: &[String], expected: Expect) {
    expected.assert_eq(&format!("{}\n", lines.join("\n")));
}

#[test]
fn ended_runs_are_aligned_and_say_what_is_worth_knowing() {
    let board = board();
    let mut again = ended(2, "clean/date=2025-01-20", RunEnd::Failed, exit(1));
    again.retried = true;
    let runs = [
        ended(1, "ingest/date=2025-01-20", RunEnd::Completed, success(18_402, 0)),
        again,
        ended(3, "clean/date=2025-01-20", RunEnd::Completed, success(18_377, 1)),
        ended(4, "clean/date=2025-01-23", RunEnd::Failed, exit(3)),
        ended(5, "clean/date=2025-01-23", RunEnd::Cancelled, RunSummary::of(Cause::Cancelled)),
    ];
    let lines: Vec<String> = runs
        .iter()
        .map(|run| board.ended_line(run))
        .chain(runs.iter().map(|run| board.ended_log_line("10:31:07", run)))
        .collect();
    check(
        &lines,
        expect![[r#"
        ✔ ingest  date=2025-01-20     1.2s  18 402 rows
        ↻ clean   date=2025-01-20     1.2s  exit 1  again
        ✔ clean   date=2025-01-20     1.2s  18 377 rows  1 warning
        ✘ clean   date=2025-01-23     1.2s  exit 3
        – clean   date=2025-01-23     1.2s  cancelled
        10:31:07 made ingest date=2025-01-20 1.2s run=42.1 rows=18402
        10:31:07 RETRY clean date=2025-01-20 exit=1 1.2s run=42.2
        10:31:07 made clean date=2025-01-20 1.2s run=42.3 rows=18377 warnings=1
        10:31:07 FAILED clean date=2025-01-23 exit=3 1.2s run=42.4
        10:31:07 stopped clean date=2025-01-23 (cancelled) 1.2s run=42.5
    "#]],
    );
}

#[test]
fn the_block_shows_what_runs_and_how_far_the_build_is() {
    let mut board = board();
    let second = Duration::from_secs(1);
    for number in 1..=2 {
        board.start(Running {
            run: run(number),
            id: JobRunId::parse(format!("run-{number}")).expect("an id"),
            label: label("clean"),
            outputs: outputs("clean/date=2025-01-20"),
            attempt: number,
            since: second * number,
            usual: Some(Duration::from_secs_f64(if number == 1 { 1.3 } else { 20.0 })),
            progress: None,
        });
    }
    board.progress(run(1), "step 3/10 cleaning orders_0007.csv".to_owned());
    let now = second * 14;
    let mut lines: Vec<String> =
        board.running().iter().map(|running| board.running_line(running, now, 80)).collect();
    lines.push(board.bar_line(now, Duration::ZERO, ("[t] show output", 110)));
    lines.push(board.bar_line(now, Duration::ZERO, ("[t] show output", 80)));
    lines.push(said_line(Some("reading orders.csv"), 25));
    lines.push(said_line(None, 80));
    lines.push(board.heartbeat_line("10:31:37", now));
    board.end(run(1), second * 13);
    board.settle(Fate::Failed);
    board.settle(Fate::NotStarted);
    lines.push(board.bar_line(now, Duration::ZERO, ("", 110)));
    check(
        &lines,
        expect![[r#"
            ▸ clean   date=2025-01-20    13.0s  slow: usually 1.3s  step 3/10 cleaning orde…
            ▸ clean   date=2025-01-20    12.0s  attempt 2
              0/3 ░░░░░░░░░░░░░░░░░░░░░░   2 running   1 waiting   14.0s   about 10s left     [t] show output
              0/3 ░░░░░░░░░░░░░░░░░░░░░░   2 running   1 waiting   14.0s   about 10s left
                said last: reading o…
                said last: nothing yet
            10:31:37 … build 42: 0/3 done, running: clean date=2025-01-20 (13.0s), clean date=2025-01-20 (12.0s)
              2/3 ██████████████░░░░░░░░   1 failed   1 running   14.0s   about 10s left
        "#]],
    );
}
