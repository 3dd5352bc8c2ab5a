//! The thread that owns the saver: starts it, tells once a second what it does, reads the configuration again
//! when it is asked to, and ends it in order.

mod rates;

use super::format::{PipelineEntry, SaverStatus, VERSION};
use super::pipelines::{World, kind_and_target};
use super::report::Report;
use databuild_io::sink::SinkError;
use databuild_metrics::saver::{PipelineState as Shown, PipelineStats, SaverStats};
use databuild_model::ids::PipelineName;
use databuild_model::time::Timestamp;
use databuild_saver::saver::{Reloaded, Saver, Stopped};
use databuild_saver::settings::PipelineSettings;
use databuild_saver::status::{LastError, PipelineState, PipelineStatus};
use rates::Rates;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a saver tells what it does.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How often one without pipelines looks up: it only waits to be told something.
const IDLE_EVERY: Duration = Duration::from_secs(3_600);

/// How long pipelines may take to end: as long as requests may.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Reads the configuration again: its pipelines, or what is wrong.
pub(crate) type Load = Box<dyn Fn() -> Result<Vec<PipelineSettings>, String> + Send>;

/// What a host is made with.
pub(crate) struct HostParts {
    /// The project; whose name the application of a run is that names none.
    pub(crate) project: String,
    /// What pipelines are made with.
    pub(crate) world: World,
    /// Reads the configuration again.
    pub(crate) load: Load,
    /// Nothing is said on stderr but what goes wrong.
    pub(crate) quiet: bool,
}

/// A saver that runs.
pub(crate) struct SaverHost {
    inbox: SyncSender<Told>,
    thread: JoinHandle<Vec<String>>,
    board: Arc<Board>,
}

/// What the thread is told.
enum Told {
    Reload,
    Stop,
}

/// What a saver says of itself, for other threads of its process.
#[derive(Default)]
pub(crate) struct Board {
    posted: Mutex<Posted>,
    /// What tells the settings of each pipeline that runs from others.
    in_use: Mutex<Vec<String>>,
}

/// What was said last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Posted {
    /// For metrics.
    pub(crate) stats: SaverStats,
    /// Why the configuration of before is used, if it is.
    pub(crate) problem: Option<String>,
    /// Pipelines that need a person, with why.
    pub(crate) troubled: Vec<String>,
}

impl Board {
    /// What was said last.
    pub(crate) fn read(&self) -> Posted {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the pipelines that run are those of these fingerprints.
    pub(crate) fn goes_by(&self, fingerprints: &[String]) -> bool {
        *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) == fingerprints
    }

    fn post(&self, posted: Posted) {
        *self.posted.lock().unwrap_or_else(PoisonError::into_inner) = posted;
    }

    fn put_into_use(&self, fingerprints: Vec<String>) {
        *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) = fingerprints;
    }
}

impl SaverHost {
    /// Starts the pipelines. Without any, nothing is made, and nothing runs until the configuration has
    /// some.
    pub(crate) fn start(
        parts: HostParts,
        pipelines: Vec<PipelineSettings>,
    ) -> Result<SaverHost, SinkError> {
        let board = Arc::<Board>::default();
        let mut desk = Desk::new(parts, Arc::clone(&board));
        desk.apply(pipelines)?;
        // Two orders at once are more than anybody gives.
        let (inbox, told) = sync_channel(2);
        let work = move || desk.run(&told);
        let spawned = std::thread::Builder::new().name("saver".to_owned()).spawn(work);
        let thread = spawned.map_err(|source| SinkError {
            kind: databuild_io::sink::SinkErrorKind::Transient,
            doing: "start a thread for",
            path: "the saver".to_owned(),
            source: Some(source),
        })?;
        Ok(SaverHost { inbox, thread, board })
    }

    /// What it says of itself.
    pub(crate) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Has the configuration read again.
    pub(crate) fn reload(&self) {
        // One that is full has this order already.
        self.inbox.try_send(Told::Reload).ok();
    }

    /// Ends the pipelines in order. Those that did not end in time.
    pub(crate) fn stop(self) -> Vec<String> {
        self.inbox.send(Told::Stop).ok();
        // A panic was told on stderr when it happened.
        self.thread.join().unwrap_or_default()
    }
}

