//! One try of a pipeline: from the last record on, until something fails or somebody orders otherwise.

use super::dead_letters::DeadLetters;
use super::{AcceptLoss, Control, Parts, Suspect};
use crate::checkpoint::{CheckpointError, CheckpointLog};
use crate::consume::{Consumer, ConsumerOptions, Ready};
use crate::event::{Due, Views};
use crate::format::checkpoint::State;
use crate::format::dead_letter::DeadLetter;
use crate::orders::Orders;
use crate::settings::{OnError, PipelineSettings};
use crate::status::{LastError, Shared};
use crate::trouble::that_passes;
use databuild_io::bus::{BusError, Start};
use databuild_plugin::processor::{
    Checkpointer, Done, LogProcessor, Loss, ProcessorError, ProcessorErrorKind, Properties,
};
use databuild_policy::commit::Outputs;
use databuild_policy::order::OrderLimits;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Shortest wait for other runs: how much later a collector writes down what came at the same time. Part of
/// the window.
const SETTLE: Duration = Duration::from_millis(200);

/// Why a try ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The lane has to stop.
    Stopped,
    /// Something was ordered that begins with another try.
    Ordered,
}

/// What came of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Turn {
    /// Events were processed, and a record says so.
    pub(super) recorded: bool,
    /// The try is over.
    pub(super) ended: Option<Ended>,
}

/// Events that cannot be processed, by run and place, with why.
type Poison = HashMap<(Arc<str>, u64), String>;

/// What a try shares with those before and after it.
#[derive(Clone, Copy)]
pub(super) struct Among<'a> {
    pub(super) parts: &'a Parts,
    pub(super) status: &'a Shared,
    pub(super) control: &'a Control,
    pub(super) suspect: &'a Suspect,
}

/// One try.
pub(super) struct Attempt<'a> {
    parts: &'a Parts,
    control: &'a Control,
    suspect: &'a Suspect,
    poison: Poison,
    processor: Box<dyn LogProcessor>,
    desk: Desk<'a>,
    views: Views,
    flushed: Duration,
    /// Events that were processed since the last record.
    unrecorded: u64,
    /// What earlier tries have counted.
    before: Counts,
}

/// Counts that go on from try to try.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    events_in: u64,
    missing: u64,
    rotations: u64,
    bytes_out: u64,
}

impl Counts {
    fn of(status: &Shared) -> Counts {
        let status = status.lock();
        Counts {
            events_in: status.events_in,
            missing: status.missing,
            rotations: status.rotations,
            bytes_out: status.bytes_out,
        }
    }
}

/// What a processor writes records with, and what they are made of.
struct Desk<'a> {
    parts: &'a Parts,
    status: Shared,
    log: CheckpointLog,
    consumer: Consumer,
    outputs: Outputs,
    letters: DeadLetters,
    /// What is being processed, for the text of what is set aside.
    batch: Arc<Vec<Ready>>,
}

impl Checkpointer for Desk<'_> {
    fn checkpoint(&mut self, done: Done<'_>, outputs: &Outputs) -> Result<(), ProcessorError> {
        self.consumer.acknowledge(done);
        self.outputs.clone_from(outputs);
        self.record()
    }

    fn reject(&mut self, position: u64, reason: &str) -> Result<(), ProcessorError> {
        if self.parts.settings.on_error != OnError::SkipToDlq {
            return Err(ProcessorError {
                kind: ProcessorErrorKind::Poison,
                what: format!("an event cannot be processed: {reason}"),
                remedy: "mend the processor, or set on_error = \"skip_to_dlq\"".to_owned(),
                position: Some(position),
                source: None,
            });
        }
        self.set_aside(position, reason)
    }

    fn lost(&mut self, loss: &Loss) {
        let name = &self.parts.settings.name;
        let last = LastError {
            at: self.parts.clock.wall(),
            what: loss.to_string(),
            remedy: format!(
                "it goes on behind what is there; databuild saver replay {name} --since TIME writes what is still \
                 in the logs once more"
            ),
        };
        let mut status = self.status.lock();
        status.lost_files += 1;
        status.last_loss = Some(last);
    }
}

impl Desk<'_> {
    /// Writes a record, if there is anything that the last one does not say.
    fn record(&mut self) -> Result<(), ProcessorError> {
        let state = self.consumer.state(&self.outputs);
        let last = self.log.last();
        let same = State { epoch: last.epoch, ..state.clone() } == *last;
        if !same {
            self.log.write(state).map_err(checkpoint_trouble)?;
            self.status.lock().checkpoint_at = Some(self.parts.clock.wall());
            // A bus that cannot forget yet is asked again with the next record.
            self.consumer.commit(&self.log.last().cursor.clone()).ok();
        }
        Ok(())
    }

    fn set_aside(&mut self, position: u64, reason: &str) -> Result<(), ProcessorError> {
        let Some((run, place)) = self.consumer.origin(position) else { return Ok(()) };
        let ready = self.batch.iter().find(|ready| ready.position == position);
        let letter = DeadLetter::new(
            &self.parts.settings.name,
            &run,
            place,
            ready.map(|ready| ready.line.text()),
            reason,
            self.parts.clock.wall(),
        );
        self.letters.write(self.parts.home.as_ref(), &letter).map_err(that_passes)?;
        self.consumer.acknowledge(Done::These(&[position]));
        self.consumer.count_dead_letter();
        let mut status = self.status.lock();
        status.rejected += 1;
        status.dead_letters += 1;
        Ok(())
    }
}

