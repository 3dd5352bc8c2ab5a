//! From the bus to events in order: which lines a pipeline takes, whose turn it is, and what is done of each
//! run. One consumer for one try of one pipeline; after a failure another one begins where the last record is.

mod deliver;
mod source;

use crate::event::{Due, Line, RunFacts, Views, with_view};
use crate::format::checkpoint::State;
use crate::limits;
use databuild_io::bus::{Bus, BusBatch, BusError, Cursor, From, Missing, Start};
use databuild_model::time::Timestamp;
use databuild_plugin::processor::Done;
use databuild_policy::acknowledge::Progress;
use databuild_policy::commit::Outputs;
use databuild_policy::order::{OrderLimits, OrderWindow, Ordered, Waiting};
use databuild_policy::route::select::Selector;
use deliver::Delivered;
use source::{Source, Sources};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How the next event leaves the window.
type Pop = fn(&mut OrderWindow<Line>) -> Option<Ordered<Line>>;

/// What a pipeline has read so far, since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Read {
    /// Events that it takes.
    pub(crate) taken: u64,
    /// Events of which it was told that they are gone.
    pub(crate) missing: u64,
    /// When the latest became durable that was read.
    pub(crate) newest: Option<Timestamp>,
    /// Whether there is nothing more to read.
    pub(crate) is_caught_up: bool,
}

/// An event whose turn has come.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) line: Line,
    pub(crate) facts: Arc<RunFacts>,
    pub(crate) place: u64,
    pub(crate) late: bool,
    pub(crate) position: u64,
}

impl Ready {
    /// As processors are given it.
    pub(crate) fn due(&self) -> Due<'_> {
        let Ready { line, facts, late, position, .. } = self;
        Due { line, facts, late: *late, position: *position }
    }
}

/// A batch of the bus of which not everything is done.
struct OpenBatch {
    offset: u64,
    source: usize,
    last_place: Option<u64>,
    journalled: Timestamp,
}

/// What is read of a stream.
#[derive(Default)]
struct Stream {
    /// Where it goes on.
    next: u64,
    open: VecDeque<OpenBatch>,
}

/// Brings the events of one pipeline in order.
pub(crate) struct Consumer {
    bus: Box<dyn Bus>,
    project: Arc<str>,
    selector: Selector,
    window: OrderWindow<Line>,
    window_bytes_max: usize,
    sources: Sources,
    streams: BTreeMap<Arc<str>, Stream>,
    delivered: Delivered,
    views: Views,
    /// Where the lines of the batch in work end, and those that are taken; kept for their memory.
    ends: Vec<usize>,
    taken: Vec<(Line, u64)>,
    read: Read,
    /// What the checkpoint knew of when it began.
    known_until: Option<Timestamp>,
    /// Streams that were made anew.
    anew: HashSet<Arc<str>>,
    dead_letters: u64,
    start: Start,
}

/// What a consumer is told.
pub(crate) struct ConsumerOptions {
    pub(crate) project: Arc<str>,
    pub(crate) selector: Selector,
    pub(crate) order: OrderLimits,
    pub(crate) start: Start,
}

impl Consumer {
    /// Goes on where `state` is, or begins.
    pub(crate) fn open(
        mut bus: Box<dyn Bus>,
        options: ConsumerOptions,
        state: Option<&State>,
    ) -> Result<Consumer, BusError> {
        let from = match state {
            Some(state) => From::Cursor(state.cursor.clone()),
            None => From::Start(options.start),
        };
        bus.seek(&from)?;
        let streams = state.into_iter().flat_map(|state| &state.cursor.0).map(|(stream, next)| {
            (stream.as_str().into(), Stream { next: *next, open: VecDeque::new() })
        });
        let mut sources = Sources::default();
        for (run, progress) in state.into_iter().flat_map(|state| &state.sources) {
            sources.resume(run.as_str().into(), progress.clone());
        }
        Ok(Consumer {
            bus,
            project: options.project,
            selector: options.selector,
            window: OrderWindow::new(options.order),
            window_bytes_max: options.order.bytes_max,
            sources,
            streams: streams.collect(),
            delivered: Delivered::default(),
            views: Views::default(),
            ends: Vec::new(),
            taken: Vec::new(),
            read: Read { newest: state.and_then(|state| state.newest), ..Read::default() },
            known_until: state.and_then(|state| state.newest),
            anew: HashSet::new(),
            dead_letters: state.map_or(0, |state| state.dead_letters),
            start: options.start,
        })
    }

