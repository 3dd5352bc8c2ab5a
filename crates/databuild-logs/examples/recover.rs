//! Makes stores as a crash leaves them, and measures how long a collector takes to put them right.
//!
//! `recover DIR runs N`: N open runs of 20 lines; `recover DIR big BYTES`: one open run of so many bytes
//! with a torn tail, as its collector left it; `recover DIR start`: starts a collector.

use databuild_logs::collect::{CollectorOptions, LogCollector, RunContext};
use databuild_logs::format::JournalRecord;
use databuild_logs::fs::{Fs, OsFs};
use databuild_logs::store::journal::JournalWriter;
use databuild_logs::store::tally::BatchTally;
use databuild_model::clock::Clock;
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time at which everything here happens, and the seconds since the program began.
struct Fixed(Instant);

impl Clock for Fixed {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(1_737_974_246_000_000_000)
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

fn line(run: &JobRunId, sequence: u64) -> String {
    format!(
        "{{\"timestamp\":\"2025-01-27T10:30:46.000000001Z\",\"job_id\":\"{run}\",\"outputs\":[],\
         \"sequence_number\":{sequence},\"content\":{{\"log\":{{\"level\":\"INFO\",\"message\":\
         \"rows read from the source and kept for the next step\"}}}}}}\n"
    )
}

fn runs(dir: &Path, count: u64, day: Day) -> Result<(), Box<dyn Error>> {
    let folder = dir.join(day.to_string());
    OsFs.create_dir_all(&folder)?;
    OsFs.create_dir_all(&dir.join(".journal"))?;
    let mut journal = JournalWriter::open(&OsFs, dir, day)?.ok_or("no journal")?;
    for number in 0..count {
        let run = JobRunId::parse(format!("run-{number}"))?;
        let text: String = (1..=20).map(|sequence| line(&run, sequence)).collect();
        std::fs::write(folder.join(format!("{run}.jsonl")), text)?;
        let begun = BatchTally::default().record(run, day, false);
        journal.push(&JournalRecord::Batch(begun));
    }
    Ok(journal.flush()?)
}

fn big(dir: &Path, bytes: u64, clock: Arc<Fixed>) -> Result<(), Box<dyn Error>> {
    let run = JobRunId::parse("big")?;
    let started_at = clock.wall();
    let options = CollectorOptions::new(dir.to_owned());
    let collector = LogCollector::start(options, Arc::new(OsFs), clock)?;
    let (reader, mut writer) = std::io::pipe()?;
    let context = RunContext {
        job_run_id: run.clone(),
        job_label: None,
        job_type: None,
        app: None,
        build_id: None,
        started_at,
        continues: false,
        stored_mark: None,
    };
    drop(collector.consume_job_output(context, reader.into(), None)?);
    let (mut sequence, mut written) = (0, 0);
    while written < bytes {
        let mut text = String::new();
        while text.len() < 1 << 20 {
            sequence += 1;
            text += &line(&run, sequence);
        }
        writer.write_all(text.as_bytes())?;
        written += text.len() as u64;
    }
    let path = dir.join(started_at.day().to_string()).join("big.jsonl");
    while std::fs::metadata(&path)?.len() < bytes {
        std::thread::yield_now();
    }
    std::fs::OpenOptions::new().append(true).open(&path)?.write_all(b"{\"half")?;
    // As if it were killed: nothing is closed before the process is gone.
    std::mem::forget((writer, collector));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    #[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
    let clock = Arc::new(Fixed(Instant::now()));
    let number = |at: usize| {
        args.get(at).ok_or("a number is missing")?.parse::<u64>().map_err(Box::<dyn Error>::from)
    };
    let dir = PathBuf::from(args.first().ok_or("usage: recover DIR runs|big|start [N]")?);
    match args.get(1).map(String::as_str) {
        Some("runs") => runs(&dir, number(2)?, clock.wall().day()),
        Some("big") => big(&dir, number(2)?, clock),
        Some("start") => {
            let began = clock.mono();
            let options = CollectorOptions::new(dir);
            let collector = LogCollector::start(options, Arc::new(OsFs), clock.clone())?;
            let took = clock.mono() - began;
            let done = collector.recovery();
            let (runs, torn) = (done.restored.len(), done.torn_bytes);
            writeln!(std::io::stdout(), "{runs} runs, {torn} torn bytes: ready in {took:?}")?;
            Ok(collector.stop()?)
        }
        _ => Err("usage: recover DIR runs|big|start [N]".into()),
    }
}
