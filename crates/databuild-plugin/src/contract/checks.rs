//! The claims, one function each.

use super::events::{OwnedEvent, numbered};
use super::recorder::Recorder;
use super::{Check, Delivery, Needs, Subject};
use crate::processor::{LogProcessor, ProcessorError, ProcessorErrorKind};
use databuild_model::clock::Clock;
use databuild_model::limits::ENTRY_LINE_BYTES_MAX;
use databuild_policy::commit::Outputs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Events of a check, and how many of them go into one batch: not a divisor, so that the last batch is a
/// short one.
const EVENTS: u64 = 100;
const BATCH: usize = 7;

/// What the envelope of the largest entry takes of its line, and some.
const ENVELOPE_BYTES: usize = 1024;

/// How much longer than its deadline an end may take: a machine that is busy with other things.
const END_GRACE: Duration = Duration::from_secs(2);

type Verdict = Result<(), String>;

pub(super) const ALL: &[Check] = &[
    Check { name: "nothing to do is no error", needs: Needs::Nothing, check: nothing_to_do },
    Check { name: "order is kept", needs: Needs::Nothing, check: order },
    Check {
        name: "every event is acknowledged once",
        needs: Needs::Nothing,
        check: acknowledged_once,
    },
    Check { name: "a second flush changes nothing", needs: Needs::Nothing, check: flushed_twice },
    Check {
        name: "what was taken is done when it is destroyed",
        needs: Needs::Nothing,
        check: destroyed,
    },
    Check { name: "the largest event passes", needs: Needs::Nothing, check: largest_event },
    Check { name: "odd text passes unchanged", needs: Needs::Nothing, check: odd_text },
    Check {
        name: "nothing is lost if it is dropped before a flush",
        needs: Needs::Nothing,
        check: dropped,
    },
    Check {
        name: "a record that cannot be written is an error",
        needs: Needs::Nothing,
        check: refused_record,
    },
    Check { name: "poison is told with its position", needs: Needs::Poison, check: poison },
    Check { name: "nothing is lost if it breaks", needs: Needs::Breaking, check: breaks },
];

/// A processor under test, with its records.
struct Trial<'a> {
    subject: &'a mut dyn Subject,
    clock: &'a dyn Clock,
    processor: Box<dyn LogProcessor>,
    records: Recorder,
}

