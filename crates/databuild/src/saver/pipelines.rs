//! What a pipeline is made of, from its settings: readers of the store, files or a program.

use super::bus::JournalBus;
use super::complaints;
use databuild_io::bus::Bus;
use databuild_io::sink::{LocalSink, Modes, SinkError};
use databuild_logs::fs::OsFs;
use databuild_model::clock::Clock;
use databuild_plugin::process::{Confiner, PluginProcess, ProcessSettings};
use databuild_plugin::processor::{LogProcessor, ProcessorError, ProcessorErrorKind};
use databuild_saver::files::{Begun, FileProcessor};
use databuild_saver::saver::{AcceptLoss, MakeBus, MakeProcessor, Pipeline};
use databuild_saver::settings::{FilesSettings, PipelineSettings, ProcessorSettings};
use databuild_saver::trouble::that_passes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the saver's own folder is called in the project's.
const FOLDER: &str = "saver";

/// What the saver keeps is for the saver and its owner: dead letters are parts of logs.
const OWN: Modes = Modes { file: 0o600, folder: 0o700 };

/// What pipelines are made with.
#[derive(Clone)]
pub(crate) struct World {
    /// Where the logs are.
    pub(crate) logs_dir: PathBuf,
    /// Where the state of the project is.
    pub(crate) state_dir: PathBuf,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
}

impl World {
    /// The saver's own folder.
    pub(crate) fn home_dir(&self) -> PathBuf {
        self.state_dir.join(FOLDER)
    }

    /// The same, to be worked with; it is made if it is missing.
    pub(crate) fn home(&self) -> Result<LocalSink, SinkError> {
        LocalSink::open(&self.home_dir(), OWN)
    }

    /// A reader of the store.
    pub(crate) fn bus(&self) -> JournalBus {
        JournalBus::new(self.logs_dir.clone(), Arc::new(OsFs), Arc::clone(&self.clock))
    }

    /// A pipeline as `settings` have it.
    pub(crate) fn pipeline(&self, settings: PipelineSettings) -> Pipeline {
        let world = self.clone();
        let make_bus: MakeBus = Box::new(move || Ok(Box::new(world.bus()) as Box<dyn Bus>));
        let make_processor = match &settings.processor {
            ProcessorSettings::Files(files) => make_files(files.as_ref().clone()),
            ProcessorSettings::Process(process) => {
                let complaints = self.home_dir().join(&settings.name).join(complaints::FILE);
                make_process(process.clone(), Arc::clone(&self.clock), complaints)
            }
        };
        let fingerprint = fingerprint(&settings);
        Pipeline { settings, fingerprint, make_bus, make_processor }
    }
}

/// Tells two settings of a pipeline from each other: whatever is set in it, also where it is shared with
/// others, is in this text.
pub(crate) fn fingerprint(settings: &PipelineSettings) -> String {
    format!("{settings:?}")
}

/// The kind of a pipeline, and where its events go, for people.
pub(crate) fn kind_and_target(settings: &PipelineSettings) -> (&'static str, String) {
    match &settings.processor {
        ProcessorSettings::Files(files) => ("files", files.path.to_string()),
        ProcessorSettings::Process(process) => ("process", process.command.join(" ")),
    }
}

fn make_files(files: FilesSettings) -> MakeProcessor {
    let begun = Begun::default();
    Box::new(move |accept_loss| {
        let modes = Modes { file: files.file_mode, folder: files.folder_mode };
        let sink = LocalSink::open(Path::new(files.path.base()), modes).map_err(that_passes)?;
        let processor = FileProcessor::new(files.clone(), Arc::new(sink)).in_start(&begun);
        let processor: Box<dyn LogProcessor> = match accept_loss {
            AcceptLoss::No => Box::new(processor),
            AcceptLoss::Yes => Box::new(processor.accepting_loss()),
        };
        Ok(processor)
    })
}

fn make_process(
    process: ProcessSettings,
    clock: Arc<dyn Clock>,
    complaints: PathBuf,
) -> MakeProcessor {
    Box::new(move |_| {
        let program = std::env::current_exe().map_err(no_program)?;
        let confiner = Confiner { program, args: vec![CONFINE.into()] };
        let complaints = complaints::keep(complaints.clone());
        Ok(Box::new(PluginProcess::new(process.clone(), confiner, Arc::clone(&clock), complaints)))
    })
}

/// The hidden command that limits itself and becomes the plugin.
pub(crate) const CONFINE: &str = "confine";

fn no_program(error: std::io::Error) -> ProcessorError {
    ProcessorError {
        kind: ProcessorErrorKind::Transient,
        what: "cannot find our own program".to_owned(),
        remedy: "start databuild again: its program was moved or removed".to_owned(),
        position: None,
        source: Some(error.into()),
    }
}
