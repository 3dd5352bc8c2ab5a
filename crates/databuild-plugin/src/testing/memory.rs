//! A processor that keeps what it gets in memory: the smallest one that keeps the contract.

use crate::processor::{
    Checkpointer, Done, LogEvent, LogProcessor, ProcessorError, ProcessorErrorKind, Properties,
    Tally,
};
use databuild_model::time::Timestamp;
use databuild_policy::commit::Outputs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where the messages of a [`MemoryProcessor`] arrive. Clones are the same one; it outlives processors.
#[derive(Debug, Clone, Default)]
pub struct Mailbox(Arc<Mutex<Vec<String>>>);

impl Mailbox {
    /// What has arrived, in order.
    pub fn messages(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, messages: &mut Vec<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(messages);
    }
}

/// Puts the messages of its events into a [`Mailbox`] when it is flushed.
#[derive(Debug)]
pub struct MemoryProcessor {
    mailbox: Mailbox,
    /// Taken, and not in the mailbox yet.
    held: Vec<String>,
    taken: u64,
    recorded: u64,
    tally: Tally,
    /// An event with this message is refused.
    poison: Option<String>,
}

impl MemoryProcessor {
    /// A processor that fills `mailbox`.
    pub fn new(mailbox: &Mailbox) -> MemoryProcessor {
        MemoryProcessor {
            mailbox: mailbox.clone(),
            held: Vec::new(),
            taken: 0,
            recorded: 0,
            tally: Tally::default(),
            poison: None,
        }
    }

    /// The same, but it refuses events that say `message`.
    pub fn refusing(mailbox: &Mailbox, message: &str) -> MemoryProcessor {
        MemoryProcessor { poison: Some(message.to_owned()), ..MemoryProcessor::new(mailbox) }
    }

    /// Takes an event without keeping it.
    pub(super) fn lose(&mut self, event: &LogEvent<'_>) {
        self.taken = self.taken.max(event.position);
    }
}

impl LogProcessor for MemoryProcessor {
    fn initialize(
        &mut self,
        _properties: &Properties,
        _recovered: &Outputs,
        _checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        Ok(())
    }

    fn process(
        &mut self,
        events: &[LogEvent<'_>],
        _now: Timestamp,
        _checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        for event in events {
            if self.poison.as_deref() == Some(event.view.raw_message) {
                return Err(ProcessorError {
                    kind: ProcessorErrorKind::Poison,
                    what: format!("{:?} cannot be processed", event.view.raw_message),
                    remedy: "leave it out".to_owned(),
                    position: Some(event.position),
                    source: None,
                });
            }
            self.held.push(event.view.raw_message.to_owned());
            self.tally.bytes += u64::try_from(event.view.raw_message.len()).unwrap_or(0);
            self.taken = self.taken.max(event.position);
        }
        Ok(())
    }

    fn flush(
        &mut self,
        _now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.mailbox.put(&mut self.held);
        if self.recorded < self.taken {
            checkpoints.checkpoint(Done::Upto(self.taken), &Outputs::default())?;
            self.recorded = self.taken;
        }
        Ok(())
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn destroy(
        &mut self,
        now: Timestamp,
        _deadline: Duration,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.flush(now, checkpoints)
    }
}
