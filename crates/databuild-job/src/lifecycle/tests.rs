//! Stories: at which millisecond what happens, and what is done.

use super::{Action, Event, Exit, Lifecycle, StopSignal, Times};
use std::time::Duration;

const EXIT: Event = Event::Reaped { command: Some(Exit::Code(0)), left: false };
const EXIT_LEFT: Event = Event::Reaped { command: Some(Exit::Code(0)), left: true };
const ALL_GONE: Event = Event::Reaped { command: None, left: false };
const TERM: Event = Event::Signal(StopSignal::Terminate);

/// Runs with timeout 1000, grace 100, drain 50 and heartbeat 400 ms, all deadlines kept.
#[track_caller]
fn check(story: &[(u64, Event)], expect: &[(u64, Action)]) {
    let ms = Duration::from_millis;
    let times =
        Times { timeout: Some(ms(1000)), grace: ms(100), drain: ms(50), heartbeat: ms(400) };
    let mut life = Lifecycle::new(times, ms(0));
    let mut done = Vec::new();
    let mut note = |at: Duration, actions: Vec<Action>| {
        done.extend(actions.into_iter().map(|it| (u64::try_from(at.as_millis()).unwrap(), it)));
    };
    for &(at, event) in story {
        while let Some(due) = life.deadline().filter(|due| *due < ms(at)) {
            note(due, life.on(Event::Time, due));
        }
        note(ms(at), life.on(event, ms(at)));
    }
    assert_eq!(done, expect);
}

#[test]
fn a_job_that_ends_well() {
    check(&[(10, EXIT), (11, Event::StreamsEnded)], &[(11, Action::Conclude)]);
    check(&[(10, Event::StreamsEnded), (11, EXIT)], &[(11, Action::Conclude)]);
    check(
        &[(500, EXIT), (501, Event::StreamsEnded)],
        &[(400, Action::Heartbeat), (501, Action::Conclude)],
    );
}

#[test]
fn whoever_outlives_the_command_is_waited_for_then_named_and_stopped() {
    check(&[(10, EXIT_LEFT), (30, ALL_GONE), (30, Event::StreamsEnded)], &[(30, Action::Conclude)]);
    check(
        &[(10, EXIT_LEFT), (70, ALL_GONE)],
        &[(60, Action::NameLeft), (60, Action::AskLeft), (70, Action::Conclude)],
    );
    check(
        &[(10, EXIT_LEFT), (11, Event::StreamsEnded), (170, ALL_GONE)],
        &[
            (60, Action::NameLeft),
            (60, Action::AskLeft),
            (160, Action::Kill),
            (170, Action::Conclude),
        ],
    );
    check(&[(10, EXIT_LEFT), (11, Event::StreamsEnded), (12, ALL_GONE)], &[(12, Action::Conclude)]);
}

#[test]
fn a_stranger_who_holds_a_stream_is_named_and_left_alone() {
    check(&[(10, EXIT), (61, TERM)], &[(60, Action::NameLeft), (60, Action::Conclude)]);
}

#[test]
fn a_signal_is_passed_on_and_the_second_one_kills() {
    check(
        &[(10, TERM), (20, EXIT), (20, Event::StreamsEnded)],
        &[(10, Action::Ask(StopSignal::Terminate)), (20, Action::Conclude)],
    );
    check(
        &[(10, TERM), (20, TERM), (21, EXIT), (21, Event::StreamsEnded)],
        &[(10, Action::Ask(StopSignal::Terminate)), (20, Action::Kill), (21, Action::Conclude)],
    );
    check(
        &[(10, Event::Signal(StopSignal::Interrupt)), (370, EXIT), (370, Event::StreamsEnded)],
        &[
            (10, Action::Ask(StopSignal::Interrupt)),
            (110, Action::Kill),
            (360, Action::Kill),
            (370, Action::Conclude),
        ],
    );
    check(
        &[(10, EXIT_LEFT), (20, TERM), (21, TERM), (22, ALL_GONE)],
        &[
            (20, Action::NameLeft),
            (20, Action::AskLeft),
            (21, Action::Kill),
            (22, Action::Conclude),
        ],
    );
}

#[test]
fn a_timeout_is_a_polite_signal_and_then_the_end() {
    check(
        &[(1101, EXIT), (1101, Event::StreamsEnded)],
        &[
            (400, Action::Heartbeat),
            (800, Action::Heartbeat),
            (1000, Action::Ask(StopSignal::Terminate)),
            (1100, Action::Kill),
            (1101, Action::Conclude),
        ],
    );
}

#[test]
fn without_a_reader_the_job_is_stopped_in_order() {
    check(
        &[(10, Event::OutputLost), (11, Event::OutputLost), (20, EXIT), (20, Event::StreamsEnded)],
        &[(10, Action::Ask(StopSignal::Terminate)), (20, Action::Conclude)],
    );
}

#[test]
fn what_cannot_be_killed_does_not_hold_us_for_ever() {
    let ms = Duration::from_millis;
    let times = Times { timeout: None, grace: ms(100), drain: ms(50), heartbeat: ms(1_000_000) };
    let mut life = Lifecycle::new(times, ms(0));
    life.on(TERM, ms(0));
    let mut rounds = 0;
    while let Some(due) = life.deadline() {
        rounds += 1;
        assert!(rounds < 100);
        life.on(Event::Time, due);
    }
    assert_eq!(life.exit(), None);
}
