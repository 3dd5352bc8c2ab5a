//! How far runs that are not sealed are in the journals, so that whoever goes on with one tells of
//! every byte once.

use super::journal as journals;
use crate::format::journal::{JournalPlace, JournalRecord};
use crate::fs::Fs;
use databuild_model::ids::JobRunId;
use databuild_model::time::{Day, Timestamp};
use databuild_policy::naming::JournalName;
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// Read of a journal at once: some ten thousand records.
const READ_BYTES: usize = 1 << 20;

/// What was read of the journals so far.
#[derive(Debug, Default)]
pub struct Cover {
    read: HashMap<JournalName, u64>,
    runs: HashMap<JobRunId, u64>,
}

impl Cover {
    /// Where the stretches of `run`, which began on `day`, end that are in the journals. Reads what
    /// was added to these since the last call.
    pub fn of(
        &mut self,
        fs: &dyn Fs,
        logs_dir: &Path,
        day: Day,
        run: &JobRunId,
    ) -> io::Result<u64> {
        for name in journals::list(fs, logs_dir)? {
            if may_tell_of(fs, logs_dir, name, day)? {
                self.read(fs, logs_dir, name)?;
            }
        }
        Ok(self.runs.get(run).copied().unwrap_or_default())
    }

    fn read(&mut self, fs: &dyn Fs, logs_dir: &Path, journal: JournalName) -> io::Result<()> {
        let offset = self.read.get(&journal).copied().unwrap_or_default();
        let mut place = JournalPlace { journal, offset };
        loop {
            let (records, next) = journals::read_from(fs, logs_dir, place, READ_BYTES)?;
            if records.is_empty() {
                self.read.insert(journal, place.offset);
                return Ok(());
            }
            place = next;
            for record in records {
                let JournalRecord::Batch(batch) = record else { continue };
                if batch.sealed {
                    self.runs.remove(&batch.job_run_id);
                } else {
                    let end = batch.end();
                    let upto = self.runs.entry(batch.job_run_id).or_default();
                    *upto = end.max(*upto);
                }
            }
        }
    }
}

/// Whether a journal may have a record of a run that began on `day`. A collector keeps its journal as
/// long as it lives, so it may be older than the run.
pub(super) fn may_tell_of(
    fs: &dyn Fs,
    logs_dir: &Path,
    name: JournalName,
    day: Day,
) -> io::Result<bool> {
    if day <= name.day {
        return Ok(true);
    }
    let file = fs.open_read(&journals::journal_path(logs_dir, name))?;
    let written = Timestamp::from_nanos(file.modified()?).day();
    Ok(day <= written)
}
