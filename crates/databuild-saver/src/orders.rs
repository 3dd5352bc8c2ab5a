//! What a person orders a pipeline to do, as files in the saver's folder: so it works from any process, and
//! also while no saver runs. A pipeline looks about once a second.

use databuild_io::bus::Start;
use databuild_io::sink::{Sink, SinkError, SinkErrorKind};
use databuild_model::time::Timestamp;

const PAUSED: &str = "paused";
const REPLAY: &str = "replay";
const RETRY: &str = "retry";
const ACCEPT_LOSS: &str = "accept-loss";

/// Longest order that is read.
const BYTES_MAX: usize = 256;

/// Where the orders of one pipeline are.
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    sink: &'a dyn Sink,
    pipeline: &'a str,
}

impl<'a> Orders<'a> {
    /// The orders of `pipeline` in the saver's folder.
    pub fn new(sink: &'a dyn Sink, pipeline: &'a str) -> Orders<'a> {
        Orders { sink, pipeline }
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.pipeline)
    }

    fn give(&self, name: &str, text: &str) -> Result<(), SinkError> {
        let path = self.path(name);
        let mut file = self.sink.append_from(&path, 0)?;
        file.append(text.as_bytes())?;
        file.sync()?;
        file.close()?;
        self.sink.sync_names(&path)
    }

    fn withdraw(&self, name: &str) -> Result<bool, SinkError> {
        match self.sink.remove(&self.path(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind == SinkErrorKind::Missing => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Nothing is processed until [`Orders::resume`].
    pub fn pause(&self) -> Result<(), SinkError> {
        self.give(PAUSED, "")
    }

    /// Goes on, also after too many failures, and tries at once.
    pub fn resume(&self) -> Result<(), SinkError> {
        self.give(RETRY, "")?;
        self.withdraw(PAUSED).map(drop)
    }

    /// Files that are gone were taken away on purpose: they are begun anew.
    pub fn accept_loss(&self) -> Result<(), SinkError> {
        self.give(ACCEPT_LOSS, "")
    }

    /// Begins again at `start`: what comes from there is processed once more.
    pub fn replay(&self, start: Start) -> Result<(), SinkError> {
        let text = match start {
            Start::Beginning => "beginning".to_owned(),
            Start::End => "end".to_owned(),
            Start::Since(time) => time.as_nanos().to_string(),
        };
        self.give(REPLAY, &text)
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> Result<bool, SinkError> {
        Ok(self.sink.stat(&self.path(PAUSED))?.is_some())
    }

    /// Where it is to begin again, if that was ordered.
    pub(crate) fn replay_from(&self) -> Result<Option<Start>, SinkError> {
        let path = self.path(REPLAY);
        if self.sink.stat(&path)?.is_none() {
            return Ok(None);
        }
        let text = self.sink.read(&path, 0, BYTES_MAX)?;
        Ok(match std::str::from_utf8(&text).unwrap_or_default() {
            "beginning" => Some(Start::Beginning),
            "end" => Some(Start::End),
            // One that is being written is seen the next time.
            nanos => nanos.parse().ok().map(|nanos| Start::Since(Timestamp::from_nanos(nanos))),
        })
    }

    /// The replay is recorded.
    pub(crate) fn replayed(&self) -> Result<(), SinkError> {
        self.withdraw(REPLAY).map(drop)
    }

    /// Whether somebody wants it to be tried at once.
    pub(crate) fn wants_retry(&self) -> Result<bool, SinkError> {
        Ok(self.sink.stat(&self.path(RETRY))?.is_some())
    }

    /// The same, once.
    pub(crate) fn take_retry(&self) -> Result<bool, SinkError> {
        self.withdraw(RETRY)
    }

    /// Whether files that are gone are to be begun anew; once.
    pub(crate) fn take_accept_loss(&self) -> Result<bool, SinkError> {
        self.withdraw(ACCEPT_LOSS)
    }
}
