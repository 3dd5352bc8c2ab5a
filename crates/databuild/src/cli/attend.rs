//! Attends to a build while it goes on: draws, passes Ctrl-C on, hears keys, writes the build's events.

mod keys;

use super::build::output::JobOutput;
use super::outcome::{Exit, Failure};
use crate::progress::display::Display;
use databuild_graph::bel::Bel;
use databuild_graph::bel::rows::EventFilter;
use databuild_graph::execute::{StopFlag, StopLevel};
use keys::Keys;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How often it looks: often enough that a Ctrl-C feels heard and elapsed times run.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Shows what runs and what it said last; SIGUSR1 does the same.
const SHOW_KEY: u8 = b't';

/// Events that are read at once.
const EVENTS_PAGE: u32 = 1_000;

/// Signals that were sent to us. Catching them begins when this is made, and lasts.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    dump: Arc<AtomicBool>,
    interrupted: AtomicBool,
    terminated: AtomicBool,
    /// What else a signal stops.
    also: OnceLock<StopFlag>,
}

impl Signals {
    /// Catches SIGINT, SIGTERM, SIGHUP and SIGUSR1.
    pub(crate) fn catch() -> io::Result<Self> {
        let signals = Signals::default();
        signal_hook::flag::register(SIGINT, Arc::clone(&signals.interrupt))?;
        signal_hook::flag::register(SIGTERM, Arc::clone(&signals.terminate))?;
        signal_hook::flag::register(SIGHUP, Arc::clone(&signals.terminate))?;
        signal_hook::flag::register(SIGUSR1, Arc::clone(&signals.dump))?;
        Ok(signals)
    }

    /// Passes signals on to this flag as well.
    pub(crate) fn also_stop(&self, flag: StopFlag) {
        // There is one command in a process, and it says so once.
        self.also.set(flag).ok();
    }

    /// Passes on what came: the first Ctrl-C stops in order, the second at once.
    fn pass_on(&self, stop: &StopFlag) {
        if self.interrupt.swap(false, Ordering::AcqRel) {
            self.interrupted.store(true, Ordering::Release);
            stop.raise();
            if let Some(also) = self.also.get() {
                also.raise_to(stop.level());
            }
        }
        if self.terminate.swap(false, Ordering::AcqRel) {
            self.terminated.store(true, Ordering::Release);
            stop.raise_to(StopLevel::InOrder);
            if let Some(also) = self.also.get() {
                also.raise_to(stop.level());
            }
        }
    }

    /// Whether somebody asked us to stop by SIGTERM and not by Ctrl-C.
    pub(crate) fn was_terminated(&self) -> bool {
        self.terminated.load(Ordering::Acquire) && !self.interrupted.load(Ordering::Acquire)
    }
}

/// Asks something that may have to wait for other processes, until it is answered or we are told to
/// stop, which `ask` learns by its flag.
pub(crate) fn ask<T>(ask: impl FnOnce(&StopFlag) -> T) -> Result<T, Failure> {
    let signals = Signals::catch()?;
    let stop = StopFlag::new();
    let done = Done::default();
    let answer = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.wait(LOOK_INTERVAL) {
                signals.pass_on(&stop);
            }
        });
        done.when(|| ask(&stop))
    });
    match stop.level() {
        StopLevel::Go => Ok(answer),
        StopLevel::InOrder | StopLevel::AtOnce => {
            let exit = if signals.was_terminated() { Exit::Terminated } else { Exit::Interrupted };
            Err(Failure::text(exit, "it was told to stop"))
        }
    }
}

/// Where the events of a build go, and how far they were written.
pub(crate) struct Events {
    bel: Arc<Bel>,
    out: Box<dyn Write + Send>,
    since: u64,
}

impl Events {
    /// Events from now on, into `out`.
    pub(crate) fn new(bel: Arc<Bel>, out: Box<dyn Write + Send>) -> Self {
        Events { bel, out, since: 0 }
    }

    fn write(&mut self, display: &Display) -> Result<(), Failure> {
        let Some(build) = display.build() else { return Ok(()) };
        let filter = EventFilter { build: Some(build), ..EventFilter::default() };
        loop {
            let page = self.bel.events(self.since, &filter, EVENTS_PAGE)?;
            for event in &page.events {
                writeln!(self.out, "{}", event.to_json())?;
            }
            self.since = page.next_idx;
            if !page.has_more {
                self.out.flush()?;
                return Ok(());
            }
        }
    }
}

/// What is done beside a build.
#[derive(Default)]
pub(crate) struct Beside {
    /// Its events are written.
    pub(crate) events: Option<Events>,
    /// The output of its jobs is shown.
    pub(crate) output: Option<JobOutput>,
    /// It is stopped when it has to wait for another build.
    pub(crate) no_wait: bool,
}

impl Beside {
    fn write(&mut self, display: &Display) -> Result<(), Failure> {
        self.output.as_mut().map_or(Ok(()), |output| output.write(display))?;
        self.events.as_mut().map_or(Ok(()), |events| events.write(display))
    }
}

/// Runs `work` and attends to it until it is done.
pub(crate) fn attend<T>(
    display: &Display,
    signals: &Signals,
    stop: &StopFlag,
    mut beside: Beside,
    work: impl FnOnce() -> T,
) -> (T, Result<(), Failure>) {
    let done = Done::default();
    std::thread::scope(|scope| {
        let attendant = scope.spawn(|| {
            let mut written = Ok(());
            let keys = display.has_block().then(Keys::listen).flatten();
            display.sees_keys(keys.is_some());
            while !done.wait(LOOK_INTERVAL) {
                signals.pass_on(stop);
                let typed = keys.as_ref().is_some_and(|keys| keys.typed(SHOW_KEY));
                if signals.dump.swap(false, Ordering::AcqRel) || typed {
                    display.dump();
                }
                if beside.no_wait && display.waits() {
                    stop.raise_to(StopLevel::InOrder);
                }
                if written.is_ok() {
                    written = beside.write(display);
                }
                display.tick();
            }
            written.and_then(|()| beside.write(display))
        });
        let result = done.when(work);
        let written = match attendant.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        display.finish();
        (result, written)
    })
}

/// Says across threads that the work is done.
#[derive(Default)]
struct Done {
    done: Mutex<bool>,
    changed: Condvar,
}

impl Done {
    /// Does the work and says so, also when it panics: the attendant must not wait for ever.
    fn when<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Say<'a>(&'a Done);
        impl Drop for Say<'_> {
            fn drop(&mut self) {
                *self.0.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
                self.0.changed.notify_all();
            }
        }
        let _say = Say(self);
        work()
    }

    /// Waits at most so long; whether it is done.
    fn wait(&self, at_most: Duration) -> bool {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if *done {
            return true;
        }
        let (done, _) =
            self.changed.wait_timeout(done, at_most).unwrap_or_else(PoisonError::into_inner);
        *done
    }
}
