//! The sign of life of builds: a thread that renews their leases.

use crate::bel::Bel;
use databuild_model::clock::Clock;
use databuild_model::ids::BuildId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::Scope;
use std::time::Duration;

/// Renewals in the time of one lease: three may fail before the lease is over.
const RENEWALS_PER_LEASE: u32 = 4;

/// Shared between the thread that renews and the one that builds.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    over: Mutex<bool>,
    wake: Condvar,
    taken_over: AtomicBool,
}

/// What a heartbeat works with.
pub(super) struct Pulse<'a> {
    pub(super) bel: &'a Bel,
    pub(super) clock: &'a dyn Clock,
    pub(super) lease: Duration,
    /// Builds of dead processes that are kept alive with ours.
    pub(super) kept: &'a Leases,
}

/// Leases of builds that are kept, renewed by whichever thread comes by.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<(Vec<BuildId>, Duration)>);

impl Leases {
    /// Keeps a build of a dead process alive from now on.
    pub(super) fn keep(&self, build: &BuildId) {
        self.with(|(builds, _)| builds.push(build.clone()));
    }

    /// Lets go of one.
    pub(super) fn let_go(&self, build: &BuildId) {
        self.with(|(builds, _)| builds.retain(|other| other != build));
    }

    /// Renews what is due.
    pub(super) fn renew(&self, bel: &Bel, clock: &dyn Clock, lease: Duration) {
        let now = clock.mono();
        let due = self.with(|(builds, renewed_at)| {
            let due = lease / RENEWALS_PER_LEASE <= now.saturating_sub(*renewed_at);
            if due {
                *renewed_at = now;
            }
            if due { builds.clone() } else { Vec::new() }
        });
        for build in due {
            // One that is over has nobody who would miss it.
            bel.renew(&build, clock.wall().saturating_add(lease)).ok();
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut (Vec<BuildId>, Duration)) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Heartbeat {
    /// Renews the lease of `build` until [`Heartbeat::end`], or until somebody else ended the build.
    pub(super) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        build: &'scope BuildId,
        pulse: Pulse<'scope>,
    ) {
        scope.spawn(move || {
            let Pulse { bel, clock, lease, kept } = pulse;
            while !self.wait(lease / RENEWALS_PER_LEASE) {
                // A write that fails is tried again the next time; if it goes on failing, the lease
                // ends and the build is taken over, which the first write that works will tell.
                if let Ok(false) = bel.renew(build, clock.wall().saturating_add(lease)) {
                    self.taken_over.store(true, Ordering::SeqCst);
                    return;
                }
                kept.renew(bel, clock, lease);
            }
        });
    }

    /// Whether somebody else ended the build.
    pub(super) fn is_taken_over(&self) -> bool {
        self.taken_over.load(Ordering::SeqCst)
    }

    /// Lets the thread end.
    pub(super) fn end(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
    }

    fn wait(&self, time: Duration) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(over, time, |over| !*over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