impl<'a> Attempt<'a> {
    /// Takes the checkpoint, goes to where it is, and has the processor put right what was left.
    pub(super) fn open(
        among: Among<'a>,
        accept_loss: AcceptLoss,
        poison: &Poison,
    ) -> Result<Attempt<'a>, ProcessorError> {
        let Among { parts, status, control, suspect } = among;
        let settings = &parts.settings;
        let (log, found) =
            CheckpointLog::open(&parts.home, &settings.name).map_err(checkpoint_trouble)?;
        let orders = Orders::new(parts.home.as_ref(), &settings.name);
        let replay = orders.replay_from().map_err(that_passes)?;
        let outputs = found.as_ref().map(|state| state.outputs.clone()).unwrap_or_default();
        status.lock().dead_letters = found.as_ref().map_or(0, |state| state.dead_letters);
        let state = found.filter(|_| replay.is_none());
        let bus = (parts.make_bus)().map_err(bus_trouble)?;
        control.use_waker(bus.waker());
        let options = options(&parts.project, settings, replay.unwrap_or(settings.start));
        let consumer = Consumer::open(bus, options, state.as_ref());
        let mut desk = Desk {
            parts,
            status: status.clone(),
            log,
            consumer: consumer.map_err(bus_trouble)?,
            outputs: outputs.clone(),
            letters: DeadLetters::new(&settings.name),
            batch: Arc::default(),
        };
        let mut processor = (parts.make_processor)(accept_loss)?;
        let properties = Properties {
            pipeline: settings.name.clone(),
            settings: settings.processor.properties(),
        };
        processor.initialize(&properties, &outputs, &mut desk)?;
        if replay.is_some() {
            desk.record()?;
            orders.replayed().map_err(that_passes)?;
        }
        Ok(Attempt {
            parts,
            control,
            suspect,
            poison: poison.clone(),
            processor,
            desk,
            views: Views::default(),
            flushed: parts.clock.mono(),
            unrecorded: 0,
            before: Counts::of(status),
        })
    }

    /// The run and the place of an event that was given and is not done.
    pub(super) fn origin(&self, position: u64) -> Option<(Arc<str>, u64)> {
        self.desk.consumer.origin(position)
    }

    /// Reads, processes what is due, and flushes when it is time; at most `limit` events at once.
    pub(super) fn turn(&mut self, limit: usize) -> Result<Turn, ProcessorError> {
        if self.control.is_stopped() {
            return self.end();
        }
        if !self.desk.consumer.is_full() {
            let wait = self.patience();
            self.desk.consumer.read(wait).map_err(bus_trouble)?;
        }
        let mut turn = Turn::default();
        loop {
            let ready = self.desk.consumer.ready(limit);
            if ready.is_empty() {
                break;
            }
            self.process(ready)?;
            if limit == 1 || self.is_flush_due() {
                turn = self.flush()?;
            }
            if self.control.is_stopped() || turn.ended.is_some() || limit == 1 {
                break;
            }
        }
        if self.is_flush_due() {
            turn = self.flush()?;
        }
        self.show();
        Ok(turn)
    }

    fn is_flush_due(&self) -> bool {
        let since = self.parts.clock.mono().saturating_sub(self.flushed);
        self.parts.settings.flush_interval <= since
    }

    /// How long there is nothing to do if nothing comes.
    fn patience(&self) -> Duration {
        let since = self.parts.clock.mono().saturating_sub(self.flushed);
        let flush = self.parts.settings.flush_interval.saturating_sub(since);
        let now = self.parts.clock.wall();
        // An event that has settled may go without waiting for the whole window.
        let due = self.desk.consumer.next_due().map(|due| due.since(now).min(SETTLE / 4));
        due.map_or(flush, |due| due.min(flush))
    }

    fn process(&mut self, mut ready: Vec<Ready>) -> Result<(), ProcessorError> {
        if !self.poison.is_empty() {
            ready = self.without_poison(ready)?;
        }
        let now = self.parts.clock.wall();
        let late = ready.iter().filter(|ready| ready.late).count() as u64;
        let batch = Arc::new(ready);
        let due: Vec<Due<'_>> = batch.iter().map(Ready::due).collect();
        self.desk.batch = Arc::clone(&batch);
        let (processor, desk) = (&mut self.processor, &mut self.desk);
        if let [alone] = batch.as_slice() {
            self.suspect.set(Some((Arc::clone(&alone.facts.run), alone.place)));
        }
        desk.status.lock().busy_since = Some(now);
        let processed = self.views.with(&due, |events| processor.process(events, now, desk));
        let mut status = self.desk.status.lock();
        status.busy_since = None;
        drop(status);
        self.suspect.set(None);
        self.desk.batch = Arc::default();
        processed?;
        self.unrecorded += batch.len() as u64;
        self.desk.status.lock().late += late;
        Ok(())
    }

    /// Sets aside what could not be processed before.
    fn without_poison(&mut self, ready: Vec<Ready>) -> Result<Vec<Ready>, ProcessorError> {
        let (bad, good): (Vec<Ready>, Vec<Ready>) = ready
            .into_iter()
            .partition(|it| self.poison.contains_key(&(Arc::clone(&it.facts.run), it.place)));
        for it in &bad {
            let reason = self.poison.get(&(Arc::clone(&it.facts.run), it.place)).cloned();
            self.desk.batch = Arc::new(vec![it.clone()]);
            self.desk.set_aside(it.position, &reason.unwrap_or_default())?;
        }
        Ok(good)
    }

    fn flush(&mut self) -> Result<Turn, ProcessorError> {
        let now = self.parts.clock.wall();
        self.desk.status.lock().busy_since = Some(now);
        let flushed = self.processor.flush(now, &mut self.desk);
        self.desk.status.lock().busy_since = None;
        flushed?;
        // What was read and not taken is done, too.
        self.desk.record()?;
        self.flushed = self.parts.clock.mono();
        let recorded = 0 < self.unrecorded;
        self.desk.status.lock().events_out += std::mem::take(&mut self.unrecorded);
        let orders = Orders::new(self.parts.home.as_ref(), &self.parts.settings.name);
        let ordered = orders.is_paused().map_err(that_passes)?
            || orders.replay_from().map_err(that_passes)?.is_some();
        if ordered {
            return self.end().map(|_| Turn { recorded, ended: Some(Ended::Ordered) });
        }
        Ok(Turn { recorded, ended: None })
    }

    fn end(&mut self) -> Result<Turn, ProcessorError> {
        let now = self.parts.clock.wall();
        self.processor.destroy(now, self.control.deadline(), &mut self.desk)?;
        self.desk.record()?;
        self.desk.status.lock().events_out += std::mem::take(&mut self.unrecorded);
        self.show();
        Ok(Turn { recorded: true, ended: Some(Ended::Stopped) })
    }

    fn show(&self) {
        let (read, tally) = (self.desk.consumer.tally(), self.processor.tally());
        let (events, bytes) = self.desk.consumer.waiting();
        let now = self.parts.clock.wall();
        let mut status = self.desk.status.lock();
        let before = self.before;
        status.events_in = before.events_in + read.taken;
        status.missing = before.missing + read.missing;
        status.lag =
            self.desk.consumer.oldest_open().map_or(Duration::ZERO, |open| now.since(open));
        (status.waiting_events, status.waiting_bytes) = (events as u64, bytes as u64);
        status.rotations = before.rotations + tally.rotations;
        status.bytes_out = before.bytes_out + tally.bytes;
        status.open_files = tally.open_files;
    }
}

