//! A few stories with every run of the tests; the rig itself plays thousands.

use super::{SaverBug, story};

#[test]
fn nothing_that_happens_to_a_saver_costs_or_doubles_an_event() {
    for seed in 0..15 {
        let figures = story(seed, None);
        assert!(figures.is_good(), "seed {seed}: {:?}", figures.findings);
        assert!(0 < figures.events.wanted);
    }
}

#[test]
fn a_saver_that_says_too_early_that_events_are_done_is_caught() {
    let hasty = |seed| story(seed, Some(SaverBug::AcknowledgedEarly));
    assert!((0..15).any(|seed| !hasty(seed).is_good()));
}