impl<'a> Trial<'a> {
    fn begin(subject: &'a mut dyn Subject, clock: &'a dyn Clock) -> Result<Trial<'a>, String> {
        Trial::recover(subject, clock, Outputs::default())
    }

    /// A new processor that finds what the last record of an earlier one says.
    fn recover(
        subject: &'a mut dyn Subject,
        clock: &'a dyn Clock,
        outputs: Outputs,
    ) -> Result<Trial<'a>, String> {
        let mut processor = subject.processor();
        let mut records = Recorder::recovered(outputs.clone());
        processor
            .initialize(&subject.properties(), &outputs, &mut records)
            .map_err(|error| said("initialize", &error))?;
        Ok(Trial { subject, clock, processor, records })
    }

    /// Gives `events` in batches; the first has position `from`.
    fn give(&mut self, from: u64, events: &[OwnedEvent]) -> Result<(), ProcessorError> {
        let mut position = from;
        for batch in events.chunks(BATCH) {
            let batch: Vec<_> = (position..).zip(batch).map(|(at, event)| event.at(at)).collect();
            position += u64::try_from(batch.len()).unwrap_or(0);
            self.records.give(position - 1);
            self.processor.process(&batch, self.clock.wall(), &mut self.records)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ProcessorError> {
        self.processor.flush(self.clock.wall(), &mut self.records)
    }

    fn destroy(&mut self) -> Verdict {
        let before = self.clock.mono();
        let deadline = self.subject.deadline();
        self.processor
            .destroy(self.clock.wall(), deadline, &mut self.records)
            .map_err(|error| said("destroy", &error))?;
        let took = self.clock.mono().saturating_sub(before);
        holds(took <= deadline + END_GRACE, || format!("destroy took {took:?} of {deadline:?}"))
    }

    /// Gives all of `events`, flushes and destroys.
    fn complete(&mut self, events: &[OwnedEvent]) -> Verdict {
        self.give(1, events).map_err(|error| said("process", &error))?;
        self.flush().map_err(|error| said("flush", &error))?;
        self.destroy()
    }

    /// Everything that was given is done, nothing else is, and nothing twice.
    fn all_acknowledged(&self) -> Verdict {
        let open = self.records.open();
        holds(open.is_empty(), || format!("not acknowledged: {}", shown(&open)))?;
        match self.records.objections().first() {
            Some(objection) => Err(objection.clone()),
            None => Ok(()),
        }
    }
}

fn nothing_to_do(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let mut trial = Trial::begin(subject, clock)?;
    trial
        .processor
        .process(&[], clock.wall(), &mut trial.records)
        .map_err(|error| said("process of an empty batch", &error))?;
    trial.flush().map_err(|error| said("flush of nothing", &error))?;
    trial.destroy()?;
    trial.all_acknowledged()?;
    let arrived = trial.subject.arrived().unwrap_or_default();
    holds(arrived.is_empty(), || format!("{} events out of nothing", arrived.len()))
}

fn order(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let events = numbered(EVENTS);
    let mut trial = Trial::begin(subject, clock)?;
    trial.complete(&events)?;
    trial.all_acknowledged()?;
    arrived_once(trial.subject, &events)
}

fn acknowledged_once(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let events = numbered(EVENTS);
    let mut trial = Trial::begin(subject, clock)?;
    let mut given = 1;
    for part in events.chunks(events.len().div_ceil(3)) {
        trial.give(given, part).map_err(|error| said("process", &error))?;
        given += u64::try_from(part.len()).unwrap_or(0);
        trial.flush().map_err(|error| said("flush", &error))?;
        trial.all_acknowledged()?;
    }
    trial.destroy()?;
    trial.all_acknowledged()
}

fn flushed_twice(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let events = numbered(EVENTS);
    let mut trial = Trial::begin(subject, clock)?;
    trial.give(1, &events).map_err(|error| said("process", &error))?;
    trial.flush().map_err(|error| said("flush", &error))?;
    trial.all_acknowledged()?;
    let (outputs, arrived) = (trial.records.outputs().clone(), trial.subject.arrived());
    trial.flush().map_err(|error| said("the second flush", &error))?;
    trial.all_acknowledged()?;
    holds(*trial.records.outputs() == outputs, || {
        format!("outputs were {outputs:?} and are {:?}", trial.records.outputs())
    })?;
    holds(trial.subject.arrived() == arrived, || "more has arrived".to_owned())?;
    trial.destroy()
}

fn destroyed(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let events = numbered(EVENTS);
    let mut trial = Trial::begin(subject, clock)?;
    trial.give(1, &events).map_err(|error| said("process", &error))?;
    trial.destroy()?;
    trial.all_acknowledged()?;
    arrived_once(trial.subject, &events)
}

fn largest_event(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let message = "x".repeat(ENTRY_LINE_BYTES_MAX - ENVELOPE_BYTES);
    let events =
        [OwnedEvent::new(1, "before"), OwnedEvent::new(2, &message), OwnedEvent::new(3, "after")];
    let mut trial = Trial::begin(subject, clock)?;
    trial.complete(&events)?;
    trial.all_acknowledged()?;
    arrived_once(trial.subject, &events)
}

fn odd_text(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let texts =
        ["", " ", "\"\\/\u{8}\t", "{}", "grüße 😀 \u{2028}", "\u{1b}[31m\u{7f}", "\u{fffd}"];
    let events: Vec<_> =
        (1..).zip(texts).map(|(sequence, text)| OwnedEvent::new(sequence, text)).collect();
    let mut trial = Trial::begin(subject, clock)?;
    trial.complete(&events)?;
    trial.all_acknowledged()?;
    arrived_once(trial.subject, &events)
}

fn dropped(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let events = numbered(EVENTS);
    let (first, second) = events.split_at(events.len() / 2);
    let mut trial = Trial::begin(subject, clock)?;
    trial.give(1, first).map_err(|error| said("process", &error))?;
    trial.flush().map_err(|error| said("flush", &error))?;
    let next = u64::try_from(first.len()).unwrap_or(0) + 1;
    trial.give(next, second).map_err(|error| said("process", &error))?;
    let records = trial.records;
    drop(trial.processor);
    replay(subject, clock, &records, &events, &[])
}

fn refused_record(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let events = numbered(EVENTS);
    let mut trial = Trial::begin(subject, clock)?;
    trial.records.refuse_after(0);
    let result = trial.give(1, &events).and_then(|()| trial.flush());
    holds(result.is_err(), || "no record could be written, and it said nothing".to_owned())?;
    let records = trial.records;
    drop(trial.processor);
    replay(subject, clock, &records, &events, &[])
}

fn poison(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let Some(message) = subject.poison() else { return Ok(()) };
    let mut events = numbered(EVENTS);
    let at = EVENTS / 2;
    replace(&mut events, at, &message);
    let mut trial = Trial::begin(subject, clock)?;
    let Err(error) = trial.give(1, &events).and_then(|()| trial.flush()) else {
        return Err(format!("took {message:?}, which it cannot process"));
    };
    holds(error.kind == ProcessorErrorKind::Poison, || said("not poison", &error))?;
    holds(error.position == Some(at), || {
        format!("the event at {at} is at fault, and it says {:?}", error.position)
    })?;
    holds(!trial.records.is_done(at), || format!("{at} is poison and done"))?;
    let records = trial.records;
    drop(trial.processor);
    replay(subject, clock, &records, &events, &[at])
}

fn breaks(subject: &mut dyn Subject, clock: &dyn Clock) -> Verdict {
    let Some(message) = subject.breaking() else { return Ok(()) };
    let mut events = numbered(EVENTS);
    let at = EVENTS / 2;
    replace(&mut events, at, &message);
    let mut trial = Trial::begin(subject, clock)?;
    let outcome =
        catch_unwind(AssertUnwindSafe(|| trial.give(1, &events).and_then(|()| trial.flush())));
    holds(!matches!(outcome, Ok(Ok(()))), || format!("{message:?} breaks it, and it went on"))?;
    holds(!trial.records.is_done(at), || format!("it broke at {at}, which is done"))?;
    let records = trial.records;
    drop(trial.processor);
    replay(subject, clock, &records, &events, &[at])
}

fn replace(events: &mut [OwnedEvent], at: u64, message: &str) {
    for event in events.iter_mut().filter(|event| event.sequence == at) {
        *event = OwnedEvent::new(at, message);
    }
}

/// A new processor gets what `records` do not name of `events`, which began at position 1, without those
/// at the positions of `without`; then all others have arrived.
fn replay(
    subject: &mut dyn Subject,
    clock: &dyn Clock,
    records: &Recorder,
    events: &[OwnedEvent],
    without: &[u64],
) -> Verdict {
    if let Some(objection) = records.objections().first() {
        return Err(objection.clone());
    }
    let others: Vec<_> =
        (1..).zip(events).filter(|(position, _)| !without.contains(position)).collect();
    let again: Vec<OwnedEvent> = others
        .iter()
        .filter(|(position, _)| !records.is_done(*position))
        .map(|(_, event)| (*event).clone())
        .collect();
    let mut trial = Trial::recover(subject, clock, records.outputs().clone())?;
    trial.complete(&again)?;
    trial.all_acknowledged()?;
    let wanted: Vec<OwnedEvent> = others.into_iter().map(|(_, event)| event.clone()).collect();
    arrived_after_failure(trial.subject, &wanted)
}

/// Nothing went wrong: all have arrived once and in order, whatever the kind promises.
fn arrived_once(subject: &mut dyn Subject, events: &[OwnedEvent]) -> Verdict {
    let Some(arrived) = subject.arrived() else { return Ok(()) };
    same(&arrived, events)
}

fn arrived_after_failure(subject: &mut dyn Subject, events: &[OwnedEvent]) -> Verdict {
    let Some(arrived) = subject.arrived() else { return Ok(()) };
    match subject.delivery() {
        Delivery::ExactlyOnce => same(&arrived, events),
        Delivery::AtLeastOnce => {
            let missing = events.iter().find(|event| !arrived.contains(&event.message));
            holds(missing.is_none(), || format!("lost: {:?}", missing.map(|event| &event.message)))
        }
    }
}

fn same(arrived: &[String], events: &[OwnedEvent]) -> Verdict {
    let wrong = arrived.iter().zip(events).position(|(message, event)| *message != event.message);
    if let Some(at) = wrong {
        return Err(format!(
            "event {} of those that arrived is not the one that was given",
            at + 1
        ));
    }
    holds(arrived.len() == events.len(), || {
        format!("{} events were given and {} have arrived", events.len(), arrived.len())
    })
}

fn holds(claim: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if claim { Ok(()) } else { Err(otherwise()) }
}

fn said(what: &str, error: &ProcessorError) -> String {
    format!("{what}: {error} ({:?})", error.kind)
}

/// The first few of many positions.
fn shown(positions: &[u64]) -> String {
    let first: Vec<String> = positions.iter().take(5).map(u64::to_string).collect();
    let more = positions.len().saturating_sub(first.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", first.join(", "))
}
