//! The suite itself: the smallest processor passes, and each fault is found by the claim that it breaks.

use super::{Delivery, Subject, broken};
use crate::processor::{LogProcessor, ProcessorErrorKind, Properties};
use crate::testing::{Fault, FaultyProcessor, Mailbox, MemoryProcessor, Trouble, When};
use databuild_model::clock::Clock;
use databuild_model::time::Timestamp;
use expect_test::{Expect, expect};
use std::time::Duration;

/// A clock that stands.
struct Standing;

impl Clock for Standing {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(0)
    }

    fn mono(&self) -> Duration {
        Duration::ZERO
    }
}

/// A clock on which an hour passes whenever it is looked at.
#[derive(Default)]
struct Racing(std::sync::atomic::AtomicU64);

impl Clock for Racing {
    fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(0)
    }

    fn mono(&self) -> Duration {
        Duration::from_secs(3600 * self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }
}

/// Processors in memory, the first of which may have a fault.
struct InMemory {
    mailbox: Mailbox,
    fault: Option<Fault>,
    poison: Option<&'static str>,
    breaking: Option<&'static str>,
}

impl Subject for InMemory {
    fn processor(&mut self) -> Box<dyn LogProcessor> {
        match (&self.fault, self.poison) {
            (Some(fault), _) => Box::new(FaultyProcessor::new(&self.mailbox, fault.clone())),
            (None, Some(poison)) => Box::new(MemoryProcessor::refusing(&self.mailbox, poison)),
            (None, None) => Box::new(MemoryProcessor::new(&self.mailbox)),
        }
    }

    fn properties(&self) -> Properties {
        Properties { pipeline: "memory".to_owned(), ..Properties::default() }
    }

    fn arrived(&mut self) -> Option<Vec<String>> {
        Some(self.mailbox.messages())
    }

    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn poison(&self) -> Option<String> {
        self.poison.map(str::to_owned)
    }

    fn breaking(&self) -> Option<String> {
        self.breaking.map(str::to_owned)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(1)
    }
}

fn check(
    fault: Option<Fault>,
    poison: Option<&'static str>,
    breaking: Option<&'static str>,
    expected: Expect,
) {
    let fresh = || -> Box<dyn Subject> {
        let fault = fault.clone();
        Box::new(InMemory { mailbox: Mailbox::default(), fault, poison, breaking })
    };
    let said: String = broken(&Standing, fresh).iter().map(|line| format!("{line}\n")).collect();
    expected.assert_eq(&said);
}

#[test]
fn the_smallest_processor_passes() {
    check(None, None, None, expect![""]);
    check(None, Some("poison"), None, expect![""]);
}

#[test]
fn a_processor_that_panics_at_an_event_passes_if_nothing_is_lost() {
    let fault = Fault::Event(When::Saying("boom".to_owned()), Trouble::Panics);
    check(Some(fault), None, Some("boom"), expect![""]);
}

#[test]
fn a_processor_that_refuses_an_event_passes_if_it_says_which() {
    let poison = Trouble::Fails(ProcessorErrorKind::Poison);
    let fault = Fault::Event(When::Saying("bad".to_owned()), poison);
    check(Some(fault), Some("bad"), None, expect![""]);
}

