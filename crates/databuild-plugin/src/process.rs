//! The kind *process*: a program of somebody else, given events on its standard input, that acknowledges
//! them on its standard output. Page: `docs/formats/plugin-protocol.md`.
//!
//! Whatever it does (hang, flood, die, lie) ends in an error of a call, within the deadline. Whoever gets
//! one drops this and makes a new one later.

mod child;
mod confine;
pub mod conformance;
mod failure;
mod ledger;
mod settings;

pub use confine::{ConfineError, Confiner, confine};
pub use settings::ProcessSettings;

use crate::limits;
use crate::processor::{
    Checkpointer, Done, LogEvent, LogProcessor, ProcessorError, ProcessorErrorKind, Properties,
    Tally,
};
use child::PluginChild;
use databuild_model::clock::Clock;
use databuild_model::plugin_frame::{
    About, BatchWriter, FromPlugin, GivenEvent, Hello, PROTOCOL, write_flush, write_hello,
    write_stop,
};
use databuild_model::time::Timestamp;
use databuild_policy::commit::Outputs;
use failure::ProcessFailure;
use ledger::Ledger;
use std::sync::Arc;
use std::time::Duration;

/// Takes the lines that a process writes on its standard error, without their line feeds.
pub type Complaints = Box<dyn FnMut(&[u8]) + Send>;

/// Part of the time that a process has to end, which is kept for what ends it if it does not.
const FORCE_SHARE: u32 = 4;

/// A [`LogProcessor`] that is a process. Dropped at any moment, it leaves nothing behind.
pub struct PluginProcess {
    settings: ProcessSettings,
    confiner: Confiner,
    clock: Arc<dyn Clock>,
    /// Until it is started.
    complaints: Option<Complaints>,
    running: Option<Running>,
    about: Option<About>,
    tally: Tally,
}

struct Running {
    child: PluginChild,
    ledger: Ledger,
    batch: BatchWriter,
    /// The last position in `batch`, and how many there are.
    batch_end: u64,
    batch_events: u64,
    /// What the last record says is done.
    recorded: u64,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    unacknowledged_max: u64,
}

impl PluginProcess {
    /// A process that is started by `initialize`.
    pub fn new(
        settings: ProcessSettings,
        confiner: Confiner,
        clock: Arc<dyn Clock>,
        complaints: Complaints,
    ) -> PluginProcess {
        PluginProcess {
            settings,
            confiner,
            clock,
            complaints: Some(complaints),
            running: None,
            about: None,
            tally: Tally::default(),
        }
    }

    /// What it says of itself, when it is initialized.
    pub fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }

    /// Does `work`. If that fails, what is done by then is recorded, so that it does not come again, and the
    /// process is gone.
    fn guarded(
        &mut self,
        checkpoints: &mut dyn Checkpointer,
        work: impl FnOnce(&mut Running, &mut dyn Checkpointer) -> Result<(), ProcessorError>,
    ) -> Result<(), ProcessorError> {
        let Some(running) = &mut self.running else {
            return Err(ProcessFailure::Closed.into());
        };
        let Err(error) = work(running, checkpoints) else { return Ok(()) };
        let recorded = running.record(checkpoints);
        self.running = None;
        match recorded {
            Err(fenced) if fenced.kind == ProcessorErrorKind::Fenced => Err(fenced),
            Err(_) | Ok(()) => Err(error),
        }
    }
}

impl LogProcessor for PluginProcess {
    fn initialize(
        &mut self,
        properties: &Properties,
        _recovered: &Outputs,
        _checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        let complaints = self.complaints.take().unwrap_or_else(|| Box::new(|_| {}));
        let child = PluginChild::start(&self.settings, &self.confiner, complaints)?;
        let mut running = Running {
            child,
            ledger: Ledger::default(),
            batch: BatchWriter::default(),
            batch_end: 0,
            batch_events: 0,
            recorded: 0,
            clock: Arc::clone(&self.clock),
            deadline: self.settings.deadline,
            unacknowledged_max: self.settings.unacknowledged_max.max(1),
        };
        self.about = Some(running.greet(properties)?);
        self.running = Some(running);
        Ok(())
    }

