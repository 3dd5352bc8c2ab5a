//! What savers of a project said last, and what their pipelines were ordered to do: for the command line and
//! for REST, whether a saver runs or not. Only reads; orders are files of the same folder.

use super::format::{OFF, PipelineEntry, SaverStatus};
use super::pipelines::{World, kind_and_target};
use super::report::{SAVERS_MAX, status_file, status_lock};
use databuild_io::sink::{LocalSink, Sink, SinkError};
use databuild_saver::orders::Orders;
use databuild_saver::settings::PipelineSettings;
use std::collections::BTreeMap;
use std::path::Path;

/// Longest status that is read: ten thousand pipelines.
const STATUS_BYTES_MAX: usize = 16 << 20;

/// A saver that told something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SaverSeen {
    /// What it said last.
    pub(crate) status: SaverStatus,
    /// Whether it still runs.
    pub(crate) runs: bool,
}

/// A pipeline, with who runs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PipelineSeen {
    /// What was said last; its state is `off` if nobody runs it.
    pub(crate) entry: PipelineEntry,
    /// The process that runs it.
    pub(crate) pid: Option<u32>,
    /// It was ordered to pause.
    pub(crate) paused: bool,
    /// Other processes that want to run it, too.
    pub(crate) fenced: Vec<u32>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Overview {
    /// Savers that run.
    pub(crate) savers: Vec<SaverSeen>,
    /// Pipelines that are configured or that somebody runs, by name.
    pub(crate) pipelines: Vec<PipelineSeen>,
}

/// What is there to be seen. `home` is the saver's folder, if there is one.
pub(crate) fn look(
    home: Option<&dyn Sink>,
    configured: &[PipelineSettings],
) -> Result<Overview, SinkError> {
    let all = home.map_or(Ok(Vec::new()), savers)?;
    let mut pipelines: BTreeMap<String, PipelineSeen> = BTreeMap::new();
    for settings in configured {
        let (kind, target) = kind_and_target(settings);
        let entry = PipelineEntry::unknown(&settings.name, kind, &target);
        pipelines.insert(entry.name.clone(), PipelineSeen { entry, ..PipelineSeen::default() });
    }
    // Those that run are told last, so that they count.
    let (alive, dead): (Vec<_>, Vec<_>) = all.into_iter().partition(|saver| saver.runs);
    for saver in dead.iter().chain(&alive) {
        for entry in &saver.status.pipelines {
            if saver.runs || pipelines.contains_key(&entry.name) {
                merge(pipelines.entry(entry.name.clone()).or_default(), saver, entry);
            }
        }
    }
    let mut pipelines: Vec<PipelineSeen> = pipelines.into_values().collect();
    if let Some(home) = home {
        for seen in &mut pipelines {
            seen.paused = Orders::new(home, &seen.entry.name).is_paused()?;
        }
    }
    Ok(Overview { savers: alive, pipelines })
}

/// Whether any saver runs.
pub(crate) fn any_runs(home: &dyn Sink) -> Result<bool, SinkError> {
    Ok(savers(home)?.iter().any(|saver| saver.runs))
}

/// Adds what one saver says of a pipeline to what others said.
fn merge(seen: &mut PipelineSeen, saver: &SaverSeen, entry: &PipelineEntry) {
    let pid = saver.status.pid;
    if !saver.runs {
        seen.entry = entry.clone();
        seen.entry.state = OFF.to_owned();
        (seen.entry.lag_seconds, seen.entry.busy_since) = (0.0, None);
        (seen.entry.in_per_second, seen.entry.out_per_second) = (0.0, 0.0);
    } else if entry.state == FENCED && seen.pid.is_some() {
        seen.fenced.push(pid);
    } else {
        if seen.pid.is_some() && seen.entry.state == FENCED {
            seen.fenced.extend(seen.pid);
        }
        (seen.entry, seen.pid) = (entry.clone(), Some(pid));
    }
}

/// The state of a pipeline that another saver runs.
const FENCED: &str = "fenced";

/// The saver's folder, if there is one: a look makes none.
pub(crate) fn existing_home(world: &World) -> Result<Option<LocalSink>, SinkError> {
    if world.home_dir().is_dir() { world.home().map(Some) } else { Ok(None) }
}

/// Whether there is anything that a person could look at in the folder of `pipeline`.
pub(crate) fn has_folder(world: &World, pipeline: &str) -> bool {
    world.home_dir().join(Path::new(pipeline)).is_dir()
}

fn savers(home: &dyn Sink) -> Result<Vec<SaverSeen>, SinkError> {
    let mut seen = Vec::new();
    for place in 0..SAVERS_MAX {
        let path = status_file(place);
        if home.stat(&path)?.is_none() {
            continue;
        }
        let Some(status) = SaverStatus::read(&home.read(&path, 0, STATUS_BYTES_MAX)?) else {
            continue;
        };
        // Whoever can take the lock of a saver has found that it is gone.
        let runs = home.lock(&status_lock(place))?.is_none();
        seen.push(SaverSeen { status, runs });
    }
    Ok(seen)
}

#[cfg(test)]
mod tests;
