//! What a lane is to a processor, for one run: a real checkpoint, on the disk of the test.

use crate::checkpoint::{CheckpointError, CheckpointLog};
use crate::format::checkpoint::State;
use databuild_io::sink::Sink;
use databuild_io::sink::model::ModelSink;
use databuild_plugin::processor::{Checkpointer, Done, Loss, ProcessorError, ProcessorErrorKind};
use databuild_policy::acknowledge::Progress;
use databuild_policy::commit::Outputs;
use std::sync::Arc;

pub(super) struct TestDesk {
    log: CheckpointLog,
    /// Events that are done.
    pub(super) done: u64,
    /// What was told to be gone.
    pub(super) lost: Vec<String>,
}

impl TestDesk {
    pub(super) fn new(sink: &ModelSink) -> TestDesk {
        TestDesk::open(sink).unwrap()
    }

    pub(super) fn open(sink: &ModelSink) -> Result<TestDesk, CheckpointError> {
        let sink: Arc<dyn Sink> = Arc::new(sink.clone());
        let (log, found) = CheckpointLog::open(&sink, "home")?;
        let done = found.and_then(|state| state.sources.get("r").map(|it| it.low)).unwrap_or(0);
        Ok(TestDesk { log, done, lost: Vec::new() })
    }

    pub(super) fn outputs(&self) -> Outputs {
        self.log.last().outputs.clone()
    }
}

impl Checkpointer for TestDesk {
    fn checkpoint(&mut self, done: Done<'_>, outputs: &Outputs) -> Result<(), ProcessorError> {
        if let Done::Upto(position) = done {
            self.done = self.done.max(position);
        }
        let progress = Progress { low: self.done, above: Vec::new() };
        let state = State {
            sources: [("r".to_owned(), progress)].into(),
            outputs: outputs.clone(),
            ..State::default()
        };
        self.log.write(state).map_err(|error| ProcessorError {
            kind: ProcessorErrorKind::Transient,
            what: error.to_string(),
            remedy: String::new(),
            position: None,
            source: None,
        })
    }

    fn lost(&mut self, loss: &Loss) {
        self.lost.push(loss.to_string());
    }

    fn reject(&mut self, _position: u64, _reason: &str) -> Result<(), ProcessorError> {
        unreachable!("files take everything")
    }
}