    /// Reads what is new, if there is room for it; waits up to `wait` if nothing is.
    pub(crate) fn read(&mut self, wait: Duration) -> Result<(), BusError> {
        let polled = self.bus.poll(limits::POLL_BYTES, wait)?;
        self.read.is_caught_up = !polled.more && polled.batches.is_empty();
        self.anew.extend(polled.anew);
        let mut missing = polled.missing.iter().peekable();
        for batch in &polled.batches {
            let before = |gone: &&Missing| {
                gone.journalled < batch.journalled
                    || gone.stream == batch.stream && gone.offset < batch.offset
            };
            while let Some(gone) = missing.next_if(before) {
                self.skip(gone);
            }
            self.take(batch);
        }
        missing.for_each(|gone| self.skip(gone));
        if let Some(until) = polled.complete_until {
            self.window.advance(until);
        }
        Ok(())
    }

    /// Whether events wait for their turn that take all the room there is.
    pub(crate) fn is_full(&self) -> bool {
        self.window_bytes_max <= self.window.bytes()
    }

    /// Events and bytes that wait for their turn.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.window.len(), self.window.bytes())
    }

    /// When the next event will have waited long enough.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.window.next_due()
    }

    /// What was read since it began.
    pub(crate) fn tally(&self) -> Read {
        self.read
    }

    /// When the oldest event became durable that is read and not done.
    pub(crate) fn oldest_open(&self) -> Option<Timestamp> {
        let open = self.streams.values().filter_map(|stream| stream.open.front());
        open.map(|batch| batch.journalled).min()
    }

    /// The first place that is awaited of a run that is met for the first time. One that is read from its
    /// middle on begins there.
    fn first_place(&self, met: u64) -> u64 {
        if self.start == Start::Beginning { 0 } else { met }
    }

    fn skip(&mut self, gone: &Missing) {
        let source =
            self.sources.get(&gone.source, self.first_place(gone.first_place), &mut self.window);
        if let Some(it) = self.sources.at(source) {
            it.acknowledger.skip(gone.first_place, gone.entries);
        }
        self.read.missing += gone.entries;
        let last = gone.entries.checked_sub(1).map(|more| gone.first_place + more);
        self.note(&gone.stream, gone.offset, gone.next, source, last, gone.journalled);
        if gone.ended {
            self.sources.end(source, &mut self.window);
        }
        self.settle();
    }

    fn take(&mut self, batch: &BusBatch) {
        let is_known = self.sources.knows(&batch.source);
        let first = self.first_place(batch.first_place);
        let source = self.sources.get(&batch.source, first, &mut self.window);
        let mut ends = std::mem::take(&mut self.ends);
        ends.clear();
        ends.extend(memchr::memchr_iter(b'\n', &batch.lines));
        let count = ends.len() as u64;
        let known = self.known_until.is_some_and(|until| batch.journalled <= until);
        if known && !is_known && self.anew.contains(&batch.stream) {
            // A run that ended before the stream was lost: all of it is done.
            if let Some(it) = self.sources.at(source) {
                it.acknowledger.skip(batch.first_place, count);
            }
        } else {
            self.take_lines(batch, source, &ends);
        }
        self.ends = ends;
        self.read.newest = self.read.newest.max(Some(batch.journalled));
        let last = count.checked_sub(1).map(|more| batch.first_place + more);
        self.note(&batch.stream, batch.offset, batch.next, source, last, batch.journalled);
        if batch.ended {
            self.sources.end(source, &mut self.window);
        }
        self.settle();
    }

    fn note(
        &mut self,
        stream: &Arc<str>,
        offset: u64,
        next: u64,
        source: usize,
        last_place: Option<u64>,
        journalled: Timestamp,
    ) {
        let known = self.streams.entry(Arc::clone(stream)).or_default();
        known.next = next;
        known.open.push_back(OpenBatch { offset, source, last_place, journalled });
        if let Some(it) = self.sources.at(source) {
            it.open_batches += 1;
        }
    }

    fn take_lines(&mut self, batch: &BusBatch, source: usize, ends: &[usize]) {
        let Some(it) = self.sources.at(source) else { return };
        if it.facts.is_none() {
            let first = ends.first().and_then(|end| batch.lines.get(..*end));
            let facts = first.map(|line| RunFacts::of(&self.project, &batch.source, line));
            it.selected = facts
                .as_ref()
                .map(|facts| self.selector.takes_run(&facts.app, &facts.job, &facts.partition));
            it.facts = facts.map(Arc::new);
        }
        if it.selected == Some(false) {
            it.acknowledger.skip(batch.first_place, ends.len() as u64);
            return;
        }
        let Some(facts) = it.facts.clone() else { return };
        let taken = &mut self.taken;
        let mut bytes = 0;
        let mut from = 0;
        for (end, place) in ends.iter().zip(batch.first_place..) {
            let range = from..*end;
            from = end + 1;
            if !it.acknowledger.take(place) {
                continue;
            }
            let line = Line::read(&mut it.scanner, &batch.lines, range, place, batch.journalled);
            if takes(&self.selector, &mut self.views, &line, &facts) {
                bytes += line.text().len();
                taken.push((line, place));
            } else {
                it.acknowledger.done(place);
            }
        }
        self.read.taken += taken.len() as u64;
        // A few lines must not hold the memory of many.
        let is_sparse = bytes < batch.lines.len() / 2;
        for (line, place) in taken.drain(..) {
            let line = if is_sparse { line.alone() } else { line };
            let event = Waiting {
                sequence: place,
                time: line.head.time,
                journalled: batch.journalled,
                bytes: line.bytes(),
                item: line,
            };
            self.window.push(it.slot, event);
        }
    }

    /// Lets go of batches of which everything is done.
    fn settle(&mut self) {
        for stream in self.streams.values_mut() {
            while let Some(batch) = stream.open.front() {
                let Some(it) = self.sources.at(batch.source) else { break };
                if batch.last_place.is_some_and(|last| it.acknowledger.low() <= last) {
                    break;
                }
                it.open_batches -= 1;
                let source = batch.source;
                stream.open.pop_front();
                self.sources.release(source);
            }
        }
    }

    /// What a record has to say now.
    pub(crate) fn state(&self, outputs: &Outputs) -> State {
        let at = |stream: &Stream| stream.open.front().map_or(stream.next, |batch| batch.offset);
        let cursor = self.streams.iter().map(|(name, stream)| (name.to_string(), at(stream)));
        State {
            epoch: 0,
            cursor: Cursor(cursor.collect()),
            newest: self.read.newest,
            sources: self.sources.progress().collect(),
            outputs: outputs.clone(),
            dead_letters: self.dead_letters,
        }
    }

    /// An event was set aside.
    pub(crate) fn count_dead_letter(&mut self) {
        self.dead_letters += 1;
    }

    /// Tells the bus what will not be asked for again.
    pub(crate) fn commit(&mut self, cursor: &Cursor) -> Result<(), BusError> {
        self.bus.commit(cursor)
    }

    /// The next events whose turn has come, at most `events_max`.
    pub(crate) fn ready(&mut self, events_max: usize) -> Vec<Ready> {
        self.give(events_max, OrderWindow::pop)
    }

    /// The next events, whether or not their turn has come: for one who knows that there are no others.
    pub(crate) fn rest(&mut self, events_max: usize) -> Vec<Ready> {
        self.give(events_max, OrderWindow::pop_any)
    }

    fn give(&mut self, events_max: usize, pop: Pop) -> Vec<Ready> {
        let mut ready = Vec::with_capacity(events_max.min(limits::BATCH_EVENTS_MAX));
        let mut bytes = 0;
        while ready.len() < events_max && bytes < limits::BATCH_BYTES_MAX {
            let Some(event) = pop(&mut self.window) else { break };
            let (line, place) = (event.item, event.sequence);
            let Some((source, facts)) = self.sources.of_slot(event.slot) else { continue };
            bytes += line.text().len();
            let position = self.delivered.push(source, place);
            ready.push(Ready { line, facts, place, late: event.late, position });
        }
        ready
    }

    /// Marks events as done; where they are was told when they were given.
    pub(crate) fn acknowledge(&mut self, done: Done<'_>) {
        let sources = &mut self.sources;
        self.delivered.done(done, |source, place| {
            if let Some(it) = sources.at(source) {
                it.acknowledger.done(place);
            }
        });
        self.settle();
    }

    /// The run and the place in it of an event that was given and is not done.
    pub(crate) fn origin(&self, position: u64) -> Option<(Arc<str>, u64)> {
        let (source, place) = self.delivered.get(position)?;
        Some((Arc::clone(&self.sources.peek(source)?.name), place))
    }
}

fn takes(selector: &Selector, views: &mut Views, line: &Line, facts: &RunFacts) -> bool {
    selector.takes_head(line.head.kind, line.head.level)
        && (!selector.asks_for_text()
            || with_view(views, line, facts, |view| selector.takes(line.head.kind, view))
                .unwrap_or(false))
}

impl Source {
    fn new(name: Arc<str>, slot: usize, progress: Progress) -> Source {
        Source {
            name,
            slot,
            facts: None,
            selected: None,
            scanner: databuild_model::scan::Scanner::new(),
            acknowledger: databuild_policy::acknowledge::Acknowledger::resume(&progress),
            open_batches: 0,
            ended: false,
        }
    }
}

#[cfg(test)]
mod tests;
