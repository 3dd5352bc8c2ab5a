//! The builds that this service runs: each on a thread of its own, so many at once, all joined before
//! the service ends.

use crate::server::limits;
use crate::server::problem::{Problem, Slug};
use databuild_graph::execute::{
    BuildObserver, BuildRequest, Engine, Progress, StopFlag, StopLevel,
};
use databuild_model::ids::BuildId;
use databuild_model::time::Timestamp;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The builds that this service runs.
#[derive(Default)]
pub(crate) struct OwnedBuilds {
    builds: Mutex<Builds>,
}

#[derive(Default)]
struct Builds {
    /// Once the service stops, no further build begins.
    closed: bool,
    running: Vec<Owned>,
}

struct Owned {
    id: BuildId,
    stop: StopFlag,
    thread: JoinHandle<()>,
}

/// Tells the first thing that becomes of a build: that it is planned, or why it is not.
struct FirstWord {
    tell: SyncSender<Result<(), Problem>>,
}

impl BuildObserver for FirstWord {
    fn on_progress(&self, progress: &Progress) {
        if let Progress::Planned { .. } | Progress::Finished(_) = progress {
            // Nobody listens any more if the request was given up; the build goes on.
            self.tell.try_send(Ok(())).ok();
        }
    }
}

impl OwnedBuilds {
    /// No builds.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Starts a build and returns its id when it is planned, or why it is not; one whose plan takes
    /// very long is answered before.
    pub(crate) fn start(
        &self,
        engine: &Arc<Engine>,
        request: BuildRequest,
        now: Timestamp,
    ) -> Result<BuildId, Problem> {
        let id = fresh_id(now)?;
        let request = BuildRequest { id: Some(id.clone()), ..request };
        let (tell, told) = sync_channel(1);
        self.spawn(Arc::clone(engine), id.clone(), request, FirstWord { tell })?;
        // Others can be started and stopped meanwhile, this one too.
        match told.recv_timeout(limits::PLAN_WAIT) {
            Ok(first) => first.map(|()| id),
            // It is recorded by now, and its events tell the rest.
            Err(RecvTimeoutError::Timeout) => Ok(id),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Problem::new(Slug::Internal, "the build ended before it was planned"))
            }
        }
    }

    fn spawn(
        &self,
        engine: Arc<Engine>,
        id: BuildId,
        request: BuildRequest,
        observer: FirstWord,
    ) -> Result<(), Problem> {
        let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
        builds.reap();
        if builds.closed {
            return Err(Problem::new(Slug::NotReady, "the service is stopping"));
        }
        if limits::BUILDS_MAX <= builds.running.len() {
            let said = format!("{} builds are running here already", limits::BUILDS_MAX);
            return Err(Problem::new(Slug::TooManyRequests, said));
        }
        let stop = StopFlag::new();
        let raised = stop.clone();
        let work = move || {
            if let Err(error) = engine.build(&request, &observer, &raised) {
                // Heard if it came before the plan; after it, the log has the build's end.
                observer.tell.try_send(Err(error.into())).ok();
            }
        };
        let thread = std::thread::Builder::new().name("build".to_owned()).spawn(work);
        let thread = thread.map_err(|error| {
            Problem::new(Slug::NotReady, format!("no thread for the build: {error}"))
        })?;
        builds.running.push(Owned { id, stop, thread });
        Ok(())
    }

    /// Tells a build of this service to stop; another one is left alone.
    pub(crate) fn stop(&self, id: &BuildId, level: StopLevel) {
        let builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
        for owned in builds.running.iter().filter(|owned| owned.id == *id) {
            owned.stop.raise_to(level);
        }
    }

    /// Tells all builds to stop in order, and waits until they have.
    pub(crate) fn close(&self) {
        let running = {
            let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
            builds.closed = true;
            for owned in &builds.running {
                owned.stop.raise_to(StopLevel::InOrder);
            }
            std::mem::take(&mut builds.running)
        };
        for owned in running {
            // A build that panicked has told why; the others are still waited for.
            owned.thread.join().ok();
        }
    }
}

impl Builds {
    fn reap(&mut self) {
        let (ended, running) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|o: &Owned| o.thread.is_finished());
        self.running = running;
        for owned in ended {
            // A panic was told on stderr when it happened.
            owned.thread.join().ok();
        }
    }
}

/// A UUID of version 7, as the engine itself makes them.
fn fresh_id(now: Timestamp) -> Result<BuildId, Problem> {
    let seconds = u64::try_from(now.as_seconds()).unwrap_or(0);
    let nanos = u32::try_from(now.as_nanos().rem_euclid(1_000_000_000)).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
    BuildId::parse(uuid::Uuid::new_v7(time).to_string())
        .map_err(|error| Problem::new(Slug::Internal, format!("no id for the build: {error}")))
}
