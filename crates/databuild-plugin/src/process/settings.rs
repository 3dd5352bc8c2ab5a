//! What a pipeline sets for its process.

use crate::limits;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `[saver.plugins.NAME]` with a command.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSettings {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Where it runs, and where relative paths of its command begin.
    pub folder: PathBuf,
    /// What it is told at its start.
    pub settings: Map<String, Value>,
    /// Its environment, and nothing else. Its program is looked for along the `PATH` that stands here.
    pub environment: BTreeMap<String, String>,
    /// Longest time until it acknowledges what it was given.
    pub deadline: Duration,
    /// Most bytes of memory.
    pub memory_bytes_max: u64,
    /// Most open files.
    pub open_files_max: u64,
    /// Most processes and threads beside those that its user has when it starts.
    pub processes_max: u64,
    /// Largest file that it may write.
    pub file_bytes_max: u64,
    /// Most events that are given and not acknowledged.
    pub unacknowledged_max: u64,
}

impl ProcessSettings {
    /// `command` in `folder`, with the usual limits and no environment.
    pub fn new(command: Vec<String>, folder: PathBuf) -> ProcessSettings {
        ProcessSettings {
            command,
            folder,
            settings: Map::new(),
            environment: BTreeMap::new(),
            deadline: limits::DEADLINE,
            memory_bytes_max: limits::MEMORY_BYTES_MAX,
            open_files_max: limits::OPEN_FILES_MAX,
            processes_max: limits::PROCESSES_MAX,
            file_bytes_max: limits::FILE_BYTES_MAX,
            unacknowledged_max: limits::UNACKNOWLEDGED_MAX,
        }
    }
}
