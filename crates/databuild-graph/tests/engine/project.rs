//! A project in a few lines of text, and an engine on it: for the tests and for the processes that
//! they start.

use databuild_graph::bel::Bel;
use databuild_graph::execute::{CaptureOptions, Engine, EngineParts, WrapperCommand};
use databuild_graph::spec::ProjectSpec;
use databuild_graph::spec::check::check;
use databuild_graph::spec::draft::{CommandDraft, JobDraft, KeyDraft, ProjectDraft};
use databuild_logs::collect::{CollectorOptions, LogCollector};
use databuild_logs::fs::OsFs;
use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of the machine.
pub(crate) struct RealClock(Instant);

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "the clock of these processes")]
    pub(crate) fn new() -> Self {
        RealClock(Instant::now())
    }
}

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "the clock of these processes")]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(0).saturating_add(since)
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Reads a project: `key n 1 2 3`, or `job LABEL | OUT | IN … | RETRIES | COMMAND`. An IN that begins
/// with `$` is the `needs` command, without spaces.
pub(crate) fn spec(folder: &Path, text: &str) -> Result<ProjectSpec, String> {
    let mut draft = ProjectDraft {
        name: Some("test".into()),
        folder: folder.to_path_buf(),
        ..ProjectDraft::default()
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(key) = line.strip_prefix("key ") {
            let mut words = key.split_whitespace().map(str::to_owned);
            let name = words.next().unwrap_or_default();
            draft.keys.push((name, KeyDraft::List(words.collect())));
            continue;
        }
        let mut parts = line.trim_start_matches("job ").splitn(5, '|').map(str::trim);
        let mut next = || parts.next().unwrap_or_default();
        let mut job = JobDraft::new(next()).out(next());
        for input in next().split_whitespace() {
            match input.strip_prefix('$') {
                Some(needs) => job.needs = Some(CommandDraft::Shell(needs.to_owned())),
                None => job = job.input(input),
            }
        }
        let retries = next().parse().unwrap_or(0);
        draft.jobs.push(job.retries(retries).run(next()));
    }
    let (spec, problems) = check(&draft);
    if problems.is_empty() { Ok(spec) } else { Err(format!("{problems:?}")) }
}

/// An engine on the project in `folder`, with `wrapper`.
pub(crate) fn engine(
    folder: &Path,
    spec: Option<ProjectSpec>,
    wrapper: WrapperCommand,
    lease: Duration,
) -> Result<Engine, Box<dyn std::error::Error>> {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let state_dir = folder.join(".databuild");
    let logs_dir = state_dir.join("logs");
    let options = CollectorOptions {
        refresh_interval: Duration::from_millis(200),
        ..CollectorOptions::new(logs_dir.clone())
    };
    let collector = LogCollector::start(options, Arc::new(OsFs), Arc::clone(&clock))?;
    Ok(Engine::new(EngineParts {
        spec: spec.map(Arc::new).into(),
        bel: Arc::new(Bel::open(state_dir.join("bel.sqlite"), Arc::clone(&clock))?),
        collector: Arc::new(collector),
        clock,
        wrapper,
        state_dir,
        lease,
        capture: CaptureOptions::new(logs_dir),
    }))
}
