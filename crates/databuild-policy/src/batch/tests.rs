//! A pipe is described by what each look takes; the answer is what the collector does next.

use super::{BatchLimits, BatchState, Look, Next, judge};
use proptest::prelude::*;
use std::time::Duration;

const LIMITS: BatchLimits =
    BatchLimits { wait_max: Duration::from_millis(100), wait_min: Duration::from_millis(1) };

/// `feed`: one `milliseconds:bytes` a look, of a pipe of 64 KiB. Answers `event`, `event!` (hot) or
/// the wait in milliseconds.
#[track_caller]
fn check(feed: &str, expect: &str) {
    let mut state = BatchState::default();
    let answers: Vec<String> = feed
        .split(' ')
        .map(|look| {
            let (at, bytes) = look.split_once(':').unwrap();
            let now = Duration::from_millis(at.parse().unwrap());
            let look = Look { bytes: bytes.parse().unwrap(), capacity: 65_536, now };
            let verdict = judge(&mut state, look, LIMITS);
            match (verdict.next, verdict.hot) {
                (Next::OnEvent, false) => "event".to_owned(),
                (Next::OnEvent, true) => "event!".to_owned(),
                (Next::At(at), _) => (at - now).as_millis().to_string(),
            }
        })
        .collect();
    assert_eq!(answers.join(" "), expect);
}

#[test]
fn a_trickle_is_read_by_the_clock() {
    check("0:300 10:300 110:3000 210:3000 310:3000", "10 100 100 100 100");
}

#[test]
fn silence_goes_back_to_events_and_what_follows_is_taken_at_once() {
    check("0:300 10:0 900:300 910:300 1010:0", "10 event 10 100 event");
}

#[test]
fn a_full_pipe_is_never_waited_for() {
    check("0:65536 1:65536 2:65536 3:65536 4:65536", "event event event event! event!");
}

#[test]
fn a_faster_job_is_looked_at_more_often() {
    check("0:300 10:8000 50:32000 55:300", "10 40 40 100");
}

#[test]
fn a_timer_that_fires_late_is_not_silence() {
    check("0:300 10:300 150:300 350:300", "10 100 100 100");
}

proptest! {
    #[test]
    fn no_wait_is_longer_than_the_longest(looks in prop::collection::vec((0u64..500, 0usize..80_000), 1..50)) {
        let mut state = BatchState::default();
        let mut now = Duration::ZERO;
        for (step, bytes) in looks {
            now += Duration::from_millis(step);
            if let Next::At(at) = judge(&mut state, Look { bytes, capacity: 65_536, now }, LIMITS).next {
                prop_assert!(now + LIMITS.wait_min <= at && at <= now + LIMITS.wait_max);
            }
        }
    }
}