#[test]
fn each_fault_is_found() {
    check(
        Some(Fault::ForgetsToRecord),
        None,
        None,
        expect![[r#"
        order is kept: not acknowledged: 1, 2, 3, 4, 5 and 95 more
        every event is acknowledged once: not acknowledged: 1, 2, 3, 4, 5 and 29 more
        a second flush changes nothing: not acknowledged: 1, 2, 3, 4, 5 and 95 more
        what was taken is done when it is destroyed: not acknowledged: 1, 2, 3, 4, 5 and 95 more
        the largest event passes: not acknowledged: 1, 2, 3
        odd text passes unchanged: not acknowledged: 1, 2, 3, 4, 5 and 2 more
        nothing is lost if it is dropped before a flush: not acknowledged: 1, 2, 3, 4, 5 and 95 more
        a record that cannot be written is an error: no record could be written, and it said nothing
    "#]],
    );
    check(
        Some(Fault::RecordsTooMuch),
        None,
        None,
        expect![[r#"
        nothing to do is no error: 1 is done, and was not given (0)
        order is kept: 101 is done, and was not given (100)
        every event is acknowledged once: 35 is done, and was not given (34)
        a second flush changes nothing: 101 is done, and was not given (100)
        what was taken is done when it is destroyed: 101 is done, and was not given (100)
        the largest event passes: 4 is done, and was not given (3)
        odd text passes unchanged: 8 is done, and was not given (7)
        nothing is lost if it is dropped before a flush: 51 is done, and was not given (50)
        a record that cannot be written is an error: 101 is done, and was not given (100)
    "#]],
    );
    check(
        Some(Fault::RecordsTooEarly),
        None,
        None,
        expect![[r#"
        nothing is lost if it is dropped before a flush: lost: Some("event 51")
    "#]],
    );
    check(
        Some(Fault::MixesUp),
        None,
        None,
        expect![[r#"
            order is kept: event 1 of those that arrived is not the one that was given
            what was taken is done when it is destroyed: event 1 of those that arrived is not the one that was given
            the largest event passes: event 1 of those that arrived is not the one that was given
            odd text passes unchanged: event 1 of those that arrived is not the one that was given
        "#]],
    );
    check(
        Some(Fault::LosesEverySecond),
        None,
        None,
        expect![[r#"
            order is kept: event 2 of those that arrived is not the one that was given
            what was taken is done when it is destroyed: event 2 of those that arrived is not the one that was given
            the largest event passes: event 2 of those that arrived is not the one that was given
            odd text passes unchanged: event 2 of those that arrived is not the one that was given
            nothing is lost if it is dropped before a flush: lost: Some("event 2")
            a record that cannot be written is an error: lost: Some("event 2")
        "#]],
    );
}

#[test]
fn an_event_that_should_be_refused_and_is_taken_is_found() {
    check(
        Some(Fault::Event(When::Nth(50), Trouble::Fails(ProcessorErrorKind::Transient))),
        Some("bad"),
        Some("boom"),
        expect![[r#"
            order is kept: process: a fault that a test wants (Transient)
            every event is acknowledged once: process: a fault that a test wants (Transient)
            a second flush changes nothing: process: a fault that a test wants (Transient)
            what was taken is done when it is destroyed: process: a fault that a test wants (Transient)
            nothing is lost if it is dropped before a flush: process: a fault that a test wants (Transient)
            a record that cannot be written is an error: process: a fault that a test wants (Transient)
            poison is told with its position: not poison: a fault that a test wants (Transient)
            nothing is lost if it breaks: process: a fault that a test wants (Transient)
        "#]],
    );
}

#[test]
fn a_processor_that_cannot_start_is_found_by_every_claim() {
    let fault = Fault::Start(Trouble::Fails(ProcessorErrorKind::Fatal));
    check(
        Some(fault),
        None,
        None,
        expect![[r#"
        nothing to do is no error: initialize: a fault that a test wants (Fatal)
        order is kept: initialize: a fault that a test wants (Fatal)
        every event is acknowledged once: initialize: a fault that a test wants (Fatal)
        a second flush changes nothing: initialize: a fault that a test wants (Fatal)
        what was taken is done when it is destroyed: initialize: a fault that a test wants (Fatal)
        the largest event passes: initialize: a fault that a test wants (Fatal)
        odd text passes unchanged: initialize: a fault that a test wants (Fatal)
        nothing is lost if it is dropped before a flush: initialize: a fault that a test wants (Fatal)
        a record that cannot be written is an error: initialize: a fault that a test wants (Fatal)
    "#]],
    );
}

#[test]
fn an_end_after_the_deadline_is_found() {
    let fresh = || -> Box<dyn Subject> {
        let mailbox = Mailbox::default();
        Box::new(InMemory { mailbox, fault: None, poison: None, breaking: None })
    };
    let broken = broken(&Racing::default(), fresh);
    assert_eq!(broken.first().unwrap(), "nothing to do is no error: destroy took 3600s of 1s");
}
