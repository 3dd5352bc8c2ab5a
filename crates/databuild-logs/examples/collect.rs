//! Collects standard input, or each of the pipes that are named, into a store; for measuring.
//!
//! `collect DIR [FIFO…]`: runs are called `run-0`, `run-1` … and the records are printed at the end.

use databuild_logs::collect::{CollectorOptions, LogCollector, RunContext};
use databuild_logs::fs::OsFs;
use databuild_model::clock::Clock;
use databuild_model::ids::{AppName, BuildId, JobLabel, JobRunId};
use databuild_model::time::Timestamp;
use rustix::fs::{Mode, OFlags};
use std::error::Error;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

struct SystemClock(Instant);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let logs_dir = args.next().ok_or("usage: collect DIR [FIFO…]")?;
    #[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
    let clock = Arc::new(SystemClock(Instant::now()));
    let mut inputs: Vec<OwnedFd> = Vec::new();
    for path in args {
        // A pipe with a name keeps the time of its last read on the disk; those of real jobs have none.
        let flags = OFlags::RDONLY | OFlags::NOATIME | OFlags::CLOEXEC;
        inputs.push(rustix::fs::open(&path, flags, Mode::empty())?);
    }
    if inputs.is_empty() {
        inputs.push(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 3)?);
    }
    let options = CollectorOptions::new(logs_dir);
    let collector = LogCollector::start(options, Arc::new(OsFs), clock.clone())?;
    let mut tickets = Vec::new();
    for (number, input) in inputs.into_iter().enumerate() {
        let run = RunContext {
            job_run_id: JobRunId::parse(format!("run-{number}"))?,
            job_label: Some(JobLabel::parse("report")?),
            job_type: None,
            app: Some(AppName::parse("demo")?),
            build_id: Some(BuildId::parse("0195f0a0-7a3c-7000-8000-000000000001")?),
            started_at: clock.wall(),
            continues: false,
            stored_mark: None,
        };
        tickets.push(collector.consume_job_output(run, input, None)?);
    }
    for ticket in tickets {
        let record = ticket.wait()?;
        writeln!(
            std::io::stdout(),
            "{} entries, {} bytes, {} malformed",
            record.entries,
            record.bytes,
            record.malformed
        )?;
    }
    Ok(collector.stop()?)
}
