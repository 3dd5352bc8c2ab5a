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
fn numbers_that_are_no_places_hold_nothing_up() {
    let mut acknowledger = Acknowledger::resume(above([], 10));
    assert!([12, 20, 21, 30].into_iter().all(|place| acknowledger.take(place)));
    assert!(!acknowledger.take(20), "it was handed out");
    acknowledger.done(20);
    acknowledger.done(30);
    assert_eq!(acknowledger.progress(), above([(20, 20), (30, 30)], 12));
    acknowledger.done(21);
    assert_eq!(acknowledger.progress(), above([(20, 30)], 12));
    acknowledger.done(12);
    assert_eq!(acknowledger.progress(), above([], 31));
}

#[test]
fn what_was_done_before_is_passed_over() {
    let before = above([(3, 4), (7, 7)], 1);
    let mut acknowledger = Acknowledger::resume(before.clone());
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
    acknowledger.skip(6, 4);
    assert_eq!(acknowledger.progress(), above([(9, 9)], 5));
    assert!(acknowledger.take(10));
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
                    // Every third number is no place.
                    next += 1 + u64::from(next % 3 == 1);
                    handed.extend(Some(next).filter(|place| acknowledger.take(*place)));
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
                    acknowledger = Acknowledger::resume(saved.clone());
                    next = 0;
                }
                _ => {}
            }
            let places = (0..400).filter(|place| place % 3 != 2 && *place != 0);
            for place in places.take_while(|place| *place < saved.low) {
                prop_assert_eq!(durable.get(&place), Some(&1));
            }
            for (from, to) in &saved.above {
                prop_assert!(saved.low < *from && from <= to);
                let places = (*from..=*to).filter(|place| place % 3 != 2);
                for place in places {
                    prop_assert_eq!(durable.get(&place), Some(&1));
                }
            }
        }
        prop_assert!(durable.values().all(|times| *times == 1));
    }
}
