//! Writing and reading the journals of a store.
//!
//! A collector holds the writer's lock of its journal as long as it lives. Its number is the lowest
//! that nobody holds, so there are only ever as many journals a day as there were collectors at once.

use crate::format::frame::{self, HEAD_BYTES};
use crate::format::journal::{self, JournalPlace, JournalRecord};
use crate::fs::{self, Fs, FsFile};
use crate::limits;
use databuild_model::time::Day;
use databuild_policy::naming::{JOURNAL_DIR, JournalName};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The journal of a living collector.
pub struct JournalWriter {
    path: PathBuf,
    file: Arc<dyn FsFile>,
    name: JournalName,
    /// What is to be appended. After an error it begins with the record that is not whole in the file.
    scratch: Vec<u8>,
    /// A power cut may show it as it was before this collector: absent, or closed.
    unsure: bool,
    /// How much of `scratch` is in the file already.
    torn: usize,
}

/// Where a journal is.
pub fn journal_path(logs_dir: &Path, name: JournalName) -> PathBuf {
    logs_dir.join(JOURNAL_DIR).join(name.file_name())
}

impl JournalWriter {
    /// Takes the first journal of `today` that nobody holds, or makes one; `None` if all are held.
    pub fn open(fs: &dyn Fs, logs_dir: &Path, today: Day) -> io::Result<Option<JournalWriter>> {
        for collector in 0..limits::COLLECTORS_MAX {
            let name = JournalName { day: today, collector };
            let path = journal_path(logs_dir, name);
            let file = match fs.create_new(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    fs.open_append(&path)?
                }
                Err(error) => return Err(error),
            };
            if file.try_lock()?
                && let Some(writer) = JournalWriter::take_over(file, path, name)?
            {
                return Ok(Some(writer));
            }
        }
        Ok(None)
    }

    /// Goes on after the last whole record of a journal whose lock is held. `None` if the file has a
    /// format that this version must not write to.
    pub fn take_over(
        file: Box<dyn FsFile>,
        path: PathBuf,
        name: JournalName,
    ) -> io::Result<Option<JournalWriter>> {
        let size = file.size()?;
        let mut writer = JournalWriter {
            path,
            file: Arc::from(file),
            name,
            scratch: Vec::new(),
            unsure: true,
            torn: 0,
        };
        if is_closed(writer.file.as_ref(), size)? {
            return Ok(Some(writer));
        }
        let bytes = fs::read_whole(writer.file.as_ref(), u64::MAX)?;
        let start = match journal::read_header(&bytes) {
            Ok(start) => start,
            // A power cut can leave a file its size and zeros; other versions begin with a name, too.
            Err(_) if bytes.first() == Some(&0) => usize::MAX,
            Err(_) => return Ok(None),
        };
        if bytes.len() < start {
            writer.file.truncate(0)?;
            journal::write_header(&mut writer.scratch);
            writer.flush()?;
            return Ok(Some(writer));
        }
        let valid = journal::read_records(&bytes, start).last().map_or(start, |(end, _)| end);
        if valid < bytes.len() {
            writer.file.truncate(valid as u64)?;
        }
        Ok(Some(writer))
    }

    /// Which journal it is.
    pub fn name(&self) -> JournalName {
        self.name
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record. It survives our crash when this returns, the machine's after a sync.
    pub fn append(&mut self, record: &JournalRecord) -> io::Result<()> {
        self.push(record);
        self.flush()
    }

    /// Makes a record ready to be appended by [`JournalWriter::flush`].
    pub fn push(&mut self, record: &JournalRecord) {
        journal::write_record(record, &mut self.scratch);
    }

    /// Appends what is ready. After an error the rest can be tried again, or be given to another
    /// journal.
    pub fn flush(&mut self) -> io::Result<()> {
        let rest = self.scratch.get(self.torn..).unwrap_or_default();
        let written = fs::append_all(self.file.as_ref(), rest);
        match written {
            Ok(()) => {
                (self.torn, self.scratch) = (0, Vec::new());
                Ok(())
            }
            Err((done, error)) => {
                // Whole records are gone from here; the beginning of the next one stays with it.
                let upto = self.torn + done;
                let ends = frame::records(&self.scratch, 0).map(|record| record.end);
                let whole = ends.take_while(|end| *end <= upto).last().unwrap_or_default();
                self.scratch.drain(..whole);
                self.torn = upto - whole;
                Err(error)
            }
        }
    }

    /// Takes over what another journal could not be made to keep.
    pub fn take_rest(&mut self, other: &mut JournalWriter) {
        self.scratch.append(&mut other.scratch);
        other.torn = 0;
    }

    /// Makes sure that whoever comes after a power cut sees that this collector has not ended. To be
    /// called with the first record, before anything of the run that it tells of is written.
    pub fn begin(&mut self, fs: &dyn Fs) -> io::Result<()> {
        if self.unsure {
            self.flush()?;
            self.file.sync_data()?;
            self.path.parent().map_or(Ok(()), |dir| fs.sync_dir(dir))?;
            self.unsure = false;
        }
        Ok(())
    }

    /// Appends [`JournalRecord::Closed`] and syncs.
    pub fn close(mut self) -> io::Result<()> {
        self.append(&JournalRecord::Closed)?;
        self.file.sync_data()
    }

    /// The file, to be synced by others.
    pub fn file(&self) -> Arc<dyn FsFile> {
        Arc::clone(&self.file)
    }
}

