//! Plugins as scripts in folders that go away, and what is left of them.

use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use databuild_plugin::contract::{OwnedEvent, Recorder, numbered};
use databuild_plugin::process::{Complaints, Confiner, PluginProcess, ProcessSettings};
use databuild_plugin::processor::{LogProcessor, ProcessorError, Properties};
use databuild_policy::commit::Outputs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The clock of this machine.
pub(crate) struct RealClock(Instant);

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
    pub(crate) fn new() -> RealClock {
        RealClock(Instant::now())
    }
}

impl Clock for RealClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(1_737_973_800_000_000_000)
    }

    fn mono(&self) -> Duration {
        self.0.elapsed()
    }
}

pub(crate) fn confiner() -> Confiner {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_databuild-confine-for-tests"));
    Confiner { program, args: Vec::new() }
}

#[expect(clippy::disallowed_methods, reason = "where the interpreters of the scripts are")]
fn search_path() -> String {
    std::env::var("PATH").unwrap()
}

/// The folder of the Python examples.
pub(crate) fn python_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/python").canonicalize().unwrap()
}

/// Settings of a plugin that `program` runs from a script, in `folder`.
pub(crate) fn script(folder: &Path, program: &str, text: &str) -> ProcessSettings {
    let command = vec![program.to_owned(), "-c".to_owned(), text.to_owned()];
    let mut settings = ProcessSettings::new(command, folder.to_owned());
    settings.environment.insert("PATH".to_owned(), search_path());
    let python = python_folder().display().to_string();
    settings.environment.insert("PYTHONPATH".to_owned(), python);
    settings.environment.insert("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned());
    settings
}

/// Answers the hello in sh.
pub(crate) const SH_HELLO: &str =
    r#"read -r hello; echo '{"type":"hello","protocol":1,"name":"sh","version":"0"}'; "#;

/// A plugin with what it said on standard error.
pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) processor: PluginProcess,
    pub(crate) records: Recorder,
    pub(crate) clock: Arc<RealClock>,
    pub(crate) complaints: Arc<Mutex<Vec<String>>>,
    settings: ProcessSettings,
    given: u64,
}

impl Rig {
    /// A plugin in sh.
    pub(crate) fn sh(text: &str, change: impl FnOnce(&mut ProcessSettings)) -> Rig {
        Rig::new("sh", text, change)
    }

    /// A plugin in Python, without our module.
    pub(crate) fn python(text: &str, change: impl FnOnce(&mut ProcessSettings)) -> Rig {
        Rig::new("python3", text, change)
    }

    fn new(program: &str, text: &str, change: impl FnOnce(&mut ProcessSettings)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = script(folder.path(), program, text);
        change(&mut settings);
        let clock = Arc::new(RealClock::new());
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&complaints);
        let take = move |line: &[u8]| {
            sink.lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
        };
        let clock_of_it: Arc<dyn Clock> = Arc::<RealClock>::clone(&clock);
        let processor =
            PluginProcess::new(settings.clone(), confiner(), clock_of_it, Box::new(take));
        let records = Recorder::default();
        Rig { folder, processor, records, clock, complaints, settings, given: 0 }
    }

    /// Its complaints go there instead. Before the start.
    pub(crate) fn complain_to(&mut self, complaints: Complaints) {
        let clock: Arc<dyn Clock> = Arc::<RealClock>::clone(&self.clock);
        self.processor = PluginProcess::new(self.settings.clone(), confiner(), clock, complaints);
    }

    pub(crate) fn start(&mut self) -> Result<(), ProcessorError> {
        let properties = Properties { pipeline: "test".to_owned(), ..Properties::default() };
        self.processor.initialize(&properties, &Outputs::default(), &mut self.records)
    }

    /// Gives the next `count` events.
    pub(crate) fn give(&mut self, count: u64) -> Result<(), ProcessorError> {
        self.give_these(&numbered(count))
    }

    pub(crate) fn give_these(&mut self, events: &[OwnedEvent]) -> Result<(), ProcessorError> {
        let given: Vec<_> =
            (self.given + 1..).zip(events).map(|(at, event)| event.at(at)).collect();
        self.given += u64::try_from(given.len()).unwrap();
        self.records.give(self.given);
        self.processor.process(&given, self.clock.wall(), &mut self.records)
    }

    pub(crate) fn flush(&mut self) -> Result<(), ProcessorError> {
        self.processor.flush(self.clock.wall(), &mut self.records)
    }

    pub(crate) fn destroy(&mut self, deadline: Duration) -> Result<(), ProcessorError> {
        self.processor.destroy(self.clock.wall(), deadline, &mut self.records)
    }

    /// Starts, gives some events, flushes: what came of it, in a line, and that nothing is left over.
    pub(crate) fn outcome(mut self, count: u64) -> String {
        let outcome = self.start().and_then(|()| self.give(count)).and_then(|()| self.flush());
        let said = said(&outcome);
        let folder = self.folder.path().to_owned();
        drop(self.processor);
        assert_eq!(processes_in(&folder), Vec::<String>::new(), "left over");
        said
    }
}

pub(crate) fn said(outcome: &Result<(), ProcessorError>) -> String {
    match outcome {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            let position = error.position.map(|at| format!(" at {at}")).unwrap_or_default();
            let cause = std::error::Error::source(error).map(|it| format!(": {it}"));
            format!("{:?}{position}: {error}{}", error.kind, cause.unwrap_or_default())
        }
    }
}

/// Processes whose working folder is `folder`: those of a plugin, and all that it started. A process that
/// was killed a moment ago may still be on its way out, so this waits until there is none, for a while.
pub(crate) fn processes_in(folder: &Path) -> Vec<String> {
    let clock = RealClock::new();
    loop {
        let found: Vec<String> = std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter(|entry| {
                std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder)
            })
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        if found.is_empty() || clock.mono() > Duration::from_secs(5) {
            return found;
        }
        std::thread::yield_now();
    }
}
