//! The dead-letter file of a pipeline: what was set aside, and why. A letter is durable before its event
//! counts as done; after a crash it may stand there twice, under the same run and place.

use crate::format::dead_letter::DeadLetter;
use crate::limits;
use databuild_io::sink::{Sink, SinkError, SinkErrorKind, SinkFile};

/// What the file is called in the folder of the pipeline.
pub(crate) const NAME: &str = "dead-letters.jsonl";

/// Appends dead letters.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: String,
    file: Option<Box<dyn SinkFile>>,
    bytes: u64,
}

impl DeadLetters {
    pub(crate) fn new(pipeline: &str) -> DeadLetters {
        DeadLetters { path: format!("{pipeline}/{NAME}"), file: None, bytes: 0 }
    }

    /// Sets an event aside; durable when this returns.
    pub(crate) fn write(&mut self, sink: &dyn Sink, letter: &DeadLetter) -> Result<(), SinkError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                self.bytes = whole(sink, &self.path)?;
                let file = sink.append_from(&self.path, self.bytes)?;
                sink.sync_names(&self.path)?;
                self.file.insert(file)
            }
        };
        let mut out = Vec::new();
        letter.write(&mut out);
        if limits::DEAD_LETTER_BYTES_MAX < self.bytes + out.len() as u64 {
            return Err(SinkError {
                kind: SinkErrorKind::Full,
                doing: "add another dead letter to",
                path: self.path.clone(),
                source: None,
            });
        }
        let written = file.append(&out).and_then(|()| file.sync());
        match written {
            Ok(bytes) => self.bytes = bytes,
            // What is in the file now is looked at again.
            Err(_) => self.file = None,
        }
        written.map(drop)
    }
}

/// How much of the file is whole lines.
fn whole(sink: &dyn Sink, path: &str) -> Result<u64, SinkError> {
    let Some(stat) = sink.stat(path)? else { return Ok(0) };
    const TAIL: u64 = 1 << 20;
    let mut end = stat.bytes;
    while 0 < end {
        let from = end.saturating_sub(TAIL);
        let bytes = sink.read(path, from, usize::try_from(end - from).unwrap_or(usize::MAX))?;
        if let Some(last) = memchr::memrchr(b'\n', &bytes) {
            return Ok(from + last as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}
