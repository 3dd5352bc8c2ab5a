//! What is put right before a pipeline writes: renames that were decided on are finished, and files end where
//! the last record says.

use super::moves::{self, Move};
use super::trouble;
use super::writer::{MultiFileWriter, split};
use databuild_io::sink::{Sink, SinkError};
use databuild_plugin::processor::{Checkpointer, Done, ProcessorError, ProcessorErrorKind};
use databuild_policy::commit::{Outputs, Repair, repairs};
use std::collections::HashMap;

impl MultiFileWriter {
    /// Puts right what an earlier try or an earlier process left.
    pub(super) fn recover(
        &mut self,
        recovered: &Outputs,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let place = self.sink.identity().map_err(trouble)?;
        let lengths = lengths(self.sink.as_ref(), recovered).map_err(trouble)?;
        let repairs = repairs(recovered, |path| lengths.get(path).copied().flatten());
        if place != recovered.place
            && !self.accepts_loss
            && let Some(Repair::Lost { path, recorded, .. }) =
                repairs.iter().find(|repair| matches!(repair, Repair::Lost { .. }))
        {
            return Err(elsewhere(path, *recorded, recovered, &place));
        }
        for repair in &repairs {
            self.repair(repair, checkpoints).map_err(trouble)?;
        }
        // A rename that was done may not be durable yet: others need the name that it has left, and no record
        // will name it again.
        let intended: Vec<_> = recovered.intents.iter().map(moves::of).collect();
        moves::sync_all(self.sink.as_ref(), &intended).map_err(trouble)?;
        moves::rename_all(self.sink.as_ref(), renames(&repairs)).map_err(trouble)?;
        let written = recovered.files.keys().chain(recovered.intents.iter().map(|it| &it.from));
        let written: Vec<String> = written.cloned().collect();
        self.recorded = Outputs { place, ..Outputs::default() };
        // All files are as recorded and closed, so none needs to be named.
        checkpoints.checkpoint(Done::AsBefore, &self.recorded)?;
        self.find_archives(written)
    }

    fn repair(&self, repair: &Repair, checkpoints: &mut dyn Checkpointer) -> Result<(), SinkError> {
        let sink = self.sink.as_ref();
        match repair {
            // All at once, when files have the length that they are to have.
            Repair::Rename { .. } => Ok(()),
            Repair::Truncate { path, bytes } => {
                let mut file = sink.append_from(path, *bytes)?;
                file.sync()?;
                file.close()
            }
            // It is made when its first event comes.
            Repair::Create { .. } => Ok(()),
            Repair::Lost { path, recorded, found } => {
                self.compare(path, *recorded, *found, checkpoints);
                Ok(())
            }
        }
    }
}

fn renames(repairs: &[Repair]) -> Vec<Move<'_>> {
    let mut renames = Vec::new();
    for repair in repairs {
        if let Repair::Rename { from, to } = repair {
            renames.push((from.as_str(), to.as_str()));
        }
    }
    renames
}

fn lengths<'a>(
    sink: &dyn Sink,
    outputs: &'a Outputs,
) -> Result<HashMap<&'a str, Option<u64>>, SinkError> {
    let intents = outputs.intents.iter().flat_map(|it| [it.from.as_str(), it.to.as_str()]);
    let paths = outputs.files.keys().map(String::as_str).chain(intents);
    paths.map(|path| Ok((path, sink.stat(path)?.map(|stat| stat.bytes)))).collect()
}

fn elsewhere(path: &str, bytes: u64, recovered: &Outputs, place: &str) -> ProcessorError {
    let (_, name) = split(path);
    ProcessorError {
        kind: ProcessorErrorKind::Transient,
        what: format!(
            "{path} with {bytes} bytes is not there, and the folder is on {place}, not on {}",
            recovered.place
        ),
        remedy: format!(
            "mount the disk that has {name}; if it was taken away on purpose, resume the pipeline with --accept-loss"
        ),
        position: None,
        source: None,
    }
}