/// Whether the last record says that the collector ended in order.
pub fn is_closed(file: &dyn FsFile, size: u64) -> io::Result<bool> {
    let mut closed = Vec::new();
    journal::write_record(&JournalRecord::Closed, &mut closed);
    let mut last = [0; HEAD_BYTES];
    let Some(at) = size.checked_sub(last.len() as u64) else { return Ok(false) };
    // The kind is a record's ninth byte, and no batch record ends in the byte that says `Closed`.
    Ok(fs::read_full_at(file, &mut last, at)? == last.len() && last == *closed)
}

/// The journals of a store, in order. None if there is no store yet.
pub fn list(fs: &dyn Fs, logs_dir: &Path) -> io::Result<Vec<JournalName>> {
    let items = match fs.list(&logs_dir.join(JOURNAL_DIR)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        items => items?,
    };
    let mut names: Vec<_> =
        items.iter().filter_map(|item| JournalName::parse(&item.name)).collect();
    names.sort_unstable();
    Ok(names)
}

/// The records behind `place`, at most about `bytes_max` bytes of them, and the place behind the
/// last of them. No records: there is nothing new in this journal yet.
pub fn read_from(
    fs: &dyn Fs,
    logs_dir: &Path,
    place: JournalPlace,
    bytes_max: usize,
) -> io::Result<(Vec<JournalRecord>, JournalPlace)> {
    let records = read_each_from(fs, logs_dir, place, bytes_max)?;
    let start = place.offset.max(journal::MAGIC.len() as u64);
    let offset = records.last().map_or(start, |(_, end)| *end);
    let records = records.into_iter().map(|(record, _)| record).collect();
    Ok((records, JournalPlace { journal: place.journal, offset }))
}

/// As [`read_from`], with the offset behind each record.
pub fn read_each_from(
    fs: &dyn Fs,
    logs_dir: &Path,
    place: JournalPlace,
    bytes_max: usize,
) -> io::Result<Vec<(JournalRecord, u64)>> {
    let file = fs.open_read(&journal_path(logs_dir, place.journal))?;
    let start = place.offset.max(journal::MAGIC.len() as u64);
    let size = file.size()?.saturating_sub(start);
    let want = usize::try_from(size).unwrap_or(usize::MAX).min(bytes_max.max(LARGEST_RECORD));
    let mut bytes = vec![0; want];
    let got = fs::read_full_at(file.as_ref(), &mut bytes, start)?;
    bytes.truncate(got);
    let records = journal::read_records(&bytes, 0);
    Ok(records.map(|(end, record)| (record, start + end as u64)).collect())
}

/// Why there is no record behind a place up to which somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRecord {
    /// The journal ends there, or is as it was at the last look.
    Nothing,
    /// One is torn or being written; the size of the file.
    Torn(u64),
    /// This is another journal: a power cut took the end of the one that was read, or somebody removed it
    /// and it was made anew. It has to be read from its beginning. The size of the file.
    Replaced(u64),
}

/// Why no record follows on `place`; `torn` is the size of the file when a torn one was found last.
pub(crate) fn why_no_record(
    fs: &dyn Fs,
    logs_dir: &Path,
    place: JournalPlace,
    torn: Option<u64>,
) -> io::Result<NoRecord> {
    let size = fs.open_read(&journal_path(logs_dir, place.journal))?.size()?;
    if size == place.offset || torn == Some(size) {
        return Ok(NoRecord::Nothing);
    }
    let is_the_same = has_place(fs, logs_dir, place)?;
    Ok(if is_the_same { NoRecord::Torn(size) } else { NoRecord::Replaced(size) })
}

/// Whether the journal still is the one that somebody read up to `place`: a record ends there.
fn has_place(fs: &dyn Fs, logs_dir: &Path, place: JournalPlace) -> io::Result<bool> {
    let (mut at, mut met) = (JournalPlace { offset: 0, ..place }, place.offset == 0);
    while !met {
        let records = read_each_from(fs, logs_dir, at, SEARCH_BYTES)?;
        met = records.iter().any(|(_, end)| *end == place.offset);
        match records.last() {
            Some((_, end)) if *end < place.offset => at.offset = *end,
            Some(_) | None => break,
        }
    }
    Ok(met)
}

/// Read at once by who looks for a place: some ten thousand records.
const SEARCH_BYTES: usize = 1 << 20;

/// A record of a journal has an id of at most 128 bytes and seventeen numbers of at most ten.
const LARGEST_RECORD: usize = 512;

#[cfg(test)]
mod tests;
