//! What a checkpoint may say, after any order of doing and any crash.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn the_low_mark_waits_for_the_slowest() {
    let mut acknowledger = Acknowledger::default();
    let places: Vec<_> = (0..4).map(|_| acknowledger.take().unwrap()).collect();
    acknowledger.done(places[2]);
    acknowledger.done(places[1]);
    assert_eq!(acknowledger.progress(), &Progress { low: 0, above: [1, 2].into() });
    acknowledger.done(places[0]);
    assert_eq!(acknowledger.progress(), &Progress { low: 3, above: [].into() });
    assert_eq!(acknowledger.waiting(), 1);
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
        // Effects are kept by a crash only when a checkpoint covers them, as a file is cut to the
        // length that the checkpoint names.
        let mut durable: BTreeMap<u64, u32> = BTreeMap::new();
        let mut volatile: Vec<u64> = Vec::new();
        let mut saved = Progress::default();
        for (step, pick) in steps {
            match step {
                0 => handed.extend(acknowledger.take()),
                1 if !handed.is_empty() => {
                    let place = handed.swap_remove(pick.index(handed.len()));
                    volatile.push(place);
                    acknowledger.done(place);
                }
                2 => {
                    for place in volatile.drain(..) {
                        *durable.entry(place).or_default() += 1;
                    }
                    saved = acknowledger.progress().clone();
                }
                3 => {
                    volatile.clear();
                    handed.clear();
                    acknowledger = Acknowledger::resume(saved.clone());
                }
                _ => {}
            }
            for place in 0..saved.low {
                prop_assert_eq!(durable.get(&place), Some(&1));
            }
            for place in &saved.above {
                prop_assert_eq!(durable.get(place), Some(&1));
                prop_assert!(saved.low < *place);
            }
        }
        prop_assert!(durable.values().all(|times| *times == 1));
    }
}
