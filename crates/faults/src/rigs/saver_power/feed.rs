//! What a saver of a story reads, and the clock that it looks at: everything comes in an order that a seed
//! decides, and time passes only by being looked at.

use super::place::Stage;
use super::plot::{self, Run};
use crate::chance::Chance;
use databuild_io::bus::{Bus, BusBatch, BusError, Cursor, From, Polled, Waker};
use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Time goes on by a step whenever somebody looks. It begins when all was said.
#[derive(Debug, Default)]
pub(super) struct StoryClock(AtomicU64);

const STEP: Duration = Duration::from_millis(20);

impl StoryClock {
    fn look(&self) -> Duration {
        let looks = self.0.fetch_add(1, Ordering::Relaxed);
        STEP.saturating_mul(u32::try_from(looks).unwrap_or(u32::MAX))
    }
}

impl Clock for StoryClock {
    fn wall(&self) -> Timestamp {
        plot::at(3_600).saturating_add(self.look())
    }

    fn mono(&self) -> Duration {
        self.look()
    }
}

/// All that comes, for any number of readers.
#[derive(Clone)]
pub(super) struct Feed {
    batches: Arc<[BusBatch]>,
    clock: Arc<StoryClock>,
}

impl Feed {
    /// The lines of `runs` in batches, those of each run in order, the runs in any.
    pub(super) fn new(runs: &[Run], clock: Arc<StoryClock>, chance: &mut Chance) -> Feed {
        let mut next = vec![0; runs.len()];
        let mut batches = Vec::new();
        while next.iter().zip(runs).any(|(at, run)| *at < run.lines.len()) {
            let which = chance.index(runs.len());
            let (Some(run), Some(at)) = (runs.get(which), next.get_mut(which)) else { continue };
            let end = run.lines.len().min(*at + 1 + chance.index(6));
            let lines = run.lines.get(*at..end).unwrap_or_default();
            let Some((second, _)) = lines.last() else { continue };
            let offset = batches.len() as u64;
            let ended = end == run.lines.len() && chance.one_in(2);
            batches.push(BusBatch {
                stream: "journal".into(),
                offset,
                next: offset + 1,
                source: run.name.as_str().into(),
                journalled: plot::at(*second),
                first_place: *at as u64,
                lines: Arc::new(lines.iter().flat_map(|(_, line)| line.iter().copied()).collect()),
                ended,
            });
            *at = end;
        }
        Feed { batches: batches.into(), clock }
    }
}

/// A reader of it.
pub(super) struct FeedBus {
    feed: Feed,
    stage: Arc<Stage>,
    at: usize,
    idle: u32,
    bell: Arc<Bell>,
}

/// After so many looks at which nothing was new, everything has waited long enough and is recorded.
const IDLE: u32 = 60;

impl FeedBus {
    pub(super) fn new(feed: Feed, stage: Arc<Stage>) -> FeedBus {
        FeedBus { feed, stage, at: 0, idle: 0, bell: Arc::default() }
    }
}

impl Bus for FeedBus {
    fn seek(&mut self, from: &From) -> Result<(), BusError> {
        let at = match from {
            From::Cursor(Cursor(streams)) => streams.get("journal").copied().unwrap_or(0),
            From::Start(_) => 0,
        };
        self.at = usize::try_from(at).unwrap_or(usize::MAX);
        Ok(())
    }

    fn poll(&mut self, _bytes_max: usize, _wait: Duration) -> Result<Polled, BusError> {
        let rest = self.feed.batches.get(self.at..).unwrap_or_default();
        // By the place alone, so that whoever comes to it reads the same.
        let count = rest.len().min(1 + self.at % 3);
        let batches = rest.get(..count).unwrap_or_default().to_vec();
        self.at += count;
        if let Some(last) = batches.last() {
            let complete_until = Some(last.journalled);
            return Ok(Polled { complete_until, batches, ..Polled::default() });
        }
        self.idle += 1;
        if IDLE < self.idle {
            self.stage.drained();
            self.bell.wait();
        }
        Ok(Polled { complete_until: Some(self.feed.clock.wall()), ..Polled::default() })
    }

    fn commit(&mut self, _cursor: &Cursor) -> Result<(), BusError> {
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Waker> {
        Arc::<Bell>::clone(&self.bell)
    }
}

/// Rung when the saver is told to stop: there is nothing else to wake for.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn wait(&self) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(rung, |rung| !*rung));
    }
}

impl Waker for Bell {
    fn wake(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}
