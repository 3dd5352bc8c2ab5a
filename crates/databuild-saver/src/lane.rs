//! A lane: one pipeline on a thread of its own, with its own reader, window, checkpoint and error budget. It
//! waits for nobody, and nobody waits for it.
//!
//! It is crash-only: whatever fails, panics or is fenced, the try is dropped as it stands, and another one
//! begins where the last record is. So the way that is taken after a kill is taken all the time.

mod attempt;
mod behind;
mod control;
mod dead_letters;

use crate::orders::Orders;
use crate::settings::{OnError, PipelineSettings};
use crate::status::{LastError, PipelineState, Shared};
use crate::trouble::that_passes;
pub(crate) use attempt::options;
use attempt::{Attempt, Ended};
use behind::Behind;
pub(crate) use control::Control;
use databuild_io::bus::{Bus, BusError};
use databuild_io::sink::{Sink, SinkError};
use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use databuild_plugin::processor::{LogProcessor, ProcessorError, ProcessorErrorKind};
use databuild_policy::circuit::{Circuit, Verdict, WhenSpent};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Makes a reader of its own for each try.
pub type MakeBus = Box<dyn Fn() -> Result<Box<dyn Bus>, BusError> + Send>;
/// Makes a processor for each try; told whether files that are gone are to be begun anew.
pub type MakeProcessor =
    Box<dyn Fn(AcceptLoss) -> Result<Box<dyn LogProcessor>, ProcessorError> + Send>;

/// Whether files that are gone were taken away on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AcceptLoss {
    /// Somebody has to look.
    #[default]
    No,
    /// They are begun anew.
    Yes,
}

/// What a lane works with.
pub(crate) struct Parts {
    pub(crate) project: Arc<str>,
    pub(crate) settings: PipelineSettings,
    pub(crate) clock: Arc<dyn Clock>,
    /// The saver's own folder.
    pub(crate) home: Arc<dyn Sink>,
    pub(crate) make_bus: MakeBus,
    pub(crate) make_processor: MakeProcessor,
}

/// One pipeline.
pub(crate) struct Lane {
    parts: Parts,
    status: Shared,
    control: Arc<Control>,
    circuit: Circuit,
    /// Events that cannot be processed, by run and place, with why.
    poison: HashMap<(Arc<str>, u64), String>,
    /// One event at a time, to find which one is at fault.
    one_by_one: bool,
    /// The event that is being tried alone.
    suspect: Suspect,
    /// How often the processor died of an event that it was given alone.
    deaths: HashMap<(Arc<str>, u64), u32>,
    accept_loss: AcceptLoss,
    behind: Behind,
}

/// A processor that dies so often of one event would die of it again.
const DEATHS_MAX: u32 = 3;

/// The event that is being tried alone, by run and place. It outlives a try that panics.
#[derive(Debug, Default)]
pub(crate) struct Suspect(Mutex<Option<(Arc<str>, u64)>>);

impl Suspect {
    fn set(&self, event: Option<(Arc<str>, u64)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = event;
    }

