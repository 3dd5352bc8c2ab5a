//! A checkpointer that remembers what it was told, objects to what must not be, and refuses when a check
//! wants it to.

use crate::processor::{Checkpointer, Done, Loss, ProcessorError, ProcessorErrorKind};
use databuild_policy::commit::Outputs;
use std::collections::BTreeSet;

/// What the records of one processor say.
#[derive(Debug, Default)]
pub struct Recorder {
    /// Everything up to and with this position is done.
    upto: u64,
    /// What is done above it.
    above: BTreeSet<u64>,
    /// The last position that was given.
    given: u64,
    outputs: Outputs,
    records: u64,
    objections: Vec<String>,
    refuses: Option<u64>,
}

impl Recorder {
    /// What a processor that starts anew is given: nothing is done, and the outputs are these.
    pub fn recovered(outputs: Outputs) -> Recorder {
        Recorder { outputs, ..Recorder::default() }
    }

    /// Notes that everything up to `position` is about to be given.
    pub fn give(&mut self, position: u64) {
        self.given = self.given.max(position);
    }

    /// From now on so many records are taken, and the next one is refused.
    pub fn refuse_after(&mut self, records: u64) {
        self.refuses = Some(records);
    }

    /// Whether the event at `position` is done.
    pub fn is_done(&self, position: u64) -> bool {
        position <= self.upto || self.above.contains(&position)
    }

    /// Positions that were given and are not done, in order.
    pub fn open(&self) -> Vec<u64> {
        (self.upto + 1..=self.given).filter(|position| !self.above.contains(position)).collect()
    }

    /// The outputs of the last record.
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// What the processor has recorded that it must not.
    pub fn objections(&self) -> &[String] {
        &self.objections
    }

    fn note(&mut self, done: Done<'_>) {
        match done {
            Done::AsBefore => {}
            Done::Upto(position) => {
                if self.given < position {
                    self.objections
                        .push(format!("{position} is done, and was not given ({})", self.given));
                }
                if position < self.upto {
                    self.objections.push(format!("back from {} to {position}", self.upto));
                }
                self.upto = self.upto.max(position);
                let upto = self.upto;
                self.above.retain(|above| upto < *above);
            }
            Done::These(positions) => {
                for position in positions {
                    if self.given < *position || *position == 0 {
                        self.objections.push(format!("{position} is done, and was not given"));
                    } else if self.is_done(*position) || !self.above.insert(*position) {
                        self.objections.push(format!("{position} is done twice"));
                    }
                }
                while self.above.remove(&(self.upto + 1)) {
                    self.upto += 1;
                }
            }
        }
    }
}

impl Checkpointer for Recorder {
    fn checkpoint(&mut self, done: Done<'_>, outputs: &Outputs) -> Result<(), ProcessorError> {
        match &mut self.refuses {
            Some(0) => return Err(refusal()),
            Some(left) => *left -= 1,
            None => {}
        }
        self.note(done);
        self.outputs = outputs.clone();
        self.records += 1;
        Ok(())
    }

    /// As for an owner who wants to look at what cannot be processed.
    fn reject(&mut self, position: u64, reason: &str) -> Result<(), ProcessorError> {
        Err(ProcessorError {
            kind: ProcessorErrorKind::Poison,
            what: reason.to_owned(),
            remedy: "none: a check wants it so".to_owned(),
            position: Some(position),
            source: None,
        })
    }

    /// A place that is empty has nothing that could be gone.
    fn lost(&mut self, loss: &Loss) {
        self.objections.push(format!("it tells of a loss: {loss}"));
    }
}

fn refusal() -> ProcessorError {
    ProcessorError {
        kind: ProcessorErrorKind::Transient,
        what: REFUSED.to_owned(),
        remedy: "none: a check wants it so".to_owned(),
        position: None,
        source: None,
    }
}

/// What a record that a check does not want fails with.
const REFUSED: &str = "the checkpoint cannot be written";
