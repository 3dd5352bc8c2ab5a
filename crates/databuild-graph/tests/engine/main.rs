//! The engine with real processes: a folder, a project of a few lines, what is wanted, and what came
//! of it as text.

#![cfg(test)]

mod project;
mod stories;
mod two_processes;

use databuild_graph::execute::observe::{BuildObserver, Progress};
use databuild_graph::execute::{
    BuildOutcome, BuildRequest, Engine, StopFlag, Wanted, WrapperCommand,
};
use databuild_graph::spec::wanted::RefPattern;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// The program of `examples/engine_rig.rs`, which cargo builds before this one.
pub(crate) fn rig() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples/engine_rig");
    assert!(path.exists(), "no {}: cargo build -p databuild-graph --examples", path.display());
    path
}

/// A project in a folder of its own.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) engine: Engine,
}

impl World {
    pub(crate) fn new(project: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("project.txt"), project).unwrap();
        let engine = engine_on(folder.path(), project);
        World { folder, engine }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn request(&self, refs: &[&str]) -> BuildRequest {
        let wanted = refs.iter().map(|text| RefPattern::parse(text).unwrap()).collect();
        BuildRequest::new("test", Wanted::Partitions(wanted))
    }

    pub(crate) fn build(&self, request: &BuildRequest) -> (BuildOutcome, Seen) {
        let seen = Seen::default();
        let outcome = self.engine.build(request, &seen, &StopFlag::new()).unwrap();
        (outcome, seen)
    }
}

pub(crate) fn engine_on(folder: &Path, project: &str) -> Engine {
    let spec = project::spec(folder, project).unwrap();
    let wrapper = WrapperCommand { program: rig(), args: vec!["wrap".into()] };
    project::engine(folder, Some(spec), wrapper, Duration::from_secs(2)).unwrap()
}

/// Keeps what a build told, without times.
#[derive(Default)]
pub(crate) struct Seen(pub(crate) Mutex<Vec<String>>);

impl Seen {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl BuildObserver for Seen {
    fn on_progress(&self, progress: &Progress) {
        let name = |task: &databuild_graph::execute::observe::TaskInfo| {
            task.outputs.first().map_or(task.job_label.to_string(), ToString::to_string)
        };
        let line = match progress {
            Progress::Received { number, .. } => format!("build {number}"),
            Progress::LostBuildEnded { number } => format!("lost {number}"),
            Progress::RunAdopted { run, .. } => format!("adopt {run}"),
            Progress::AdoptedEnded { run, end, .. } => format!("{end:?} {run}"),
            Progress::Planned { wanted, tasks, up_to_date } => {
                format!("wanted {wanted}, to make {tasks}, up to date {up_to_date}")
            }
            Progress::TaskStarted { task, run, attempt, .. } => {
                format!("start {} {run} #{attempt}", name(task))
            }
            Progress::TaskNote { task, rows, .. } => format!("note {} rows {rows:?}", name(task)),
            Progress::TaskWaiting { task, on } => format!("wait {} on {on}", name(task)),
            Progress::RetryScheduled { task, attempt, attempts, .. } => {
                format!("retry {} {attempt} of {attempts}", name(task))
            }
            Progress::TaskFinished { task, end, reason, .. } => {
                format!("{end:?} {} {}", name(task), reason.as_deref().unwrap_or_default())
            }
            Progress::Stopping { at_once } => format!("stopping, at once {at_once}"),
            Progress::Finished(outcome) => format!("{:?}", outcome.end),
        };
        self.0.lock().unwrap().push(line.trim_end().to_owned());
    }
}

/// Waits until a file is there: the word of a job that it has come so far.
#[track_caller]
pub(crate) fn wait_for(path: &Path) {
    for _ in 0..6_000 {
        if path.exists() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("{} did not come", path.display());
}
