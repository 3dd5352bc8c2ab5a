//! Asks one question of a store and prints the answer: `query DIR RUN SINCE UNTIL LEVEL`, with `-`
//! for what is not asked. Lines go to standard output, the time taken to standard error. Exists to
//! be measured.

use databuild_logs::fs::OsFs;
use databuild_logs::read::{LogReader, ReaderOptions};
use databuild_model::clock::Clock;
use databuild_model::ids::JobRunId;
use databuild_model::level::Level;
use databuild_model::query::{LevelSet, LogFilter};
use databuild_model::request::JobLogsRequest;
use databuild_model::time::Timestamp;
use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

struct SystemClock(Instant);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this program's clock")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, run, since, until, level] = arguments.as_slice() else {
        return Err("usage: query DIR RUN SINCE UNTIL LEVEL, - for what is not asked".into());
    };
    let given = |text: &str| (text != "-").then(|| text.to_owned());
    let time = |text: &str| given(text).map(|text| Timestamp::parse(&text)).transpose();
    let level = given(level).map(|text| Level::parse(&text).ok_or("no such level")).transpose()?;
    let filter = LogFilter {
        since: time(since)?,
        until: time(until)?,
        levels: level.map(LevelSet::at_least),
        ..LogFilter::default()
    };
    #[expect(clippy::disallowed_methods, reason = "this program's clock")]
    let clock = Arc::new(SystemClock(Instant::now()));
    let options =
        ReaderOptions { logs_dir: PathBuf::from(dir), cache_runs: 100, cache_bytes: 64 << 20 };
    let reader = LogReader::new(options, Arc::new(OsFs), clock.clone());
    let mut request = JobLogsRequest { filter, ..JobLogsRequest::all_of(JobRunId::parse(run)?) };
    let (mut lines, mut bytes) = (0, 0);
    let mut out = std::io::stdout().lock();
    loop {
        let page = reader.get_job_logs(&request)?;
        out.write_all(page.lines.as_ndjson())?;
        (lines, bytes) = (lines + page.lines.len(), bytes + page.lines.as_ndjson().len());
        request.page_token = page.next_page_token;
        if request.page_token.is_none() {
            break;
        }
    }
    out.flush()?;
    let took = clock.mono().as_micros();
    writeln!(std::io::stderr(), "{lines} lines, {bytes} bytes, {took} us")?;
    Ok(())
}
