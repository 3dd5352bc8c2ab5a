//! The wrapper as a program of its own, for the tests: configuration on standard input (or in the
//! file that the first argument names, and then the job inherits our standard input).

use databuild_job::{JobStdin, WrapOptions, wrap};
use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

struct SystemClock {
    start: Instant,
    /// What the wall clock said then, and how it is set later: after milliseconds, by seconds.
    script: Option<(Timestamp, Vec<(u64, i64)>)>,
}

/// `NANOSECONDS MILLISECONDS:SECONDS …`: see [`SystemClock::script`].
fn script(text: &str) -> Option<(Timestamp, Vec<(u64, i64)>)> {
    let mut words = text.split(' ');
    let start = Timestamp::from_nanos(words.next()?.parse().ok()?);
    let step = |word: &str| {
        let (after, by) = word.split_once(':')?;
        Some((after.parse().ok()?, by.parse().ok()?))
    };
    Some((start, words.map(step).collect::<Option<_>>()?))
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the clock of this program")]
    fn wall(&self) -> Timestamp {
        if let Some((start, steps)) = &self.script {
            let mono = self.mono();
            let past = |it: &&(u64, i64)| Duration::from_millis(it.0) <= mono;
            let set: i64 = steps.iter().filter(past).map(|it| it.1).sum();
            let nanos = start.as_nanos() + set * 1_000_000_000;
            return Timestamp::from_nanos(nanos).saturating_add(mono);
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(0).saturating_add(since)
    }

    fn mono(&self) -> Duration {
        self.start.elapsed()
    }
}

#[expect(clippy::disallowed_methods, reason = "this program owns its clock and its environment")]
fn main() -> std::io::Result<ExitCode> {
    let mut config = Vec::new();
    let job_stdin = if let Some(file) = std::env::args_os().nth(1) {
        config = std::fs::read(file)?;
        JobStdin::Inherit
    } else {
        std::io::stdin().read_to_end(&mut config)?;
        JobStdin::Null
    };
    let options = WrapOptions {
        config,
        run_id: std::env::var("DATABUILD_JOB_RUN_ID").ok(),
        output: std::io::stdout().as_fd().try_clone_to_owned()?,
        diagnostics: std::io::stderr().as_fd().try_clone_to_owned()?,
        job_stdin,
        search_path: std::env::var_os("PATH"),
        traceparent: std::env::var("TRACEPARENT").ok(),
    };
    let script = std::env::var("WRAP_TEST_CLOCK").ok().and_then(|text| script(&text));
    let clock = SystemClock { start: Instant::now(), script };
    Ok(ExitCode::from(u8::try_from(wrap(options, &clock)).unwrap_or(125)))
}
