//! A processor with one fault: what lanes and suites are tested with.

use super::gate::Gate;
use super::memory::{Mailbox, MemoryProcessor};
use crate::processor::{
    Checkpointer, Done, LogEvent, LogProcessor, ProcessorError, ProcessorErrorKind, Properties,
    Tally,
};
use databuild_model::time::Timestamp;
use databuild_policy::commit::Outputs;
use std::time::Duration;

/// What a [`FaultyProcessor`] does wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Trouble when it is initialized.
    Start(Trouble),
    /// Trouble at an event. Those of the batch before it are taken.
    Event(When, Trouble),
    /// Trouble when it is flushed.
    Flush(Trouble),
    /// Trouble when it is destroyed.
    End(Trouble),
    /// It takes events, and never says that they are done.
    ForgetsToRecord,
    /// It says that events are done which it was not given.
    RecordsTooMuch,
    /// It says that events are done as soon as it has them, and has not put them anywhere.
    RecordsTooEarly,
    /// It turns the order of each batch round.
    MixesUp,
    /// It leaves every second event out, and says that all are done.
    LosesEverySecond,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// The call fails, and names the event if there is one.
    Fails(ProcessorErrorKind),
    /// The call panics.
    Panics,
    /// The call waits until the gate is opened, and then goes on.
    Hangs(Gate),
}

/// At which events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// At the one with this number; they are counted from 1 since the processor was made.
    Nth(u64),
    /// At each that says this.
    Saying(String),
    /// At each.
    Always,
}

impl When {
    fn is_now(&self, number: u64, event: &LogEvent<'_>) -> bool {
        match self {
            When::Nth(nth) => *nth == number,
            When::Saying(message) => message == event.view.raw_message,
            When::Always => true,
        }
    }
}

impl Trouble {
    fn happen(&self, position: Option<u64>) -> Result<(), ProcessorError> {
        match self {
            Trouble::Fails(kind) => Err(ProcessorError {
                kind: *kind,
                what: FAILURE.to_owned(),
                remedy: "none: a test wants it so".to_owned(),
                position,
                source: None,
            }),
            Trouble::Panics => fall_over(),
            Trouble::Hangs(gate) => {
                gate.pass();
                Ok(())
            }
        }
    }
}

/// What a faulty processor fails and panics with.
pub const FAILURE: &str = "a fault that a test wants";

#[expect(clippy::panic, reason = "a panic is what is tested")]
fn fall_over() -> ! {
    panic!("{FAILURE}")
}

/// A [`MemoryProcessor`] with a [`Fault`].
#[derive(Debug)]
pub struct FaultyProcessor {
    inner: MemoryProcessor,
    fault: Fault,
    /// Events that it was given.
    seen: u64,
    /// The greatest position of them.
    last: u64,
}

impl FaultyProcessor {
    /// A processor that fills `mailbox` as far as `fault` lets it.
    pub fn new(mailbox: &Mailbox, fault: Fault) -> FaultyProcessor {
        FaultyProcessor { inner: MemoryProcessor::new(mailbox), fault, seen: 0, last: 0 }
    }

    fn take(
        &mut self,
        event: &LogEvent<'_>,
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.seen += 1;
        self.last = self.last.max(event.position);
        if let Fault::Event(when, trouble) = &self.fault
            && when.is_now(self.seen, event)
        {
            trouble.happen(Some(event.position))?;
        }
        if matches!(self.fault, Fault::LosesEverySecond) && self.seen.is_multiple_of(2) {
            self.inner.lose(event);
            return Ok(());
        }
        self.inner.process(std::slice::from_ref(event), now, checkpoints)
    }
}

impl LogProcessor for FaultyProcessor {
    fn initialize(
        &mut self,
        properties: &Properties,
        recovered: &Outputs,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        if let Fault::Start(trouble) = &self.fault {
            trouble.happen(None)?;
        }
        self.inner.initialize(properties, recovered, checkpoints)
    }

    fn process(
        &mut self,
        events: &[LogEvent<'_>],
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        if matches!(self.fault, Fault::MixesUp) {
            events.iter().rev().try_for_each(|event| self.take(event, now, checkpoints))?;
        } else {
            events.iter().try_for_each(|event| self.take(event, now, checkpoints))?;
        }
        if matches!(self.fault, Fault::RecordsTooEarly) && !events.is_empty() {
            checkpoints.checkpoint(Done::Upto(self.last), &Outputs::default())?;
        }
        Ok(())
    }

    fn flush(
        &mut self,
        now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        if let Fault::Flush(trouble) = &self.fault {
            trouble.happen(None)?;
        }
        match self.fault {
            Fault::ForgetsToRecord => return Ok(()),
            Fault::RecordsTooMuch => {
                return checkpoints.checkpoint(Done::Upto(self.last + 1), &Outputs::default());
            }
            Fault::Start(_)
            | Fault::Event(..)
            | Fault::Flush(_)
            | Fault::End(_)
            | Fault::RecordsTooEarly
            | Fault::MixesUp
            | Fault::LosesEverySecond => {}
        }
        self.inner.flush(now, checkpoints)
    }

    fn tally(&self) -> Tally {
        self.inner.tally()
    }

    fn destroy(
        &mut self,
        now: Timestamp,
        _deadline: Duration,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        if let Fault::End(trouble) = &self.fault {
            trouble.happen(None)?;
        }
        self.flush(now, checkpoints)
    }
}
