//! The saver: owns a lane for each pipeline, starts and ends them, and changes only those whose settings
//! changed.

pub use crate::lane::{AcceptLoss, MakeBus, MakeProcessor};
use crate::lane::{Control, Lane, Parts};
use crate::settings::PipelineSettings;
use crate::status::{PipelineState, PipelineStatus, Shared};
use databuild_io::sink::Sink;
use databuild_model::clock::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A pipeline, with what it needs of the world.
pub struct Pipeline {
    /// What it is told.
    pub settings: PipelineSettings,
    /// A text that is another one whenever the settings are: what a reload compares.
    pub fingerprint: String,
    /// Makes its readers.
    pub make_bus: MakeBus,
    /// Makes its processors.
    pub make_processor: MakeProcessor,
}

/// All pipelines of a project.
pub struct Saver {
    project: Arc<str>,
    clock: Arc<dyn Clock>,
    home: Arc<dyn Sink>,
    lanes: BTreeMap<String, Running>,
}

struct Running {
    fingerprint: String,
    status: Shared,
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// Pipelines that are new.
    pub started: Vec<String>,
    /// Pipelines whose settings changed.
    pub changed: Vec<String>,
    /// Pipelines that are not in the settings any more.
    pub ended: Vec<String>,
}

/// What a saver leaves that ended.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Pipelines that did not end in time: a processor that does not return cannot be ended, and ends with
    /// the process; its checkpoint is as it was.
    pub late: Vec<String>,
    /// What each pipeline had done, by name.
    pub last: Vec<PipelineStatus>,
}

impl Saver {
    /// A saver without pipelines. `home` is its own folder: checkpoints, orders, dead letters.
    pub fn new(project: &str, home: Arc<dyn Sink>, clock: Arc<dyn Clock>) -> Saver {
        Saver { project: project.into(), clock, home, lanes: BTreeMap::new() }
    }

    /// Has exactly these pipelines run. Those that are as they were are not disturbed; the others end in
    /// order, within `deadline`, before they begin anew.
    pub fn reload(&mut self, pipelines: Vec<Pipeline>, deadline: Duration) -> Reloaded {
        let mut done = Reloaded::default();
        let wanted: BTreeMap<String, Pipeline> =
            pipelines.into_iter().map(|it| (it.settings.name.clone(), it)).collect();
        let over: Vec<String> = self
            .lanes
            .iter()
            .filter(|(name, lane)| {
                wanted.get(*name).is_none_or(|it| it.fingerprint != lane.fingerprint)
            })
            .map(|(name, _)| name.clone())
            .collect();
        self.end(&over, deadline);
        for name in over {
            if !wanted.contains_key(&name) {
                done.ended.push(name);
            } else {
                done.changed.push(name);
            }
        }
        for (name, pipeline) in wanted {
            if !self.lanes.contains_key(&name) {
                if !done.changed.contains(&name) {
                    done.started.push(name.clone());
                }
                let lane = self.start(pipeline);
                self.lanes.insert(name, lane);
            }
        }
        done
    }

    fn start(&self, pipeline: Pipeline) -> Running {
        let Pipeline { settings, fingerprint, make_bus, make_processor } = pipeline;
        let now = self.clock.wall();
        let status = Shared::new(&settings.name, now);
        let control = Arc::new(Control::default());
        let name = format!("lane {}", settings.name);
        let parts = Parts {
            project: Arc::clone(&self.project),
            settings,
            clock: Arc::clone(&self.clock),
            home: Arc::clone(&self.home),
            make_bus,
            make_processor,
        };
        let lane = Lane::new(parts, status.clone(), Arc::clone(&control));
        let spawned = std::thread::Builder::new().name(name).spawn(move || lane.run());
        if spawned.is_err() {
            status.enter(PipelineState::Stopped, now);
        }
        Running { fingerprint, status, control, thread: spawned.ok() }
    }

    /// What each pipeline is doing, by name.
    pub fn status(&self) -> Vec<PipelineStatus> {
        self.lanes.values().map(|lane| lane.status.lock().clone()).collect()
    }

    /// Ends all pipelines, within `deadline`.
    pub fn stop(mut self, deadline: Duration) -> Stopped {
        let all: Vec<String> = self.lanes.keys().cloned().collect();
        let last: Vec<Shared> = self.lanes.values().map(|lane| lane.status.clone()).collect();
        let late = self.end(&all, deadline);
        Stopped { late, last: last.iter().map(|status| status.lock().clone()).collect() }
    }

    fn end(&mut self, names: &[String], deadline: Duration) -> Vec<String> {
        for lane in names.iter().filter_map(|name| self.lanes.get(name)) {
            lane.control.stop(deadline);
        }
        let until = self.clock.mono().saturating_add(deadline);
        let mut late = Vec::new();
        for name in names {
            let Some(mut lane) = self.lanes.remove(name) else { continue };
            let left = until.saturating_sub(self.clock.mono());
            if !lane.control.wait_ended(left) {
                late.push(name.clone());
                continue;
            }
            if let Some(thread) = lane.thread.take() {
                // A lane catches what panics in it.
                thread.join().ok();
            }
        }
        late
    }
}
