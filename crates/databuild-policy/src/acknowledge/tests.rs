//! What a checkpoint may say, after any order of doing and any crash.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn above(places: impl IntoIterator<Item = (u64, u64)>, low: u64) -> Progress {
    Progress { low, above: places.into_iter().collect() }
}

#[test]
fn the_low_mark_waits_for_the_slowest() {
    let mut acknowledger = Acknowledger::default();
    assert!((0..4).all(|place| acknowledger.take(place)));
    acknowledger.done(2);
    acknowledger.done(1);
    assert_eq!(acknowledger.progress(), above([(1, 2)], 0));
    acknowledger.done(0);
    assert_eq!(acknowledger.progress(), above([], 3));
    assert_eq!(acknowledger.waiting(), 1);
}

#[test]
fn what_comes_late_is_still_awaited() {
    let mut acknowledger = Acknowledger::default();
    assert!(acknowledger.take(3));
    acknowledger.done(3);
    assert_eq!(acknowledger.progress(), above([(3, 3)], 0));
    assert!((0..3).all(|place| acknowledger.take(place)));
    assert!(!acknowledger.take(1), "it was handed out");
    (0..3).for_each(|place| acknowledger.done(place));
    assert_eq!(acknowledger.progress(), above([], 4));
}

#[test]
fn what_was_done_before_is_passed_over() {
    let before = above([(3, 4), (7, 7)], 1);
    let mut acknowledger = Acknowledger::resume(&before);
    assert_eq!(acknowledger.progress(), before, "before anything is read again");
    let again: Vec<u64> = (0..6).filter(|place| acknowledger.take(*place)).collect();
    assert_eq!(again, [1, 2, 5]);
    assert_eq!(acknowledger.progress(), before);
    acknowledger.done(1);
    acknowledger.done(2);
    assert_eq!(acknowledger.progress(), above([(7, 7)], 5));
}

#[test]
fn what_is_gone_counts_as_done() {
    let mut acknowledger = Acknowledger::default();
    acknowledger.skip(0, 5);
    assert_eq!(acknowledger.progress(), above([], 5));
    assert!(!acknowledger.take(4) && acknowledger.take(5));
    acknowledger.skip(4, 6);
    assert_eq!(acknowledger.progress(), above([(6, 9)], 5));
    acknowledger.done(5);
    assert_eq!((acknowledger.progress(), acknowledger.low()), (above([], 10), 10));
}

proptest! {
    /// Any order of doing, with crashes that go back to the last checkpoint: each place is done once
    /// after the last checkpoint that names it, and no checkpoint passes one that was not done.
    #[test]
    fn a_checkpoint_never_passes_what_was_not_done(
        steps in prop::collection::vec((0..4_u8, any::<prop::sample::Index>()), 1..400)
    ) {
        let mut acknowledger = Acknowledger::default();
        let mut handed: Vec<u64> = Vec::new();
        let mut next = 0;
        // Effects are kept by a crash only when a checkpoint covers them, as a file is cut to the
        // length that the checkpoint names.
        let mut durable: BTreeMap<u64, u32> = BTreeMap::new();
        let mut volatile: Vec<u64> = Vec::new();
        let mut saved = Progress::default();
        for (step, pick) in steps {
            match step {
                0 => {
                    // Slightly out of order: two places change places.
                    let place = next ^ 1;
                    next += 1;
                    handed.extend(Some(place).filter(|place| acknowledger.take(*place)));
                }
                1 if !handed.is_empty() => {
                    let place = handed.swap_remove(pick.index(handed.len()));
                    volatile.push(place);
                    acknowledger.done(place);
                }
                2 => {
                    for place in volatile.drain(..) {
                        *durable.entry(place).or_default() += 1;
                    }
                    saved = acknowledger.progress();
                }
                3 => {
                    volatile.clear();
                    handed.clear();
                    acknowledger = Acknowledger::resume(&saved);
                    next = 0;
                }
                _ => {}
            }
            for place in 0..saved.low {
                prop_assert_eq!(durable.get(&place), Some(&1));
            }
            for (from, to) in &saved.above {
                prop_assert!(saved.low < *from && from <= to);
                for place in *from..=*to {
                    prop_assert_eq!(durable.get(&place), Some(&1));
                }
            }
        }
        prop_assert!(durable.values().all(|times| *times == 1));
    }
}
