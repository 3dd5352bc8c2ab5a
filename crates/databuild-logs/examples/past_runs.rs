//! What the metrics of a store with many past runs cost. For `cargo xtask bench`.
//!
//! `past_runs make DIR N` makes a store of `N` runs that ended; `past_runs scrape DIR TIMES` takes up the
//! kept totals, and then looks for what is new and prints all series, so often.

use databuild_logs::format::journal::{self, BatchRecord, JournalRecord};
use databuild_logs::format::{IndexHeader, RunEnd, RunRecord, index};
use databuild_logs::fs::OsFs;
use databuild_logs::metrics_feed::MetricsFeed;
use databuild_logs::store::RunPaths;
use databuild_metrics::expose::{Format, expose};
use databuild_model::cause::Cause;
use databuild_model::ids::{JobLabel, JobRunId};
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming::{JOURNAL_DIR, JournalName};
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Jobs of the store; so the series are as many, however many runs there were.
const JOBS: usize = 50;
const RUNS_A_DAY: usize = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, dir, number] = args.as_slice() else { return Err("make|scrape DIR N".into()) };
    let (dir, number) = (Path::new(dir), number.parse()?);
    match what.as_str() {
        "make" => make(dir, number),
        "scrape" => scrape(dir, number),
        other => Err(format!("{other} is neither make nor scrape").into()),
    }
}

fn make(dir: &Path, runs: usize) -> Result<(), Box<dyn Error>> {
    let first = Day::parse("2024-01-01")?;
    fs::create_dir_all(dir.join(JOURNAL_DIR))?;
    for (nth, start) in (0..runs).step_by(RUNS_A_DAY).enumerate() {
        let day = Day::from_number(first.number() + i32::try_from(nth)?);
        let mut bytes = Vec::new();
        journal::write_header(&mut bytes);
        for run in start..runs.min(start + RUNS_A_DAY) {
            let record = past_run(dir, day, run)?;
            journal::write_record(&JournalRecord::Batch(record), &mut bytes);
        }
        journal::write_record(&JournalRecord::Closed, &mut bytes);
        let name = JournalName { day, collector: 0 }.file_name();
        fs::write(dir.join(JOURNAL_DIR).join(name), bytes)?;
    }
    Ok(())
}

/// One run of three entries, with its files.
fn past_run(dir: &Path, day: Day, run: usize) -> Result<BatchRecord, Box<dyn Error>> {
    let id = JobRunId::parse(format!("run-{run}"))?;
    let label = JobLabel::parse(format!("job-{}", run % JOBS))?;
    let time = format!("{day}T10:00:00Z");
    let entry = |sequence: u32, content: &str| {
        format!(
            "{{\"timestamp\":\"{time}\",\"job_id\":\"{id}\",\"outputs\":[],\
             \"sequence_number\":{sequence},\"content\":{{{content}}}}}\n"
        )
    };
    let metric =
        "\"metric\":{\"name\":\"rows_processed\",\"value\":1000,\"labels\":{},\"unit\":\"\"}";
    let text = entry(1, "\"log\":{\"level\":\"INFO\",\"message\":\"hello\"}")
        + &entry(2, metric)
        + &entry(3, "\"job_event\":{\"event_type\":\"run_end\",\"metadata\":{}}");
    let paths = RunPaths::new(dir, day, &id);
    fs::create_dir_all(&paths.dir)?;
    fs::write(&paths.entries, &text)?;
    let at = Timestamp::parse(&time)?;
    let end = RunEnd {
        exit_code: Some(0),
        signal: None,
        cause: Cause::Success,
        complete: true,
        duration_seconds: 1.5,
    };
    let record = RunRecord {
        job_label: Some(label.clone()),
        entries: 3,
        bytes: text.len() as u64,
        last_sequence: 3,
        last_time: Some(at),
        end: Some(end),
        ..RunRecord::default()
    };
    let header = IndexHeader {
        job_run_id: id.clone(),
        job_label: Some(label),
        job_type: None,
        app: None,
        build_id: None,
    };
    let mut bytes = Vec::new();
    index::write_header(&header, &mut bytes);
    index::write_seal(&record, &mut bytes);
    fs::write(&paths.index, bytes)?;
    Ok(BatchRecord {
        job_run_id: id,
        day,
        offset: 0,
        bytes: text.len() as u64,
        first_line: 0,
        entries: 3,
        min_time: at,
        max_time: at,
        level_counts: [0, 0, 1, 0, 0, 0],
        kind_counts: [1, 1, 1, 0],
        sealed: true,
        synced: None,
        size_counts: [0; 8],
    })
}

fn scrape(dir: &Path, times: usize) -> Result<(), Box<dyn Error>> {
    let mut feed = MetricsFeed::open(dir.to_owned(), Vec::new(), Arc::new(OsFs))?;
    feed.read_new()?;
    feed.save()?;
    let mut bytes = 0;
    for _ in 0..times {
        feed.read_new()?;
        feed.save()?;
        bytes += expose(&[feed.totals().registry()], Format::Classic).len();
    }
    writeln!(std::io::stdout(), "{bytes}")?;
    Ok(())
}
