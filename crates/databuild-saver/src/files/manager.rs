//! One file that is written: what is rendered and not appended, what is appended and not synced, and what is
//! committed.

use databuild_io::sink::{FilePlace, Sink, SinkError, SinkFile};
use databuild_model::time::Timestamp;
use databuild_policy::roll::{ActiveFile, RollCause, RotationPolicy};

/// Writes one file. It makes sure of nothing by itself: whoever owns it decides when.
#[derive(Debug)]
pub(super) struct FileManager {
    file: Box<dyn SinkFile>,
    buffer: Vec<u8>,
    /// The file with what is in the buffer.
    active: ActiveFile,
    /// How much of it the last record names.
    committed: u64,
    /// When something was last written, by the count of writes: the least is the one to close first.
    pub(super) used: u64,
    /// When the period of the first event is over, once it was asked for.
    same_period_until: Option<Timestamp>,
}

/// What an event has added.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended {
    /// Its own bytes.
    pub(super) bytes: usize,
    /// All that is rendered and not appended.
    pub(super) waiting: usize,
}

impl FileManager {
    /// Opens the file at its first `bytes` bytes, and makes it if that is none. `began` is when its first
    /// event was written, if somebody knows.
    pub(super) fn create(
        sink: &dyn Sink,
        path: &str,
        bytes: u64,
        began: Option<Timestamp>,
    ) -> Result<FileManager, SinkError> {
        let file = sink.append_from(path, bytes)?;
        let began = began.unwrap_or(Timestamp::MIN);
        let active = ActiveFile { bytes, began, written: began };
        Ok(FileManager {
            file,
            buffer: Vec::new(),
            active,
            committed: bytes,
            used: 0,
            same_period_until: None,
        })
    }

    /// The file as what decides about rolling sees it.
    pub(super) fn active(&self) -> &ActiveFile {
        &self.active
    }

    /// How much of it the last record names.
    pub(super) fn committed(&self) -> u64 {
        self.committed
    }

    /// Whether there is something that the last record does not name.
    pub(super) fn is_dirty(&self) -> bool {
        self.committed != self.active.bytes
    }

    /// Takes an event of `when`, whose text `render` appends; or says that the file has to be rolled before,
    /// if it ever is.
    pub(super) fn append(
        &mut self,
        rotation: Option<&RotationPolicy>,
        when: Timestamp,
        render: &mut dyn FnMut(&mut Vec<u8>),
    ) -> Result<Appended, RollCause> {
        let before = self.buffer.len();
        render(&mut self.buffer);
        let bytes = self.buffer.len() - before;
        if let Some(rotation) = rotation
            && let Some(cause) = self.should_rotate(rotation, bytes as u64, when)
        {
            self.buffer.truncate(before);
            return Err(cause);
        }
        if self.active.bytes == 0 {
            self.active.began = when;
            self.same_period_until = None;
        }
        self.active.written = self.active.written.max(when);
        self.active.bytes += bytes as u64;
        Ok(Appended { bytes, waiting: self.buffer.len() })
    }

    /// The calendar is asked once for each file, not for each event.
    fn should_rotate(
        &mut self,
        rotation: &RotationPolicy,
        next: u64,
        when: Timestamp,
    ) -> Option<RollCause> {
        let active = &self.active;
        if active.bytes == 0 {
            return None;
        }
        let until = *self.same_period_until.get_or_insert_with(|| rotation.until(active.began));
        if until <= when {
            return rotation.should_rotate(active, next, when);
        }
        rotation.is_too_large(active, next).then_some(RollCause::Size)
    }

    /// Appends what is in the buffer.
    pub(super) fn write(&mut self) -> Result<(), SinkError> {
        if !self.buffer.is_empty() {
            self.file.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Makes everything survive a power cut, and tells how much of the file does.
    pub(super) fn flush(&mut self) -> Result<u64, SinkError> {
        self.write()?;
        self.file.sync()
    }

    /// The record that names everything is written.
    pub(super) fn commit(&mut self) {
        self.committed = self.active.bytes;
    }

    /// Somebody else has written into the file: what they wrote belongs to it.
    pub(super) fn has_grown(&mut self, bytes: u64) {
        self.active.bytes = bytes;
    }

    /// Whether somebody took the file away, or something of it.
    pub(super) fn place(&self) -> Result<FilePlace, SinkError> {
        self.file.place()
    }

    /// Closes the file.
    pub(super) fn close(self) -> Result<(), SinkError> {
        self.file.close()
    }
}