    fn process(
        &mut self,
        events: &[LogEvent<'_>],
        _now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.guarded(checkpoints, |running, _| Ok(running.give(events)?))?;
        let bytes: usize = events.iter().map(|event| event.line.len()).sum();
        self.tally.bytes += u64::try_from(bytes).unwrap_or(0);
        Ok(())
    }

    fn flush(
        &mut self,
        _now: Timestamp,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.guarded(checkpoints, |running, checkpoints| {
            running.flush()?;
            running.record(checkpoints)
        })
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn destroy(
        &mut self,
        _now: Timestamp,
        deadline: Duration,
        checkpoints: &mut dyn Checkpointer,
    ) -> Result<(), ProcessorError> {
        self.guarded(checkpoints, |running, checkpoints| {
            let ended = running.stop(deadline);
            running.record(checkpoints)?;
            Ok(ended?)
        })?;
        self.running = None;
        Ok(())
    }
}

impl Running {
    /// Says hello and waits for the answer.
    fn greet(&mut self, properties: &Properties) -> Result<About, ProcessFailure> {
        let hello = Hello {
            protocol: PROTOCOL,
            pipeline: properties.pipeline.clone(),
            settings: properties.settings.clone(),
            deadline_ms: u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
            unacknowledged_max: self.unacknowledged_max,
        };
        write_hello(&hello, self.child.outbox());
        let deadline = self.deadline.max(limits::START_TIME_MIN);
        let late = self.clock.mono() + deadline;
        let mut frames = Vec::new();
        let mut after = Ok(());
        while frames.is_empty() {
            let left = late.saturating_sub(self.clock.mono());
            if left.is_zero() {
                return Err(ProcessFailure::NotReady { deadline });
            }
            let turn = self.child.turn(left, &mut frames);
            if frames.is_empty() {
                turn.map_err(never_began)?;
            } else {
                after = turn;
            }
        }
        let mut frames = frames.into_iter();
        let about = match frames.next() {
            Some(FromPlugin::Hello(about)) if about.protocol == PROTOCOL => about,
            Some(FromPlugin::Hello(about)) => {
                return Err(ProcessFailure::Version { theirs: about.protocol });
            }
            Some(FromPlugin::Error(complaint)) => return Err(ProcessFailure::Told(complaint)),
            Some(FromPlugin::Ack { .. } | FromPlugin::Flushed { .. }) | None => {
                return Err(ProcessFailure::NoHello);
            }
        };
        // It was owed no answer yet, so whatever stands behind its hello is wrong in its own way.
        let now = self.clock.mono();
        frames.try_for_each(|frame| self.ledger.take(frame, now))?;
        match after {
            // What is wrong behind the hello is read only once; an end is seen again.
            Err(garbage @ (ProcessFailure::Garbage { .. } | ProcessFailure::TooLong { .. })) => {
                Err(garbage)
            }
            Ok(()) | Err(_) => Ok(about),
        }
    }

    fn give(&mut self, events: &[LogEvent<'_>]) -> Result<(), ProcessFailure> {
        for event in events {
            let entry = fit_entry(event)?;
            if self.unacknowledged_max <= self.ledger.in_flight() + self.batch_events {
                self.send_batch()?;
                self.make_room()?;
            }
            self.batch.push(&GivenEvent {
                position: event.position,
                sequence: event.sequence,
                kind: event.kind.as_str(),
                project: event.entity.project,
                app: event.entity.app,
                job: event.entity.job,
                run: event.entity.run,
                late: event.late,
                entry,
            });
            self.batch_end = event.position;
            self.batch_events += 1;
            if limits::BATCH_BYTES <= self.batch.bytes() {
                self.send_batch()?;
            }
        }
        self.send_batch()
    }

    fn send_batch(&mut self) -> Result<(), ProcessFailure> {
        if self.batch.is_empty() {
            return Ok(());
        }
        // Before the outbox: two batches in it would be twice the memory.
        self.turn_while(|running| running.child.is_writing())?;
        self.batch.finish(self.child.outbox());
        self.ledger.give(self.batch_end, self.clock.mono());
        self.batch_events = 0;
        self.turn_while(|running| running.child.is_writing())
    }

    /// Waits until one more event may be given. A process that acknowledges only what is flushed is asked
    /// to flush.
    fn make_room(&mut self) -> Result<(), ProcessFailure> {
        if self.unacknowledged_max <= self.ledger.in_flight() && !self.ledger.flushing() {
            let flush = self.ledger.ask_flush(self.clock.mono());
            write_flush(flush, self.child.outbox());
        }
        self.turn_while(|running| running.unacknowledged_max <= running.ledger.in_flight())
    }

    fn flush(&mut self) -> Result<(), ProcessFailure> {
        let flush = self.ledger.ask_flush(self.clock.mono());
        write_flush(flush, self.child.outbox());
        self.turn_while(|running| running.ledger.flushing())
    }

    /// Takes turns as long as `wanted`, and until the deadline.
    fn turn_while(&mut self, wanted: impl Fn(&Running) -> bool) -> Result<(), ProcessFailure> {
        while wanted(self) {
            let late = self.ledger.late_at(self.deadline);
            let now = self.clock.mono();
            let left = late.map_or(self.deadline, |late| late.saturating_sub(now));
            if left.is_zero() {
                return Err(ProcessFailure::Late { deadline: self.deadline });
            }
            self.turn(left)?;
        }
        Ok(())
    }

    /// One turn; answers count also when something is wrong after them.
    fn turn(&mut self, patience: Duration) -> Result<(), ProcessFailure> {
        let mut frames = Vec::new();
        let turn = self.child.turn(patience, &mut frames);
        let now = self.clock.mono();
        frames.into_iter().try_for_each(|frame| self.ledger.take(frame, now))?;
        turn
    }

    /// Asks it to end, and sees that it does.
    fn stop(&mut self, deadline: Duration) -> Result<(), ProcessFailure> {
        let begun = self.clock.mono();
        let force = deadline / FORCE_SHARE;
        write_stop(self.child.outbox());
        let mut outcome = self.turn_until_end(begun + (deadline - force));
        if self.child.status().is_none() && outcome.is_ok() {
            self.child.remark("databuild: told to stop, it went on; it gets SIGTERM");
            self.child.ask_to_end();
            outcome = self.turn_until_end(begun + deadline);
            if self.child.status().is_none() {
                self.child.remark("databuild: it ignores SIGTERM, and is killed");
            }
        }
        outcome?;
        match self.ledger.in_flight() {
            0 => Ok(()),
            left => Err(ProcessFailure::LeftOver { left }),
        }
    }

    /// Until it has ended, or `late`. Its end is what was asked for, and no error.
    fn turn_until_end(&mut self, late: Duration) -> Result<(), ProcessFailure> {
        while self.child.status().is_none() {
            let left = late.saturating_sub(self.clock.mono());
            if left.is_zero() {
                return Ok(());
            }
            match self.turn(left) {
                Ok(()) | Err(ProcessFailure::Ended { .. }) => {}
                // It may take longer to end than to close its output.
                Err(ProcessFailure::Closed) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Writes down what is done, if that is more than is written down.
    fn record(&mut self, checkpoints: &mut dyn Checkpointer) -> Result<(), ProcessorError> {
        let done = self.ledger.done();
        if self.recorded < done {
            checkpoints.checkpoint(Done::Upto(done), &Outputs::default())?;
            self.recorded = done;
        }
        Ok(())
    }
}

/// The entry of an event, if a process can be given it.
fn fit_entry<'a>(event: &LogEvent<'a>) -> Result<&'a str, ProcessFailure> {
    let unfit = |why| ProcessFailure::Unfit { position: event.position, why };
    let line = event.line;
    if databuild_model::limits::ENTRY_LINE_BYTES_MAX < line.len() {
        return Err(unfit("it is larger than an entry may be"));
    }
    if !line.starts_with(b"{") || !line.ends_with(b"}") || line.contains(&b'\n') {
        return Err(unfit("its line is not a JSON object"));
    }
    std::str::from_utf8(line).map_err(|_| unfit("its line is not UTF-8"))
}

/// An end before the hello, with the exit codes of [`mod@confine`], is a program that cannot be executed.
fn never_began(failure: ProcessFailure) -> ProcessFailure {
    if let ProcessFailure::Ended { status, last_words } = &failure
        && status.code().is_some_and(|code| (125..=127).contains(&code))
    {
        let last_words = last_words.trim_start_matches(": ").to_owned();
        return ProcessFailure::NotStarted { last_words };
    }
    failure
}
