//! A bus in memory that can fail, lose and bring things twice: what tests read from.

use super::contract::Rig;
use super::{Bus, BusBatch, BusError, Cursor, From, Missing, Polled, Start, Waker};
use databuild_model::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is stored, for any number of readers. Clones are the same store.
#[derive(Debug, Clone, Default)]
pub struct ModelFeed {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stored: Mutex<Stored>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Stored {
    streams: BTreeMap<Arc<str>, Vec<Kept>>,
    places: BTreeMap<String, u64>,
    now: i64,
    faults: VecDeque<BusFault>,
    /// Counts wakes; and streams that were made anew.
    woken: u64,
    anew: Vec<Arc<str>>,
}

#[derive(Debug, Clone)]
enum Kept {
    There(BusBatch),
    Gone(Missing),
}

/// What a poll does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusFault {
    /// It fails, and may succeed when it is tried again.
    Transient,
    /// It panics.
    Panic,
}

impl ModelFeed {
    /// An empty store.
    pub fn new() -> ModelFeed {
        ModelFeed::default()
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.shared.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes durable from now on does so at `now`.
    pub fn set_clock(&self, now: Timestamp) {
        self.stored().now = now.as_nanos();
        self.shared.changed.notify_all();
    }

    /// Stores lines of `source` in `stream`.
    pub fn store_in(&self, stream: &str, source: &str, lines: &[u8], ended: bool) {
        let mut stored = self.stored();
        let entries = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        let place = stored.places.entry(source.to_owned()).or_default();
        let first_place = *place;
        *place += entries;
        let journalled = Timestamp::from_nanos(stored.now);
        let stream: Arc<str> = stream.into();
        let kept = stored.streams.entry(Arc::clone(&stream)).or_default();
        let offset = kept.len() as u64;
        kept.push(Kept::There(BusBatch {
            stream,
            offset,
            next: offset + 1,
            source: source.into(),
            journalled,
            first_place,
            lines: Arc::new(lines.to_vec()),
            ended,
        }));
        drop(stored);
        self.shared.changed.notify_all();
    }

    /// The next polls that would wait do this, one each. Those that only look are spared.
    pub fn fail(&self, faults: impl IntoIterator<Item = BusFault>) {
        self.stored().faults.extend(faults);
    }

    /// Retention was faster: what the batch at `offset` of `stream` had is gone.
    pub fn lose(&self, stream: &str, offset: usize) {
        let mut stored = self.stored();
        let kept = stored.streams.get_mut(stream).and_then(|stream| stream.get_mut(offset));
        if let Some(kept) = kept
            && let Kept::There(batch) = kept
        {
            let entries = batch.lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            *kept = Kept::Gone(Missing {
                stream: Arc::clone(&batch.stream),
                offset: batch.offset,
                next: batch.next,
                source: Arc::clone(&batch.source),
                first_place: batch.first_place,
                entries,
                journalled: batch.journalled,
                ended: batch.ended,
            });
        }
    }

    /// All streams are made anew under other names: everything is brought once more.
    pub fn make_anew(&self) {
        let mut stored = self.stored();
        let streams = std::mem::take(&mut stored.streams);
        for (name, kept) in streams {
            let name: Arc<str> = format!("{name}'").into();
            let rename = |kept| match kept {
                Kept::There(batch) => Kept::There(BusBatch { stream: Arc::clone(&name), ..batch }),
                Kept::Gone(gone) => Kept::Gone(Missing { stream: Arc::clone(&name), ..gone }),
            };
            stored.anew.push(Arc::clone(&name));
            stored.streams.insert(Arc::clone(&name), kept.into_iter().map(rename).collect());
        }
    }

    /// A reader that was not told yet where to read.
    pub fn reader(&self) -> ModelBus {
        ModelBus { feed: self.clone(), cursor: Cursor::default(), woken: self.stored().woken }
    }
}

impl Rig for ModelFeed {
    fn bus(&self) -> Box<dyn Bus> {
        Box::new(self.reader())
    }