    fn take(&self) -> Option<(Arc<str>, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Longest wait before a lane looks at its orders again.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long another saver is left alone before its lock is tried again.
const FENCED_WAIT: Duration = Duration::from_secs(2);

impl Lane {
    pub(crate) fn new(parts: Parts, status: Shared, control: Arc<Control>) -> Lane {
        let when_spent = match parts.settings.on_error {
            OnError::Block | OnError::SkipToDlq => WhenSpent::Open,
            OnError::Stop => WhenSpent::Stop,
        };
        let circuit = Circuit::new(parts.settings.errors, when_spent);
        Lane {
            parts,
            status,
            control,
            circuit,
            poison: HashMap::new(),
            one_by_one: false,
            suspect: Suspect::default(),
            deaths: HashMap::new(),
            accept_loss: AcceptLoss::No,
            behind: Behind::default(),
        }
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self) {
        while !self.control.is_stopped() {
            if let Err(error) = self.obey() {
                self.wait_after(&that_passes(error));
                continue;
            }
            if self.control.is_stopped() || self.is_held_up() {
                continue;
            }
            self.enter(PipelineState::Starting);
            self.behind = Behind::default();
            let tried = catch_unwind(AssertUnwindSafe(|| self.attempt()));
            // Of a panic in the middle of a try nothing is kept but the record.
            self.status.lock().busy_since = None;
            match tried {
                Ok(Ok(Ended::Stopped)) => break,
                Ok(Ok(Ended::Ordered)) => {}
                Ok(Err(error)) => self.wait_after(&error),
                Err(panic) => {
                    let error = panicked(panic.as_ref());
                    self.one_by_one = true;
                    self.suspect_of(&error);
                    self.wait_after(&error);
                }
            }
        }
        self.enter(PipelineState::Stopped);
        self.control.end();
    }

    /// Whether it has nothing to do now but to wait for another order.
    fn is_held_up(&mut self) -> bool {
        let state = self.status.lock().state;
        let held = matches!(state, PipelineState::Paused | PipelineState::Stopped);
        if held {
            self.show_lag();
            self.control.wait(LOOK_EVERY);
        }
        held
    }

    /// What waits while nothing is processed.
    fn show_lag(&mut self) {
        // That of the one who runs it counts.
        if self.status.lock().state != PipelineState::Fenced {
            let oldest = self.behind.look(&self.parts);
            let now = self.parts.clock.wall();
            self.status.lock().lag = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        }
    }

    /// Does what was ordered since the last look.
    fn obey(&mut self) -> Result<(), SinkError> {
        let orders = Orders::new(self.parts.home.as_ref(), &self.parts.settings.name);
        if orders.take_accept_loss()? {
            self.accept_loss = AcceptLoss::Yes;
        }
        let retry = orders.take_retry()?;
        let paused = orders.is_paused()?;
        let now = self.parts.clock.wall();
        let state = self.status.lock().state;
        if retry {
            self.circuit.succeeded();
        }
        match (paused, state) {
            (true, _) => self.status.enter(PipelineState::Paused, now),
            (false, PipelineState::Paused) => self.status.enter(PipelineState::Starting, now),
            (false, PipelineState::Stopped) if retry => {
                self.status.enter(PipelineState::Starting, now);
            }
            (false, _) => {}
        }
        Ok(())
    }

    fn attempt(&mut self) -> Result<Ended, ProcessorError> {
        let one_by_one = self.one_by_one || self.circuit.is_open();
        let accept_loss = std::mem::take(&mut self.accept_loss);
        let shared = attempt::Among {
            parts: &self.parts,
            status: &self.status,
            control: &self.control,
            suspect: &self.suspect,
        };
        let opened = Attempt::open(shared, accept_loss, &self.poison);
        let mut attempt = opened.inspect_err(|error| {
            // It was not what failed, so it is still to be done.
            if error.kind == ProcessorErrorKind::Transient {
                self.accept_loss = accept_loss;
            }
        })?;
        self.enter(PipelineState::Running);
        let mut limit = if one_by_one { 1 } else { crate::limits::BATCH_EVENTS_MAX };
        loop {
            let turn = attempt.turn(limit);
            if let Err(error) = &turn {
                let on_error = self.parts.settings.on_error;
                self.poison
                    .extend(blame(&attempt, error).filter(|_| on_error == OnError::SkipToDlq));
            }
            let turn = turn?;
            if turn.recorded {
                // What was tried alone has passed.
                self.circuit.succeeded();
                self.one_by_one = false;
                limit = crate::limits::BATCH_EVENTS_MAX;
            }
            self.show_budget();
            if let Some(ended) = turn.ended {
                return Ok(ended);
            }
        }
    }

    /// The processor died. If it did so again and again of one event, that event cannot be processed.
    fn suspect_of(&mut self, error: &ProcessorError) {
        let Some(event) = self.suspect.take() else { return };
        let deaths = self.deaths.entry(event.clone()).or_default();
        *deaths += 1;
        if DEATHS_MAX <= *deaths && self.parts.settings.on_error == OnError::SkipToDlq {
            self.deaths.remove(&event);
            self.poison.insert(event, error.what.clone());
        }
    }

    fn wait_after(&mut self, error: &ProcessorError) {
        let now = self.parts.clock.wall();
        self.note(error, now);
        let until = match error.kind {
            ProcessorErrorKind::Fenced => {
                self.status.enter(PipelineState::Fenced, now);
                now.saturating_add(FENCED_WAIT)
            }
            ProcessorErrorKind::Fatal => {
                self.status.enter(PipelineState::Stopped, now);
                return;
            }
            ProcessorErrorKind::Transient | ProcessorErrorKind::Poison => {
                let verdict = self.circuit.failed(now);
                self.show_budget();
                match verdict {
                    Verdict::Stop => {
                        self.status.enter(PipelineState::Stopped, now);
                        return;
                    }
                    Verdict::RetryAt(at) => {
                        self.status.enter(PipelineState::Retrying, now);
                        at
                    }
                    Verdict::ProbeAt(at) => {
                        self.status.enter(PipelineState::Open, now);
                        at
                    }
                }
            }
        };
        self.status.lock().retry_at = Some(until);
        self.wait_until(until);
    }

    fn wait_until(&mut self, until: Timestamp) {
        while !self.control.is_stopped() {
            let left = until.since(self.parts.clock.wall());
            if left.is_zero() {
                return;
            }
            self.show_lag();
            self.control.wait(left.min(LOOK_EVERY));
            // Somebody who has mended something does not want to wait.
            let orders = Orders::new(self.parts.home.as_ref(), &self.parts.settings.name);
            let ordered =
                orders.is_paused().unwrap_or(false) || orders.wants_retry().unwrap_or(false);
            if ordered {
                return;
            }
        }
    }

    fn note(&self, error: &ProcessorError, now: Timestamp) {
        let mut what = error.what.clone();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            what.push_str(": ");
            what.push_str(&cause.to_string());
            source = cause.source();
        }
        let mut status = self.status.lock();
        status.errors += 1;
        status.last_error = Some(LastError { at: now, what, remedy: error.remedy.clone() });
    }

    fn show_budget(&self) {
        let (recent, max) = self.circuit.spent();
        let mut status = self.status.lock();
        (status.errors_recent, status.errors_max) = (recent as u64, u64::from(max));
    }

    fn enter(&self, state: PipelineState) {
        self.status.enter(state, self.parts.clock.wall());
    }
}

/// The event that cannot be processed, if it is known, with why.
fn blame(attempt: &Attempt<'_>, error: &ProcessorError) -> Option<((Arc<str>, u64), String)> {
    let position = error.position.filter(|_| error.kind == ProcessorErrorKind::Poison)?;
    Some((attempt.origin(position)?, error.what.clone()))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> ProcessorError {
    let said = panic
        .downcast_ref::<&str>()
        .map(|said| (*said).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it did not say why".to_owned());
    ProcessorError {
        kind: ProcessorErrorKind::Transient,
        what: format!("the processor panicked: {said}"),
        remedy: "it is tried again, one event at a time; report the defect with this text"
            .to_owned(),
        position: None,
        source: None,
    }
}

#[cfg(test)]
mod tests;