/// What the thread works with.
struct Desk {
    parts: HostParts,
    board: Arc<Board>,
    saver: Option<Saver>,
    report: Option<Report>,
    /// Kind and target of each pipeline.
    about: BTreeMap<String, (&'static str, String)>,
    rates: Rates,
    started_at: Timestamp,
    problem: Option<String>,
    /// The state of each pipeline that was told on stderr.
    told: BTreeMap<String, PipelineState>,
    /// How many losses of each were.
    told_losses: BTreeMap<String, u64>,
}

impl Desk {
    fn new(parts: HostParts, board: Arc<Board>) -> Desk {
        let started_at = parts.world.clock.wall();
        Desk {
            parts,
            board,
            saver: None,
            report: None,
            about: BTreeMap::new(),
            rates: Rates::default(),
            started_at,
            problem: None,
            told: BTreeMap::new(),
            told_losses: BTreeMap::new(),
        }
    }

    fn run(mut self, told: &Receiver<Told>) -> Vec<String> {
        loop {
            let statuses = self.saver.as_ref().map(Saver::status).unwrap_or_default();
            self.tell(&statuses);
            let wait = if self.saver.is_some() { TELL_EVERY } else { IDLE_EVERY };
            match told.recv_timeout(wait) {
                Ok(Told::Reload) => self.reload(),
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => return self.stop(),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Has exactly these pipelines run.
    fn apply(&mut self, pipelines: Vec<PipelineSettings>) -> Result<Reloaded, SinkError> {
        if self.saver.is_none() && pipelines.is_empty() {
            return Ok(Reloaded::default());
        }
        let world = &self.parts.world;
        let saver = match &mut self.saver {
            Some(saver) => saver,
            None => {
                let home = Arc::new(world.home()?);
                self.report = Report::open(home.as_ref(), &world.home_dir())?;
                let saver = Saver::new(&self.parts.project, home, Arc::clone(&world.clock));
                self.saver.insert(saver)
            }
        };
        self.about = pipelines.iter().map(|it| (it.name.clone(), kind_and_target(it))).collect();
        let pipelines: Vec<_> = pipelines.into_iter().map(|it| world.pipeline(it)).collect();
        let fingerprints = pipelines.iter().map(|it| it.fingerprint.clone()).collect();
        let done = saver.reload(pipelines, GRACE);
        self.board.put_into_use(fingerprints);
        Ok(done)
    }

    fn reload(&mut self) {
        let loaded = (self.parts.load)();
        let applied = loaded.and_then(|pipelines| {
            self.apply(pipelines).map_err(|error| format!("{error}\n{}", error.remedy()))
        });
        match applied {
            Ok(done) => {
                self.problem = None;
                self.say(&told_of(&done));
            }
            Err(problem) => {
                warn(&format!(
                    "the new configuration is not used, the one before stays:\n{problem}"
                ));
                self.problem = Some(problem);
            }
        }
    }

    fn stop(mut self) -> Vec<String> {
        let Some(saver) = self.saver.take() else { return Vec::new() };
        let Stopped { late, last } = saver.stop(GRACE);
        for name in &late {
            warn(&format!(
                "pipeline {name} did not end in time; it goes on where its last record is"
            ));
        }
        // Whoever looks later sees what was done until the end.
        self.tell(&last);
        late
    }

    /// Tells what the pipelines do.
    fn tell(&mut self, statuses: &[PipelineStatus]) {
        let now = self.parts.world.clock.wall();
        self.rates.note(self.parts.world.clock.mono(), statuses);
        let entries = statuses.iter().map(|status| {
            let about = self.about.get(&status.name);
            let (kind, target) = about.map_or(("", ""), |(kind, target)| (kind, target));
            PipelineEntry::of(status, (kind, target), self.rates.of(&status.name))
        });
        let written = SaverStatus {
            v: VERSION,
            pid: std::process::id(),
            started_at: self.started_at.to_string(),
            written_at: now.to_string(),
            configuration_problem: self.problem.clone(),
            pipelines: entries.collect(),
        };
        if let Some(report) = &self.report {
            // A disk that is full is told of by the pipelines themselves.
            report.write(&written).ok();
        }
        self.board.post(Posted {
            stats: stats(statuses, now),
            problem: self.problem.clone(),
            troubled: statuses.iter().filter_map(troubled).collect(),
        });
        for status in statuses {
            self.tell_change(status);
            self.tell_losses(status);
        }
    }

    /// Says on stderr which files somebody took away: the last one, if they are many at once.
    fn tell_losses(&mut self, status: &PipelineStatus) {
        let before = self.told_losses.insert(status.name.clone(), status.lost_files).unwrap_or(0);
        if let Some(loss) = status.last_loss.as_ref().filter(|_| before < status.lost_files) {
            let others = match status.lost_files - before {
                1 => String::new(),
                more => format!(" (and {} more files)", more - 1),
            };
            let LastError { what, remedy, .. } = loss;
            warn(&format!("pipeline {}: {what}{others}\n  {remedy}", status.name));
        }
    }

    /// Says on stderr what a person has to know of.
    fn tell_change(&mut self, status: &PipelineStatus) {
        let before = self.told.insert(status.name.clone(), status.state);
        if before == Some(status.state) {
            return;
        }
        let name = &status.name;
        match status.state {
            PipelineState::Retrying
            | PipelineState::Open
            | PipelineState::Stopped
            | PipelineState::Fenced => {
                let state = status.state.as_str();
                let why = status
                    .last_error
                    .as_ref()
                    .map(|error| format!(": {}\n  {}", error.what, error.remedy));
                warn(&format!("pipeline {name} is {state}{}", why.unwrap_or_default()));
            }
            PipelineState::Running if before.is_some_and(|it| it != PipelineState::Starting) => {
                self.say(&format!("pipeline {name} runs again"));
            }
            PipelineState::Paused => self.say(&format!("pipeline {name} is paused")),
            PipelineState::Starting | PipelineState::Running => {
                // On the way from trouble to work, the trouble is what is remembered.
                if let (PipelineState::Starting, Some(before)) = (status.state, before) {
                    self.told.insert(status.name.clone(), before);
                }
            }
        }
    }

    fn say(&self, text: &str) {
        if !self.parts.quiet && !text.is_empty() {
            warn(text);
        }
    }
}

fn warn(text: &str) {
    // The saver works without anybody reading this.
    std::io::stderr().write_all(format!("saver: {text}\n").as_bytes()).ok();
}

fn told_of(done: &Reloaded) -> String {
    let parts = [("started", &done.started), ("changed", &done.changed), ("ended", &done.ended)];
    let told = parts.iter().filter(|(_, names)| !names.is_empty());
    let told: Vec<String> =
        told.map(|(what, names)| format!("{what} {}", names.join(", "))).collect();
    if told.is_empty() {
        return "the configuration was read again; no pipeline changed".to_owned();
    }
    format!("the configuration was read again: {}", told.join("; "))
}

fn troubled(status: &PipelineStatus) -> Option<String> {
    let needs_a_person = match status.state {
        PipelineState::Open | PipelineState::Stopped | PipelineState::Fenced => true,
        PipelineState::Starting
        | PipelineState::Running
        | PipelineState::Retrying
        | PipelineState::Paused => false,
    };
    needs_a_person.then(|| {
        let why = status.last_error.as_ref().map_or("", |error| error.what.as_str());
        format!("{} is {}: {why}", status.name, status.state.as_str())
    })
}

fn stats(statuses: &[PipelineStatus], now: Timestamp) -> SaverStats {
    let one = |status: &PipelineStatus| {
        let mut stats = PipelineStats::new(PipelineName::parse(status.name.as_str()).ok()?);
        stats.state = match status.state {
            PipelineState::Starting | PipelineState::Running => Shown::Running,
            PipelineState::Retrying | PipelineState::Open => Shown::Waiting,
            PipelineState::Paused => Shown::Paused,
            PipelineState::Stopped => Shown::Stopped,
            PipelineState::Fenced => Shown::Fenced,
        };
        stats.events_in = status.events_in;
        stats.events_out = status.events_out;
        stats.events_rejected = status.rejected;
        stats.lag_seconds = status.lag.as_secs_f64();
        stats.queue_bytes = status.waiting_bytes;
        stats.missing_events = status.missing;
        stats.lost_files = status.lost_files;
        stats.errors = status.errors;
        stats.late_events = status.late;
        stats.rotations = status.rotations;
        stats.dead_letters = status.dead_letters;
        stats.checkpoint_age_seconds = status.checkpoint_at.map(|at| now.since(at).as_secs_f64());
        Some(stats)
    };
    SaverStats { pipelines: statuses.iter().filter_map(one).collect() }
}