/// What is read for a pipeline, and where it begins when it has no checkpoint.
pub(crate) fn options(
    project: &Arc<str>,
    settings: &PipelineSettings,
    start: Start,
) -> ConsumerOptions {
    ConsumerOptions {
        project: Arc::clone(project),
        selector: settings.selector.clone(),
        order: OrderLimits {
            window: settings.order_window,
            settle: SETTLE.min(settings.order_window),
            bytes_max: settings.window_bytes_max,
        },
        start,
    }
}

fn checkpoint_trouble(error: CheckpointError) -> ProcessorError {
    let kind = match &error {
        CheckpointError::Held | CheckpointError::Taken { .. } => ProcessorErrorKind::Fenced,
        CheckpointError::Newer { .. } => ProcessorErrorKind::Fatal,
        CheckpointError::Sink(_) => ProcessorErrorKind::Transient,
    };
    let (what, remedy) = (error.to_string(), error.remedy().to_owned());
    let source = match error {
        CheckpointError::Held | CheckpointError::Taken { .. } => None,
        CheckpointError::Newer { source, .. } => Some(source.into()),
        CheckpointError::Sink(source) => Some(source.into()),
    };
    ProcessorError { kind, what, remedy, position: None, source }
}

fn bus_trouble(error: BusError) -> ProcessorError {
    let kind =
        if error.transient { ProcessorErrorKind::Transient } else { ProcessorErrorKind::Fatal };
    let (what, remedy) = (error.to_string(), error.remedy().to_owned());
    ProcessorError { kind, what, remedy, position: None, source: Some(error.source.into()) }
}
