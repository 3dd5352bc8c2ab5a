//! The journals of this machine's store as a bus: a stream is a journal, a source is a job run, a place is
//! the number of a line in its file.

use databuild_io::bus::{Bus, BusBatch, BusError, Cursor, From, Missing, Polled, Start, Waker};
use databuild_logs::fs::Fs;
use databuild_logs::tail::{Content, JournalTail, Places, Stretch, TailError, TailStart, Tailed};
use databuild_model::clock::Clock;
use databuild_model::ids::JobRunId;
use databuild_policy::naming::JournalName;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the journals are looked at while nothing is new: other processes write them. A fifth of the
/// second within which what is said has to be followed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Names of runs that are kept, so that batches of one run share one text; beyond it all are made anew.
const NAMES_MAX: usize = 10_000;

/// A reader of the store.
pub(crate) struct JournalBus {
    tail: JournalTail,
    clock: Arc<dyn Clock>,
    bell: Arc<Bell>,
    streams: HashMap<JournalName, Arc<str>>,
    sources: HashMap<JobRunId, Arc<str>>,
}

impl JournalBus {
    /// A reader of the store in `logs_dir` that begins with all that there is.
    pub(crate) fn new(logs_dir: PathBuf, fs: Arc<dyn Fs>, clock: Arc<dyn Clock>) -> JournalBus {
        JournalBus {
            tail: JournalTail::new(logs_dir, fs),
            clock,
            bell: Arc::default(),
            streams: HashMap::new(),
            sources: HashMap::new(),
        }
    }

    fn look(&mut self, bytes_max: usize) -> Result<Polled, BusError> {
        // Taken before the look, so that what is stored meanwhile is not promised.
        let now = self.clock.wall();
        let Tailed { stretches, complete_until, anew, more } =
            self.tail.poll(bytes_max, now).map_err(trouble)?;
        let mut polled = Polled { complete_until, more, ..Polled::default() };
        polled.anew = anew.into_iter().map(|journal| self.stream(journal)).collect();
        for stretch in stretches {
            self.add(stretch, &mut polled);
        }
        Ok(polled)
    }

    fn add(&mut self, stretch: Stretch, polled: &mut Polled) {
        let (stream, source) = (self.stream(stretch.journal), self.source(&stretch.job_run_id));
        let Stretch { offset, next, durable_at: journalled, first_line: first_place, .. } = stretch;
        let ended = stretch.sealed;
        match stretch.content {
            Content::Lines(lines) => {
                let lines = lines.into();
                polled.batches.push(BusBatch {
                    stream,
                    offset,
                    next,
                    source,
                    journalled,
                    first_place,
                    lines,
                    ended,
                });
            }
            Content::Missing(entries) => polled.missing.push(Missing {
                stream,
                offset,
                next,
                source,
                first_place,
                entries,
                journalled,
                ended,
            }),
        }
        if ended {
            self.sources.remove(&stretch.job_run_id);
        }
    }

    fn stream(&mut self, journal: JournalName) -> Arc<str> {
        let name = self.streams.entry(journal).or_insert_with(|| journal.file_name().into());
        Arc::clone(name)
    }

    fn source(&mut self, run: &JobRunId) -> Arc<str> {
        if let Some(name) = self.sources.get(run) {
            return Arc::clone(name);
        }
        if NAMES_MAX <= self.sources.len() {
            self.sources.clear();
        }
        let name: Arc<str> = run.as_str().into();
        self.sources.insert(run.clone(), Arc::clone(&name));
        name
    }
}

impl Bus for JournalBus {
    fn seek(&mut self, from: &From) -> Result<(), BusError> {
        let start = match from {
            From::Cursor(cursor) => TailStart::Places(places(cursor)),
            From::Start(Start::Beginning) => TailStart::Beginning,
            From::Start(Start::End) => TailStart::End,
            From::Start(Start::Since(time)) => TailStart::Since(*time),
        };
        self.tail.seek(&start).map_err(trouble)
    }

    fn poll(&mut self, bytes_max: usize, wait: Duration) -> Result<Polled, BusError> {
        let until = self.clock.mono().saturating_add(wait);
        loop {
            let polled = self.look(bytes_max)?;
            let is_new = !polled.batches.is_empty() || !polled.missing.is_empty();
            let left = until.saturating_sub(self.clock.mono());
            if is_new || !polled.anew.is_empty() || left.is_zero() {
                return Ok(polled);
            }
            if self.bell.wait(left.min(LOOK_EVERY)) {
                return self.look(bytes_max);
            }
        }
    }

    fn commit(&mut self, _cursor: &Cursor) -> Result<(), BusError> {
        // How long logs are kept is not for their readers to say.
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Waker> {
        Arc::<Bell>::clone(&self.bell)
    }
}

/// Streams that are none of ours are passed over.
fn places(cursor: &Cursor) -> Places {
    let known = |(stream, next): (&String, &u64)| Some((JournalName::parse(stream)?, *next));
    cursor.0.iter().filter_map(known).collect()
}

fn trouble(error: TailError) -> BusError {
    match error {
        TailError::Read { path, source } => {
            BusError { what: path.display().to_string(), transient: true, source }
        }
        TailError::Format { path, source } => BusError {
            what: path.display().to_string(),
            transient: false,
            source: std::io::Error::other(source),
        },
    }
}

/// Ends a wait.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn rung(&self) -> MutexGuard<'_, bool> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is rung, at most for `longest`; whether it was.
    fn wait(&self, longest: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.rung(), longest, |rung| !*rung);
        std::mem::take(&mut *waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl Waker for Bell {
    fn wake(&self) {
        *self.rung() = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