    fn store(&mut self, source: &str, lines: &[&str]) {
        self.store_in("stream", source, (lines.join("\n") + "\n").as_bytes(), false);
    }

    fn end(&mut self, source: &str) {
        self.store_in("stream", source, b"", true);
    }
}

/// A reader of a [`ModelFeed`].
#[derive(Debug)]
pub struct ModelBus {
    feed: ModelFeed,
    cursor: Cursor,
    woken: u64,
}

impl ModelBus {
    fn take(&mut self, stored: &Stored, bytes_max: usize) -> Polled {
        let mut polled = Polled::default();
        let mut bytes = 0;
        for (name, kept) in &stored.streams {
            let at = self.cursor.0.entry(name.to_string()).or_default();
            if *at == 0 && stored.anew.contains(name) {
                polled.anew.push(Arc::clone(name));
            }
            let from = usize::try_from(*at).unwrap_or(usize::MAX);
            for kept in kept.get(from..).unwrap_or_default() {
                if bytes_max <= bytes {
                    polled.more = true;
                    break;
                }
                match kept {
                    Kept::There(batch) => {
                        bytes += batch.lines.len().max(1);
                        polled.batches.push(batch.clone());
                    }
                    Kept::Gone(gone) => polled.missing.push(gone.clone()),
                }
                *at += 1;
            }
        }
        if !polled.more {
            polled.complete_until = Some(Timestamp::from_nanos(stored.now));
        }
        polled
    }
}

impl Bus for ModelBus {
    fn seek(&mut self, from: &From) -> Result<(), BusError> {
        let stored = self.feed.stored();
        let until = |time: Timestamp| {
            let behind = |kept: &Vec<Kept>| {
                let before = |kept: &&Kept| match kept {
                    Kept::There(batch) => batch.journalled < time,
                    Kept::Gone(gone) => gone.journalled < time,
                };
                kept.iter().take_while(before).count() as u64
            };
            Cursor(
                stored
                    .streams
                    .iter()
                    .map(|(name, kept)| (name.to_string(), behind(kept)))
                    .collect(),
            )
        };
        self.cursor = match from {
            From::Cursor(cursor) => cursor.clone(),
            From::Start(Start::Beginning) => Cursor::default(),
            From::Start(Start::End) => until(Timestamp::MAX),
            From::Start(Start::Since(time)) => until(*time),
        };
        Ok(())
    }

    fn poll(&mut self, bytes_max: usize, wait: Duration) -> Result<Polled, BusError> {
        let feed = self.feed.clone();
        let mut stored = feed.stored();
        let fault = if wait.is_zero() { None } else { stored.faults.pop_front() };
        match fault {
            None => {}
            Some(BusFault::Transient) => {
                let source = std::io::ErrorKind::ConnectionReset.into();
                return Err(BusError { what: "the model".to_owned(), transient: true, source });
            }
            #[expect(clippy::panic, reason = "what it is asked for")]
            Some(BusFault::Panic) => {
                drop(stored);
                panic!("the bus panics");
            }
        }
        let polled = self.take(&stored, bytes_max);
        if !polled.batches.is_empty() || !polled.missing.is_empty() || wait.is_zero() {
            return Ok(polled);
        }
        if self.woken == stored.woken {
            let waited = feed.shared.changed.wait_timeout(stored, wait);
            stored = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.woken = stored.woken;
        Ok(self.take(&stored, bytes_max))
    }

    fn commit(&mut self, _cursor: &Cursor) -> Result<(), BusError> {
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Waker> {
        Arc::new(ModelWaker(self.feed.clone()))
    }
}

struct ModelWaker(ModelFeed);

impl Waker for ModelWaker {
    fn wake(&self) {
        self.0.stored().woken += 1;
        self.0.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_contract() {
        crate::bus::contract::check(|| Box::new(ModelFeed::new())).unwrap();
    }
}
