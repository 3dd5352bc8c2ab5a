//! What an engine does for runs of dead processes: beside a build, for as long as a service runs, or
//! only to close what has ended.

use super::engine::Engine;
use super::keeper::{Adopt, Hands, Keeper};
use super::observe::BuildObserver;
use super::process::Control;
use super::stop::{StopFlag, StopLevel};
use crate::bel::AppendError;
use databuild_model::ids::BuildId;
use std::sync::PoisonError;
use std::time::Duration;

/// How often is looked at what does not announce itself.
const TICK: Duration = Duration::from_millis(100);

/// How often a service looks for what other processes left: a job that nobody watches waits for us only
/// when its spool is full, so this may be slow.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

impl Engine {
    /// The flag by which runs are stopped that were taken over from dead processes. They belong to no
    /// build of ours, so the flag of a build does not stop them; a Ctrl-C should raise both.
    pub fn stop_adopted(&self) -> StopFlag {
        self.adopted.stop.clone()
    }

    /// Goes on with what dead processes leave, until `until` is raised; then stops it in order, unless
    /// it has ended by then. What cannot be recorded is tried again.
    pub fn keep(&self, observer: &dyn BuildObserver, until: &StopFlag) {
        let clock = &self.parts.clock;
        let mut look_at = clock.mono();
        while until.level() == StopLevel::Go {
            let now = clock.mono();
            let look = look_at <= now;
            if look {
                look_at = now + LOOK_INTERVAL;
            }
            let done = self.with_keeper(observer, |keeper, hands| {
                if look {
                    keeper.take_all(hands, Adopt::All)?;
                }
                keeper.heed(hands, &self.adopted.stop)?;
                keeper.step(hands)
            });
            // The log may be locked or its disk full: whoever asks for a build is told.
            drop(done);
            pause();
        }
        self.adopted.stop.raise_to(until.level());
        // What cannot be recorded at the end is recorded by whoever comes next.
        drop(self.settle(observer));
    }

    /// Collects what runs of dead processes said that have ended, and closes them. Waits for nothing
    /// that goes on.
    pub fn close_ended(&self, observer: &dyn BuildObserver) -> Result<(), AppendError> {
        self.with_keeper(observer, |keeper, hands| keeper.take_all(hands, Adopt::Ended))?;
        self.settle(observer)
    }

    /// Stops in order what a dead build left running, collects what it said, and ends the build.
    pub fn stop_lost(
        &self,
        build: &BuildId,
        observer: &dyn BuildObserver,
    ) -> Result<(), AppendError> {
        self.adopted.stop.raise_to(StopLevel::InOrder);
        self.take(observer, build)?;
        self.settle(observer)
    }

    /// Stays until all that was taken over has ended or goes on by itself; whoever was told to stop it
    /// stays until it has.
    pub(super) fn settle(&self, observer: &dyn BuildObserver) -> Result<(), AppendError> {
        let logs_dir = &self.parts.capture.logs_dir;
        loop {
            let stopping = StopLevel::Go < self.adopted.stop.level();
            let settled = self.with_keeper(observer, |keeper, hands| {
                keeper.heed(hands, &self.adopted.stop)?;
                keeper.step(hands)?;
                Ok::<_, AppendError>(keeper.is_empty() || !stopping && keeper.is_settled(logs_dir))
            })?;
            if settled {
                return Ok(());
            }
            pause();
        }
    }

    /// Takes over all that dead processes left.
    pub(super) fn take_all(&self, observer: &dyn BuildObserver) -> Result<(), AppendError> {
        self.with_keeper(observer, |keeper, hands| keeper.take_all(hands, Adopt::All))
    }

    /// Takes over what one dead build left.
    pub(super) fn take(
        &self,
        observer: &dyn BuildObserver,
        lost: &BuildId,
    ) -> Result<(), AppendError> {
        self.with_keeper(observer, |keeper, hands| keeper.take(hands, lost, Adopt::All))
    }

    /// Does what is due for runs that were taken over.
    pub(super) fn go_on_with_kept(&self, observer: &dyn BuildObserver) -> Result<(), AppendError> {
        self.with_keeper(observer, |keeper, hands| {
            keeper.heed(hands, &self.adopted.stop)?;
            keeper.step(hands)
        })
    }

    fn with_keeper<T>(
        &self,
        observer: &dyn BuildObserver,
        work: impl FnOnce(&mut Keeper, Hands<'_>) -> T,
    ) -> T {
        let hands = Hands { parts: &self.parts, leases: &self.adopted.leases, observer };
        work(&mut self.adopted.keeper.lock().unwrap_or_else(PoisonError::into_inner), hands)
    }
}

/// Waits a little.
fn pause() {
    Control::default().pause(TICK);
}
