//! What a pipeline is told: the settings that a checked configuration becomes. Everything that can be wrong
//! in them was found before they are made.

use databuild_io::bus::Start;
use databuild_plugin::process::ProcessSettings;
pub use databuild_policy::circuit::ErrorBudget;
use databuild_policy::layout::Layout;
use databuild_policy::roll::RotationPolicy;
use databuild_policy::roll::keep::KeepPolicy;
use databuild_policy::roll::plan::ArchiveNaming;
use databuild_policy::route::path::PathTemplate;
use databuild_policy::route::select::Selector;
use serde_json::{Map, Value};
use std::time::Duration;

/// One pipeline.
#[derive(Debug, Clone)]
pub struct PipelineSettings {
    /// Its name: letters, digits, `-` and `_`, at most 64, since it becomes a folder and a metric label.
    pub name: String,
    /// Which events it takes.
    pub selector: Selector,
    /// Where it begins when it has no checkpoint.
    pub start: Start,
    /// How long it waits for events of other runs.
    pub order_window: Duration,
    /// Most bytes of events that wait in memory for their turn.
    pub window_bytes_max: usize,
    /// Longest time until what was processed is durable and recorded.
    pub flush_interval: Duration,
    /// What becomes of an event that cannot be processed.
    pub on_error: OnError,
    /// How many failures are too many.
    pub errors: ErrorBudget,
    /// What is done with the events.
    pub processor: ProcessorSettings,
}

/// What becomes of an event that cannot be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum OnError {
    /// It is tried again and again, ever more slowly; nothing behind it is processed.
    #[default]
    Block,
    /// It goes into the dead-letter file of the pipeline.
    SkipToDlq,
    /// The pipeline stops until somebody resumes it.
    Stop,
}

/// What is done with the events of a pipeline.
#[derive(Debug, Clone)]
pub enum ProcessorSettings {
    /// Files.
    Files(Box<FilesSettings>),
    /// A program of somebody else.
    Process(ProcessSettings),
}

impl ProcessorSettings {
    /// What the processor is told of them when it starts.
    pub fn properties(&self) -> Map<String, Value> {
        match self {
            ProcessorSettings::Files(_) => Map::new(),
            ProcessorSettings::Process(process) => process.settings.clone(),
        }
    }
}

impl FilesSettings {
    /// A file below the base, as a person would look for it.
    pub(crate) fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.path.base())
    }
}

/// `[saver.files.NAME]`.
#[derive(Debug, Clone)]
pub struct FilesSettings {
    /// Where each event goes. Its base is where the files are.
    pub path: PathTemplate,
    /// The same, with the values that the selector of the pipeline leaves no choice of: files with such paths
    /// are this pipeline's, and no other's.
    pub own: PathTemplate,
    /// What it looks like there.
    pub layout: Layout,
    /// When a file is rolled.
    pub rotation: RotationPolicy,
    /// What a rolled file is called. Without one nothing is ever rolled.
    pub archive: Option<ArchiveNaming>,
    /// Whether what an earlier start left in a file is rolled before anything is written into it.
    pub roll_on_start: bool,
    /// Which rolled files go.
    pub keep: KeepPolicy,
    /// Most files that are open at once.
    pub open_files_max: usize,
    /// A file that got nothing for so long is closed.
    pub close_idle: Duration,
    /// Mode of new files.
    pub file_mode: u32,
    /// Mode of new folders.
    pub folder_mode: u32,
}
